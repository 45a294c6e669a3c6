/* Trains the common steps of similar runs once.
 *
 * Of runs whose configs differ only in how long they are and how their learning rate goes, the longest is the
 * trunk: it stops at the last update that a shorter one has in common with it, which goes on from the
 * checkpoint there (capstan train --from). So of warm-up, stay and decay (optim.schedule = wsd) in K lengths
 * the staying is trained once: Hägele et al. 2024, arXiv:2405.18392. A branch is the run that was
 * made alone, bit for bit. */
#ifndef TRAIN_SWEEP_TRUNK_H
#define TRAIN_SWEEP_TRUNK_H

#include "train/sweep/cell.h"

/* Fills trunk and branch of all cells. */
void trunk_find(Cell *cells, int64_t count);

/* What branching saves of the steps (count: all of them) and FLOPs of the cells. */
typedef struct TrunkSaving {
    int64_t branches, steps, saved_steps;
    double flops, saved_flops;
} TrunkSaving;

TrunkSaving trunk_saving(const Cell *cells, int64_t count);

/* SWEEP/runs/ID/start/checkpoints/step-N.h5: the checkpoint that a branch starts from. Returns out. */
char *trunk_start(const Sweep *s, const Cell *branch, char out[SWEEP_PATH_MAX]);

/* Whether that checkpoint exists. */
bool trunk_is_ready(const Sweep *s, const Cell *branch);

/* Puts it there, from the trunk's folder: E_IO. Without the checkpoint nothing is done. */
Status trunk_give(const Sweep *s, const Cell *trunk, const Cell *branch);

/* Removes it: the branch is over. */
void trunk_forget(const Sweep *s, const Cell *branch);

#endif
