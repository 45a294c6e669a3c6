/* The history: measurements of the last steps, from which a spike is explained.
 *
 * A row is one judged step, whether its update was made or not: SIGNALS numbers of the whole step,
 * then LAYER_SIGNALS of each block, then PARAM_SIGNALS of each parameter. NAN: unknown (no update
 * was made, there are too few values to judge, or the batch has no loss token). All rows are one
 * array, which a checkpoint stores. */
#ifndef TRAIN_MONITOR_HISTORY_H
#define TRAIN_MONITOR_HISTORY_H

#include "autograd/params.h"

/* X(name, help) */
#define SIGNAL_LIST(X)                                          \
    X(step, "the optimizer step, from 1")                       \
    X(batch, "index of its batch, from 1")                      \
    X(flag, "SpikeClass; 0: no spike")                          \
    X(taken, "1: the update was made")                          \
    X(loss, "of the batch, before the update, nats per token")  \
    X(grad_norm, "before clipping")                             \
    X(loss_z, "robust z of the loss")                           \
    X(grad_norm_z, "robust z of the gradient norm's logarithm") \
    X(lr, "learning rate")                                      \
    X(clip, "factor that the gradient was multiplied by")       \
    X(update_norm, "norm of the change of all parameters")      \
    X(rms, "largest RMS_t of a parameter (StableAdamW)")        \
    X(max_logit, "largest attention logit of all layers")       \
    X(log_z, "mean over loss tokens of log Z of the output")
/* Signals of block i. */
#define LAYER_SIGNAL_LIST(X)                                     \
    X(activation, "RMS of the residual stream after it")         \
    X(entropy, "mean entropy of its attention weights, in nats") \
    X(max_logit, "its largest attention logit")
/* Signals of one parameter tensor. */
#define PARAM_SIGNAL_LIST(X)                             \
    X(grad, "norm of the gradient, before clipping")     \
    X(value, "norm of the parameter, before the update") \
    X(update, "norm of the update")                      \
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
    int64_t count;                    /* rows ever added; the last `capacity` of them are kept */
    double *data;                     /* [capacity, columns], row i of all at i % capacity */
} History;

Status history_open(History *h, Arena *a, int64_t capacity, int64_t layers, int64_t params);

/* The next row, filled with NAN. */
double *history_add(History *h);

/* Row i, from the oldest that is kept (0) to the newest (history_rows() - 1). */
const double *history_row(const History *h, int64_t i);
int64_t history_rows(const History *h);

/* The column of a signal of a block or a parameter. */
int64_t history_layer(const History *h, int64_t layer, int signal);
int64_t history_param(const History *h, int64_t param, int signal);

#endif
