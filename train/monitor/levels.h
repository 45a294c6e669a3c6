/* What is measured at a step: into the history, and warnings of what goes above its level.
 *
 * A level warns once when it is crossed, and again only after the number was below 0.8 of it. */
#ifndef TRAIN_MONITOR_LEVELS_H
#define TRAIN_MONITOR_LEVELS_H

#include "train/monitor/monitor.h"

/* After the judgement, before the update: adds the step's row; levels of what the forward pass showed, if
 * the batch is taken. */
void levels_measured(Monitor *m);

/* After the update: the rest of the row, and its levels. */
void levels_updated(Monitor *m, double lr, double clip);

#endif
