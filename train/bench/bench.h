/* Bench: the speed of training steps, compared with the GEMM bound: the time of their matrix
 * products alone. */
#ifndef TRAIN_BENCH_BENCH_H
#define TRAIN_BENCH_BENCH_H

#include "train/bench/gemm_bound.h"
#include "train/config/config.h"

enum { BENCH_OVERRIDES_MAX = 6 };

/* A built-in model: the default config with overrides. */
typedef struct BenchCase {
    const char *name, *what;
    const char *overrides[BENCH_OVERRIDES_MAX];
    int64_t vocab_size;
    bool by_default; /* run if the user names none */
} BenchCase;

extern const BenchCase bench_cases[];
extern const int bench_case_count;

typedef struct BenchOptions {
    int64_t steps;   /* in each repeat; 0: as many as take about a second */
    int64_t repeats; /* their median is the result */
    bool q8;         /* of generating text: weights in 8 bits (model_round_q8()) */
} BenchOptions;

typedef struct BenchResult {
    int64_t tokens;          /* in a step */
    int64_t steps;           /* in a repeat */
    double seconds;          /* per step */
    double fastest, slowest; /* seconds per step of the fastest and the slowest repeat */
    double flops;            /* per token: FLOPS_PRODUCTS of train/plan/account.h */
    const char *core;        /* the kernel: gemm_core() or gemm_bf16_core() */
    double bound_seconds;    /* the products of a step alone, measured in turns with steps */
    double linear_rate,
        attention_rate; /* FLOP/s in them; attention: only pairs that the mask lets through */
    BoundProduct products[BOUND_PRODUCTS_MAX]; /* names, shapes and rates only */
    int product_count;
} BenchResult;

/* Trains on made-up tokens (train/plan/probe.h) on threads_count() threads. */
Status bench_run(const Config *c, int64_t vocab_size, const BenchOptions *o, BenchResult *out);

#endif
