/* Where the time of a training step goes, and how near to the machine's limits each part of it comes. */
#ifndef TRAIN_BENCH_BENCH_PROFILE_H
#define TRAIN_BENCH_BENCH_PROFILE_H

#include <jansson.h>

#include "train/bench/bench.h"
#include "train/plan/probe.h"

typedef struct Profiled {
    int64_t steps; /* that the profile is the mean of */
    int threads;
    double plain_seconds, seconds; /* a step without and with a profile: medians, in turns */
    Profile profile;               /* of a step; the last row, "waiting", is the rest of its time */
    /* By row: the rate, in operations a second if the row has operations, else bytes, that this machine
     * reaches at best on all threads; 0: not known. Of matrix products, those of the same shape alone; of
     * attention, such products of its size (train/bench/gemm_bound.h); of other ops the triad, and of sums,
     * norm and optimizer, which work in place, the update (train/bench/machine.h), over as many bytes as a call
     * moves, so in the cache if they fit there. */
    double limit[PROFILE_ROWS_MAX];
} Profiled;

/* Real steps on made-up tokens (train/plan/probe.h), o->steps of them in each of o->repeats repeats, with a
 * profile and without. Of those with one, the quicker half counts. */
Status profiled_run(const Config *c, int64_t vocab_size, const BenchOptions *o, Profiled *out);

void profiled_print(const char *name, const Profiled *p);
json_t *profiled_json(const char *name, const Profiled *p);

#endif
