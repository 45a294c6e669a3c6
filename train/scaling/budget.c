#include "train/scaling/budget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/plan/plan.h"

enum { SETTINGS_MAX = 256, OWN = 8, SETTING = 64, EVALUATIONS = 10, ROUNDS = 5, WIDTH_MAX = 16384 };

/* The share of the time that is reserved for starting and saving. */
static const double SPARE = 0.02, STEPS_MAX = 1e12;

Status budget_parse(const char *text, Budget *b)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"", 0}};
    char *end;
    const double x = strtod(text, &end);
    for (size_t i = 0; end > text && x > 0 && isfinite(x) && i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i].unit)) {
            *b = units[i].seconds > 0 ? (Budget){.seconds = x * units[i].seconds}
                                      : (Budget){.flops = x};
            return OK;
        }
    return FAIL(E_ARG, "--budget %s: expected a time, as in 30min, 90s or 2h, or FLOPs, as in 1e15",
                text);
}

/* Settings on top of those given. */
typedef struct BudgetDraft {
    const char *path;
    int count;
    const char *settings[SETTINGS_MAX + OWN];
    char own[OWN][SETTING];
} BudgetDraft;

static void set(BudgetDraft *w, int which, const char *key, int64_t value)
{
    snprintf(w->own[which], SETTING, "%s=%lld", key, (long long)value);
    w->settings[w->count + which] = w->own[which];
}

static void set_real(BudgetDraft *w, int which, const char *key, double value)
{
    snprintf(w->own[which], SETTING, "%s=%.17g", key, value);
    w->settings[w->count + which] = w->own[which];
}

/* Chooses layers and width for about `params` parameters, in about the proportion of `base`. */
static Status choose_shape(const GptConfig *base, int64_t vocab_size, double params, BudgetDraft *w)
{
    const double proportion = (double)base->width / (double)base->layers;
    double best = INFINITY;
    int64_t layers = 0, width = 0;
    for (int64_t one = 2 * base->heads; one <= WIDTH_MAX; one += 2 * base->heads) {
        GptConfig c = *base;
        Account first, second;
        c.width = one;
        c.mlp_width = base->mlp_width * one / base->width;
        if (c.mlp_width < 1) c.mlp_width = 1;
        c.layers = 1;
        TRY(account_model(&c, vocab_size, &first));
        c.layers = 2;
        TRY(account_model(&c, vocab_size, &second));
        const double block = (double)(second.params - first.params);
        const double exact = fmin(1024, 1 + (params - (double)first.params) / block);
        for (int64_t l = (int64_t)exact; l <= (int64_t)exact + 1; l++) {
            const int64_t count = l < 1 ? 1 : l > 1024 ? 1024 : l;
            const double size = (double)first.params + (double)(count - 1) * block,
                         off = log(size / params),
                         bent = log((double)one / (double)count / proportion),
                         score = off * off + 0.05 * bent * bent;
            if (!(score < best)) continue;
            best = score;
            layers = count;
            width = one;
        }
        if ((double)first.params > 4 * params) break;
    }
    set(w, 0, "model.layers", layers);
    set(w, 1, "model.width", width);
    const int64_t mlp = base->mlp_width * width / base->width;
    set(w, 2, "model.mlp_width", mlp < 1 ? 1 : mlp);
    return OK;
}

static Status set_steps(BudgetDraft *w, const Config *base, double steps)
{
    if (!(steps >= 1))
        return FAIL(E_ARG, "the budget is too small for a single step of %lld tokens",
                    (long long)(base->train.batch * base->model.context));
    if (steps > STEPS_MAX)
        return FAIL(E_ARG, "the budget allows %.3g steps of %lld tokens: decrease it", steps,
                    (long long)(base->train.batch * base->model.context));
    const int64_t count = (int64_t)steps, tenth = count / 10;
    set(w, 3, "train.steps", count);
    set(w, 4, "optim.decay_steps", 0);
    if (base->optim.resolved_share > 0) /* of these steps */
        set_real(w, 5, "optim.warmup_share", base->optim.resolved_share);
    else
        set(w, 5, "optim.warmup", base->optim.warmup < tenth ? base->optim.warmup : tenth);
    return OK;
}

static Status load(const BudgetDraft *w, int own, Config *c)
{
    return config_load_common(c, w->path, w->count + own, w->settings);
}

static Status measure(const Config *c, int64_t vocab_size, double *seconds)
{
    Plan p;
    Status status = plan_make(&p, c, vocab_size);
    if (status == OK) status = plan_measure(&p);
    *seconds = p.seconds_per_step;
    plan_close(&p);
    return status;
}

/* The time of an evaluation, in steps: a forward pass is a third of a step. */
static double evaluation(const Config *c)
{
    return c->train.eval_every ? (double)c->train.eval_batches / 3 : 0;
}

/* Ten evaluations, or as many as take a tenth of the time. */
static double evaluations(const Config *c, double steps)
{
    const double most = 0.1 * steps / evaluation(c);
    return most < 1 ? 1 : most < EVALUATIONS ? floor(most) : EVALUATIONS;
}

/* The shape of the optimal model at `flops`. */
static Status shape_for(const FitResult *law, double flops, const Config *base, int64_t vocab_size,
                        BudgetDraft *w, BudgetPlan *p)
{
    FitValue loss;
    TRY(fit_optimum(law, flops, &p->params, &p->tokens, &loss));
    TRY(choose_shape(&base->model, vocab_size, p->params.value, w));
    TRY(load(w, 3, &p->config));
    return account_model(&p->config.model, vocab_size, &p->account);
}

/* Fixed-point iteration: the speed depends on the shape, and the shape on the speed. */
static Status shape_for_time(const FitResult *law, double seconds, const Config *base,
                             int64_t vocab_size, BudgetDraft *w, BudgetPlan *p)
{
    const double tokens = (double)(base->train.batch * base->model.context);
    TRY(account_model(&base->model, vocab_size, &p->account));
    TRY(measure(base, vocab_size, &p->step_seconds));
    for (int round = 0; round < ROUNDS; round++) {
        const double rate = law->flop_factor * (double)p->account.params * tokens / p->step_seconds;
        const int64_t before = p->account.params;
        TRY(shape_for(law, rate * seconds, base, vocab_size, w, p));
        TRY(measure(&p->config, vocab_size, &p->step_seconds));
        if (p->account.params == before) break;
    }
    return OK;
}

/* Sets steps and evaluations, and predicts the loss. */
static Status finish(const FitResult *law, const Budget *b, const Config *base, const Dataset *d,
                     BudgetDraft *w, BudgetPlan *p)
{
    const double batch = (double)(base->train.batch * base->model.context);
    const double all = (1 - SPARE) * b->seconds / p->step_seconds;
    const double steps = b->flops > 0
                             ? b->flops / (law->flop_factor * (double)p->account.params * batch)
                             : all - evaluations(base, all) * evaluation(base);
    TRY(set_steps(w, base, steps));
    const int64_t count = (int64_t)steps,
                  times = (int64_t)(evaluation(base) > 0 ? evaluations(base, steps) : 1);
    int own = 6;
    if (base->train.eval_every) set(w, own++, "train.eval_every", (count + times - 1) / times);
    TRY(load(w, own, &p->config));
    if (b->flops > 0) TRY(measure(&p->config, d->vocab_size, &p->step_seconds));
    p->run_tokens = count * (int64_t)batch;
    p->flops = law->flop_factor * (double)p->account.params * (double)p->run_tokens;
    p->epochs = (double)p->run_tokens / (double)d->train.count;
    p->reach = law->most > 0 ? p->flops / law->most : 0;
    p->seconds = ((double)count + (double)times * evaluation(base)) * p->step_seconds;
    return fit_predict(law,
                       &(LawPoint){.params = (double)p->account.params,
                                   .tokens = (double)p->run_tokens,
                                   .flops = p->flops},
                       &p->prediction);
}

static Status make(const FitResult *law, const Budget *b, BudgetDraft *w, Config *base,
                   BudgetPlan *p)
{
    Dataset d;
    TRY(load(w, 0, base));
    Status status = dataset_open(&d, base->data.path);
    if (status == OK)
        status = b->flops > 0 ? shape_for(law, b->flops, base, d.vocab_size, w, p)
                              : shape_for_time(law, b->seconds, base, d.vocab_size, w, p);
    if (status == OK) status = finish(law, b, base, &d, w, p);
    dataset_close(&d);
    return status;
}

Status budget_plan(const FitResult *law, const Budget *b, const char *path, int count,
                   const char *const overrides[], BudgetPlan *p)
{
    *p = (BudgetPlan){0};
    if (count > SETTINGS_MAX) return FAIL(E_ARG, "more than %d settings", SETTINGS_MAX);
    BudgetDraft *w = calloc(1, sizeof *w);
    Config *base = malloc(sizeof *base);
    Status status = w && base ? OK : FAIL(E_NOMEM, "a plan");
    if (status == OK) {
        w->path = path;
        w->count = count;
        for (int i = 0; i < count; i++) w->settings[i] = overrides[i];
        status = make(law, b, w, base, p);
    }
    free(w);
    free(base);
    return status;
}
