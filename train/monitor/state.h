/* The monitor's state in a checkpoint: lists of /state whose names begin with monitor_. */
#ifndef TRAIN_MONITOR_STATE_H
#define TRAIN_MONITOR_STATE_H

#include "train/checkpoint/checkpoint.h"
#include "train/monitor/monitor.h"

enum { MONITOR_LISTS = 16 };

/* Fills lists, *count of them (0: the monitor is off); their memory is a's, or m's. E_NOMEM. */
Status monitor_save(const Monitor *m, Arena *a, CheckpointList lists[MONITOR_LISTS], int *count);

/* E_FORMAT if the lists of a checkpoint cannot be restored. */
Status monitor_check_state(const Monitor *m, const CheckpointReader *r);

/* Restores the state from a checkpoint that was checked; with another window size, the values that
 * fit; nothing if the checkpoint has no monitor. rewind: only what a rewind undoes (MonitorNow, the
 * windows, the history). */
void monitor_restore(Monitor *m, const CheckpointReader *r, bool rewind);

#endif
