/* Bench: how fast training steps are, held against what their matrix products alone would take. */
#ifndef TRAIN_BENCH_H
#define TRAIN_BENCH_H

#include "train/config.h"
#include "train/gemm_bound.h"

enum { BENCH_OVERRIDES_MAX = 6 };

/* Built-in cases. */
typedef struct BenchCase {
    const char *name, *what;
    const char *overrides[BENCH_OVERRIDES_MAX]; /* of the default config */
    int64_t vocab_size;
    bool by_default; /* run if none is named */
} BenchCase;

extern const BenchCase bench_cases[];
extern const int bench_case_count;

typedef struct BenchOptions {
    int64_t steps;   /* in each repeat; 0: about a second of them */
    int64_t repeats; /* of which the median counts */
} BenchOptions;

typedef struct BenchResult {
    int64_t tokens, steps; /* of a step; of a repeat */
    double seconds;        /* of a step */
    double flops;          /* operations a token, see gpt_flops() */
    double bound_seconds;  /* of the products of a step, measured in turns with steps */
    double linear_rate, attention_rate;    /* operations a second in them; attention: useful ones */
    double fastest, slowest;               /* seconds a step: medians of single repeats */
    BoundProduct products[BOUND_PRODUCTS]; /* names, shapes and rates only */
} BenchResult;

/* Trains on made-up tokens (train/probe.h) on threads_count() threads. */
Status bench_run(const Config *c, int64_t vocab_size, const BenchOptions *o, BenchResult *out);

#endif
