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

#include "train/generate/log_prob.h"
#include "train/generate/logit_stages.h"
#include "train/generate/prompt.h"
#include "train/generate/sampler.h"

typedef struct Sampling {
    LogitParams logits; /* before the sampler */
    SamplerParams sampler;
    int64_t tokens;           /* maximum; end-of-text or a stop string ends a sample earlier */
    const char *const *stops; /* [stop_count]: stop strings */
    int64_t stop_count;
    uint64_t seed;
    bool with_prompt; /* write the prompt too */
    PromptForm form;
    Arena *log_probs; /* where the results' log-probabilities live; NULL: not wanted */
    int64_t top;      /* of each token, the likeliest ones that they name */
    const volatile sig_atomic_t
        *stop; /* stop with E_INTERRUPTED once *stop is not 0; may be NULL */
} Sampling;

typedef struct SampleResult {
    int64_t tokens;     /* generated, without end-of-text, but with those of a stop string */
    bool ended;         /* the model generated end-of-text */
    bool stopped;       /* it wrote a stop string, which is not in the text */
    LogProbs log_probs; /* of all tokens, end-of-text included */
} SampleResult;

/* Writes the samples first .. first + count - 1 to out[0] .. out[count - 1], and flushes after
 * each token. count is at most the streams of d. Samples are generated together, at little more
 * than the cost of one; each is the same as alone. An empty prompt starts from end-of-text.
 *
 * t is NULL if the model was trained on a raw token file: prompt and samples are then token
 * numbers with spaces between, and an empty prompt starts from token 0. results [count] may be
 * NULL. E_ARG: the prompt has a character that the tokenizer lacks, a stop string is empty or there
 * is no tokenizer to find it with, or no token is left to sample from. */
Status sample_write(Decoder *d, const Tokenizer *t, const Sampling *s, const char *prompt,
                    int64_t first, int64_t count, FILE *const out[], SampleResult results[]);

#endif
