/* The page of a sweep being written. Private to report_sweep(). */
#ifndef TRAIN_REPORT_SWEEP_PAGE_H
#define TRAIN_REPORT_SWEEP_PAGE_H

#include "train/plan/account.h"
#include "train/report/page.h"
#include "train/report/sweep_faults.h"
#include "train/scaling/backtest.h"
#include "train/scaling/fit.h"
#include "train/scaling/points.h"
#include "train/sweep/store.h"

enum { BUDGETS_MAX = 64 };

/* The training loss of a run, smoothed, at some of its lines; without the steep start. */
typedef struct SweepCurve {
    const SweepRun *run;
    double *flops, *loss; /* [count], flops ascending */
    int64_t count;
} SweepCurve;

typedef struct SweepPage {
    Sweep sweep;
    Arena arena;
    Points points;
    FitPrediction *held; /* [points.held_count]: the predictions of the law; NULL: no law */
    SweepCurve *curves;  /* [curve_count] */
    int64_t curve_count;
    FaultRun *faults; /* [sweep.count]; NULL: the sweep injects no faults */
    bool has_law, has_form, has_minima, has_envelope;
    FitResult law;                    /* of default_law() */
    FitResult form, minima, envelope; /* chinchilla; approaches 2 and 1 */
    char no_law[512], no_form[512], no_minima[512], no_envelope[512]; /* why not */
    const char *passed_over;                                          /* of default_law() */
    Backtest backtest[2];                                             /* of law and form */
} SweepPage;

/* The label of a compute axis, with the convention. */
const char *sweep_compute_label(Page *p, const SweepPage *s);

/* Whether a run has a loss to show. */
bool sweep_run_is_usable(const SweepRun *r);

/* Reads the curves of all runs whose folders exist. E_IO, E_NOMEM. */
Status sweep_read_curves(SweepPage *s);

/* Adds the points of the curves that are not held out. E_NOMEM. */
Status sweep_curve_points(const SweepPage *s, Points *points, Arena *arena);

void sweep_isoflops(Page *p, const SweepPage *s);
void sweep_compute(Page *p, const SweepPage *s);
void sweep_envelope(Page *p, const SweepPage *s);
void sweep_laws(Page *p, const SweepPage *s);
void sweep_rates(Page *p, const SweepPage *s);
void sweep_faults(Page *p, const SweepPage *s);
void sweep_runs(Page *p, const SweepPage *s);

#endif
