/* A profile of training steps: where the time goes, and how near each op comes to the machine's
 * limits. */
#ifndef TRAIN_BENCH_BENCH_PROFILE_H
#define TRAIN_BENCH_BENCH_PROFILE_H

#include <jansson.h>

#include "train/bench/bench.h"
#include "train/plan/probe.h"

typedef struct BenchProfile {
    int64_t steps; /* averaged in the profile */
    int threads;
    double plain_seconds, seconds; /* a step without and with a profile: medians, in turns */
    Profile profile; /* mean of a step; its last row, "waiting", is the threads' idle time */
    /* For each row, the best that this machine reaches on all threads, in FLOP/s if the row has
     * FLOPs, else in bytes per second; 0: not known. Matrix products: products of the same shape
     * alone. Attention: such products of its size (train/bench/gemm_bound.h). Other ops: the triad,
     * or for the in-place passes (sum and norm of gradients, optimizer) the update of
     * train/bench/machine.h, over as many bytes as a call moves: if they fit in the cache, that is
     * the cache's rate. */
    double limit[PROFILE_ROWS_MAX];
} BenchProfile;

/* Takes o->steps steps on made-up tokens (train/plan/probe.h) in each of o->repeats repeats, with
 * and without a profile. The result averages the faster half of the profiled steps. */
Status bench_profile_run(const Config *c, int64_t vocab_size, const BenchOptions *o,
                         BenchProfile *out);

void bench_profile_print(const char *name, const BenchProfile *p);
json_t *bench_profile_json(const char *name, const BenchProfile *p);

#endif
