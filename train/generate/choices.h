/* Multiple choice: which continuation of a context a model finds the most probable.
 *
 * A file has a row of JSON per line: {"context": TEXT, "choices": [TEXT, ...], "answer": INDEX}. A
 * choice's log-likelihood is the sum of the log-probabilities of its tokens after the context,
 * which is computed once for all of them. Context and choices are encoded apart. If they do not
 * fit the model's context together, the first tokens of the context are left out, the same for all
 * choices. */
#ifndef TRAIN_GENERATE_CHOICES_H
#define TRAIN_GENERATE_CHOICES_H

#include <signal.h>

#include "train/generate/prompt.h"

typedef struct Choices {
    int64_t questions;
    int64_t right;      /* the most probable choice is the answer; of equal ones, the first */
    int64_t right_norm; /* the same by log-likelihood / characters of the choice */
    double chance;      /* the expected share of right answers of a guess */
} Choices;

/* stop: stops with E_INTERRUPTED if not 0; may be NULL. E_DATA: names the line that is wrong. */
Status choices_judge(Decoder *d, const Tokenizer *t, const PromptForm *form, const char *path,
                     const volatile sig_atomic_t *stop, Choices *out);

/* The 95 % interval of a share (Wilson 1927): low, high. */
void choices_interval(int64_t right, int64_t count, double interval[2]);

#endif
