/* Inside the attention kernel: forward and backward over one unit in float. Included once for each
 * instruction set, after the macros of attention_vector.h and after FORWARD and BACKWARD, the names
 * of the two functions to define.
 *
 * A tile is QUERIES queries by KEYS keys, and is processed in strips of STRIP queries: a strip
 * skips the vectors of keys that none of its rows sees. Forward first transposes the keys into
 * panels, so that scores come as vectors along the keys, then takes each tile of queries over the
 * tiles of keys: scores, mask and ALiBi, new maximum, weights, y += p v. Backward takes the tiles
 * in the same order: scores again, p = 2^(score - log_sum), dp = dy v^T, ds = p (dp - delta), then
 * dq += ds k for the strip and, once the tile is complete, dv += p^T dy and dk += ds^T q. delta is
 * the sum over columns of dy y; a strip whose keys are all in one tile uses the equal sum over keys
 * of p dp instead, which needs no other data. Gradients are summed in place if a head is whole
 * vectors, else in a copy. */
#include "autograd/kernels/attention_dropout.h"
#include "autograd/kernels/attention_one.h"
#include "autograd/kernels/attention_prefetch.h"
#include "autograd/kernels/attention_tile.h"
#include "autograd/kernels/attention_vector.h"

enum {
    STRIPS = QUERIES / STRIP,
    GRAIN = (int)LANES > (int)STRIP ? (int)LANES : (int)STRIP, /* of keys, within a tile */
    PANEL = 2 * LANES > GRAIN ? 2 * LANES : GRAIN
};

/* The width of a head's rows in q and k, or in v and y. */
typedef struct Width {
    int64_t count;
    int64_t padded; /* padded to whole vectors */
    bool whole;     /* width is whole vectors: rows are read and written in place */
} Width;

typedef struct Scratch {
    Width head, value;
    int64_t padded; /* keys, padded to whole panels */
    /* Keys of the unit, in columns: panels of PANEL keys. */
    real *k_columns, *v_columns;
    real *k_rows, *v_rows, *dk, *dv; /* padded rows, if a head is not whole vectors */
    /* Copies of a tile of queries, if its rows cannot be read or written in place. */
    real *q_rows, *dy_rows, *sum;
    real *p, *dp;         /* [QUERIES, KEYS]: scores or weights, and their gradient */
    real *lanes;          /* [QUERIES, LANES]: sums of weights */
    real *spread;         /* likewise: of weights times score - max, for the entropy */
    unsigned char *begun; /* [padded / STRIP]: strips of keys whose dk and dv hold sums */
} Scratch;

static Width width_of(int64_t count)
{
    const int64_t padded = (count + LANES - 1) / LANES * LANES;
    return (Width){count, padded, padded == count};
}

static Scratch scratch_cut(const AttentionUnit *u, bool backward)
{
    Scratch w = {.head = width_of(u->head_width),
                 .value = width_of(u->value_width),
                 .padded = (u->keys + PANEL - 1) / PANEL * PANEL};
    const int64_t head = w.head.padded, value = w.value.padded;
    real *at = u->scratch, **const heads[] = {&w.k_columns, &w.k_rows, &w.dk},
         **const values[] = {&w.v_rows, &w.v_columns, &w.dv};
    for (int i = 0; i < (backward ? 3 : 1); i++) {
        *heads[i] = at;
        *values[i] = at + w.padded * head;
        at += w.padded * (head + value);
    }
    w.sum = at;
    w.q_rows = w.sum + QUERIES * (head > value ? head : value);
    w.dy_rows = w.q_rows + QUERIES * head;
    w.p = w.dy_rows + QUERIES * value;
    w.dp = w.p + QUERIES * KEYS;
    w.lanes = w.dp + QUERIES * KEYS;
    w.spread = w.lanes + QUERIES * LANES;
    w.begun = (unsigned char *)(w.spread + QUERIES * LANES);
    return w;
}

/* A tile of queries, and the keys that its strips see. */
typedef struct Tile {
    int64_t row, rows, head;
    Interval strip[STRIPS], all;
    int64_t sinks[STRIPS], most_sinks; /* a strip sees the keys [0, sinks), too */
    bool has_empty;                    /* a row that sees no key */
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
    for (int64_t i = 0; u->first && i < t.rows; i++) {
        const Interval see = seen(u, row + i);
        const int64_t sinks = sinks_of(u, see);
        if (see.first >= see.end) t.has_empty = true;
        t.strip[i / STRIP] = join(t.strip[i / STRIP], see);
        if (sinks > t.sinks[i / STRIP]) t.sinks[i / STRIP] = sinks;
    }
    for (int64_t i = 0; !u->first && i < t.rows; i += STRIP) {
        const Interval last = seen(u, row + (i + STRIP < t.rows ? i + STRIP : t.rows) - 1);
        t.strip[i / STRIP] = (Interval){seen(u, row + i).first, last.end};
        t.sinks[i / STRIP] = sinks_of(u, last);
    }
    for (int i = 0; i < STRIPS; i++) {
        t.all = join(t.all, t.strip[i]);
        if (t.sinks[i] > t.most_sinks) t.most_sinks = t.sinks[i];
    }
    return t;
}

/* The first key that a strip sees. */
static int64_t strip_begin(const Tile *t, int64_t strip)
{
    return t->sinks[strip] ? 0 : t->strip[strip].first;
}

/* Where the first tile of keys begins, and the one after `key`: those between the sinks and the
 * others are skipped. */
static int64_t first_keys(const Tile *t)
{
    return t->most_sinks ? 0 : t->all.first / KEYS * KEYS;
}

static int64_t next_keys(const Tile *t, int64_t key)
{
    const int64_t others = t->all.first / KEYS * KEYS;
    key += KEYS;
    return key >= t->most_sinks && key < others ? others : key;
}

/* The part of interval x in the tile of keys that begins at `key`, relative to key. */
static Interval within(Interval x, int64_t key)
{
    x.first = x.first > key ? x.first - key : 0;
    x.end = x.end < key + KEYS ? x.end - key : KEYS;
    return x;
}

/* The keys that a strip sees in a tile of keys; if it sees sinks and others there, the keys
 * between them as well. */
static Interval strip_keys(const Tile *t, int64_t strip, int64_t key)
{
    const Interval x = within(t->strip[strip], key);
    if (!t->sinks[strip]) return x;
    return join(x, within((Interval){0, t->sinks[strip]}, key));
}

static Interval whole_vectors(Interval x)
{
    return (Interval){x.first / GRAIN * GRAIN, (x.end + GRAIN - 1) / GRAIN * GRAIN};
}

/* The rows of a tile, in place or as a copy in which rows that see no key are zeros, so that a NaN
 * in them does no harm. A short last strip is always copied and padded with zeros. */
static AttentionMatrix tile_rows(const AttentionUnit *u, const Tile *t, AttentionMatrix x,
                                 const Width *w, real *copy)
{
    const bool direct = w->whole && !t->has_empty;
    const int64_t begin = direct ? t->rows / STRIP * STRIP : 0, short_by = -t->rows & (STRIP - 1);
    x.data += t->row * x.step + t->head * w->count;
    pack_rows(copy + begin * w->padded, w->padded, x.data + begin * x.step, x.step, t->rows - begin,
              w->count, t->rows - begin + short_by);
    for (int64_t i = 0; t->has_empty && i < t->rows; i++) {
        const Interval see = seen(u, t->row + i);
        if (see.first >= see.end) memset(copy + i * w->padded, 0, (size_t)w->padded * sizeof *copy);
    }
    return direct ? x : (AttentionMatrix){copy, w->padded};
}

/* All STRIP rows of a strip. */
static AttentionMatrix strip_rows(const Tile *t, int64_t strip, AttentionMatrix x, const Width *w,
                                  real *copy)
{
    if ((strip + 1) * STRIP > t->rows) x = (AttentionMatrix){copy, w->padded};
    return (AttentionMatrix){x.data + strip * STRIP * x.step, x.step};
}

/* s [STRIP, KEYS] = the rows a of a strip times the columns of panels, for the vectors in v:
 * scores, or dy v^T. */
static void strip_product(int64_t rows, int64_t width, AttentionMatrix a, const real *panels,
                          int64_t key, Interval v, real *s)
{
    for (int64_t j = v.first; j < v.end;) {
        const int64_t at = (key + j) / PANEL * PANEL, offset = (key + j) % PANEL;
        const int64_t vecs = offset == 0 && j + PANEL <= v.end ? 2 : 1;
        product((rows + 3) / 4 * 4, vecs, width, a.data, a.step, 1, panels + at * width + offset,
                PANEL, s + j, KEYS, false);
        j += vecs * LANES;
    }
}

/* Soft cap of one row's scores, and their derivatives, unless NULL. */
static void row_softcap(const AttentionUnit *u, Interval v, real *s, real *steepness)
{
    const real cap = (real)(u->softcap * LOG2E), over = 1 / cap;
    for (int64_t j = v.first; j < v.end; j += LANES) {
        const Vec t = tanh_vec(load(s + j) * over);
        store(s + j, t * cap);
        if (steepness) store(steepness + j, 1 - t * t);
    }
}

static const real lane_numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Finishes the scores of one row: adds ALiBi and masks. */
static void row_scores(const AttentionUnit *u, const Tile *t, int64_t i, int64_t key, Interval v,
                       real *s)
{
    const Interval see = seen(u, t->row + i), x = {see.first - key, see.end - key};
    if (!u->slopes && x.first <= v.first && x.end >= v.end) return;
    const real slope = u->slopes ? (real)(u->slopes[t->head] * LOG2E) : 0;
    const real own = (real)(u->keys - u->queries + t->row + i - key);
    /* Compared as reals: positions in a tile are small, so all are exact. */
    const real first = (real)(x.first < 0 ? 0 : x.first), end = (real)(x.end > KEYS ? KEYS : x.end);
    const real sinks = (real)(sinks_of(u, see) - key);
    const Vec minus = all(-(real)INFINITY), zero = {0};
    /* Keys that all rows see need no mask: often all but the diagonal. */
    if (!u->slopes && x.first <= v.first && x.end > v.first)
        v.first += (x.end - v.first) / LANES * LANES;
    Vec position = load(lane_numbers) + (real)v.first;
    for (int64_t j = v.first; j < v.end; j += LANES, position += (real)LANES) {
        Vec y = load(s + j);
        if (u->slopes) {
            const Vec away = position - own;
            y -= slope * choose(away < zero, -away, away);
        }
        Mask inside = (position >= all(first)) & (position < all(end));
        if (u->sinks) inside |= position < all(sinks);
        store(s + j, choose(inside, y, minus));
    }
}

typedef struct Online {
    AttentionMatrix q, v;
    real max[QUERIES]; /* largest score so far, times log2 e */
} Online;

/* One strip against one tile of keys: weights, and y += p v. */
static void strip_forward(const AttentionUnit *u, const Scratch *w, const Tile *t, Online *o,
                          int64_t strip, int64_t key)
{
    const Interval x = strip_keys(t, strip, key);
    if (x.first >= x.end) return;
    const Interval v = whole_vectors(x);
    const int64_t row = strip * STRIP, rows = t->rows - row < STRIP ? t->rows - row : STRIP;
    const bool is_first = key <= strip_begin(t, strip); /* the first tile that it sees */
    const bool prefetches = is_first && prefetches_next(u, t->head);
    const int64_t head = u->head_width, value = u->value_width;
    real *p = w->p, shrink[STRIP + 15] = {0}, moved[STRIP], factor[KEYS];
    if (is_first) {
        prefetch_strip(u->q, t->row + row + STRIP, u->queries, t->head * head, head, false);
        prefetch_strip(u->y, t->row + row, u->queries, t->head * value, value, true);
    }
    if (key + KEYS > t->row) prefetch_strip(u->v, key + row + STRIP, u->keys, 0, value, false);

    strip_product(rows, head, strip_rows(t, strip, o->q, &w->head, w->q_rows), w->k_columns, key, v,
                  p);
    if (prefetches) prefetch_next(u, u->next->k, u->next->keys, head, t->row + row);
    for (int64_t r = 0; r < rows; r++) {
        if (u->softcap > 0) row_softcap(u, v, p + r * KEYS, NULL);
        row_scores(u, t, row + r, key, v, p + r * KEYS);
        Vec max = all(-(real)INFINITY);
        for (int64_t j = v.first; j < v.end; j += LANES) max = larger(load(p + r * KEYS + j), max);
        const real before = o->max[row + r], now = largest(max);
        if (now > before) o->max[row + r] = now;
        shrink[r] = now > before ? before - now : 0;
        moved[r] = before == -(real)INFINITY ? 0 : shrink[r];
    }
    for (int64_t r = 0; !is_first && r < rows; r += LANES)
        store(shrink + r, exp2_vec(load(shrink + r)));

    for (int64_t r = 0; r < rows; r++) {
        real *y = p + r * KEYS, *lanes = w->lanes + (row + r) * LANES;
        const real max = o->max[row + r] == -(real)INFINITY ? 0 : o->max[row + r];
        real *spreads = w->spread + (row + r) * LANES;
        Vec sum = is_first ? (Vec){0} : load(lanes) * shrink[r], spread = {0};
        if (u->entropy && !is_first) spread = (load(spreads) + moved[r] * load(lanes)) * shrink[r];
        for (int64_t j = v.first; j < v.end; j += LANES) {
            const Vec score = load(y + j) - max, e = exp2_vec(score);
            sum += e;
            if (u->entropy) spread += e * larger(score, all(WEIGHTLESS));
            store(y + j, e);
        }
        store(lanes, sum);
        if (u->entropy) store(spreads, spread);
        if (u->drop_below) {
            drop_factors(u, t->head, t->row + row + r, key, v, factor);
            for (int64_t j = v.first; j < v.end; j++) y[j] *= factor[j];
        }
        if (is_first || shrink[r] == 1) continue;
        real *weighted = w->sum + (row + r) * w->value.padded;
        for (int64_t c = 0; c < w->value.padded; c += LANES)
            store(weighted + c, load(weighted + c) * shrink[r]);
    }
    product((rows + 3) / 4 * 4, w->value.padded / LANES, x.end - x.first, p + x.first, KEYS, 1,
            o->v.data + (key + x.first) * o->v.step, o->v.step, w->sum + row * w->value.padded,
            w->value.padded, !is_first);
}

static void tile_forward(const AttentionUnit *u, const Scratch *w, const Tile *t, AttentionMatrix v)
{
    Online o = {.q = tile_rows(u, t, u->q, &w->head, w->q_rows), .v = v};
    for (int i = 0; i < QUERIES; i++) o.max[i] = -(real)INFINITY;

    for (int64_t key = first_keys(t); key < t->all.end; key = next_keys(t, key))
        for (int64_t strip = 0; strip * STRIP < t->rows; strip++)
            strip_forward(u, w, t, &o, strip, key);

    for (int64_t i = 0; i < t->rows; i++) {
        const Interval see = seen(u, t->row + i);
        real *y = u->y.data + (t->row + i) * u->y.step + t->head * u->value_width;
        real *log_sum = u->log_sum ? u->log_sum + t->head * u->log_sum_step + t->row + i : NULL;
        if (see.first >= see.end) {
            memset(y, 0, (size_t)u->value_width * sizeof *y);
            if (log_sum) *log_sum = 0;
            continue;
        }
        real sum = total(load(w->lanes + i * LANES)), max = o.max[i];
        if (u->entropy) u->entropy[t->head] += entropy_of(sum, total(load(w->spread + i * LANES)));
        if (u->max_logit && o.max[i] / (real)LOG2E > u->max_logit[t->head])
            u->max_logit[t->head] = o.max[i] / (real)LOG2E;
        const real over = add_sink(u->sink, t->head, &max, &sum);
        scale_row(y, w->sum + i * w->value.padded, u->value_width, over);
        if (log_sum) *log_sum = (real)(max + log2_real(sum));
    }
}

/* All keys in rows of whole vectors. */
static AttentionMatrix key_rows(const AttentionUnit *u, AttentionMatrix x, const Width *w,
                                real *copy)
{
    if (w->whole) return x;
    pack_rows(copy, w->padded, x.data, x.step, u->keys, w->count, u->keys);
    return (AttentionMatrix){copy, w->padded};
}

void FORWARD(const AttentionUnit *u)
{
    if (is_one(u)) {
        one_forward(u);
        return;
    }
    const Scratch w = scratch_cut(u, false);
    for (int64_t head = 0; u->max_logit && head < u->group; head++)
        u->max_logit[head] = -(real)INFINITY;
    for (int64_t head = 0; u->entropy && head < u->group; head++) u->entropy[head] = 0;
    pack_columns(w.k_columns, PANEL, GRAIN, u->k.data, u->k.step, u->keys, u->head_width,
                 (real)(u->scale * LOG2E));
    const AttentionMatrix v = key_rows(u, u->v, &w.value, w.v_rows);
    for (int64_t head = 0; head < u->group; head++)
        for (int64_t row = 0; row < u->queries; row += QUERIES) {
            const Tile t = tile_at(u, head, row);
            tile_forward(u, &w, &t, v);
        }
}

/* Shared by the strips of a tile. */
typedef struct Backward {
    AttentionMatrix q, dy, k;
    real delta[QUERIES]; /* scale times the sum over columns of dy y; unset if in_one_tile() */
} Backward;

/* Whether all keys of a strip are in one tile: then the sum over keys of p dp replaces that of dy
 * y, and y is not read. */
static bool in_one_tile(const Tile *t, int64_t strip)
{
    return strip_begin(t, strip) / KEYS == (t->strip[strip].end - 1) / KEYS;
}

/* Where the gradient of `rows` rows from `row` on is summed: in place in x, or in a copy. */
static AttentionMatrix gradient_target(const Width *w, AttentionMatrix x, int64_t row, int64_t rows,
                                       real *copy)
{
    if (!w->whole || rows < STRIP) return (AttentionMatrix){copy, w->padded};
    return (AttentionMatrix){x.data + row * x.step, x.step};
}

/* Turns one row's scores and g = dy v^T into weights and scale times the gradient of the scores.
 * delta NULL: v holds all keys of the row, so it is computed here. */
INLINE void row_gradient(real *weight, real *g, Interval v, real log_sum, const real *delta)
{
    if (delta) {
        for (int64_t j = v.first; j < v.end; j += LANES) {
            const Vec e = exp2_vec(load(weight + j) - log_sum);
            store(weight + j, e);
            store(g + j, e * (load(g + j) - *delta));
        }
        return;
    }
    Vec sum = {0};
    for (int64_t j = v.first; j < v.end; j += LANES) {
        const Vec e = exp2_vec(load(weight + j) - log_sum);
        store(weight + j, e);
        sum += e * load(g + j);
    }
    const real all_of_it = total(sum);
    for (int64_t j = v.first; j < v.end; j += LANES)
        store(g + j, load(weight + j) * (load(g + j) - all_of_it));
}

/* One strip against one tile of keys: p, dp = weights and the gradient of scores times scale, in
 * whole GRAINs of keys around what the strip sees, and dq. Returns what it sees. */
static Interval strip_backward(const AttentionUnit *u, const Scratch *w, const Tile *t,
                               const Backward *d, int64_t strip, int64_t key)
{
    const int64_t row = strip * STRIP, rows = t->rows - row < STRIP ? t->rows - row : STRIP;
    const Interval x = strip_keys(t, strip, key);
    if (x.first >= x.end) return (Interval){0, 0};
    const Interval v = whole_vectors(x);
    real *p = w->p + row * KEYS, *dp = w->dp + row * KEYS, factor[KEYS], steepness[KEYS];
    const bool is_first = key <= strip_begin(t, strip),
               prefetches = is_first && prefetches_next(u, t->head);
    const bool one = in_one_tile(t, strip);
    const int64_t head = u->head_width, value = u->value_width, column = t->head * head,
                  at = t->head * u->log_sum_step + t->row + row;
    if (is_first) {
        const int64_t next = t->row + row + QUERIES, from = t->head * value;
        prefetch_strip(u->q, t->row + row + STRIP, u->queries, column, head, false);
        prefetch_strip(u->dy, next, u->queries, from, value, false);
        prefetch_strip(u->y, next, u->queries, from, value, false);
        prefetch_strip(u->dq, t->row + row, u->queries, column, head, true);
    }

    strip_product(rows, head, strip_rows(t, strip, d->q, &w->head, w->q_rows), w->k_columns, key, v,
                  p);
    if (prefetches) prefetch_next(u, u->next->k, u->next->keys, head, t->row + row);
    strip_product(rows, value, strip_rows(t, strip, d->dy, &w->value, w->dy_rows), w->v_columns,
                  key, v, dp);
    if (prefetches) prefetch_next(u, u->next->v, u->next->keys, value, t->row + row);
    for (int64_t r = 0; r < rows; r++) {
        real *weight = p + r * KEYS, *g = dp + r * KEYS;
        if (u->softcap > 0) row_softcap(u, v, weight, steepness);
        row_scores(u, t, row + r, key, v, weight);
        if (u->drop_below) {
            drop_factors(u, t->head, t->row + row + r, key, v, factor);
            for (int64_t j = v.first; j < v.end; j++) g[j] *= factor[j];
        }
        row_gradient(weight, g, v, u->log_sum[at + r], one ? NULL : d->delta + row + r);
        for (int64_t j = v.first; u->softcap > 0 && j < v.end; j++) g[j] *= steepness[j];
        for (int64_t j = v.first; u->drop_below && j < v.end; j++) weight[j] *= factor[j];
    }
    if (prefetches) prefetch_next(u, u->next->q, u->next->queries, head, t->row + row);
    if (!u->dq.data) return x;
    const AttentionMatrix to =
        gradient_target(&w->head, u->dq, t->row + row, rows, w->sum + row * w->head.padded);
    const bool direct = to.data != w->sum + row * w->head.padded;
    product((rows + 3) / 4 * 4, w->head.padded / LANES, x.end - x.first, dp + x.first, KEYS, 1,
            d->k.data + (key + x.first) * d->k.step, d->k.step, to.data + (direct ? column : 0),
            to.step, !is_first || (direct && u->add_q));
    if (prefetches) prefetch_next(u, u->next->dy, u->next->queries, value, t->row + row);
    return x;
}

static bool sees(Interval x, int64_t key)
{
    return x.first < key + STRIP && x.end > key;
}

static void clear_corner(const Scratch *w, int64_t strip, int64_t key)
{
    for (int64_t i = strip * STRIP; i < (strip + 1) * STRIP; i++)
        for (int64_t j = key; j < key + STRIP; j++) w->p[i * KEYS + j] = w->dp[i * KEYS + j] = 0;
}

/* x of a strip of keys += p^T rows. */
static void strip_of_keys(AttentionMatrix x, const Width *w, real *copy, bool add, bool begun,
                          int64_t key, int64_t keys, int64_t rows, const real *p, AttentionMatrix b)
{
    if (!x.data) return;
    const AttentionMatrix to = gradient_target(w, x, key, keys - key, copy + key * w->padded);
    const bool direct = to.data != copy + key * w->padded;
    product(STRIP, w->padded / LANES, rows, p, 1, KEYS, b.data, b.step, to.data, to.step,
            begun || (direct && add));
}

/* dv += p^T dy, dk += dp^T q: each strip of keys from the first to the last row that sees it. */
static void keys_backward(const AttentionUnit *u, const Scratch *w, const Tile *t,
                          const Backward *d, const Interval *see, int64_t key)
{
    const int64_t strips = (t->rows + STRIP - 1) / STRIP;
    for (int64_t j = 0; j < KEYS && key + j < u->keys; j += STRIP) {
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
        const int64_t row = begin * STRIP, last = end * STRIP < t->rows ? end * STRIP : t->rows;
        const int64_t at = row * KEYS + j;
        unsigned char *begun = w->begun + (key + j) / STRIP;
        const AttentionMatrix dy = {d->dy.data + row * d->dy.step, d->dy.step},
                              q = {d->q.data + row * d->q.step, d->q.step};
        strip_of_keys(u->dv, &w->value, w->dv, u->add_v, *begun, key + j, u->keys, last - row,
                      w->p + at, dy);
        strip_of_keys(u->dk, &w->head, w->dk, u->add_k, *begun, key + j, u->keys, last - row,
                      w->dp + at, q);
        *begun = 1;
    }
}

/* Stores rows of x, zeros if x is NULL, or adds them. */
static void put(AttentionMatrix to, int64_t row, int64_t column, const real *x, int64_t step,
                int64_t rows, int64_t width, bool add)
{
    for (int64_t i = 0; i < rows; i++) {
        real *y = to.data + (row + i) * to.step + column;
        for (int64_t c = 0; c < width; c++) {
            const real z = x ? x[i * step + c] : 0;
            y[c] = add ? y[c] + z : z;
        }
    }
}

/* Copies gradients that were not summed in place to their destination, and zeros for rows that have
 * none. */
static void strip_put(const Width *w, AttentionMatrix to, int64_t row, int64_t column, int64_t rows,
                      const real *x, bool made, bool add)
{
    if (rows > STRIP) rows = STRIP;
    if (!to.data || (made && w->whole && rows == STRIP)) return;
    put(to, row, column, made ? x : NULL, w->padded, rows, w->count, add);
}

static void tile_backward(const AttentionUnit *u, const Scratch *w, const Tile *t,
                          AttentionMatrix k)
{
    const int64_t width = u->value_width, strips = (t->rows + STRIP - 1) / STRIP;
    Backward d = {.q = tile_rows(u, t, u->q, &w->head, w->q_rows),
                  .dy = tile_rows(u, t, u->dy, &w->value, w->dy_rows),
                  .k = k};
    for (int64_t i = 0; i < t->rows; i++) {
        if (in_one_tile(t, i / STRIP)) continue;
        const real *y = u->y.data + (t->row + i) * u->y.step + t->head * width;
        const real *g = d.dy.data + i * d.dy.step;
        Vec sum = {0};
        real rest = 0;
        int64_t c = 0;
        for (; c + LANES <= width; c += LANES) sum += load(y + c) * load(g + c);
        for (; c < width; c++) rest += y[c] * g[c];
        d.delta[i] = (total(sum) + rest) * (real)u->scale;
    }
    for (int64_t key = first_keys(t); key < t->all.end; key = next_keys(t, key)) {
        Interval see[STRIPS];
        for (int64_t strip = 0; strip < strips; strip++) {
            const int64_t at = key + strip * STRIP;
            if (at < u->keys && !w->begun[at / STRIP]) {
                prefetch_strip(u->dk, at, u->keys, 0, u->head_width, true);
                prefetch_strip(u->dv, at, u->keys, 0, u->value_width, true);
            }
            see[strip] = strip_backward(u, w, t, &d, strip, key);
        }
        keys_backward(u, w, t, &d, see, key);
    }
    for (int64_t s = 0, row = 0; s < strips; s++, row += STRIP)
        strip_put(&w->head, u->dq, t->row + row, t->head * u->head_width, t->rows - row,
                  w->sum + row * w->head.padded, t->strip[s].first < t->strip[s].end, u->add_q);
}

void BACKWARD(const AttentionUnit *u)
{
    const Scratch w = scratch_cut(u, true);
    pack_columns(w.k_columns, PANEL, GRAIN, u->k.data, u->k.step, u->keys, u->head_width,
                 (real)(u->scale * LOG2E));
    pack_columns(w.v_columns, PANEL, GRAIN, u->v.data, u->v.step, u->keys, u->value_width,
                 (real)u->scale);
    const AttentionMatrix k = key_rows(u, u->k, &w.head, w.k_rows);
    memset(w.begun, 0, (size_t)(w.padded / STRIP));
    for (int64_t head = 0; head < u->group; head++)
        for (int64_t row = 0; row < u->queries; row += QUERIES) {
            const Tile t = tile_at(u, head, row);
            tile_backward(u, &w, &t, k);
        }
    for (int64_t key = 0; key < u->keys; key += STRIP) {
        const real *dk = w.dk + key * w.head.padded, *dv = w.dv + key * w.value.padded;
        const bool made = w.begun[key / STRIP];
        strip_put(&w.head, u->dk, key, 0, u->keys - key, dk, made, u->add_k);
        strip_put(&w.value, u->dv, key, 0, u->keys - key, dv, made, u->add_v);
    }
}
