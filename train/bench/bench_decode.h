/* The speed of generating text, compared with the memory's: each token of one stream reads all
 * weights and the stream's KV cache. */
#ifndef TRAIN_BENCH_BENCH_DECODE_H
#define TRAIN_BENCH_BENCH_DECODE_H

#include <jansson.h>

#include "train/bench/bench.h"

typedef struct BenchDecode {
    int64_t tokens;            /* generated in each run, from an empty context */
    double one;                /* tokens per second of one stream */
    int64_t streams;           /* generated side by side */
    double many;               /* tokens per second of all streams together */
    int64_t prompt;            /* tokens: the whole context */
    double prompt_rate;        /* prompt tokens per second */
    double prompt_work;        /* its FLOP/s */
    double weight_bytes, work; /* bytes and FLOPs of the weights' products for a token */
    /* Streams at which computing a step takes as long as reading the weights once: by formula, from the rates of FMA
     * and of memory; and from the times of steps, 0 if they do not tell. */
    double balance, balance_measured;
    double bytes;  /* read for a token of one stream: weights, and the mean size of its KV cache */
    double memory; /* bytes per second when all threads read that many bytes repeatedly */
    double memory_seconds; /* time of a token at this rate: the limit of `one` */
} BenchDecode;

/* Generates text from made-up tokens at temperature 0.8. The four measurements take turns,
 * o->repeats times; the medians count. o->steps: tokens in each run; 0: 128, or fewer if the
 * context is shorter. */
Status bench_decode_run(const Config *c, int64_t vocab_size, const BenchOptions *o,
                        BenchDecode *out);

void bench_decode_print(const char *name, const BenchDecode *d);
json_t *bench_decode_json(const char *name, const BenchDecode *d);

#endif
