/* Inside the bfloat16 attention kernels: forward. For 32 queries at a time, it walks over stretches
 * of up to 256 keys: scores of the whole stretch, the new maximum of each row, weights in bfloat16,
 * then y += p v. The sums so far are scaled down when a maximum grows (online softmax, see
 * attention.h). */
#ifndef AUTOGRAD_KERNELS_ATTENTION_BF16_FORWARD_H
#define AUTOGRAD_KERNELS_ATTENTION_BF16_FORWARD_H

#include <math.h>
#include <string.h>

#include "autograd/kernels/attention_bf16_block.h"
#include "autograd/kernels/attention_bf16_rows.h"
#include "autograd/kernels/attention_dropout.h"

enum { STRETCH_ROW = STRETCH + 16 }; /* numbers from row to row of scores: not a power of 2 */

typedef struct Forward {
    int64_t width;   /* of a head of q and k, padded to whole blocks */
    int64_t values;  /* the same of v and y */
    float scale;     /* of scores, with log2 e: weights are powers of 2 */
    bf16 *k, *v;     /* blocks of keys: as columns, and as pairs */
    bf16 *q;         /* [SIDE, width]; in forward_begin() also [SIDE, values] */
    bf16 *p;         /* [SIDE, STRETCH] */
    float *s;        /* [SIDE, STRETCH_ROW] */
    float *sum;      /* [SIDE, values] */
    float *lanes;    /* [SIDE, 16]: sums of weights, */
    float *spread;   /* and of weights times score - max, for the entropy */
    float max[SIDE]; /* of the scores so far, as products give them */
} Forward;

static Forward forward_begin(const AttentionUnit *u)
{
    const int64_t width = blocks_of(u->head_width) * SIDE,
                  values = blocks_of(u->value_width) * SIDE, keys = blocks_of(u->keys) * SIDE;
    Forward f = {.width = width,
                 .values = values,
                 .scale = (float)(u->scale * LOG2E),
                 .k = u->scratch};
    f.v = f.k + keys * width;
    f.q = f.v + keys * values;
    f.p = f.q + SIDE * (width > values ? width : values);
    f.s = (float *)(f.p + SIDE * STRETCH);
    f.sum = f.s + SIDE * STRETCH_ROW;
    f.lanes = f.sum + SIDE * values;
    f.spread = f.lanes + SIDE * 16;
    const Interval all = seen_at_all(u);
    for (int64_t key = 0; key < u->keys; key += SIDE) {
        const uint32_t rows = inside(all, key);
        prefetch_bf16(u->k_bf16, key + SIDE, u->keys, 0, u->head_width);
        prefetch_bf16(u->v_bf16, key + SIDE, u->keys, 0, u->value_width);
        stage_bf16(f.q, width, u->k_bf16.data + key * u->k_bf16.step, u->k_bf16.step, rows,
                   u->head_width);
        as_columns(f.k + key * width, f.q, width);
        stage_bf16(f.q, values, u->v_bf16.data + key * u->v_bf16.step, u->v_bf16.step, rows,
                   u->value_width);
        as_pairs(f.v + key * values, f.q, values);
    }
    return f;
}

/* Soft cap of a block of scores, which are not scaled yet. */
static void block_softcap(const AttentionUnit *u, int64_t rows, float *s)
{
    const __m512 cap = _mm512_set1_ps((float)(u->softcap / u->scale)),
                 over = _mm512_set1_ps((float)(u->scale / u->softcap));
    for (int64_t r = 0; r < rows; r++, s += STRETCH_ROW)
        for (int j = 0; j < SIDE; j += 16)
            _mm512_storeu_ps(s + j, _mm512_mul_ps(cap, tanh_16(_mm512_mul_ps(_mm512_loadu_ps(s + j),
                                                                             over))));
}

/* Adds ALiBi to a block of scores and masks them. */
static void block_scores(const AttentionUnit *u, const Queries *q, int64_t key, float *s)
{
    const float slope = u->slopes ? (float)(u->slopes[q->head] / u->scale) : 0;
    const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (int64_t r = 0; r < q->count; r++, s += STRETCH_ROW)
        for (int j = 0; j < SIDE; j += 16) {
            const __m512i position = _mm512_add_epi32(count, _mm512_set1_epi32((int)key + j));
            const __mmask16 sees =
                (_mm512_cmpge_epi32_mask(position, _mm512_set1_epi32(q->first[r])) &
                 _mm512_cmplt_epi32_mask(position, _mm512_set1_epi32(q->end[r]))) |
                _mm512_cmplt_epi32_mask(position, _mm512_set1_epi32(q->sinks[r]));
            const __m512i own = _mm512_set1_epi32((int)(u->keys - u->queries + q->row + r));
            const __m512 away =
                _mm512_cvtepi32_ps(_mm512_abs_epi32(_mm512_sub_epi32(position, own)));
            const __m512 x = _mm512_fnmadd_ps(away, _mm512_set1_ps(slope), _mm512_loadu_ps(s + j));
            _mm512_storeu_ps(s + j, _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), sees, x));
        }
}

/* Updates the maxima. shrink: the factors that rescale the sums so far to the new maxima. */
static void move_max(Forward *f, int64_t rows, int64_t begin, int64_t end, float *shrink)
{
    float now[SIDE];
    for (int64_t r = 0; r < rows; r++) {
        const float *s = f->s + r * STRETCH_ROW;
        __m512 a = _mm512_loadu_ps(s + begin), b = _mm512_loadu_ps(s + begin + 16);
        for (int64_t j = begin + SIDE; j < end; j += SIDE) {
            a = _mm512_max_ps(_mm512_loadu_ps(s + j), a);
            b = _mm512_max_ps(_mm512_loadu_ps(s + j + 16), b);
        }
        now[r] = _mm512_reduce_max_ps(_mm512_max_ps(a, b));
    }
    for (int64_t r = rows; r < SIDE; r++) now[r] = 0;
    for (int i = 0; i < SIDE; i += 16) {
        const __m512 before = _mm512_loadu_ps(f->max + i),
                     max = _mm512_max_ps(_mm512_loadu_ps(now + i), before);
        const __m512 zero = _mm512_setzero_ps(), least = _mm512_set1_ps(-INFINITY);
        const __m512 from =
            _mm512_mask_mov_ps(max, _mm512_cmp_ps_mask(max, least, _CMP_EQ_OQ), zero);
        const __m512 by = _mm512_mul_ps(_mm512_sub_ps(before, from), _mm512_set1_ps(f->scale));
        _mm512_storeu_ps(f->max + i, max);
        _mm512_storeu_ps(shrink + i, exp2_16(by));
    }
}

static void row_weights(const AttentionUnit *u, Forward *f, int64_t r, int64_t begin, int64_t end,
                        float shrink, float moved, const float *factor)
{
    const float max = f->max[r] == -INFINITY ? 0 : f->max[r];
    const __m512 scale = _mm512_set1_ps(f->scale), top = _mm512_set1_ps(max * f->scale);
    const float *s = f->s + r * STRETCH_ROW;
    float *lanes = f->lanes + r * 16, *spreads = f->spread + r * 16;
    const __m512 old = _mm512_loadu_ps(lanes), less = _mm512_set1_ps(shrink);
    __m512 sum = _mm512_mul_ps(old, less), other = _mm512_setzero_ps(), spread = other;
    if (u->entropy)
        spread =
            _mm512_mul_ps(_mm512_fmadd_ps(_mm512_set1_ps(moved), old, _mm512_loadu_ps(spreads)),
                          less);
    for (int64_t j = begin; j < end; j += SIDE) {
        const __m512 x = _mm512_fmsub_ps(_mm512_loadu_ps(s + j), scale, top),
                     y = _mm512_fmsub_ps(_mm512_loadu_ps(s + j + 16), scale, top);
        __m512 e = exp2_16(x), g = exp2_16(y);
        sum = _mm512_add_ps(sum, e);
        other = _mm512_add_ps(other, g);
        if (u->entropy) {
            const __m512 least = _mm512_set1_ps(-10000);
            spread = _mm512_fmadd_ps(e, _mm512_max_ps(x, least), spread);
            spread = _mm512_fmadd_ps(g, _mm512_max_ps(y, least), spread);
        }
        if (factor) {
            e = _mm512_mul_ps(e, _mm512_loadu_ps(factor + j));
            g = _mm512_mul_ps(g, _mm512_loadu_ps(factor + j + 16));
        }
        _mm512_storeu_si512(f->p + r * STRETCH + j, to_bf16_32(e, g));
    }
    _mm512_storeu_ps(lanes, _mm512_add_ps(sum, other));
    if (u->entropy) _mm512_storeu_ps(spreads, spread);
}

/* Turns the scores of the stretch that begins at `key`, in [begin, end), into weights; rescales the
 * sums so far. */
static void stretch_weights(const AttentionUnit *u, Forward *f, const Queries *q, int64_t key,
                            int64_t begin, int64_t end, bool is_first)
{
    float shrink[SIDE], before[SIDE], factor[STRETCH];
    memcpy(before, f->max, sizeof before);
    move_max(f, q->count, begin, end, shrink);
    for (int64_t r = 0; r < q->count; r++) {
        for (int64_t j = begin / 64 * 64; u->drop_below && j < end; j += 64)
            drop_factors(u, q->head, q->row + r, key + j, (Interval){0, 64}, factor + j);
        const float moved = before[r] == -INFINITY ? 0 : (before[r] - f->max[r]) * f->scale;
        row_weights(u, f, r, begin, end, shrink[r], moved, u->drop_below ? factor : NULL);
        for (int64_t c = 0; !is_first && shrink[r] != 1 && c < f->values; c += 16) {
            float *sum = f->sum + r * f->values + c;
            _mm512_storeu_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(sum), _mm512_set1_ps(shrink[r])));
        }
    }
}

static void put_row(const AttentionUnit *u, const Forward *f, const Queries *q, int64_t r)
{
    const int64_t row = q->row + r;
    bf16 *y = u->y_bf16.data + row * u->y_bf16.step + q->head * u->value_width;
    float *log_sum = u->log_sum ? u->log_sum + q->head * u->log_sum_step + row : NULL;
    const bool empty = q->first[r] >= q->end[r];
    const float own = empty ? 1 : _mm512_reduce_add_ps(_mm512_loadu_ps(f->lanes + r * 16)),
                own_max = f->max[r] * f->scale;
    float sum = own, max = own_max;
    const __m512 over = _mm512_set1_ps(add_sink(empty ? NULL : u->sink, q->head, &max, &sum));
    for (int64_t c = 0; c < f->values; c += SIDE) {
        const float *x = f->sum + r * f->values + c;
        const __m512i both = to_bf16_32(_mm512_mul_ps(_mm512_loadu_ps(x), over),
                                        _mm512_mul_ps(_mm512_loadu_ps(x + 16), over));
        _mm512_mask_storeu_epi16(y + c, within_32(c, u->value_width),
                                 empty ? _mm512_setzero_si512() : both);
    }
    if (log_sum) *log_sum = empty ? 0 : max + log2f(sum);
    if (empty) return;
    if (u->entropy)
        u->entropy[q->head] +=
            (log2f(own) - _mm512_reduce_add_ps(_mm512_loadu_ps(f->spread + r * 16)) / own) / LOG2E;
    if (u->max_logit && own_max / (float)LOG2E > u->max_logit[q->head])
        u->max_logit[q->head] = own_max / (float)LOG2E;
}

static void queries_forward(const AttentionUnit *u, Forward *f, const Queries *q)
{
    const int64_t width = f->width, values = f->values, first = first_block(q),
                  end = blocks_of(q->all.end);
    const AttentionMatrixBf16 x = u->q_bf16, y = u->y_bf16;
    const int64_t column = q->head * u->head_width, y_column = q->head * u->value_width,
                  one = (int64_t)sizeof *y.data;
    prefetch_bf16(x, q->row + SIDE, u->queries, column, u->head_width);
    prefetch_rows(y.data + y_column, y.step * one, q->row, u->queries, u->value_width * one, 1);
    stage_bf16(f->q, width, x.data + q->row * x.step + column, x.step, q->present, u->head_width);
    for (int i = 0; i < SIDE; i++) f->max[i] = -INFINITY;
    memset(f->lanes, 0, 2 * SIDE * 16 * sizeof *f->lanes);
    for (int64_t from = first / BLOCKS * BLOCKS; from < end; from += BLOCKS) {
        const Interval seen_here = blocks_in(q, from, from + BLOCKS);
        const int64_t begin = seen_here.first, last = seen_here.end;
        if (begin >= last) continue;
        for (int64_t b = begin; b < last; b++) {
            float *s = f->s + (b - from) * SIDE;
            square(s, STRETCH_ROW, false, width / SIDE, (Steps){f->q, width, SIDE},
                   (Steps){f->k + b * SIDE * width, TILE, 2 * TILE});
            if (u->softcap > 0) block_softcap(u, q->count, s);
            if (u->slopes || !all_see(q, b * SIDE)) block_scores(u, q, b * SIDE, s);
        }
        stretch_weights(u, f, q, from * SIDE, (begin - from) * SIDE, (last - from) * SIDE,
                        from <= first);
        for (int64_t c = 0; c < values; c += SIDE)
            square(f->sum + c, values, from > first, last - begin,
                   (Steps){f->p + (begin - from) * SIDE, STRETCH, SIDE},
                   (Steps){f->v + begin * SIDE * values + c / 16 * TILE, TILE, SIDE * values});
    }
    for (int64_t r = 0; r < q->count; r++) put_row(u, f, q, r);
}

void FORWARD(const AttentionUnit *u)
{
    tiles_begin();
    Forward f = forward_begin(u);
    for (int64_t head = 0; head < u->group; head++) {
        if (u->max_logit) u->max_logit[head] = -INFINITY;
        if (u->entropy) u->entropy[head] = 0;
        for (int64_t row = 0; row < u->queries; row += SIDE) {
            const Queries q = queries_at(u, head, row);
            queries_forward(u, &f, &q);
        }
    }
    tiles_end();
}

#endif
