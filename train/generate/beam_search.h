/* Beam search: of all continuations of a prompt, those with the best score that a search with a
 * few running texts, the beams, finds.
 *
 * Each step extends each beam by every token and keeps the best. One that ends (end-of-text, a
 * stop string) leaves the beams and competes by score with the others that have ended; at the
 * limit of tokens the running ones compete too. The search stops early only when no beam can reach
 * a better score any more, so stopping changes nothing. Equal sums: the better parent first, then
 * the lower token. One beam is greedy decoding. */
#ifndef TRAIN_GENERATE_BEAM_SEARCH_H
#define TRAIN_GENERATE_BEAM_SEARCH_H

#include "train/generate/sample.h"

/* score = sum of log-probabilities / penalty; L is the number of new tokens, end-of-text
 * included. */
typedef enum LengthForm {
    LENGTH_HUGGINGFACE, /* L^a */
    LENGTH_GNMT         /* ((5 + L) / 6)^a: Wu et al. 2016, arXiv:1609.08144, section 7 */
} LengthForm;

typedef struct BeamParams {
    int64_t beams;         /* at most the streams of the decoder */
    double length_penalty; /* a; 0: none. Above 0 it favours long texts */
    LengthForm form;
} BeamParams;

typedef struct BeamResult {
    SampleResult sample;
    double score;
} BeamResult;

double length_penalty(const BeamParams *p, int64_t tokens);

/* Writes the best texts, the best first, to out[0] .. out[*made - 1], and fills results in the same
 * order; *made <= beams. how: as for sample_write(), but for the sampler and the seed, which play
 * no part; the stages of its logits do, and a score is that of the logits after them. E_ARG. */
Status beam_search(Decoder *d, const Tokenizer *t, const Sampling *how, const BeamParams *p,
                   const char *prompt, FILE *const out[], BeamResult results[], int64_t *made);

#endif
