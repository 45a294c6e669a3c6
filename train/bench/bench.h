/* Bench: how fast training steps are, held against what their matrix products alone would take.
 *
 * Tried, with what was foretold and what came out (two cores with AVX-512; in turns, user time):
 *
 * - train.recompute=blocks. Foretold: forward once more but for each block's last product, 8/36 of the
 *   products, so + 22 %, more where attention is long; activations a third at six layers.
 *   Came out: C2 + 22 %, C5 + 28 %; 347 to 114 MB, 693 to 227 MB. Kept, off by default.
 * - Profiles by two looks at the clock a node. Foretold: below 0.1 % of a step of C1, which has some 150
 *   nodes. Came out: 0.02 % of its instructions. Kept.
 * - Chunks of logits of up to 112 MB (512 rows at a vocabulary of 50257) and all alike, not of 32 MB (six of 160
 *   rows and one of 64). Foretold: the weight is packed and its gradient gone through a third as often, so
 *   10 to 15 % of the head, 58 % of C3's step. Came out: products alone 1240 to 1070 ms, C3's step
 *   - 9 % of its threads' time (medians of five in turns, on a busy machine: 2109 to 1914 ms); 70 MB more a lane.
 *   64 MB (256 rows) gave 8 % of the products. Kept.
 *
 * Of ops that stream, in GB/s on 65536 rows of 768 (out of cache) of what the same mix of reads and writes
 * reaches there (copy 29, three arrays 32, reading 33):
 *
 * - The logistic function by one power of two, not two; gelu by two products less. Foretold: 10 of 50
 *   instructions, where gelu is bound by them. Came out: 37 to 45 GB/s in the third level, 22 to 23.5 forward and
 *   26 to 27.5 backward out of cache. Kept.
 * - Activations ask for x (and g) 2 KiB ahead. Foretold: 10 %, as the processor stops at each page. Came out: gelu
 *   0.80 to 0.94 forward, 0.88 to 0.95 backward, swiglu 0.74 to 0.92 and 0.74 to 0.82; 4 KiB ahead, and asking for
 *   y too, were slower. Kept.
 * - Norms ask for the next x before they write y. Foretold: as with activations. Came out: nothing alone, but with
 *   asking for y before x is read layernorm 0.82 to 0.93, rmsnorm 0.90 to 1.0. Kept. In layernorm's backward
 *   asking for dx gave 0.82 to 0.84, in the third level 0.5 to 0.75: kept; for x and g, 10 % lost; in rmsnorm's
 *   nothing: not kept.
 * - Sums in four vectors at once. Foretold: a third of layernorm's forward in the cache. Came out: 44 to 55 GB/s on 3
 *   MB. Kept.
 * - Cross-entropy takes the exponentials of 512 logits as soon as their largest is known, and scales at the end, so a
 *   row of 50257 is read from memory once and not three times. Foretold: 0.8. Came out: 0.46 to 0.65 (3,000 such rows), and
 *   0.37 to 0.29 ns a logit in the cache; small vocabularies lose 10 % of it. Kept. Parts of 64 to 2048, and asking for
 *   memory in the pass that scales, gave nothing more. */
#ifndef TRAIN_BENCH_BENCH_H
#define TRAIN_BENCH_BENCH_H

#include "train/bench/gemm_bound.h"
#include "train/config/config.h"

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
    double flops;          /* a token: FLOPS_PRODUCTS of train/plan/account.h */
    double bound_seconds;  /* of the products of a step, measured in turns with steps */
    const char *core;      /* what makes the products: gemm_core() or gemm_bf16_core() */
    double linear_rate, attention_rate;    /* operations a second in them; attention: useful ones */
    double fastest, slowest;               /* seconds a step: medians of single repeats */
    BoundProduct products[BOUND_PRODUCTS]; /* names, shapes and rates only */
} BenchResult;

/* Trains on made-up tokens (train/plan/probe.h) on threads_count() threads. */
Status bench_run(const Config *c, int64_t vocab_size, const BenchOptions *o, BenchResult *out);

#endif
