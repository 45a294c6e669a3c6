/* The law to plan with where none is chosen. */
#ifndef TRAIN_SCALING_DEFAULT_LAW_H
#define TRAIN_SCALING_DEFAULT_LAW_H

#include "train/scaling/backtest.h"

/* Fits the first of frontier, chinchilla and kaplan that the points support, that gives optimal
 * sizes, and that has not missed all of its own sweep; if none is like that, the first that gives
 * optimal sizes. why: the reason for each law that was passed over; NULL: it is frontier. E_DATA:
 * the points support none. E_NOMEM. */
Status default_law(const LawPoint *points, int64_t count, const FitOptions *options, Arena *arena,
                   FitResult *r, const char **why);

#endif
