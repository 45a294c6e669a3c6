#include "train/step/gradient_tree.h"

#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/squares.h"
#include "autograd/kernels/vector.h"

enum { BUSY = -1, BLOCK = 1 << 16, PART = 1 << 11 };

static int floor_log2(int64_t n)
{
    int j = 0;
    while (n >> (j + 1)) j++;
    return j;
}

static int64_t scratch_count(int64_t count)
{
    return 2 * ((count + BLOCK - 1) / BLOCK);
}

static Status open_scratch(GradientTree *t, Arena *a, int workers)
{
    t->scratch = arena_zero(a, workers * (int64_t)sizeof *t->scratch);
    for (int i = 0; t->scratch && i < workers; i++) {
        t->scratch[i] = arena_zero(a, scratch_count(t->params->count) * (int64_t)sizeof(double));
        if (!t->scratch[i]) return FAIL(E_NOMEM, "sums of gradients");
    }
    return t->scratch ? OK : FAIL(E_NOMEM, "sums of gradients");
}

static Status open_pool(GradientTree *t, Arena *a, int64_t count)
{
    const int64_t size = t->params->count * (int64_t)sizeof(real);
    for (; t->pool_count < count; t->pool_count++) {
        t->pool[t->pool_count] = arena_take(a, size);
        if (!t->pool[t->pool_count])
            return FAIL(E_NOMEM, "%lld blocks of gradients, %lld numbers each", (long long)count,
                        (long long)t->params->count);
    }
    return OK;
}

Status gradient_tree_open(GradientTree *t, Arena *a, Params *p, int64_t groups, int workers)
{
    /* Each worker may wait for one that is late, with a complete block on every level. */
    int64_t blocks = (int64_t)workers * (floor_log2(groups) + 1);
    if (blocks > groups - 1) blocks = groups - 1;
    if (!p->grad) blocks = 0;
    *t = (GradientTree){.params = p};
    pthread_mutex_init(&t->lock, NULL);
    t->squares = arena_zero(a, groups * (int64_t)sizeof *t->squares);
    t->level = arena_zero(a, groups * (int64_t)sizeof *t->level);
    t->block = arena_zero(a, groups * (int64_t)sizeof *t->block);
    t->pool = arena_zero(a, (blocks + 1) * (int64_t)sizeof *t->pool);
    t->free = arena_zero(a, (blocks + 1) * (int64_t)sizeof *t->free);
    if (!t->squares || !t->level || !t->block || !t->pool || !t->free)
        return FAIL(E_NOMEM, "sums of gradients");
    TRY(open_scratch(t, a, workers));
    return open_pool(t, a, blocks);
}

void gradient_tree_close(GradientTree *t)
{
    pthread_mutex_destroy(&t->lock);
}

int64_t gradient_tree_blocks(int64_t groups, int threads)
{
    const int64_t typical = floor_log2(groups) + threads;
    return typical < groups ? typical : groups;
}

void gradient_tree_begin(GradientTree *t, int64_t groups, bool measures)
{
    t->groups = groups;
    t->measures = measures;
    t->free_count = t->pool_count;
    if (t->pool_count) memcpy(t->free, t->pool, (size_t)t->pool_count * sizeof *t->pool);
    for (int64_t i = 0; i < groups; i++) t->level[i] = BUSY;
}

real *gradient_tree_block(GradientTree *t, int64_t group)
{
    pthread_mutex_lock(&t->lock);
    INVARIANT(!group || t->free_count > 0);
    real *block = group ? t->free[--t->free_count] : t->params->grad;
    t->level[group] = BUSY;
    t->block[group] = block;
    pthread_mutex_unlock(&t->lock);
    return block;
}

typedef struct Sum {
    real *to;
    const real *from;
    double *to_squares, *from_squares; /* [blocks]; NULL: not wanted */
} Sum;

VECTOR static void add_part(real *to, const real *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

/* The squares are taken while the numbers are in the cache for the sum. */
static void add_range(const void *context, int64_t begin, int64_t end, int worker)
{
    const Sum *s = context;
    const int64_t part = s->to_squares || s->from_squares ? PART : BLOCK;
    double to = 0, from = 0;
    (void)worker;
    for (int64_t i = begin; i < end; i += part) {
        const int64_t count = end - i < part ? end - i : part;
        if (s->to_squares) to += squares_sum(s->to + i, count);
        if (s->from_squares) from += squares_sum(s->from + i, count);
        add_part(s->to + i, s->from + i, count);
    }
    if (s->to_squares) s->to_squares[begin / BLOCK] = to;
    if (s->from_squares) s->from_squares[begin / BLOCK] = from;
}

static double sum_of(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i];
    return sum;
}

/* Adds the block of group to + 2^level, which holds the sum of that subtree, to the block of group
 * to. */
static void add_blocks(GradientTree *t, int64_t to, int level, int worker, Profile *profile)
{
    const int64_t from = to + (INT64_C(1) << level), count = t->params->count,
                  blocks = scratch_count(count) / 2;
    /* A block still holds a single group's gradient on level 0, and where the tree has no neighbour
     * for it. */
    const bool to_single = t->measures && !level,
               from_single = t->measures && (!level || from + 1 == t->groups);
    double *scratch = t->scratch[worker];
    const double begin = profile ? profile_clock() : 0;
    const Sum s = {t->block[to], t->block[from], to_single ? scratch : NULL,
                   from_single ? scratch + blocks : NULL};
    threads_range(count, BLOCK, add_range, &s);
    if (to_single) t->squares[to] = sum_of(s.to_squares, blocks);
    if (from_single) t->squares[from] = sum_of(s.from_squares, blocks);
    if (profile) profile_call(profile, "sum of gradients", begin, 3 * (double)count * sizeof(real));
}

void gradient_tree_add(GradientTree *t, int64_t group, int worker, Profile *profile)
{
    int level = 0;
    pthread_mutex_lock(&t->lock);
    while ((INT64_C(2) << level) < t->groups) {
        const int64_t bit = INT64_C(1) << level, other = group ^ bit;
        if (other < t->groups) {
            if (t->level[other] != level)
                break; /* whoever completes that one continues from here */
            const int64_t to = group < other ? group : other, from = to + bit;
            t->level[other] = BUSY;
            pthread_mutex_unlock(&t->lock);
            add_blocks(t, to, level, worker, profile);
            pthread_mutex_lock(&t->lock);
            t->free[t->free_count++] = t->block[from];
            group = to;
        }
        level++;
    }
    t->level[group] = level;
    pthread_mutex_unlock(&t->lock);
}

void gradient_tree_finish(GradientTree *t, Profile *profile)
{
    if (t->groups > 1) add_blocks(t, 0, floor_log2(t->groups - 1), 0, profile);
}
