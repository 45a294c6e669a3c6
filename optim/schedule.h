/* The learning rate as a pure function of the update. */
#ifndef OPTIM_SCHEDULE_H
#define OPTIM_SCHEDULE_H

#include "optim/adamw.h"

/* step: which update, from 1. c is resolved. Formulas and sources: schedule.c. */
double learning_rate(const OptimConfig *c, int64_t step);

#endif
