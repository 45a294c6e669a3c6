/* Inside the bfloat16 attention kernels: backward. A block is 32 keys (rows) by 32 queries
 * (columns). In this orientation the weights and their gradients are computed directly as operands
 * of dv += p^T dy and dk += ds^T q, and, interleaved in pairs, of dq += ds k. Weights are
 * recomputed from log_sum, as in attention.h; up to 8 blocks of queries share each block of
 * keys. */
#ifndef AUTOGRAD_KERNELS_ATTENTION_BF16_BACKWARD_H
#define AUTOGRAD_KERNELS_ATTENTION_BF16_BACKWARD_H

#include <string.h>

#include "autograd/kernels/attention_bf16_block.h"
#include "autograd/kernels/attention_bf16_rows.h"
#include "autograd/kernels/attention_dropout.h"

typedef struct Backward {
    int64_t width, values; /* of a head in q and k, and in v and y, padded to whole blocks */
    bf16 *k, *v;           /* blocks of keys: [32, width], [32, values] */
    bf16 *k_transposed;    /* [width, 32] */
    bf16 *q, *dy;          /* blocks of a stretch of queries, as columns, */
    bf16 *q_pairs;         /* and as pairs */
    bf16 *dy_pairs;
    bf16 *stage;            /* [32, width or values] */
    bf16 *p, *ds;           /* weights and gradients of scores: [BLOCKS, 32 keys, 32 queries] */
    bf16 *ds_pairs;         /* pairs of keys: [BLOCKS of keys, BLOCKS, 2 tiles] */
    float *s, *dp;          /* [32, 32] */
    float *dk, *dv;         /* [keys, width], [keys, values] */
    float *dq;              /* [width, STRETCH], columns as unpacked() says */
    float *log_sum, *delta; /* [STRETCH]; delta: the sum over columns of dy y */
    uint32_t *keep;         /* [BLOCKS, 64]: which of 32 queries keep a key */
    bool *begun;            /* [blocks of keys]: dk and dv hold sums, not garbage */
    Queries block[BLOCKS];
} Backward;

static void *cut(char **at, int64_t size)
{
    void *block = *at;
    *at += (size + 63) / 64 * 64;
    return block;
}

static void backward_begin(const AttentionUnit *u, Backward *w)
{
    const int64_t width = w->width = blocks_of(u->head_width) * SIDE,
                  values = w->values = blocks_of(u->value_width) * SIDE;
    const int64_t blocks = blocks_of(u->keys), half = (int64_t)sizeof(bf16),
                  full = (int64_t)sizeof(float);
    char *at = u->scratch;
    w->k = cut(&at, blocks * SIDE * width * half);
    w->v = cut(&at, blocks * SIDE * values * half);
    w->k_transposed = cut(&at, blocks * SIDE * width * half);
    w->q = cut(&at, STRETCH * width * half);
    w->dy = cut(&at, STRETCH * values * half);
    w->q_pairs = cut(&at, STRETCH * width * half);
    w->dy_pairs = cut(&at, STRETCH * values * half);
    w->stage = cut(&at, SIDE * (width > values ? width : values) * half);
    w->p = cut(&at, STRETCH * SIDE * half);
    w->ds = cut(&at, STRETCH * SIDE * half);
    w->ds_pairs = cut(&at, STRETCH * STRETCH * half);
    w->s = cut(&at, SIDE * SIDE * full);
    w->dp = cut(&at, SIDE * SIDE * full);
    w->dk = cut(&at, blocks * SIDE * width * full);
    w->dv = cut(&at, blocks * SIDE * values * full);
    w->dq = cut(&at, STRETCH * width * full);
    w->log_sum = cut(&at, STRETCH * full);
    w->delta = cut(&at, STRETCH * full);
    w->keep = cut(&at, BLOCKS * 64 * (int64_t)sizeof *w->keep);
    w->begun = cut(&at, blocks);
    memset(w->begun, 0, (size_t)blocks);
    const Interval all = seen_at_all(u);
    for (int64_t key = 0; key < u->keys; key += SIDE) {
        const uint32_t rows = inside(all, key);
        const AttentionMatrixBf16 k = u->k_bf16, v = u->v_bf16;
        prefetch_bf16(k, key + SIDE, u->keys, 0, u->head_width);
        prefetch_bf16(v, key + SIDE, u->keys, 0, u->value_width);
        stage_bf16(w->k + key * width, width, k.data + key * k.step, k.step, rows, u->head_width);
        stage_bf16(w->v + key * values, values, v.data + key * v.step, v.step, rows,
                   u->value_width);
        as_transposed(w->k_transposed + key * width, w->k + key * width, width);
    }
}

static float row_delta(const bf16 *y, const float *dy, int64_t width)
{
    __m512 sum = _mm512_setzero_ps();
    for (int64_t c = 0; c < width; c += 16) {
        const __m256i low = _mm256_maskz_loadu_epi16(within_16(c, width), y + c);
        const __m512 x = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(low), 16));
        sum = _mm512_fmadd_ps(x, _mm512_maskz_loadu_ps(within_16(c, width), dy + c), sum);
    }
    return _mm512_reduce_add_ps(sum);
}

/* Loads a block of queries, and log_sum and delta of its rows. */
static void queries_begin(const AttentionUnit *u, Backward *w, int64_t head, int64_t row,
                          int64_t at)
{
    Queries *q = &w->block[at];
    *q = queries_at(u, head, row);
    const int64_t width = w->width, values = w->values, column = head * u->head_width,
                  y_column = head * u->value_width;
    const AttentionMatrixBf16 x = u->q_bf16, y = u->y_bf16;
    const real *dy = u->dy.data + row * u->dy.step + y_column;
    const int64_t one = (int64_t)sizeof(real), next = row + SIDE;
    prefetch_bf16(x, next, u->queries, column, u->head_width);
    prefetch_bf16(y, next, u->queries, y_column, u->value_width);
    prefetch_rows(u->dy.data + y_column, u->dy.step * one, next, u->queries, u->value_width * one,
                  0);
    if (u->dq.data)
        prefetch_rows(u->dq.data + column, u->dq.step * one, row, u->queries, u->head_width * one,
                      1);
    stage_bf16(w->stage, width, x.data + row * x.step + column, x.step, q->present, u->head_width);
    as_columns(w->q + at * SIDE * width, w->stage, width);
    as_pairs(w->q_pairs + at * SIDE * width, w->stage, width);
    stage_float(w->stage, values, dy, u->dy.step, q->present, u->value_width);
    as_columns(w->dy + at * SIDE * values, w->stage, values);
    as_pairs(w->dy_pairs + at * SIDE * values, w->stage, values);
    for (int64_t i = 0; i < SIDE; i++) {
        const bool there = q->present >> i & 1;
        w->log_sum[at * SIDE + i] = there ? u->log_sum[head * u->log_sum_step + row + i] : 0;
        w->delta[at * SIDE + i] = there ? row_delta(y.data + (row + i) * y.step + y_column,
                                                    dy + i * u->dy.step, u->value_width)
                                        : 0;
    }
}

/* The dropout mask of a block of queries and 64 keys: one word per key. */
static void keep_begin(const AttentionUnit *u, const Queries *q, int64_t key, uint32_t *keep)
{
    real factor[64];
    memset(keep, 0, 64 * sizeof *keep);
    for (int64_t r = 0; r < q->count; r++) {
        drop_factors(u, q->head, q->row + r, key, (Interval){0, 64}, factor);
        for (int j = 0; j < 64; j++) keep[j] |= (uint32_t)(factor[j] > 0) << r;
    }
}

/* Per-query inputs of a block's gradient, besides its scores. */
typedef struct Sides {
    __m512 log_sum[2], delta[2], scale, slope, drop_scale;
    float cap; /* softcap times log2 e; 0: none */
    __m512i first[2], end[2], sinks[2], own[2];
    const uint32_t *keep;
} Sides;

/* Scores with a soft cap, minus log_sum, and the derivative of the cap. */
BLOCK_INLINE __m512 capped(__m512 x, const Sides *a, int i, __m512 *steepness)
{
    const __m512 cap = _mm512_set1_ps(a->cap), t = tanh_16(_mm512_div_ps(x, cap));
    *steepness = _mm512_fnmadd_ps(t, t, *steepness);
    return _mm512_fmsub_ps(t, cap, a->log_sum[i]);
}

/* Weights and their gradient, of one key and 32 queries. */
BLOCK_INLINE void key_gradient(const Backward *w, const Sides *a, const bool plain, int64_t key,
                               int j, __m512i *p, __m512i *ds)
{
    __m512 e[2], g[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        __m512 x =
            _mm512_fmsub_ps(_mm512_loadu_ps(w->s + j * SIDE + i * 16), a->scale, a->log_sum[i]);
        g[i] = _mm512_loadu_ps(w->dp + j * SIDE + i * 16);
        if (plain) {
            e[i] = exp2_16(x);
            g[i] = _mm512_mul_ps(e[i], _mm512_sub_ps(g[i], a->delta[i]));
            continue;
        }
        const __m512i position = _mm512_set1_epi32((int)(key + j));
        const __mmask16 sees = (_mm512_cmpge_epi32_mask(position, a->first[i]) &
                                _mm512_cmplt_epi32_mask(position, a->end[i])) |
                               _mm512_cmplt_epi32_mask(position, a->sinks[i]);
        const __m512 away =
            _mm512_cvtepi32_ps(_mm512_abs_epi32(_mm512_sub_epi32(position, a->own[i])));
        __m512 steepness = _mm512_set1_ps(1);
        if (a->cap > 0) x = capped(_mm512_add_ps(x, a->log_sum[i]), a, i, &steepness);
        x = _mm512_fnmadd_ps(away, a->slope, x);
        e[i] = _mm512_maskz_mov_ps(sees, exp2_16(x));
        if (!a->keep) {
            g[i] = _mm512_mul_ps(_mm512_mul_ps(e[i], _mm512_sub_ps(g[i], a->delta[i])), steepness);
            continue;
        }
        const __mmask16 keep = (__mmask16)(a->keep[j] >> (16 * i));
        g[i] = _mm512_maskz_mul_ps(keep, g[i], a->drop_scale);
        g[i] = _mm512_mul_ps(_mm512_mul_ps(e[i], _mm512_sub_ps(g[i], a->delta[i])), steepness);
        e[i] = _mm512_maskz_mul_ps(keep, e[i], a->drop_scale);
    }
    *p = to_bf16_32(e[0], e[1]);
    *ds = to_bf16_32(g[0], g[1]);
}

/* The weights and the gradient of the scores of one block, from scores in s and dy v^T in dp. */
static void block_gradient(const AttentionUnit *u, const Backward *w, int64_t key, int64_t at,
                           bf16 *pairs)
{
    const Queries *q = &w->block[at];
    bf16 *p = w->p + at * SIDE * SIDE, *ds = w->ds + at * SIDE * SIDE;
    const bool plain = !u->slopes && !u->drop_below && !(u->softcap > 0) && all_see(q, key);
    const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    Sides a = {.scale = _mm512_set1_ps((float)(u->scale * LOG2E)),
               .slope = _mm512_set1_ps(u->slopes ? (float)(u->slopes[q->head] * LOG2E) : 0),
               .drop_scale = _mm512_set1_ps((float)u->drop_scale),
               .cap = (float)(u->softcap * LOG2E),
               .keep = u->drop_below ? w->keep + at * 64 + key % 64 : NULL};
    for (int i = 0; i < 2; i++) {
        a.log_sum[i] = _mm512_loadu_ps(w->log_sum + at * SIDE + i * 16);
        a.delta[i] = _mm512_loadu_ps(w->delta + at * SIDE + i * 16);
        a.first[i] = _mm512_loadu_si512(q->first + i * 16);
        a.end[i] = _mm512_loadu_si512(q->end + i * 16);
        a.sinks[i] = _mm512_loadu_si512(q->sinks + i * 16);
        a.own[i] = _mm512_add_epi32(count, _mm512_set1_epi32((int)(u->keys - u->queries + q->row) +
                                                             i * 16));
    }
    for (int j = 0; j < SIDE; j += 2) {
        __m512i weight[2], gradient[2];
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            if (plain)
                key_gradient(w, &a, true, key, j + i, weight + i, gradient + i);
            else
                key_gradient(w, &a, false, key, j + i, weight + i, gradient + i);
            _mm512_storeu_si512(p + (j + i) * SIDE, weight[i]);
            _mm512_storeu_si512(ds + (j + i) * SIDE, gradient[i]);
        }
        _mm512_storeu_si512(pairs + j / 2 * SIDE, _mm512_unpacklo_epi16(gradient[0], gradient[1]));
        _mm512_storeu_si512(pairs + TILE + j / 2 * SIDE,
                            _mm512_unpackhi_epi16(gradient[0], gradient[1]));
    }
}

static bool sees(const Queries *q, int64_t key)
{
    if (key >= 0 && key < q->most_sinks) return true;
    return q->all.first < key + SIDE && q->all.end > key;
}

/* One block of keys against a stretch of queries: dk, dv, and ds, from which queries_backward()
 * computes dq. */
static void keys_backward(const AttentionUnit *u, Backward *w, int64_t blocks, int64_t key)
{
    const int64_t width = w->width, values = w->values;
    bf16 *pairs = w->ds_pairs + key / SIDE % BLOCKS * BLOCKS * 2 * TILE;
    int64_t begin = blocks, end = 0;
    if (u->sinks) /* queries_backward() also reads blocks between the sinks and the others */
        memset(pairs, 0, (size_t)(blocks * 2 * TILE) * sizeof *pairs);
    for (int64_t i = 0; i < blocks; i++) {
        if (!sees(&w->block[i], key)) continue;
        begin = i < begin ? i : begin;
        end = i + 1;
    }
    for (int64_t i = begin; i < end; i++) {
        if (!sees(&w->block[i], key)) {
            memset(w->p + i * SIDE * SIDE, 0, SIDE * SIDE * sizeof *w->p);
            memset(w->ds + i * SIDE * SIDE, 0, SIDE * SIDE * sizeof *w->ds);
            continue;
        }
        square(w->s, SIDE, false, width / SIDE, (Steps){w->k + key * width, width, SIDE},
               (Steps){w->q + i * SIDE * width, TILE, 2 * TILE});
        square(w->dp, SIDE, false, values / SIDE, (Steps){w->v + key * values, values, SIDE},
               (Steps){w->dy + i * SIDE * values, TILE, 2 * TILE});
        if (u->drop_below && (key % 64 == 0 || !sees(&w->block[i], key - SIDE)))
            keep_begin(u, &w->block[i], key / 64 * 64, w->keep + i * 64);
        block_gradient(u, w, key, i, pairs + i * 2 * TILE);
    }
    bool *begun = w->begun + key / SIDE;
    const Steps p = {w->p + begin * SIDE * SIDE, SIDE, SIDE * SIDE},
                ds = {w->ds + begin * SIDE * SIDE, SIDE, SIDE * SIDE};
    for (int64_t c = 0; u->dv.data && begin < end && c < values; c += SIDE)
        square(w->dv + key * values + c, values, *begun, end - begin, p,
               (Steps){w->dy_pairs + begin * SIDE * values + c / 16 * TILE, TILE, SIDE * values});
    for (int64_t c = 0; u->dk.data && begin < end && c < width; c += SIDE)
        square(w->dk + key * width + c, width, *begun, end - begin, ds,
               (Steps){w->q_pairs + begin * SIDE * width + c / 16 * TILE, TILE, SIDE * width});
    if (begin < end) *begun = true;
}

/* dq of a stretch of queries += ds k over a stretch of keys. */
static void queries_backward(const Backward *w, int64_t blocks, int64_t from, int64_t stop)
{
    const int64_t width = w->width;
    for (int64_t i = 0; i < blocks; i++) {
        const Interval x = blocks_in(&w->block[i], from, stop);
        const int64_t first = first_block(&w->block[i]), begin = x.first, end = x.end;
        for (int64_t c = 0; begin < end && c < width; c += SIDE)
            square(w->dq + c * STRETCH + i * SIDE, STRETCH, from > first, end - begin,
                   (Steps){w->k_transposed + (begin * width + c) * SIDE, SIDE, SIDE * width},
                   (Steps){w->ds_pairs + ((begin - from) * BLOCKS + i) * 2 * TILE, TILE,
                           BLOCKS * 2 * TILE});
    }
}

/* Stores 16 numbers of a row, or adds them to it. */
BLOCK_INLINE void put(float *to, __mmask16 which, __m512 x, bool add)
{
    if (add) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(which, to));
    _mm512_mask_storeu_ps(to, which, x);
}

static void put_queries(const AttentionUnit *u, const Backward *w, int64_t at)
{
    const Queries *q = &w->block[at];
    const bool made = q->all.first < q->all.end;
    const __m512 scale = _mm512_set1_ps((float)u->scale);
    real *dq = u->dq.data + q->row * u->dq.step + q->head * u->head_width;
    for (int64_t c = 0; c < u->head_width; c += 16)
        for (int half = 0; half < 2; half++) {
            __m512i r[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++)
                r[i] = _mm512_loadu_si512(w->dq + (c + i) * STRETCH + at * SIDE + half * 16);
            transpose_16(r);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                const int row = unpacked(i) + 4 * half;
                const __m512 x = _mm512_mul_ps(_mm512_castsi512_ps(r[i]), scale);
                if (row < q->count)
                    put(dq + row * u->dq.step + c, within_16(c, u->head_width),
                        made ? x : _mm512_setzero_ps(), u->add_q);
            }
        }
}

/* Stores the gradient of k or v, factor x [keys, padded], in rows of `width` numbers. */
static void put_keys(const AttentionUnit *u, const Backward *w, AttentionMatrix to, int64_t width,
                     const float *x, int64_t padded, float factor, bool add)
{
    const int64_t one = (int64_t)sizeof(real);
    const __m512 scale = _mm512_set1_ps(factor);
    for (int64_t key = 0; to.data && key < u->keys; key++) {
        if (key % SIDE == 0)
            prefetch_rows(to.data, to.step * one, key + SIDE, u->keys, width * one, 1);
        const bool begun = w->begun[key / SIDE];
        for (int64_t c = 0; c < width; c += 16) {
            const __m512 y = _mm512_loadu_ps(x + key * padded + c);
            put(to.data + key * to.step + c, within_16(c, width),
                begun ? _mm512_mul_ps(y, scale) : _mm512_setzero_ps(), add);
        }
    }
}

static void stretch_backward(const AttentionUnit *u, Backward *w, int64_t head, int64_t row)
{
    Interval all = {0};
    int64_t blocks = 0;
    for (; blocks < BLOCKS && row + blocks * SIDE < u->queries; blocks++) {
        queries_begin(u, w, head, row + blocks * SIDE, blocks);
        all = join(all, w->block[blocks].all);
        if (w->block[blocks].most_sinks) all.first = 0;
    }
    const int64_t last = blocks_of(all.end);
    for (int64_t from = all.first / STRETCH * BLOCKS; from < last; from += BLOCKS) {
        const int64_t stop = from + BLOCKS < last ? from + BLOCKS : last;
        for (int64_t b = from; b < stop; b++) keys_backward(u, w, blocks, b * SIDE);
        if (u->dq.data) queries_backward(w, blocks, from, stop);
    }
    for (int64_t i = 0; u->dq.data && i < blocks; i++) put_queries(u, w, i);
}

void BACKWARD(const AttentionUnit *u)
{
    Backward w;
    tiles_begin();
    backward_begin(u, &w);
    for (int64_t head = 0; head < u->group; head++)
        for (int64_t row = 0; row < u->queries; row += STRETCH) stretch_backward(u, &w, head, row);
    put_keys(u, &w, u->dv, u->value_width, w.dv, w.values, 1, u->add_v);
    put_keys(u, &w, u->dk, u->head_width, w.dk, w.width, (float)u->scale, u->add_k);
    tiles_end();
}

#endif
