/* A sweep as text, CSV and JSON. Only `seconds`, which the runs recorded, depends on the clock. */
#ifndef TRAIN_SWEEP_TABLE_H
#define TRAIN_SWEEP_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "train/sweep/store.h"

/* Writes one line per run: id,state,params,tokens,loss,flops,..., then one column per varied
 * setting. E_IO, E_NOMEM. */
Status table_csv(const Sweep *s, FILE *out);

/* Prints the counts of states, the process of each running run, and why runs failed. */
void table_status(const Sweep *s, FILE *out);

/* {folder, flops, states: {...}, runs: [{id, state, ...}]}. NULL: no memory. */
json_t *table_json(const Sweep *s);

#endif
