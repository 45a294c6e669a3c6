/* The monitor in a checkpoint: lists of /state whose names begin with monitor_. */
#ifndef TRAIN_MONITOR_STATE_H
#define TRAIN_MONITOR_STATE_H

#include "train/checkpoint/checkpoint.h"
#include "train/monitor/monitor.h"

enum { MONITOR_LISTS = 16 };

/* Fills lists, *count of them (0: off), from m as it is now; memory is a's, or m's. E_NOMEM. */
Status monitor_save(const Monitor *m, Arena *a, CheckpointList lists[MONITOR_LISTS], int *count);

/* E_FORMAT if the lists of a checkpoint cannot be used. */
Status monitor_check_state(const Monitor *m, const CheckpointReader *r);

/* Takes over what a checkpoint that was checked holds of a monitor; of another window, what fits; nothing
 * if the run had none. rewind: only what a rewind takes back (MonitorNow, the windows, the history). */
void monitor_restore(Monitor *m, const CheckpointReader *r, bool rewind);

#endif
