#include "train/step/microbatch_stats.h"

#include <math.h>

MicrobatchStats *microbatch_stats_take(Arena *a, int64_t count, int64_t layers)
{
    enum { KINDS = 4 };
    MicrobatchStats *s = arena_zero(a, count * (int64_t)sizeof *s);
    double *numbers = arena_zero(a, count * KINDS * layers * (int64_t)sizeof *numbers);
    if (!s || !numbers) return NULL;
    for (int64_t i = 0; i < count; i++) {
        double **const parts[KINDS] = {&s[i].squares, &s[i].entropy, &s[i].counts, &s[i].max_logit};
        for (int k = 0; k < KINDS; k++, numbers += layers) *parts[k] = numbers;
    }
    return s;
}

void microbatch_stats_request(MicrobatchStats *s, const StepStats *wanted, const Gpt *g, Tape *t,
                              GptInput *in, CrossEntropy *loss)
{
    const int64_t layers = g->config->layers, heads = g->config->heads;
    const bool attention = wanted->entropy || wanted->max_logit;
    loss->row_logz = s->row_logz = tape_take(t, in->rows * (int64_t)sizeof(real));
    if (wanted->activation) in->squares = s->squares;
    s->attention = attention ? tape_take(t, layers * (int64_t)sizeof *s->attention) : NULL;
    if (!s->attention) return;
    in->stats = s->attention;
    for (int64_t i = 0; i < layers && !t->status; i++) {
        AttentionStats *a = &s->attention[i];
        *a = (AttentionStats){0};
        if (wanted->max_logit) a->max_logit = tape_take(t, heads * (int64_t)sizeof(real));
        if (!wanted->entropy) continue;
        a->entropy = tape_take(t, heads * (int64_t)sizeof(double));
        a->rows = tape_take(t, (int64_t)sizeof(int64_t));
    }
}

void microbatch_stats_sum(MicrobatchStats *s, const StepStats *wanted, const Gpt *g,
                          const GptInput *in)
{
    const int64_t layers = g->config->layers, heads = g->config->heads;
    s->log_z = 0;
    for (int64_t i = 0; i < in->rows; i++) s->log_z += (double)s->row_logz[i];
    for (int64_t i = 0; s->attention && i < layers; i++) {
        const AttentionStats *a = &s->attention[i];
        s->max_logit[i] = -INFINITY;
        s->entropy[i] = 0;
        for (int64_t h = 0; h < heads; h++) {
            if (wanted->max_logit && (double)a->max_logit[h] > s->max_logit[i])
                s->max_logit[i] = (double)a->max_logit[h];
            if (wanted->entropy) s->entropy[i] += a->entropy[h];
        }
        s->counts[i] = wanted->entropy ? (double)(*a->rows * heads) : 0;
    }
}

void microbatch_stats_join(const MicrobatchStats *s, int64_t count, const Gpt *g, const Batch *b,
                           StepStats *out)
{
    const double numbers = (double)(b->sequences * b->context * g->config->width);
    double log_z = 0;
    for (int64_t k = 0; k < count; k++) log_z += s[k].log_z;
    out->log_z = b->loss_tokens ? log_z / (double)b->loss_tokens : 0;
    for (int64_t i = 0; i < g->config->layers; i++) {
        double squares = 0, entropy = 0, counts = 0, max = -INFINITY;
        for (int64_t k = 0; k < count; k++) {
            squares += s[k].squares[i];
            entropy += s[k].entropy[i];
            counts += s[k].counts[i];
            if (s[k].max_logit[i] > max) max = s[k].max_logit[i];
        }
        if (out->activation) out->activation[i] = sqrt(squares / numbers);
        if (out->entropy) out->entropy[i] = counts > 0 ? entropy / counts : 0;
        if (out->max_logit) out->max_logit[i] = max;
    }
}
