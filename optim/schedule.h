/* The learning rate as a pure function of the step. */
#ifndef OPTIM_SCHEDULE_H
#define OPTIM_SCHEDULE_H

#include "optim/optim.h"

/* step: from 1. c is resolved. Formulas and sources: schedule.c. */
double learning_rate(const OptimConfig *c, int64_t step);

/* The first step, from 1, at which a and b differ; steps + 1 if they agree up to `steps`. */
int64_t schedule_parting(const OptimConfig *a, const OptimConfig *b, int64_t steps);

#endif
