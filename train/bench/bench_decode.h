/* How fast a model writes, and how near that comes to what the memory can give: a token of one stream reads all
 * weights and what the stream remembers. */
#ifndef TRAIN_BENCH_BENCH_DECODE_H
#define TRAIN_BENCH_BENCH_DECODE_H

#include <jansson.h>

#include "train/bench/bench.h"

typedef struct Sampled {
    int64_t tokens;     /* of each run, from an empty context on */
    double one;         /* tokens a second of one stream */
    int64_t streams;    /* of many at once, */
    double many;        /* tokens a second of all together */
    int64_t prompt;     /* tokens, the whole context, */
    double prompt_rate; /* read a second, */
    double prompt_work; /* and useful operations a second */
    double bytes;  /* that a token of one stream reads: weights, and on average keys and values */
    double memory; /* bytes a second that all threads read of so many, again and again */
    double memory_seconds; /* a token takes at that rate: 1 / one is held against it */
} Sampled;

/* Writes made-up texts, params at temperature 0.8. The four measures take turns, o->repeats times, and the
 * median of each counts; o->steps: tokens in each run, 0: 128, or as many as the context holds. */
Status sampled_run(const Config *c, int64_t vocab_size, const BenchOptions *o, Sampled *out);

void sampled_print(const char *name, const Sampled *s);
json_t *sampled_json(const char *name, const Sampled *s);

#endif
