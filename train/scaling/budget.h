/* Budgets: turns a law and a budget of time or FLOPs into a config that is ready to train. */
#ifndef TRAIN_SCALING_BUDGET_H
#define TRAIN_SCALING_BUDGET_H

#include "train/config/config.h"
#include "train/plan/account.h"
#include "train/scaling/fit.h"

typedef struct Budget {
    double seconds, flops; /* one of them, the other is 0 */
} Budget;

/* Reads "90s", "30min", "2h", or FLOPs: "1e15". E_ARG. */
Status budget_parse(const char *text, Budget *b);

/* Reads a law from the output of `capstan fit --json` (then without intervals, unless it is
 * frontier), or fits default_law() to anything that points_read() accepts. why: of default_law().
 * E_DATA. */
Status budget_law(const char *path, Arena *arena, FitResult *law, const char **why);

typedef struct BudgetPlan {
    Config config;
    Account account;
    FitValue params, tokens;  /* the law's optimum at flops */
    FitPrediction prediction; /* of the config */
    double flops;             /* of the run, as the law counts them */
    int64_t run_tokens;
    double epochs;       /* of the training split */
    double reach;        /* flops / the largest flops that the law was fitted to; 0: unknown */
    double seconds;      /* of the run, evaluations included; 0: not measured */
    double step_seconds; /* measured */
} BudgetPlan;

/* Derives the config for a budget from the given one, which may be that of a sweep
 * (config_load_common()). The law sets width, layers and steps; heads, the ratio of width to
 * layers, batch, context and all other settings stay. Widths are multiples of twice the heads. A
 * budget of FLOPs becomes steps by the law's own way of counting (FitResult.flop_factor); a budget
 * of time by the measured time of a step on this machine, with evaluations and a reserve for
 * saving. The learning rate stays, which model.parametrization: mup allows for. E_ARG: the budget
 * is too small for one step. */
Status budget_plan(const FitResult *law, const Budget *b, const char *path, int count,
                   const char *const overrides[], BudgetPlan *p);

/* why: of budget_law(). Writes the config to `output` and prints the predictions; NULL: prints both, the predictions as
 * comments. json: prints one object instead, with "config" as text if output is NULL. E_IO. */
Status budget_show(const BudgetPlan *p, const FitResult *law, const char *why, const char *output,
                   bool json);

#endif
