/* Points that occur twice: see train/scaling/points.h. */
#include <stdlib.h>
#include <string.h>

#include "train/scaling/points.h"

enum { NAMED_MAX = 5 };

/* By all that makes two rows the same, then by their order. */
static int compare(const void *a, const void *b)
{
    const LawPoint *x = *(const LawPoint *const *)a, *y = *(const LawPoint *const *)b;
    const double of_x[] = {x->params, x->tokens, x->flops, x->loss, x->unique, (double)x->run};
    const double of_y[] = {y->params, y->tokens, y->flops, y->loss, y->unique, (double)y->run};
    for (size_t i = 0; i < sizeof of_x / sizeof *of_x; i++) {
        if (of_x[i] < of_y[i]) return -1;
        if (of_x[i] > of_y[i]) return 1;
    }
    return (x > y) - (x < y);
}

static bool is_same(const LawPoint *x, const LawPoint *y)
{
    return x->params == y->params && x->tokens == y->tokens && x->flops == y->flops &&
           x->loss == y->loss && x->unique == y->unique && x->run == y->run;
}

/* In the order in which they were read. */
static int compare_order(const void *a, const void *b)
{
    const LawPoint *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

typedef const LawPoint *Pair[2]; /* a row, and the first one like it */

static void print_place(const LawPoint *p, FILE *out)
{
    fputs(p->path, out);
    if (p->line) fprintf(out, ":%lld", (long long)p->line);
}

static void warn(const Pair *pairs, int64_t count, FILE *out)
{
    fprintf(out, "capstan: warning: %lld row%s same numbers as another one and count%s again:",
            (long long)count, count == 1 ? " has the" : "s have the", count == 1 ? "s" : "");
    for (int64_t i = 0; i < count && i < NAMED_MAX; i++) {
        fputs(i ? ", " : " ", out);
        print_place(pairs[i][0], out);
        fputs(" (as ", out);
        print_place(pairs[i][1], out);
        fputc(')', out);
    }
    fprintf(out, "%s; copies make the intervals too narrow: remove them\n",
            count > NAMED_MAX ? ", ..." : "");
}

/* The points of one list. */
static Status check(const LawPoint *point, int64_t count, Arena *arena, FILE *out)
{
    int64_t rows = 0, pairs = 0;
    const LawPoint **sorted = arena_take(arena, (count + 1) * (int64_t)sizeof *sorted);
    Pair *pair = arena_take(arena, (count + 1) * (int64_t)sizeof *pair);
    if (!sorted || !pair) return FAIL(E_NOMEM, "%lld points", (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (point[i].path) sorted[rows++] = &point[i];
    qsort(sorted, (size_t)rows, sizeof *sorted, compare);
    for (int64_t begin = 0, i = 1; i < rows; i++) {
        if (!is_same(sorted[i], sorted[begin])) {
            begin = i;
            continue;
        }
        pair[pairs][0] = sorted[i], pair[pairs++][1] = sorted[begin];
    }
    qsort(pair, (size_t)pairs, sizeof *pair, compare_order);
    if (pairs) warn((const Pair *)pair, pairs, out);
    return OK;
}

Status points_warn_repeated(const Points *p, Arena *arena, FILE *out)
{
    TRY(check(p->point, p->count, arena, out));
    return check(p->held, p->held_count, arena, out);
}
