/* The page of a sweep in the making. Only report_sweep() needs it. */
#ifndef TRAIN_REPORT_SWEEP_PAGE_H
#define TRAIN_REPORT_SWEEP_PAGE_H

#include "train/report/page.h"
#include "train/scaling/fit.h"
#include "train/scaling/points.h"
#include "train/sweep/store.h"

enum { BUDGETS_MAX = 64, RATES_MAX = 64 };

typedef struct SweepPage {
    Sweep sweep;
    Arena arena;
    Points points;
    bool has_law, has_minima;
    FitResult law, minima;            /* chinchilla; approach 2 */
    char no_law[512], no_minima[512]; /* why not */
} SweepPage;

void sweep_isoflops(Page *p, const SweepPage *s);
void sweep_compute(Page *p, const SweepPage *s);
void sweep_laws(Page *p, const SweepPage *s);
void sweep_rates(Page *p, const SweepPage *s);
void sweep_runs(Page *p, const SweepPage *s);

#endif
