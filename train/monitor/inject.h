/* Fault injection, to study spikes and their detection: monitor.inject.
 *
 * The faulty batches are inject_batch .. inject_batch + inject_count - 1. A fault is a pure
 * function of (seed, batch index), as batches are, so a run with faults is as reproducible as one
 * without:
 *
 *     random     all tokens are random, uniform over the vocabulary
 *     shuffle    the targets of the batch are permuted; the inputs stay
 *     constant   all tokens are the same random one, in every faulty batch
 *     document   the tokens of one document of the batch are random (its end-of-text stays)
 *     gradient   the batch stays; its gradient is multiplied by inject_factor
 *     nan        one element of the result (or, with /backward, of the input's gradient) of the op
 *                that inject_where names, scope/op or scope/op/backward, is NaN */
#ifndef TRAIN_MONITOR_INJECT_H
#define TRAIN_MONITOR_INJECT_H

#include "autograd/params.h"
#include "data/batch.h"
#include "train/config/monitor_settings.h"
#include "train/monitor/document_span.h"

/* Whether batch `batch_index` is a faulty one. */
bool inject_is_due(const MonitorConfig *c, int64_t batch_index);

/* Injects into the tokens of batch `batch_index`, which batches_fill() just made, if a fault of
 * tokens is due. E_NOMEM. */
Status inject_tokens(const MonitorConfig *c, const Batches *from, int64_t batch_index, Batch *b);

/* Index of the span that the fault `document` replaces: a uniform choice among those of
 * INJECT_LEAST tokens or more; -1: none. */
enum { INJECT_LEAST = 4 };
int64_t inject_document(const MonitorConfig *c, uint64_t seed, int64_t batch_index,
                        const DocumentSpan *spans, int64_t count);

/* Injects into the gradient of batch `batch_index`, if the fault `gradient` is due. */
void inject_gradient(const MonitorConfig *c, int64_t batch_index, const Params *p);

/* monitor.inject_where, from which a TapePoison (autograd/tape.h) is made. */
typedef struct InjectTarget {
    char scope[64], op[64];
    bool in_backward;
} InjectTarget;

/* E_CONFIG, with the nearest op, unless where is SCOPE/OP or SCOPE/OP/backward and OP is an op. */
Status inject_target(const char *where, InjectTarget *t);

#endif
