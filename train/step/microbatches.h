/* Micro-batches: a batch is cut into M of them, and a step sums their gradients in one fixed order.
 *
 * Micro-batch k of M holds the sequences floor(k B / M) .. floor((k + 1) B / M) of the batch of B.
 * Consecutive micro-batches form G groups, divided the same way. A thread takes a whole group: it
 * runs the group's micro-batches one after another, forward and backward, and adds each gradient,
 * product by product, to the group's block. Groups are summed in a tree
 * (train/step/gradient_tree.h). So the bits depend on M and G alone, not on the number of threads;
 * README.md beside this file has a drawing.
 *
 * With fewer groups than threads, all micro-batches run one after another, and each op uses all
 * threads (autograd/base/threads.h). */
#ifndef TRAIN_STEP_MICROBATCHES_H
#define TRAIN_STEP_MICROBATCHES_H

#include "train/step/step_task.h"

typedef struct Microbatches Microbatches;

/* For batches of at least `count` sequences, as many threads as threads_count() says now. Borrows
 * p, whose grad may be NULL if microbatches_step() is never called. E_NOMEM. */
Status microbatches_open(Microbatches **out, Params *p, int64_t count, int64_t groups);
void microbatches_close(Microbatches *m); /* NULL is fine */

/* Fills p->grad with the gradient of the mean over the batch's loss tokens, weighted if it has
 * weights. *loss: the mean, without weights, of the plain cross-entropy in nats, summed in double
 * in the order of micro-batches; 0 if there are no loss tokens. */
Status microbatches_step(Microbatches *m, const StepTask *task, double *loss);

/* The sum, not the mean, of the plain cross-entropy over the loss tokens of a batch of any size;
 * without dropout. row_loss, unless NULL: [rows], that of each row. */
Status microbatches_loss(Microbatches *m, const Gpt *model, const Batch *batch, double *sum,
                         real *row_loss);

/* Runs the batch again, slowly, and reports the first number that is not finite; overwrites
 * p->grad. found is false if there is none. */
Status microbatches_trace(Microbatches *m, const StepTask *task, TapeFinding *finding);

/* From here on each pass adds its work to p; NULL: to none. */
void microbatches_profile(Microbatches *m, Profile *p);

int64_t microbatches_memory(const Microbatches *m); /* bytes that the tapes have needed, at most */

#endif
