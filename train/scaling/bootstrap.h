/* The bootstrap: refits to points resampled with replacement (Efron 1979,
 * doi:10.1214/aos/1176344552), calibrated so that intervals have the coverage that they claim.
 *
 * Plain bootstrap intervals of a fit that is close to least absolute deviations are too wide for
 * few points and too narrow for little noise. A double bootstrap (Beran 1987,
 * doi:10.1093/biomet/74.3.457) measures by how much:
 *   1. simulate datasets: the fitted law plus resampled residuals, without the `parameters`
 *      smallest residuals, which the fit itself made small;
 *   2. fit each of them and bootstrap it in turn;
 *   3. find the one factor, near 1, by which distances of draws from the fit must be multiplied so
 *      that 90 % of the 90 % intervals contain the known truth: the stretch.
 * Points keep their errors when they are resampled, so the noise may differ between points. */
#ifndef TRAIN_SCALING_BOOTSTRAP_H
#define TRAIN_SCALING_BOOTSTRAP_H

#include "train/scaling/fit.h"
#include "train/scaling/objective.h"

typedef struct Bootstrap {
    const double *draw; /* [draws, parameters]: theta, not centred; in the arena */
    int64_t draws;      /* without failed ones: too few distinct points, or not finite */
    double stretch;
} Bootstrap;

/* Refits f->bootstraps times, starting at the best theta (centred). Draw b is a pure function of
 * (f->seed, b). f->simulations: number of datasets to simulate; none are made where there are enough
 * points for the stretch to be 1 to within its own error. No draws if there are fewer points than twice the
 * parameters, which do not determine the errors. E_NOMEM. */
Status bootstrap(const Objective *o, const double *theta, const FitOptions *f, Arena *arena,
                 Bootstrap *b);

#endif
