/* Samples: what a model writes when it goes on from a prompt.
 *
 * The t-th token of sample n is drawn with a number that depends on (seed, n, t) alone: the same seed
 * gives the same text, however many samples there are. Text is written as it comes. What is written is
 * always valid UTF-8: the bytes of a character are held back until it is whole, and bytes that
 * belong to none come out as U+FFFD. */
#ifndef TRAIN_GENERATE_SAMPLE_H
#define TRAIN_GENERATE_SAMPLE_H

#include <signal.h>
#include <stdio.h>

#include "data/batch.h"
#include "train/generate/decode.h"
#include "train/generate/sampler.h"

typedef struct Sampling {
    Choosing choosing;
    int64_t tokens; /* at most so many; fewer if end-of-text comes first */
    uint64_t seed;
    bool with_prompt;                  /* write the prompt too */
    bool in_document;                  /* prompts begin a document: end-of-text is read before */
    bool prompt_both_ways;             /* tokens of the prompt see each other */
    const volatile sig_atomic_t *stop; /* not 0: stop, E_INTERRUPTED. NULL: nobody will */
} Sampling;

typedef struct SampleResult {
    int64_t tokens; /* made, end-of-text not counted */
    bool ended;     /* by end-of-text */
} SampleResult;

/* Sets in_document and prompt_both_ways to what a model was trained on with these settings: documents begin with end-of-text
 * in packs; under objective prefix the prompt is the prefix. */
void sampling_as_trained(Sampling *s, const DataConfig *c);

/* Writes the samples `first` to first + count - 1, count of them at most as many as d has streams, the i-th to
 * out[i], and flushes each piece. They are made side by side, which costs little more than one until there are
 * a dozen or two; each is what it would be alone. An empty prompt starts from end-of-text. t may be NULL,
 * of a model trained on a raw token file: prompt and sample are then numbers of tokens with spaces
 * between, and an empty prompt starts from token 0. results [count] may be NULL. E_ARG: a prompt that the
 * tokenizer lacks a character for, says where. */
Status sample_write(Decoder *d, const Tokenizer *t, const Sampling *s, const char *prompt,
                    int64_t first, int64_t count, FILE *const out[], SampleResult results[]);

#endif
