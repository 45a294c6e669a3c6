/* A sweep as text, CSV and JSON. Nothing depends on the clock but `seconds`, which the runs recorded. */
#ifndef TRAIN_SWEEP_TABLE_H
#define TRAIN_SWEEP_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "train/sweep/store.h"

/* id,state,params,tokens,loss,flops,...: a line a run, then what varies, a column each. E_IO, E_NOMEM. */
Status table_csv(const Sweep *s, FILE *out);

/* Counts of the states, what runs and where, why runs failed. */
void table_status(const Sweep *s, FILE *out);

/* {folder, flops, states: {...}, runs: [{id, state, ...}]}. NULL: no memory. */
json_t *table_json(const Sweep *s);

#endif
