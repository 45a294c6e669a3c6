#include "train/scaling/points.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "train/run/folder.h"
#include "train/sweep/store.h"

/* Steps are whole, so runs of one budget differ slightly in flops. */
#define SAME_BUDGET 1.02

Status points_add(Points *p, const LawPoint *point, bool held, Arena *arena)
{
    LawPoint **list = held ? &p->held : &p->point;
    int64_t *count = held ? &p->held_count : &p->count;
    int64_t *capacity = held ? &p->held_capacity : &p->capacity;
    if (*count == *capacity) {
        const int64_t wider = *capacity ? 2 * *capacity : 64;
        LawPoint *copy = arena_take(arena, wider * (int64_t)sizeof *copy);
        if (!copy) return FAIL(E_NOMEM, "%lld points", (long long)wider);
        if (*count) memcpy(copy, *list, (size_t)*count * sizeof *copy);
        *list = copy, *capacity = wider;
    }
    (*list)[(*count)++] = *point;
    return OK;
}

void points_drop(Points *p, int64_t count)
{
    for (; count > 0 && p->count; count--) {
        int64_t most = 0;
        for (int64_t i = 1; i < p->count; i++)
            if (p->point[i].loss > p->point[most].loss) most = i;
        memmove(p->point + most, p->point + most + 1,
                (size_t)(--p->count - most) * sizeof *p->point);
        p->dropped++;
    }
}

static int by_flops(const void *a, const void *b)
{
    const LawPoint *x = a, *y = b;
    const double of_x[] = {x->flops, x->loss}, of_y[] = {y->flops, y->loss};
    const int i = of_x[0] == of_y[0];
    return (of_x[i] > of_y[i]) - (of_x[i] < of_y[i]);
}

/* Returns the number that is left. */
static int64_t keep_lowest(LawPoint *all, int64_t count)
{
    int64_t kept = 0;
    if (count) qsort(all, (size_t)count, sizeof *all, by_flops);
    for (int64_t begin = 0, end; begin < count; begin = end) {
        int64_t lowest = begin;
        bool differ = false;
        for (end = begin + 1; end < count && all[end].flops <= SAME_BUDGET * all[begin].flops;
             end++) {
            differ |= all[end].params != all[begin].params;
            if (all[end].loss < all[lowest].loss) lowest = end;
        }
        if (differ)
            all[kept++] = all[lowest];
        else
            for (int64_t i = begin; i < end; i++) all[kept++] = all[i];
    }
    return kept;
}

void points_keep_lowest(Points *p)
{
    const int64_t before = p->count + p->held_count;
    p->count = keep_lowest(p->point, p->count);
    p->held_count = keep_lowest(p->held, p->held_count);
    p->higher += before - p->count - p->held_count;
}

Status points_count_by(Points *p, FlopsKind kind, const char *path)
{
    const char *name = flops_name(kind);
    if (p->flops && strcmp(p->flops, name))
        return FAIL(E_DATA,
                    "%s: its flops are counted by the convention %s, those of earlier points by "
                    "%s: they cannot be fitted together",
                    path, name, p->flops);
    p->flops = name;
    return OK;
}

Status points_read_sweep(Points *p, const char *path, Arena *arena)
{
    Sweep s = {0};
    FlopsKind kind;
    Status status = sweep_store_read(path, &s);
    if (status == OK && flops_find(s.flops, &kind)) status = points_count_by(p, kind, path);
    for (int64_t i = 0; status == OK && i < s.count; i++) {
        const SweepRun *r = &s.runs[i];
        if (r->state == SWEEP_diverged || (r->state == SWEEP_done && !isfinite(r->loss))) {
            p->diverged++;
        } else if (r->state != SWEEP_done) {
            p->unfinished++;
        } else {
            const LawPoint one = {.params = (double)r->params,
                                  .tokens = (double)r->tokens,
                                  .flops = r->flops,
                                  .loss = r->loss,
                                  .unique = (double)r->unique_tokens,
                                  .path = path};
            status = points_add(p, &one, r->held_out, arena);
        }
    }
    sweep_close(&s);
    return status;
}

Status points_read(Points *p, const char *path, Arena *arena)
{
    struct stat info;
    char found[FOLDER_PATH_MAX];
    TRY(folder_find(path, found));
    if (strcmp(found, path)) path = arena_text(arena, found);
    if (!path) return FAIL(E_NOMEM, "the points of %s", found);
    if (sweep_is_store(path)) return points_read_sweep(p, path, arena);
    if (!stat(path, &info) && S_ISDIR(info.st_mode)) return points_read_run(p, path, arena);
    return points_read_csv(p, path, arena);
}
