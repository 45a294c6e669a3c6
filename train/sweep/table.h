/* A sweep as text, CSV and JSON. Only `seconds`, which the runs recorded, depends on the clock. */
#ifndef TRAIN_SWEEP_TABLE_H
#define TRAIN_SWEEP_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "train/sweep/store.h"

/* Writes one line per run: id,state,params,tokens,loss,flops,..., then one column per varied
 * setting. E_IO, E_NOMEM. */
Status table_csv(const Sweep *s, FILE *out);

/* Fewer steps than these train a model too poorly for a scaling law. */
enum { TABLE_STEPS_MIN = 1500, TABLE_WARNING = 640 };

/* Whether run i is the best of a budget that laws are fitted to, with fewer steps than
 * TABLE_STEPS_MIN. Then out is a warning. */
bool table_few_steps(const Sweep *s, int64_t i, char out[TABLE_WARNING]);

/* Prints the counts of states, the process of each running run, why runs failed, and warnings of
 * table_few_steps(). */
void table_status(const Sweep *s, FILE *out);

/* {folder, flops, states: {...}, runs: [{id, state, ...}], warnings: [...]}. NULL: no memory. */
json_t *table_json(const Sweep *s);

#endif
