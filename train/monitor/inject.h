/* Faults that are put into training on purpose, to study what spikes and what finds them: monitor.inject.
 *
 * Batches inject_batch .. inject_batch + inject_count - 1 are spoilt. What is done is a pure function of
 * (seed, batch index), as batches are, so that a run with faults is as reproducible as one without:
 *
 *     random     all tokens are drawn alike from the vocabulary
 *     shuffle    the batch's targets change places with each other; what the model reads stays
 *     constant   all tokens are one, drawn once: the same in all batches
 *     document   one document of the batch has tokens drawn alike (its end-of-text stays)
 *     gradient   the batch is as it was, and its gradient is multiplied by inject_factor
 *     nan        one number in the result (or, with /backward, in the input's gradient) of the op that
 *                inject_where names, scope/op or scope/op/backward, is not a number */
#ifndef TRAIN_MONITOR_INJECT_H
#define TRAIN_MONITOR_INJECT_H

#include "autograd/params.h"
#include "data/batch.h"
#include "train/config/monitor_settings.h"
#include "train/monitor/pieces.h"

/* Whether batch `batch_index` is one of those. */
bool inject_is_due(const MonitorConfig *c, int64_t batch_index);

/* Spoils batch `batch_index`, which batches_fill() just made, if it is due and its tokens are what is spoilt.
 * E_NOMEM. */
Status inject_tokens(const MonitorConfig *c, const Batches *from, int64_t batch_index, Batch *b);

/* Which of a batch's pieces the fault `document` is put into: any of INJECT_LEAST tokens or more alike; -1:
 * none. */
enum { INJECT_LEAST = 4 };
int64_t inject_document(const MonitorConfig *c, uint64_t seed, int64_t batch_index,
                        const BatchPiece *pieces, int64_t count);

/* Spoils the gradient of batch `batch_index`, if it is due and that is what is spoilt. */
void inject_gradient(const MonitorConfig *c, int64_t batch_index, const Params *p);

/* What monitor.inject_where names: what a TapePoison (autograd/tape.h) is made of. */
typedef struct InjectPlace {
    char scope[64], op[64];
    bool in_backward;
} InjectPlace;

/* E_CONFIG, with the nearest right name, unless where is SCOPE/OP or SCOPE/OP/backward and OP is an op. */
Status inject_place(const char *where, InjectPlace *p);

#endif
