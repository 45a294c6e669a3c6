/* Inside the attention kernel: the two passes over a unit. Included once for each instruction set, after
 * attention_vector.h's two macros and FORWARD and BACKWARD, the names of what it defines.
 *
 * Queries go in tiles of QUERIES rows, tiles in strips of STRIP rows; keys in tiles of KEYS. A strip is
 * what keys are left out for: within a tile it takes the vectors of keys that one of its rows sees. */
#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/attention_vector.h"

enum {
    STRIPS = QUERIES / STRIP,
    GRAIN = (int)LANES > (int)STRIP ? (int)LANES : (int)STRIP, /* of keys, within a tile */
    PANEL = 2 * LANES > GRAIN ? 2 * LANES : GRAIN
};

typedef struct Work {
    int64_t width;  /* of a head, filled up to whole vectors */
    int64_t padded; /* keys, filled up to whole panels */
    /* Keys of the unit: in columns (panels of PANEL keys), and in rows of `width`. */
    real *k_columns, *v_columns, *k_rows, *v_rows, *dk, *dv;
    /* A tile of queries, in columns (panels of QUERY_PANEL) and rows. */
    real *q_columns, *dy_columns, *q_rows, *dy_rows, *sum;
    real *p, *dp; /* [QUERIES, KEYS]: scores or weights, and their gradient */
    real *lanes;  /* [QUERIES, LANES]: sums of weights */
} Work;

static Work work_cut(const AttentionUnit *u, bool backward)
{
    Work w = {.width = (u->head_width + LANES - 1) / LANES * LANES,
              .padded = (u->keys + PANEL - 1) / PANEL * PANEL};
    const int64_t keys = w.padded * w.width, tile = QUERIES * w.width;
    real *at = u->work,
         **const keyed[] = {&w.k_columns, &w.v_rows, &w.v_columns, &w.k_rows, &w.dk, &w.dv};
    real **const tiled[] = {&w.sum, &w.q_columns, &w.dy_columns, &w.q_rows, &w.dy_rows};
    for (int i = 0; i < (backward ? 6 : 2); i++, at += keys) *keyed[i] = at;
    for (int i = 0; i < 5; i++, at += tile) *tiled[i] = at;
    w.p = at;
    w.dp = w.p + QUERIES * KEYS;
    w.lanes = w.dp + QUERIES * KEYS;
    return w;
}

/* The keys that a row sees. */
static Interval seen(const AttentionUnit *u, int64_t row)
{
    if (!u->first) return (Interval){0, u->keys - u->queries + row + 1};
    return (Interval){u->first[row], u->end[row]};
}

/* A tile of queries, and which keys its strips see. */
typedef struct Tile {
    int64_t row, rows, head;
    Interval strip[STRIPS], all;
} Tile;

static Interval join(Interval a, Interval b)
{
    if (b.first >= b.end) return a;
    if (a.first >= a.end) return b;
    return (Interval){a.first < b.first ? a.first : b.first, a.end > b.end ? a.end : b.end};
}

static Tile tile_at(const AttentionUnit *u, int64_t head, int64_t row)
{
    Tile t = {.row = row, .head = head};
    t.rows = u->queries - row < QUERIES ? u->queries - row : QUERIES;
    for (int64_t i = 0; i < t.rows; i++)
        t.strip[i / STRIP] = join(t.strip[i / STRIP], seen(u, row + i));
    for (int i = 0; i < STRIPS; i++) t.all = join(t.all, t.strip[i]);
    return t;
}

/* The part of an interval in the tile of keys that begins at key, counted from there. */
static Interval within(Interval x, int64_t key)
{
    x.first = x.first > key ? x.first - key : 0;
    x.end = x.end < key + KEYS ? x.end - key : KEYS;
    return x;
}

static Interval whole_vectors(Interval x)
{
    return (Interval){x.first / GRAIN * GRAIN, (x.end + GRAIN - 1) / GRAIN * GRAIN};
}

/* Copies with rows that see no key as zeros, so that no not-a-number comes in through them. */
static void pack_queries(const AttentionUnit *u, const Tile *t, AttentionMatrix x, int64_t padded,
                         real *columns, real *rows, real factor)
{
    const int64_t at = t->head * u->head_width, width = u->head_width;
    pack_columns(columns, QUERY_PANEL, x.data + t->row * x.step + at, x.step, t->rows, width,
                 factor);
    if (rows)
        pack_rows(rows, padded, x.data + t->row * x.step + at, x.step, t->rows, width, QUERIES);
    for (int64_t i = 0; u->first && i < t->rows; i++) {
        const Interval see = seen(u, t->row + i);
        if (see.first < see.end) continue;
        real *column = columns + i / QUERY_PANEL * QUERY_PANEL * width + i % QUERY_PANEL;
        for (int64_t c = 0; c < width; c++) column[c * QUERY_PANEL] = 0;
        if (rows) memset(rows + i * padded, 0, (size_t)width * sizeof *rows);
    }
}

/* The scores of a strip, or the like of them: s [STRIP, KEYS] = rows of columns times the keys of
 * panels, in the vectors of v. */
static void strip_product(const AttentionUnit *u, const Tile *t, int64_t strip, const real *columns,
                          const real *panels, int64_t key, Interval v, real *s)
{
    const int64_t row = strip * STRIP, width = u->head_width;
    const int64_t rows = t->rows - row < STRIP ? t->rows - row : STRIP;
    const real *a = columns + row / QUERY_PANEL * QUERY_PANEL * width + row % QUERY_PANEL;
    for (int64_t j = v.first; j < v.end;) {
        const int64_t at = (key + j) / PANEL * PANEL, offset = (key + j) % PANEL;
        const int64_t vecs = offset == 0 && j + PANEL <= v.end ? 2 : 1;
        product((rows + 3) / 4 * 4, vecs, width, a, 1, QUERY_PANEL, panels + at * width + offset,
                PANEL, s + j, KEYS, false);
        j += vecs * LANES;
    }
}

/* Finishes the scores of one row: distance and mask. */
static void row_scores(const AttentionUnit *u, const Tile *t, int64_t i, int64_t key, Interval v,
                       real *s)
{
    const Interval see = seen(u, t->row + i), x = {see.first - key, see.end - key};
    if (!u->slopes && x.first <= v.first && x.end >= v.end) return;
    const real slope = u->slopes ? (real)(u->slopes[t->head] * LOG2E) : 0;
    const real own = (real)(u->keys - u->queries + t->row + i - key);
    /* Compared as numbers of the vector's type: places in a tile, so all of them are exact. */
    const real first = (real)(x.first < 0 ? 0 : x.first), end = (real)(x.end > KEYS ? KEYS : x.end);
    Vec place;
    for (int l = 0; l < LANES; l++) place[l] = (real)(v.first + l);
    const Vec minus = all(-(real)INFINITY), zero = {0};
    for (int64_t j = v.first; j < v.end; j += LANES, place += (real)LANES) {
        Vec y = load(s + j);
        if (u->slopes) {
            const Vec away = place - own;
            y -= slope * choose(away < zero, -away, away);
        }
        const Mask inside = (place >= all(first)) & (place < all(end));
        store(s + j, choose(inside, y, minus));
    }
}

/* What dropout makes of each weight of a row, 0 or drop_scale times it: 64 keys take one word each of 16 numbers. */
static void row_factors(const AttentionUnit *u, const Tile *t, int64_t i, int64_t key, Interval v,
                        real *factor)
{
    const real scale = (real)u->drop_scale;
    const uint64_t row =
        u->drop_row + (uint64_t)(t->row + i) * u->drop_row_step + (uint64_t)t->head;
    for (int64_t j = v.first / 64 * 64; j < v.end; j += 64) {
        uint32_t word[4][16];
        const uint64_t counter = row << 24 | (uint64_t)(key + j) / 4;
        for (int b = 0; b < 16; b++) {
            const Random4 r = rng_block(u->rng, counter + (uint64_t)b, u->draw);
            for (int c = 0; c < 4; c++) word[c][b] = r.word[c];
        }
        const uint32_t *flat = word[0];
        const int64_t begin = v.first > j ? v.first - j : 0, end = v.end - j < 64 ? v.end - j : 64;
        for (int64_t c = begin; c < end; c++) factor[j + c] = flat[c] < u->drop_below ? 0 : scale;
    }
}

typedef struct Online {
    real max[QUERIES]; /* of the scores so far, times log2 e */
} Online;

/* One strip against one tile of keys: weights, and the sum that they weigh. */
static void strip_forward(const AttentionUnit *u, const Work *w, const Tile *t, Online *o,
                          int64_t strip, int64_t key)
{
    const Interval x = within(t->strip[strip], key);
    if (x.first >= x.end) return;
    const Interval v = whole_vectors(x);
    const int64_t row = strip * STRIP, rows = t->rows - row < STRIP ? t->rows - row : STRIP;
    real *p = w->p, shrink[STRIP + 15] = {0}, factor[KEYS];

    strip_product(u, t, strip, w->q_columns, w->k_columns, key, v, p);
    for (int64_t r = 0; r < rows; r++) {
        row_scores(u, t, row + r, key, v, p + r * KEYS);
        Vec max = all(-(real)INFINITY);
        for (int64_t j = v.first; j < v.end; j += LANES) max = larger(load(p + r * KEYS + j), max);
        const real before = o->max[row + r], now = largest(max);
        if (now > before) o->max[row + r] = now;
        shrink[r] = now > before ? before - now : 0;
    }
    for (int64_t r = 0; r < rows; r += LANES) store(shrink + r, exp2_vec(load(shrink + r)));

    for (int64_t r = 0; r < rows; r++) {
        real *y = p + r * KEYS, *lanes = w->lanes + (row + r) * LANES;
        const real max = o->max[row + r] == -(real)INFINITY ? 0 : o->max[row + r];
        Vec sum = load(lanes) * shrink[r];
        for (int64_t j = v.first; j < v.end; j += LANES) {
            const Vec e = exp2_vec(load(y + j) - max);
            sum += e;
            store(y + j, e);
        }
        store(lanes, sum);
        if (u->drop_below) {
            row_factors(u, t, row + r, key, v, factor);
            for (int64_t j = v.first; j < v.end; j++) y[j] *= factor[j];
        }
        if (shrink[r] == 1) continue;
        real *weighted = w->sum + (row + r) * w->width;
        for (int64_t c = 0; c < w->width; c += LANES)
            store(weighted + c, load(weighted + c) * shrink[r]);
    }
    for (int64_t r = rows; r < (rows + 3) / 4 * 4; r++)
        memset(p + r * KEYS + v.first, 0, (size_t)(v.end - v.first) * sizeof *p);
    product((rows + 3) / 4 * 4, w->width / LANES, x.end - x.first, p + x.first, KEYS, 1,
            w->v_rows + (key + x.first) * w->width, w->width, w->sum + row * w->width, w->width,
            true);
}

static void tile_forward(const AttentionUnit *u, const Work *w, const Tile *t)
{
    Online o;
    pack_queries(u, t, u->q, w->width, w->q_columns, NULL, (real)(u->scale * LOG2E));
    memset(w->sum, 0, (size_t)(QUERIES * w->width) * sizeof *w->sum);
    memset(w->lanes, 0, (size_t)(QUERIES * LANES) * sizeof *w->lanes);
    for (int i = 0; i < QUERIES; i++) o.max[i] = -(real)INFINITY;

    for (int64_t key = t->all.first / KEYS * KEYS; key < t->all.end; key += KEYS)
        for (int64_t strip = 0; strip * STRIP < t->rows; strip++)
            strip_forward(u, w, t, &o, strip, key);

    for (int64_t i = 0; i < t->rows; i++) {
        const Interval see = seen(u, t->row + i);
        real *y = u->y.data + (t->row + i) * u->y.step + t->head * u->head_width;
        real *log_sum = u->log_sum ? u->log_sum + t->head * u->log_sum_step + t->row + i : NULL;
        const real sum = total(load(w->lanes + i * LANES));
        if (see.first >= see.end) {
            memset(y, 0, (size_t)u->head_width * sizeof *y);
            if (log_sum) *log_sum = 0;
            continue;
        }
        const real over = 1 / sum;
        for (int64_t c = 0; c < u->head_width; c++) y[c] = w->sum[i * w->width + c] * over;
        if (log_sum) *log_sum = (real)(o.max[i] + log2((double)sum));
        if (u->max_logit && o.max[i] / (real)LOG2E > u->max_logit[t->head])
            u->max_logit[t->head] = o.max[i] / (real)LOG2E;
    }
}

void FORWARD(const AttentionUnit *u)
{
    const Work w = work_cut(u, false);
    for (int64_t head = 0; u->max_logit && head < u->group; head++)
        u->max_logit[head] = -(real)INFINITY;
    pack_columns(w.k_columns, PANEL, u->k.data, u->k.step, u->keys, u->head_width, 1);
    pack_rows(w.v_rows, w.width, u->v.data, u->v.step, u->keys, u->head_width, w.padded);
    for (int64_t head = 0; head < u->group; head++)
        for (int64_t row = 0; row < u->queries; row += QUERIES) {
            const Tile t = tile_at(u, head, row);
            tile_forward(u, &w, &t);
        }
}

/* One strip against one tile of keys: p, dp = weights and the gradient of scores, in whole GRAINs of keys
 * around what the strip sees, and dq. Returns what it sees. */
static Interval strip_backward(const AttentionUnit *u, const Work *w, const Tile *t,
                               const real *delta, int64_t strip, int64_t key)
{
    const int64_t row = strip * STRIP, rows = t->rows - row < STRIP ? t->rows - row : STRIP;
    const Interval x = within(t->strip[strip], key);
    if (x.first >= x.end) return (Interval){0, 0};
    const Interval v = whole_vectors(x);
    real *p = w->p + row * KEYS, *dp = w->dp + row * KEYS, factor[KEYS];

    strip_product(u, t, strip, w->q_columns, w->k_columns, key, v, p);
    strip_product(u, t, strip, w->dy_columns, w->v_columns, key, v, dp);
    for (int64_t r = 0; r < rows; r++) {
        real *weight = p + r * KEYS, *g = dp + r * KEYS;
        const real log_sum = u->log_sum[t->head * u->log_sum_step + t->row + row + r];
        row_scores(u, t, row + r, key, v, weight);
        if (u->drop_below) {
            row_factors(u, t, row + r, key, v, factor);
            for (int64_t j = v.first; j < v.end; j++) g[j] *= factor[j];
        }
        for (int64_t j = v.first; j < v.end; j += LANES) {
            const Vec e = exp2_vec(load(weight + j) - log_sum);
            store(weight + j, e);
            store(g + j, e * (load(g + j) - delta[row + r]));
        }
        for (int64_t j = v.first; u->drop_below && j < v.end; j++) weight[j] *= factor[j];
    }
    for (int64_t r = rows; r < STRIP; r++) {
        memset(p + r * KEYS + v.first, 0, (size_t)(v.end - v.first) * sizeof *p);
        memset(dp + r * KEYS + v.first, 0, (size_t)(v.end - v.first) * sizeof *p);
    }
    product((rows + 3) / 4 * 4, w->width / LANES, x.end - x.first, dp + x.first, KEYS, 1,
            w->k_rows + (key + x.first) * w->width, w->width, w->sum + row * w->width, w->width,
            true);
    return x;
}

static bool sees(Interval x, int64_t key)
{
    return x.first < key + STRIP && x.end > key;
}

static void clear_corner(const Work *w, int64_t strip, int64_t key)
{
    for (int64_t i = strip * STRIP; i < (strip + 1) * STRIP; i++)
        for (int64_t j = key; j < key + STRIP; j++) w->p[i * KEYS + j] = w->dp[i * KEYS + j] = 0;
}

/* dv += p^T dy, dk += dp^T q: each strip of keys from the first to the last row that sees it. */
static void keys_backward(const Work *w, const Interval *see, int64_t strips, int64_t key)
{
    for (int64_t j = 0; j < KEYS && key + j < w->padded; j += STRIP) {
        int64_t begin = strips, end = 0, count = 0;
        for (int64_t s = 0; s < strips; s++)
            if (sees(see[s], j)) {
                begin = s < begin ? s : begin;
                end = s + 1;
                count++;
            }
        if (!count) continue;
        for (int64_t s = begin; count < end - begin && s < end; s++)
            if (!sees(see[s], j)) clear_corner(w, s, j);
        const int64_t row = begin * STRIP, rows = (end - begin) * STRIP, at = (key + j) * w->width;
        const int64_t vecs = w->width / LANES, b = row * w->width;
        product(STRIP, vecs, rows, w->p + row * KEYS + j, 1, KEYS, w->dy_rows + b, w->width,
                w->dv + at, w->width, true);
        product(STRIP, vecs, rows, w->dp + row * KEYS + j, 1, KEYS, w->q_rows + b, w->width,
                w->dk + at, w->width, true);
    }
}

static void put(AttentionMatrix to, int64_t row, int64_t column, const real *x, int64_t step,
                int64_t rows, int64_t width, real factor, bool add)
{
    for (int64_t i = 0; i < rows; i++) {
        real *y = to.data + (row + i) * to.step + column;
        if (i + 8 < rows) AHEAD(y + 8 * to.step, width, 1);
        if (add)
            for (int64_t c = 0; c < width; c++) y[c] += x[i * step + c] * factor;
        else
            for (int64_t c = 0; c < width; c++) y[c] = x[i * step + c] * factor;
    }
}

static void tile_backward(const AttentionUnit *u, const Work *w, const Tile *t)
{
    const int64_t width = u->head_width, strips = (t->rows + STRIP - 1) / STRIP;
    real delta[QUERIES];

    pack_queries(u, t, u->q, w->width, w->q_columns, w->q_rows, (real)(u->scale * LOG2E));
    pack_queries(u, t, u->dy, w->width, w->dy_columns, w->dy_rows, 1);
    memset(w->sum, 0, (size_t)(QUERIES * w->width) * sizeof *w->sum);
    for (int64_t i = 0; i < t->rows; i++) {
        const real *y = u->y.data + (t->row + i) * u->y.step + t->head * width;
        const real *g = w->dy_rows + i * w->width;
        if (i + 8 < t->rows) AHEAD(y + 8 * u->y.step, width, 0);
        Vec sum = {0};
        real rest = 0;
        int64_t c = 0;
        for (; c + LANES <= width; c += LANES) sum += load(y + c) * load(g + c);
        for (; c < width; c++) rest += y[c] * g[c];
        delta[i] = total(sum) + rest;
    }
    for (int64_t key = t->all.first / KEYS * KEYS; key < t->all.end; key += KEYS) {
        Interval see[STRIPS];
        for (int64_t strip = 0; strip < strips; strip++)
            see[strip] = strip_backward(u, w, t, delta, strip, key);
        keys_backward(w, see, strips, key);
    }
    if (u->dq.data)
        put(u->dq, t->row, t->head * width, w->sum, w->width, t->rows, width, (real)u->scale,
            u->add_q);
}

void BACKWARD(const AttentionUnit *u)
{
    const Work w = work_cut(u, true);
    pack_columns(w.k_columns, PANEL, u->k.data, u->k.step, u->keys, u->head_width, 1);
    pack_columns(w.v_columns, PANEL, u->v.data, u->v.step, u->keys, u->head_width, 1);
    pack_rows(w.k_rows, w.width, u->k.data, u->k.step, u->keys, u->head_width, w.padded);
    memset(w.dk, 0, (size_t)(w.padded * w.width) * sizeof *w.dk);
    memset(w.dv, 0, (size_t)(w.padded * w.width) * sizeof *w.dv);
    for (int64_t head = 0; head < u->group; head++)
        for (int64_t row = 0; row < u->queries; row += QUERIES) {
            const Tile t = tile_at(u, head, row);
            tile_backward(u, &w, &t);
        }
    if (u->dk.data)
        put(u->dk, 0, 0, w.dk, w.width, u->keys, u->head_width, (real)u->scale, u->add_k);
    if (u->dv.data) put(u->dv, 0, 0, w.dv, w.width, u->keys, u->head_width, 1, u->add_v);
}
