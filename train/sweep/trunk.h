/* Trains the common steps of similar runs once.
 *
 * Among runs whose configs differ only in length and learning rate schedule, the longest is the
 * trunk. It stops at the last step that a shorter run shares with it, and that run branches off
 * from this checkpoint (capstan train --from). So for K lengths of a warmup-stable-decay schedule
 * (optim.schedule = wsd) the stable phase is trained once: Hägele et al. 2024, arXiv:2405.18392. A
 * branch is bit-identical to the run trained alone. */
#ifndef TRAIN_SWEEP_TRUNK_H
#define TRAIN_SWEEP_TRUNK_H

#include "train/sweep/cell.h"

/* Fills trunk and branch of all cells. */
void trunk_find(Cell *cells, int64_t count);

/* The steps and FLOPs of all cells, and how many of them branching saves. */
typedef struct TrunkSaving {
    int64_t branches, steps, saved_steps;
    double flops, saved_flops;
} TrunkSaving;

TrunkSaving trunk_saving(const Cell *cells, int64_t count);

/* SWEEP/runs/ID/start/checkpoints/step-N.h5: the checkpoint that a branch starts from. Returns
 * out. */
char *trunk_start(const Sweep *s, const Cell *branch, char out[SWEEP_PATH_MAX]);

/* Whether that checkpoint exists. */
bool trunk_is_ready(const Sweep *s, const Cell *branch);

/* Creates it from the trunk's checkpoint, if that exists. E_IO. */
Status trunk_give(const Sweep *s, const Cell *trunk, const Cell *branch);

/* Removes it once the branch has ended. */
void trunk_forget(const Sweep *s, const Cell *branch);

#endif
