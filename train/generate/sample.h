/* Samples: text that a model generates from a prompt.
 *
 * The random number behind token t of sample n depends on (seed, n, t) alone: the same seed
 * gives the same text, whatever the number of samples. Text is written token by token and is
 * always valid UTF-8: bytes of an incomplete character are held back, and invalid bytes become
 * U+FFFD. */
#ifndef TRAIN_GENERATE_SAMPLE_H
#define TRAIN_GENERATE_SAMPLE_H

#include <signal.h>
#include <stdio.h>

#include "data/batch.h"
#include "train/generate/decoder.h"
#include "train/generate/sampler.h"

typedef struct Sampling {
    SamplerParams sampler;
    int64_t tokens; /* maximum; end-of-text ends a sample earlier */
    uint64_t seed;
    bool with_prompt;          /* write the prompt too */
    bool in_document;          /* the prompt begins a document: read end-of-text before it */
    bool bidirectional_prompt; /* tokens of the prompt attend to each other */
    const volatile sig_atomic_t
        *stop; /* stop with E_INTERRUPTED once *stop is not 0; may be NULL */
} Sampling;

typedef struct SampleResult {
    int64_t tokens; /* generated, without end-of-text */
    bool ended;     /* the model generated end-of-text */
} SampleResult;

/* Sets in_document and bidirectional_prompt to match training: packed documents follow an
 * end-of-text token, and under data.objective = prefix the prompt is the prefix. */
void sampling_as_trained(Sampling *s, const DataConfig *c);

/* The tokens of a prompt. E_ARG: it has a character that the tokenizer lacks. */
Status sample_prompt_length(const Tokenizer *t, int64_t vocab_size, const char *prompt,
                            int64_t *count);

/* Writes the samples first .. first + count - 1 to out[0] .. out[count - 1], and flushes after
 * each token. count is at most the streams of d. Samples are generated together, at little more
 * than the cost of one; each is the same as alone. An empty prompt starts from end-of-text.
 *
 * t is NULL if the model was trained on a raw token file: prompt and samples are then token
 * numbers with spaces between, and an empty prompt starts from token 0. results [count] may be
 * NULL. E_ARG: the prompt has a character that the tokenizer lacks. */
Status sample_write(Decoder *d, const Tokenizer *t, const Sampling *s, const char *prompt,
                    int64_t first, int64_t count, FILE *const out[], SampleResult results[]);

#endif
