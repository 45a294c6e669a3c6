/* What was measured at the last steps: the series behind a spike's explanation.
 *
 * A row is a step that was judged, taken or not: SIGNALS numbers of the whole, then LAYER_SIGNALS of each
 * block, then PARAM_SIGNALS of each parameter. NAN: not known (no update was made, it is too early to
 * judge, or the batch has no loss token). All rows are one array, so that a checkpoint holds them as they
 * are. */
#ifndef TRAIN_MONITOR_HISTORY_H
#define TRAIN_MONITOR_HISTORY_H

#include "autograd/params.h"

/* X(name, help) */
#define SIGNAL_LIST(X)                                          \
    X(step, "the update it was, or would have been")            \
    X(batch, "index of its batch, from 1")                      \
    X(flag, "why it was a spike (SpikeClass), 0: it was none")  \
    X(taken, "1: the update was made")                          \
    X(loss, "of the batch, before the update, nats a token")    \
    X(grad_norm, "before clipping")                             \
    X(loss_z, "robust z of the loss")                           \
    X(grad_norm_z, "robust z of the gradient norm's logarithm") \
    X(lr, "learning rate")                                      \
    X(clip, "what the gradient was multiplied by")              \
    X(update_norm, "length of the change of all parameters")    \
    X(rms, "largest over parameters of StableAdamW's RMS_t")    \
    X(max_logit, "largest attention logit of all layers")       \
    X(log_z, "mean over loss tokens of log Z of the output")
/* Of what block i computed. */
#define LAYER_SIGNAL_LIST(X)                                           \
    X(activation, "root mean square of the residual stream behind it") \
    X(entropy, "mean entropy of its attention, nats")                  \
    X(max_logit, "its largest attention logit")
/* Of one parameter tensor. */
#define PARAM_SIGNAL_LIST(X)                               \
    X(grad, "length of the gradient, before clipping")     \
    X(value, "length of the parameter, before the update") \
    X(update, "length of the update")                      \
    X(rms, "RMS_t: root of the mean of g^2 / v (Wortsman et al. 2023, section 3.3)")

#define X(name, help) SIGNAL_##name,
enum { SIGNAL_LIST(X) SIGNALS };
#undef X
#define X(name, help) LAYER_##name,
enum { LAYER_SIGNAL_LIST(X) LAYER_SIGNALS };
#undef X
#define X(name, help) PARAM_##name,
enum { PARAM_SIGNAL_LIST(X) PARAM_SIGNALS };
#undef X

typedef struct History {
    int64_t capacity, layers, params; /* rows; blocks; named parameters */
    int64_t columns;                  /* SIGNALS + layers LAYER_SIGNALS + params PARAM_SIGNALS */
    int64_t count;                    /* rows ever added; the last `capacity` of them are there */
    double *data;                     /* [capacity, columns], row i of all at i % capacity */
} History;

Status history_open(History *h, Arena *a, int64_t capacity, int64_t layers, int64_t params);

/* The next row, filled with NAN. */
double *history_add(History *h);

/* Row i, from the oldest that is there (0) to the newest (history_rows() - 1). */
const double *history_row(const History *h, int64_t i);
int64_t history_rows(const History *h);

/* Where in a row a signal of a block or a parameter stands. */
int64_t history_layer(const History *h, int64_t layer, int signal);
int64_t history_param(const History *h, int64_t param, int signal);

#endif
