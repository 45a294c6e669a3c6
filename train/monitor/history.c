#include "train/monitor/history.h"

#include <math.h>

Status history_open(History *h, Arena *a, int64_t capacity, int64_t layers, int64_t params)
{
    *h = (History){.capacity = capacity,
                   .layers = layers,
                   .params = params,
                   .columns = SIGNALS + layers * LAYER_SIGNALS + params * PARAM_SIGNALS};
    h->data = arena_take(a, capacity * h->columns * (int64_t)sizeof *h->data);
    return h->data ? OK : FAIL(E_NOMEM, "the history of %lld steps", (long long)capacity);
}

double *history_add(History *h)
{
    double *row = h->data + h->count++ % h->capacity * h->columns;
    for (int64_t i = 0; i < h->columns; i++) row[i] = NAN;
    return row;
}

int64_t history_rows(const History *h)
{
    return h->count < h->capacity ? h->count : h->capacity;
}

const double *history_row(const History *h, int64_t i)
{
    INVARIANT(i >= 0 && i < history_rows(h));
    return h->data + (h->count - history_rows(h) + i) % h->capacity * h->columns;
}

int64_t history_layer(const History *h, int64_t layer, int signal)
{
    INVARIANT(layer >= 0 && layer < h->layers);
    return SIGNALS + layer * LAYER_SIGNALS + signal;
}

int64_t history_param(const History *h, int64_t param, int signal)
{
    INVARIANT(param >= 0 && param < h->params);
    return SIGNALS + h->layers * LAYER_SIGNALS + param * PARAM_SIGNALS + signal;
}
