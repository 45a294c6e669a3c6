#include "data/packers/columns.h"

#include <math.h>
#include <string.h>

#include "data/packers/knapsack.h"

/* A pattern must be worth this much more than one pack. */
static const double GAIN = 1e-6, PIVOT_MIN = 1e-9, SMOOTHING = 0.8;

typedef struct Program {
    const Lengths *lengths;
    Arena *arena;
    int64_t rows, capacity;
    int64_t *length;  /* [rows]: the length of row i, descending */
    int64_t *row;     /* [capacity + 1]: of a length; -1: none */
    Column *basis;    /* [rows] */
    double *inverse;  /* [rows, rows]: of the basis matrix */
    double *price;    /* [rows] */
    double *entering; /* [rows]: the entering column, in terms of the basis */
    double *center;   /* [rows]: prices with the best bound */
    double bound;     /* lower bound of the number of packs */
    Knapsack knapsack;
    PackPart *parts; /* [capacity + 1]: scratch */
    double work;     /* multiplications left */
} Program;

static Status open_program(Program *s)
{
    const int64_t m = s->rows, size = (int64_t)sizeof(double);
    s->basis = arena_zero(s->arena, m * (int64_t)sizeof *s->basis);
    s->inverse = arena_zero(s->arena, m * m * size);
    s->price = arena_zero(s->arena, m * size);
    s->entering = arena_zero(s->arena, m * size);
    s->center = arena_zero(s->arena, m * size);
    s->parts = arena_take(s->arena, (s->capacity + 1) * (int64_t)sizeof *s->parts);
    if (!s->basis || !s->inverse || !s->price || !s->entering || !s->center || !s->parts)
        return FAIL(E_NOMEM, "packing of %lld lengths", (long long)m);
    return OK;
}

static Status keep(Program *s, Column *c, double packs, int64_t count)
{
    PackPart *parts = arena_take(s->arena, (count + 1) * (int64_t)sizeof *parts);
    if (!parts) return FAIL(E_NOMEM, "patterns of packs");
    memcpy(parts, s->parts, (size_t)count * sizeof *parts);
    *c = (Column){packs, parts, count};
    return OK;
}

/* Adds as many documents of row i to parts as are left, fit, and the depth allows. */
static void put(const Program *s, int64_t i, double left, int64_t most, int64_t *room,
                int64_t *depth, int64_t *count)
{
    const int64_t length = s->length[i];
    int64_t times = *room / length < *depth ? *room / length : *depth;
    if (times > most) times = most;
    if ((double)times > left) times = left < 1 ? 1 : (int64_t)left;
    s->parts[(*count)++] = (PackPart){(int32_t)length, (int32_t)times};
    *room -= times * length;
    *depth -= times;
}

/* Makes a pack that begins with row `first`: then the longest documents that fit; or, since
 * short ones are hard to place if packs may hold few documents, the shortest next and the
 * longest that fits last. */
static int64_t fill(const Program *s, int64_t first, const double *left, const bool *gone,
                    bool short_ones)
{
    int64_t room = s->capacity, depth = s->lengths->depth, count = 0, end = s->rows;
    put(s, first, left[first], short_ones ? 1 : INT64_MAX, &room, &depth, &count);
    for (int64_t i = s->rows - 1; short_ones && i > first && depth > 1; i--) {
        if (gone[i] || left[i] < 1 || s->length[i] > room) continue;
        put(s, i, left[i], depth - 1, &room, &depth, &count);
        end = i;
    }
    for (int64_t i = first + 1; i < end && room && depth; i++)
        if (!gone[i] && left[i] >= 1 && s->length[i] <= room)
            put(s, i, left[i], INT64_MAX, &room, &depth, &count);
    return count;
}

/* A first basis: patterns that are each used until one of their lengths is used up. order:
 * [rows], the order in which lengths were used up. */
static Status begin(Program *s, bool short_ones, int64_t *order, double *total)
{
    const int64_t m = s->rows;
    double *left = arena_take(s->arena, m * (int64_t)sizeof *left);
    bool *gone = arena_zero(s->arena, m);
    int64_t longest = 0;
    if (!left || !gone) return FAIL(E_NOMEM, "packing of %lld lengths", (long long)m);
    for (int64_t i = 0; i < m; i++) left[i] = (double)s->lengths->counts[s->length[i]];
    *total = 0;
    for (int64_t k = 0; k < m; k++) {
        while (gone[longest]) longest++;
        const int64_t count = fill(s, longest, left, gone, short_ones);
        double packs = INFINITY;
        int64_t last = longest;
        for (int64_t i = 0; i < count; i++) {
            const int64_t row = s->row[s->parts[i].length];
            if (left[row] / s->parts[i].times >= packs) continue;
            packs = left[row] / s->parts[i].times;
            last = row;
        }
        for (int64_t i = 0; i < count; i++) {
            double *some = &left[s->row[s->parts[i].length]];
            *some = fmax(0, *some - packs * s->parts[i].times);
        }
        gone[last] = true;
        order[k] = last;
        *total += packs;
        TRY(keep(s, &s->basis[last], packs, count));
    }
    return OK;
}

/* In that order the basis is triangular, and one pass inverts it. */
static void invert(Program *s, const int64_t *order)
{
    const int64_t m = s->rows;
    for (int64_t k = 0; k < m; k++) {
        const int64_t at = order[k];
        const Column *c = &s->basis[at];
        double *row = s->inverse + at * m, own = 1;
        for (int64_t i = 0; i < c->count; i++)
            if (s->row[c->parts[i].length] == at) own = c->parts[i].times;
        row[at] += 1;
        for (int64_t j = 0; j < m; j++) row[j] /= own;
        for (int64_t i = 0; i < c->count; i++) {
            const int64_t other = s->row[c->parts[i].length];
            double *to = s->inverse + other * m;
            for (int64_t j = 0; other != at && j < m; j++) to[j] -= c->parts[i].times * row[j];
        }
        for (int64_t j = 0; j < m; j++) s->price[j] += row[j];
    }
}

/* Prices packs. Prices at which no pack is worth more than 1 give a lower bound (Farley 1990). */
static void price_packs(Program *s, double smoothing)
{
    double *worth = s->knapsack.worth;
    for (int64_t i = 0; i <= s->capacity; i++) worth[i] = -INFINITY;
    for (int64_t i = 0; i < s->rows; i++) {
        const double price = smoothing * s->center[i] + (1 - smoothing) * s->price[i];
        if (price > 1e-12) worth[s->length[i]] = price;
    }
    const double most = knapsack_fill(&s->knapsack);
    double sum = 0;
    s->work -= knapsack_work(s->capacity, s->knapsack.layers);
    for (int64_t i = 0; i < s->rows; i++) {
        const double price = worth[s->length[i]];
        if (price > 0) sum += price * (double)s->lengths->counts[s->length[i]];
    }
    if (sum / most <= s->bound) return;
    s->bound = sum / most;
    for (int64_t i = 0; i < s->rows; i++) s->center[i] = fmax(0, worth[s->length[i]]) / most;
}

/* Pivots on the column in `entering`; gain: the packs that a unit of it saves. */
static int64_t pivot(Program *s, double gain)
{
    const int64_t m = s->rows;
    const double *d = s->entering;
    int64_t leaving = -1;
    double ratio = INFINITY;
    for (int64_t i = 0; i < m; i++) {
        if (d[i] < PIVOT_MIN) continue;
        const double r = s->basis[i].packs / d[i];
        if (r > ratio || (r == ratio && d[i] <= d[leaving])) continue;
        ratio = r;
        leaving = i;
    }
    if (leaving < 0) return -1;
    double *row = s->inverse + leaving * m;
    const double scale = 1 / d[leaving];
    for (int64_t j = 0; j < m; j++) row[j] *= scale;
    for (int64_t i = 0; i < m; i++) {
        double *restrict to = s->inverse + i * m;
        const double *restrict from = row;
        const double factor = d[i];
        if (i == leaving || fabs(factor) < 1e-14) continue;
        s->basis[i].packs = fmax(0, s->basis[i].packs - factor * ratio);
        for (int64_t j = 0; j < m; j++) to[j] -= factor * from[j];
        s->work -= (double)m;
    }
    for (int64_t j = 0; j < m; j++) s->price[j] -= gain * row[j];
    s->basis[leaving] = (Column){.packs = ratio};
    return leaving;
}

/* Brings the pattern in parts into the basis if it is worth it. */
static Status enter_pattern(Program *s, int64_t count, bool *entered)
{
    const int64_t m = s->rows;
    double value = 0;
    *entered = false;
    for (int64_t i = 0; i < count; i++)
        value += s->price[s->row[s->parts[i].length]] * s->parts[i].times;
    if (value <= 1 + GAIN) return OK;
    memset(s->entering, 0, (size_t)m * sizeof *s->entering);
    for (int64_t i = 0; i < count; i++) {
        const double *column = s->inverse + s->row[s->parts[i].length];
        for (int64_t r = 0; r < m; r++) s->entering[r] += column[r * m] * s->parts[i].times;
    }
    const int64_t at = pivot(s, value - 1);
    if (at < 0) return OK;
    *entered = true;
    return keep(s, &s->basis[at], s->basis[at].packs, count);
}

/* Slack columns without cost: a slot for a document may hold a shorter one, or none. They keep
 * prices from falling with length (Valerio de Carvalho 2005). */
static void enter_exchanges(Program *s)
{
    const int64_t m = s->rows;
    for (int64_t i = 0; i < m; i++) {
        const double gain = (i + 1 < m ? s->price[i + 1] : 0) - s->price[i];
        if (gain < GAIN) continue;
        for (int64_t r = 0; r < m; r++)
            s->entering[r] = (i + 1 < m ? s->inverse[r * m + i + 1] : 0) - s->inverse[r * m + i];
        pivot(s, gain);
    }
}

static double packs_now(const Program *s)
{
    double packs = 0;
    for (int64_t i = 0; i < s->rows; i++)
        if (s->basis[i].count) packs += s->basis[i].packs;
    return packs;
}

/* Prices oscillate at first; the average with the best prices so far guides better (Wentges
 * 1997). */
static Status improve(Program *s)
{
    double smoothing = 0;
    while (s->work > 0) {
        bool any = false;
        enter_exchanges(s);
        price_packs(s, smoothing);
        for (int64_t i = 0; i < s->rows; i++) {
            bool entered;
            TRY(enter_pattern(s, knapsack_best_with(&s->knapsack, s->length[i], s->parts),
                              &entered));
            any = any || entered;
        }
        if (packs_now(s) <= s->bound * (1 + GAIN) || (!any && !smoothing)) break;
        smoothing = any ? SMOOTHING : 0;
    }
    return OK;
}

/* One row per length. */
static Status find_rows(Program *s)
{
    const int64_t slots = s->capacity + 1, size = (int64_t)sizeof(int64_t);
    s->row = arena_take(s->arena, slots * size);
    s->length = arena_take(s->arena, slots * size);
    if (!s->row || !s->length) return FAIL(E_NOMEM, "packing");
    for (int64_t w = s->capacity; w > 0; w--) {
        s->row[w] = s->lengths->counts[w] ? s->rows : -1;
        if (s->lengths->counts[w]) s->length[s->rows++] = w;
    }
    return OK;
}

Status columns_solve(const Lengths *l, int64_t layers, double work, Arena *a, Columns *c)
{
    Program s = {.lengths = l, .arena = a, .capacity = l->capacity, .work = work};
    double short_ones, long_ones;
    *c = (Columns){0};
    TRY(find_rows(&s));
    TRY(open_program(&s));
    TRY(knapsack_init(&s.knapsack, l->capacity, layers, a));
    int64_t *order = arena_take(a, s.rows * (int64_t)sizeof *order);
    if (!order) return FAIL(E_NOMEM, "packing");
    TRY(begin(&s, true, order, &short_ones));
    TRY(begin(&s, false, order, &long_ones));
    if (short_ones < long_ones) TRY(begin(&s, true, order, &short_ones));
    invert(&s, order);
    TRY(improve(&s));
    *c = (Columns){s.basis, s.rows, s.center};
    return OK;
}
