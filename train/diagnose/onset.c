#include "train/diagnose/onset.h"

#include <math.h>
#include <stdlib.h>

#include "train/diagnose/baseline.h"

/* The baseline is taken over the rows [0, this). */
static int64_t baseline_rows(const History *h)
{
    const int64_t rows = history_rows(h);
    return rows >= 2 * ONSET_NEAR ? rows - ONSET_NEAR : rows / 2;
}

/* The least half-width of a band: the norm of a parameter drifts as it learns. */
static double least_band(const Onset *o)
{
    return log(o->is_param && o->signal == PARAM_value ? 2 : 1.2);
}

/* Fills o if the column left its band. */
static bool find_one(const History *h, int64_t column, Onset *o)
{
    const int64_t from = baseline_rows(h), rows = history_rows(h);
    const Baseline u = baseline_of(h, 0, from, column, true);
    if (u.count < ONSET_LEAST) return false;
    const double mad = fmax(u.mad, least_band(o) / ONSET_DEVIATIONS);
    bool found = false;
    for (int64_t i = from; i < rows; i++) {
        const double value = history_row(h, i)[column];
        if (isnan(value)) continue;
        const double deviations =
            isfinite(value) ? (baseline_log(value) - u.median) / mad : INFINITY;
        if (fabs(deviations) <= ONSET_DEVIATIONS) continue;
        if (!found) o->step = (int64_t)history_row(h, i)[SIGNAL_step];
        if (!found || fabs(deviations) > fabs(o->deviations)) {
            o->value = value;
            o->deviations = deviations;
        }
        found = true;
    }
    o->baseline = exp(u.median);
    return found;
}

static int by_step(const void *a, const void *b)
{
    const Onset *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    const double left = fabs(x->deviations), right = fabs(y->deviations);
    if (left != right) return left > right ? -1 : 1;
    if (x->is_param != y->is_param) return x->is_param ? 1 : -1;
    return x->index != y->index ? (x->index < y->index ? -1 : 1) : x->signal - y->signal;
}

Status onset_find(const History *h, Arena *a, Onset **out, int64_t *count)
{
    const int64_t most = h->layers * LAYER_SIGNALS + h->params * PARAM_SIGNALS;
    *count = 0;
    *out = arena_take(a, (most + 1) * (int64_t)sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "onsets");
    for (int64_t i = 0; i < h->layers; i++)
        for (int s = 0; s < LAYER_SIGNALS; s++) {
            (*out)[*count] = (Onset){.index = i, .signal = s};
            *count += find_one(h, history_layer(h, i, s), &(*out)[*count]);
        }
    for (int64_t i = 0; i < h->params; i++)
        for (int s = 0; s < PARAM_SIGNALS; s++) {
            (*out)[*count] = (Onset){.is_param = true, .index = i, .signal = s};
            *count += find_one(h, history_param(h, i, s), &(*out)[*count]);
        }
    qsort(*out, (size_t)*count, sizeof **out, by_step);
    return OK;
}
