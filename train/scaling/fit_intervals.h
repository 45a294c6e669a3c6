/* Of fit.c and fit_predict.c. */
#ifndef TRAIN_SCALING_FIT_INTERVALS_H
#define TRAIN_SCALING_FIT_INTERVALS_H

#include "train/scaling/fit.h"

enum { FIT_DRAWS_MIN = 20 }; /* fewer make no interval */

/* value of theta and draw. E_NOMEM. */
Status fit_intervals(FitResult *r);

#endif
