/* Budgets: from a law, and time or floating-point operations, to a config that runs as it is. */
#ifndef TRAIN_SCALING_BUDGET_H
#define TRAIN_SCALING_BUDGET_H

#include "train/config/config.h"
#include "train/plan/account.h"
#include "train/scaling/fit.h"

typedef struct Budget {
    double seconds, flops; /* one of them, the other is 0 */
} Budget;

/* "90s", "30min", "2h", or operations: "1e15". E_ARG. */
Status budget_parse(const char *text, Budget *b);

/* What a law is read from: what `capstan fit --json` printed, which says no intervals, or else what points_read()
 * takes; of that, the Chinchilla law is fitted. E_DATA. */
Status budget_law(const char *path, Arena *arena, FitResult *law);

typedef struct BudgetPlan {
    Config config;
    Account account;
    FitValue params, tokens;  /* the law's best, at flops */
    FitPrediction prediction; /* of the config */
    double flops;             /* of the run, as the law counts them */
    int64_t run_tokens;
    double epochs;       /* of the training split */
    double reach;        /* flops over the most that the law was fitted to; 0: not known */
    double seconds;      /* of the run, evaluations included; 0: not measured */
    double step_seconds; /* measured */
} BudgetPlan;

/* Makes the config for a budget of the given one, which may be a sweep's (config_load_common()): width, layers and steps are the law's; the number of heads, the
 * proportion of width to layers, batch, context and all else stay. Widths are multiples of twice the heads. Of a
 * budget of operations, the law's own count (FitResult.per) says how many steps it pays; of time, steps of this
 * machine, measured on the config and again on what comes of it, with evaluations and a share for saving. The learning
 * rate stays: with model.parametrization: mup it may. E_ARG if the budget pays for no step. */
Status budget_plan(const FitResult *law, const Budget *b, const char *path, int count,
                   const char *const overrides[], BudgetPlan *p);

/* Writes the config to `output`; NULL: to stdout, what is foretold being its comments. json: prints one object
 * instead, with "config" as text if output is NULL. E_IO. */
Status budget_show(const BudgetPlan *p, const FitResult *law, const char *output, bool json);

#endif
