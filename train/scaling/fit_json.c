/* The output of capstan fit --json. */
#include <math.h>

#include "train/scaling/fit_show.h"
#include "train/scaling/frontier.h"
#include "train/support/json.h"

static json_t *interval(FitValue v)
{
    if (!isfinite(v.low)) return json_null();
    return json_pack("[o, o]", json_number(v.low), json_number(v.high));
}

static void set_value(json_t *o, const char *key, FitValue v)
{
    json_object_set_new(o, key, json_number(v.value));
    char name[64];
    snprintf(name, sizeof name, "%s_interval", key);
    json_object_set_new(o, name, interval(v));
}

static json_t *predictions(const FitReport *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->queries; i++) {
        const FitQuery *p = &r->query[i];
        json_t *o = json_object();
        if (p->at.flops > 0) json_object_set_new(o, "flops", json_number(p->at.flops));
        if (p->at.params > 0) {
            json_object_set_new(o, "params", json_number(p->at.params));
            json_object_set_new(o, "tokens", json_number(p->at.tokens));
        } else if (isfinite(p->params.value)) {
            set_value(o, "params", p->params);
            set_value(o, "tokens", p->tokens);
        }
        if (isfinite(p->prediction.loss.value)) {
            set_value(o, "loss", p->prediction.loss);
            json_object_set_new(o, "run_interval", interval(p->prediction.run));
        }
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *held(const FitReport *r)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < r->points->held_count; i++) {
        const LawPoint *q = &r->points->held[i];
        const FitPrediction *f = &r->held[i];
        json_t *o = json_pack("{s:o, s:o, s:o, s:o}", "params", json_number(q->params), "tokens",
                              json_number(q->tokens), "flops", json_number(q->flops), "outcome",
                              json_number(q->loss));
        set_value(o, "loss", f->loss);
        json_object_set_new(o, "run_interval", interval(f->run));
        json_object_set_new(o, "within",
                            isfinite(f->run.low) ? json_boolean(fit_is_within(f, q->loss))
                                                 : json_null());
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *comparisons(const FitReport *r)
{
    json_t *list = json_array();
    for (int i = 0; i < LAW_LOSSES; i++) {
        const Comparison *c = &r->comparison[i];
        if (!c->is_fitted) continue;
        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:o, s:o, s:o, s:I, s:o, s:o}", "law",
                                        law_name(c->law), "parameters", c->parameters, "objective",
                                        json_number(c->objective), "log_likelihood",
                                        json_number(c->likelihood), "aic", json_number(c->aic),
                                        "judged", (json_int_t)c->judged, "error",
                                        json_number(c->error), "bias", json_number(c->bias)));
    }
    return list;
}

static json_t *budgets(const FitResult *f)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < f->budgets; i++) {
        const FitBudget *b = &f->budget[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:s?}", "flops",
                                        json_number(b->flops), "points", (json_int_t)b->points,
                                        "params", json_number(b->params), "tokens",
                                        json_number(b->tokens), "loss", json_number(b->loss),
                                        "curvature", json_number(b->curvature), "used",
                                        !b->left_out, "left_out", b->left_out));
    }
    return list;
}

static json_t *projected(const Varpro *v)
{
    json_t *o = json_object();
    for (int i = 0; i < 5; i++)
        json_object_set_new(o, law_parameter(LAW_CHINCHILLA, i), json_number(v->values[i]));
    return json_pack("{s:o, s:o}", "parameters", o, "objective", json_number(v->objective));
}

/* By name. */
static json_t *parameters(const FitResult *f)
{
    json_t *o = json_object();
    for (int i = 0; i < f->count; i++)
        json_object_set_new(o, law_parameter(f->law, i), json_number(f->value[i].value));
    return o;
}

static json_t *intervals(const FitResult *f)
{
    json_t *o = json_object();
    for (int i = 0; i < f->count; i++)
        json_object_set_new(o, law_parameter(f->law, i), interval(f->value[i]));
    return o;
}

/* What plan --budget needs for predictions of other sizes. */
static void set_best_size(json_t *root, const Frontier *f)
{
    const double *v = f->size_covariance;
    json_object_set_new(root, "best_size", f->minima ? parameters(f->minima) : json_null());
    json_object_set_new(root, "best_size_covariance",
                        json_pack("[o, o, o]", json_number(v[0]), json_number(v[1]),
                                  json_number(v[2])));
}

json_t *fit_json(const FitReport *r)
{
    const FitResult *f = &r->fit;
    json_t *root = json_object();
    const char *no_intervals = fit_no_intervals(f);
    json_object_set_new(root, "law", json_string(law_name(f->law)));
    json_object_set_new(root, "parameters", parameters(f));
    json_object_set_new(root, "objective", json_number(f->objective));
    json_object_set_new(root, "intervals", intervals(f));
    json_object_set_new(root, "no_intervals",
                        no_intervals ? json_string(no_intervals) : json_null());
    json_object_set_new(root, "level", json_number(f->level));
    json_object_set_new(root, "points", json_integer((json_int_t)f->points));
    json_object_set_new(root, "starts", json_integer((json_int_t)f->starts));
    json_object_set_new(root, "finite", json_integer((json_int_t)f->finite));
    json_object_set_new(root, "converged", json_integer((json_int_t)f->converged));
    json_object_set_new(root, "seconds", json_number(f->seconds));
    json_object_set_new(root, "bootstrap_seconds", json_number(f->bootstrap_seconds));
    json_object_set_new(root, "bootstraps", json_integer((json_int_t)f->draws));
    json_object_set_new(root, "stretch", json_number(f->stretch));
    json_object_set_new(root, "flops",
                        r->points->flops ? json_string(r->points->flops) : json_null());
    json_object_set_new(root, "flops_per_param_token", json_number(f->flop_factor));
    json_object_set_new(root, "left_out",
                        json_pack("{s:I, s:I, s:I, s:I, s:I}", "diverged",
                                  (json_int_t)r->points->diverged, "unfinished",
                                  (json_int_t)r->points->unfinished, "held_out",
                                  (json_int_t)r->points->held_count, "dropped",
                                  (json_int_t)r->points->dropped, "higher",
                                  (json_int_t)r->points->higher));
    if (f->budgets) json_object_set_new(root, "budgets", budgets(f));
    if (f->law == LAW_FRONTIER) set_best_size(root, f->frontier);
    if (f->law == LAW_APPROACH2)
        json_object_set_new(root, "bias",
                            json_pack("{s:o, s:o}", "a", json_number(r->bias_a), "params_factor",
                                      json_number(r->bias_params)));
    if (r->queries) json_object_set_new(root, "predictions", predictions(r));
    if (r->held) json_object_set_new(root, "held_out", held(r));
    if (r->backtests)
        json_object_set_new(root, "backtest", backtest_json(r->backtest, r->backtests));
    if (r->is_compared) json_object_set_new(root, "comparison", comparisons(r));
    if (r->is_projected) json_object_set_new(root, "varpro", projected(&r->varpro));
    if (r->is_given)
        json_object_set_new(root, "likelihood_ratio",
                            json_pack("{s:o, s:i, s:o, s:o}", "statistic",
                                      json_number(r->ratio.statistic), "degrees", r->ratio.degrees,
                                      "p", json_number(r->ratio.p), "objective",
                                      json_number(r->ratio.objective)));
    return root;
}
