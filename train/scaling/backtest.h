/* Rolling-origin back-tests: what a law fitted to the budgets up to one predicts for the next, and
 * what came out. */
#ifndef TRAIN_SCALING_BACKTEST_H
#define TRAIN_SCALING_BACKTEST_H

#include "train/scaling/fit.h"

/* A prediction of one more run at the best size. */
typedef struct BacktestRow {
    int64_t budgets; /* the law was fitted to the smallest of them */
    double flops;    /* of the next budget */
    FitValue predicted;
    double outcome; /* the lowest loss there: train/scaling/frontier.h */
    bool is_inside; /* of the interval */
} BacktestRow;

typedef struct Backtest {
    LawKind law;
    BacktestRow *row; /* [count] */
    int64_t count;
    int64_t judged, inside; /* rows with an interval; those inside it */
    const char *missing;    /* why there is no row; NULL: there are */
} Backtest;

/* Back-tests a law from the third budget on. Budgets are those of the law frontier. A law that
 * cannot be fitted to the first budgets has no row for them. E_NOMEM. */
Status backtest(LawKind law, const LawPoint *points, int64_t count, const FitOptions *options,
                Arena *arena, Backtest *b);

/* Whether no interval held its outcome. */
bool backtest_missed_all(const Backtest *b);

#endif
