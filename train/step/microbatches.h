/* Microbatches: a batch is cut into microbatches; threads take microbatches; the microbatches' gradients are summed in one tree.
 *
 * A microbatch runs forward and backward serially on one thread, whose tape and arena stay in its core's
 * cache. Micro-batch k of L takes the sequences floor(k B / L) .. floor((k + 1) B / L). Gradients are summed
 * pairwise, microbatch i += microbatch i + 2^j for j = 0, 1, ...: so the bits depend on L alone, not on how many
 * threads carried the microbatches or in what order. Micro-batch 0 writes straight into the run's gradient; other
 * blocks are used again once they are added up: usually log2(L) + threads of them are alive. When there
 * are fewer microbatches than threads, microbatches run one after the other and each op spreads over the threads
 * instead (autograd/base/threads.h).
 *
 * On many cores there must be as many microbatches as threads, or ops are spread, which meets after each. Each
 * thread then costs a tape and a block of gradients. Measured on two cores, 4 x 4 x 128, context 64, 64 microbatches of
 * one sequence, most memory resident of two updates and their save: 1 thread 62 MiB, 2 threads 75, 16 threads 184,
 * 64 threads 413; and the same checkpoint, byte for byte. So about 5.6 MiB a thread, 3.2 of them gradients
 * (834432 numbers).
 *
 * What more cores would do, by calculation from rates of one core (AVX-512; 6 x 6 x 384, context 256, a microbatch a
 * sequence): a microbatch takes 137 ms, adding one block of gradients (10.8 million numbers) to another 7 ms, AdamW and the
 * norm 12 ms. 16 sequences on one core: 2.30 s. On 16 cores with 200 GB/s between them: 137 ms, four levels of sums 28 ms,
 * the rest 2 ms: 13.8 times one core. 64 sequences on 64 cores: 137 ms, six levels, bound by memory then (8.1 GB), 42 ms,
 * 2 ms: 51 times; and 64 tapes and blocks, 65 MB each. What limits is the sum of gradients, so larger models want more
 * tokens a microbatch. With fewer microbatches than cores it is worse: a product is cut into an even number of blocks of about 1024
 * rows (kernels/gemm.c), so 1024 tokens at once keep two to four cores busy, whatever there are: use a larger batch. */
#ifndef TRAIN_STEP_MICROBATCHES_H
#define TRAIN_STEP_MICROBATCHES_H

#include "data/batch.h"
#include "layers/gpt.h"
#include "train/step/noise.h"

typedef struct Microbatches Microbatches;

/* What is measured on the way: of the whole batch, in the order of microbatches, so it depends on no threads.
 * Each pointer may be NULL: not wanted. */
typedef struct StepStats {
    real *row_loss; /* [rows of the batch]: plain cross-entropy; 0 where there is no target */
    /* [layers]: LAYER_SIGNAL_LIST of train/monitor/history.h. */
    double *activation, *entropy, *max_logit;
    double log_z; /* mean over loss tokens */
} StepStats;

/* What a batch is to be trained or judged by. */
typedef struct StepTask {
    const Gpt *model;
    const Batch *batch;
    uint64_t
        step; /* of the optimizer, from 1, for dropout: a skipped batch changes no later mask */
    bool dropout;
    double z_loss, smoothing;
    StepStats *stats;         /* NULL: not wanted */
    NoiseSample *noise;       /* NULL: not wanted */
    const TapePoison *poison; /* NULL: none. Put into one microbatch: */
    int64_t poison_microbatch;
} StepTask;

/* microbatches: M. Borrows p, whose grad may be NULL if microbatches_step() is never called. */
Status microbatches_open(Microbatches **out, Params *p, int64_t microbatches);
void microbatches_close(Microbatches *m); /* NULL is fine */

/* Fills p->grad with the gradient of the mean over the batch's loss tokens, weighted if it has weights:
 * their sum over the whole batch is known before the first microbatch runs. *loss: the mean, without weights,
 * of the plain cross-entropy in nats (0 if there are no loss tokens), summed in double in the order of
 * microbatches. */
Status microbatches_step(Microbatches *m, const StepTask *task, double *loss);

/* The sum, not the mean, of the plain cross-entropy over the loss tokens of a batch of any size; without
 * dropout. row_loss, unless NULL: [rows], that of each row. */
Status microbatches_loss(Microbatches *m, const Gpt *model, const Batch *batch, double *sum,
                         real *row_loss);

/* Runs the batch again, slowly, until a number that is not finite turns up; clobbers p->grad. found is
 * false if there is none. */
Status microbatches_trace(Microbatches *m, const StepTask *task, TapeFinding *finding);

/* From here on each pass adds what it did to p, until it is set to another; NULL: none. */
void microbatches_profile(Microbatches *m, Profile *p);

int64_t
microbatches_memory(const Microbatches *m); /* bytes that tapes have needed: for plan and tests */

#endif
