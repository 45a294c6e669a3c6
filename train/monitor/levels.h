/* Levels: adds what a step measured to the history, and warns of signals above their level.
 *
 * A level warns once when a signal crosses it, and again only after the signal fell below 0.8 of
 * it. */
#ifndef TRAIN_MONITOR_LEVELS_H
#define TRAIN_MONITOR_LEVELS_H

#include "train/monitor/monitor.h"

/* After the judgement, before the update: adds the step's row; checks the levels of the forward
 * pass if the batch is taken. */
void levels_measured(Monitor *m);

/* After the update: fills the rest of the row and checks its levels. */
void levels_updated(Monitor *m, double lr, double clip);

#endif
