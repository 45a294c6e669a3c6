/* The output of capstan fit as text. */
#include <math.h>
#include <stdio.h>

#include "train/scaling/fit_show.h"
#include "train/scaling/frontier.h"

/* Extrapolations beyond this multiple of the largest run get a note. */
static const double FAR = 20;

static void print_value(const char *name, FitValue v)
{
    printf("  %-10s %12.6g", name, v.value);
    if (isfinite(v.low)) printf("   %11.5g to %-11.5g", v.low, v.high);
    printf("\n");
}

static void print_left_out(const Points *p)
{
    const struct {
        int64_t count;
        const char *reason;
    } all[] = {{p->diverged, "diverged"},
               {p->unfinished, "not finished or failed"},
               {p->held_count, "held out"},
               {p->dropped, "with the largest loss (--drop)"},
               {p->higher, "not the lowest at their flops"}};
    const char *between = "left out:  ";
    bool any = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].count) {
            printf("%s%lld %s", between, (long long)all[i].count, all[i].reason);
            between = ", ", any = true;
        }
    if (any) printf("\n");
}

static void print_budgets(const FitReport *r)
{
    const FitResult *f = &r->fit;
    if (!f->budgets) return;
    printf("\n  %-10s %7s %12s %12s %9s\n", "flops", "points", "params", "tokens", "loss");
    for (int64_t i = 0; i < f->budgets; i++) {
        const FitBudget *b = &f->budget[i];
        printf("  %-10.3g %7lld", b->flops, (long long)b->points);
        if (isfinite(b->params))
            printf(" %12.4g %12.4g %9.4f\n", b->params, b->tokens, b->loss);
        else
            printf("   left out: %s\n", b->left_out);
    }
    if (f->law != LAW_APPROACH2) return;
    if (isfinite(r->bias_a))
        printf("\nbias of this approach, if the chinchilla law of these points holds: a "
               "%+.4f, "
               "optimal params\nat ten times the largest budget times %.3f\n",
               r->bias_a, r->bias_params);
    else
        printf("\nbias of this approach: unknown, %s\n",
               r->bias_missing ? r->bias_missing : "no chinchilla law fits these points");
}

static void print_run(FitPrediction p)
{
    printf("loss %.4f", p.loss.value);
    if (isfinite(p.loss.low))
        printf(" (%.4f to %.4f; one run %.4f to %.4f)", p.loss.low, p.loss.high, p.run.low,
               p.run.high);
    printf("\n");
}

static void print_queries(const FitReport *r)
{
    if (r->queries) printf("\n");
    for (int i = 0; i < r->queries; i++) {
        const FitQuery *p = &r->query[i];
        if (p->at.params > 0) {
            printf("at %.4g params, %.4g tokens: ", p->at.params, p->at.tokens);
            print_run(p->prediction);
            continue;
        }
        printf("at %.4g flops", p->at.flops);
        if (p->at.flops > FAR * r->fit.most)
            printf(", %.3g times the largest of these runs", p->at.flops / r->fit.most);
        printf(": ");
        if (isfinite(p->prediction.loss.value))
            print_run(p->prediction);
        else
            printf("\n");
        if (!isfinite(p->params.value)) continue;
        print_value("params", p->params);
        print_value("tokens", p->tokens);
    }
}

static void print_held(const FitReport *r)
{
    const Points *p = r->points;
    if (!r->held) return;
    printf("\nheld-out runs:\n  %-10s %12s %12s %9s %9s %21s\n", "flops", "params", "tokens",
           "outcome", "law", "interval for one run");
    for (int64_t i = 0; i < p->held_count; i++) {
        const LawPoint *q = &p->held[i];
        const FitPrediction *f = &r->held[i];
        printf("  %-10.3g %12.4g %12.4g %9.4f %9.4f", q->flops, q->params, q->tokens, q->loss,
               f->loss.value);
        if (isfinite(f->run.low))
            printf("    %.4f to %.4f%s", f->run.low, f->run.high,
                   fit_is_within(f, q->loss) ? "" : "  outside");
        printf("\n");
    }
}

static void print_comparison(const FitReport *r)
{
    if (!r->is_compared) return;
    printf("\n  %-11s %10s %14s %10s %8s %18s\n", "law", "parameters", "log likelihood", "AIC",
           "judged", "error there (bias)");
    for (int i = 0; i < LAW_LOSSES; i++) {
        const Comparison *c = &r->comparison[i];
        if (!c->is_fitted) continue;
        printf("  %-11s %10d", law_name(c->law), c->parameters);
        if (isfinite(c->likelihood))
            printf(" %14.2f %10.2f", c->likelihood, c->aic);
        else
            printf(" %14s %10s", "-", "-");
        printf(" %8lld", (long long)c->judged);
        if (isfinite(c->error)) printf(" %8.3f %% (%+.3f %%)", 100 * c->error, 100 * c->bias);
        printf("\n");
    }
}

/* What the parameters of frontier mean. */
static void print_frontier(const FitReport *r)
{
    const FitResult *f = &r->fit;
    if (f->law != LAW_FRONTIER) return;
    printf(
        "  (L: loss at the largest budget; b: exponent of the FLOPs there; l: bend, 0 in a power "
        "law.\n  Well tuned sweeps have an l of about 0.05, with poorly tuned small budgets "
        "0.15)\n");
    if (!f->frontier->minima)
        printf("the best size is unknown, predictions are for it: %s\n", f->frontier->no_minima);
}

const char *fit_no_intervals(const FitResult *f)
{
    if (isfinite(f->value[0].low)) return NULL;
    if (f->law < LAW_FORMS && f->points < 2 * f->count)
        return f->law == LAW_COMPUTE ? "fewer points than twice the number of parameters; --law "
                                       "frontier has one from "
                                       "4 budgets on"
                                     : "fewer points than twice the number of parameters";
    return "too few bootstraps";
}

static void print_warnings(const FitReport *r)
{
    const FitResult *f = &r->fit;
    if (f->starts && f->converged < 0.9 * (double)f->finite)
        printf("warning: only %lld of %lld starting points reach this optimum\n",
               (long long)f->converged, (long long)f->finite);
    const char *no_intervals = fit_no_intervals(f);
    if (no_intervals) printf("no intervals: %s\n", no_intervals);
    if (f->law != LAW_KAPLAN && f->law < LAW_FORMS)
        for (int i = 0; i < f->count; i++)
            if (f->value[i].value < 1e-6 ||
                (law_parameter(f->law, i)[1] && f->value[i].value > 3 && i < 5))
                printf("warning: %s is %.3g: these points do not determine it\n",
                       law_parameter(f->law, i), f->value[i].value);
}

void fit_print(const FitReport *r)
{
    const FitResult *f = &r->fit;
    printf("law:       %s, %s\n", law_name(f->law), law_text(f->law));
    printf("points:    %lld, %.3g to %.3g flops", (long long)f->points, f->least, f->most);
    if (r->points->flops) printf(" (%s)", r->points->flops);
    printf("\n");
    print_left_out(r->points);
    if (f->starts)
        printf("fit:       objective %.12g; %lld of %lld starting points reach it; %.2f s\n",
               f->objective, (long long)f->converged, (long long)f->finite, f->seconds);
    printf("\n  %-10s %12s", "", "");
    if (isfinite(f->value[0].low)) printf("   %g %% interval", 100 * f->level);
    if (f->draws) printf(", %lld bootstraps", (long long)f->draws);
    printf("\n");
    for (int i = 0; i < f->count; i++) print_value(law_parameter(f->law, i), f->value[i]);
    print_frontier(r);
    print_budgets(r);
    if (r->is_projected) {
        printf("\nby variable projection: objective %.6g;", r->varpro.objective);
        for (int i = 0; i < 5; i++)
            printf(" %s %.6g", law_parameter(LAW_CHINCHILLA, i), r->varpro.values[i]);
        printf("\n");
    }
    print_queries(r);
    print_held(r);
    backtest_print(r->backtest, r->backtests);
    print_comparison(r);
    if (r->is_given)
        printf("\nthe parameters given: likelihood ratio %.2f on %d degrees of freedom, p = %.2g\n",
               r->ratio.statistic, r->ratio.degrees, r->ratio.p);
    print_warnings(r);
}
