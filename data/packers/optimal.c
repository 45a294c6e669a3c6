/* Nearly the minimum number of packs: the optimal fractional packing (columns.h) rounded down,
 * and the rest, about one pack per length, by best-fit-decreasing. Takes best_fit's result if
 * that is better. With more than LENGTHS_MAX lengths the fractional packing would take seconds,
 * and best_fit then has enough short documents to fill nearly every slot. */
#include <math.h>
#include <string.h>

#include "data/packers/columns.h"
#include "data/packers/packers.h"

enum { LENGTHS_MAX = 1024 };
static const double WORK = 2e9; /* multiplications: about a second */

/* Packs documents alone that cannot share a pack; counts the others in rest. */
static Status alone(const Lengths *l, int64_t *rest, Packing *p, int64_t *lengths)
{
    int64_t shortest = 1;
    *lengths = 0;
    while (shortest < l->capacity && !l->counts[shortest]) shortest++;
    for (int64_t w = 1; w <= l->capacity; w++) {
        rest[w] = l->counts[w];
        if (rest[w] && (w + shortest > l->capacity || l->depth == 1)) {
            const PackPart part = {(int32_t)w, 1};
            TRY(packing_add(p, rest[w], &part, 1));
            rest[w] = 0;
        }
        *lengths += rest[w] > 0;
    }
    return OK;
}

/* The longest document left that fits a slot of that length; 0: none. */
static int64_t fitting(const int64_t *rest, int64_t length)
{
    while (length && !rest[length]) length--;
    return length;
}

/* Makes at most `packs` packs of a column; each part takes the longest documents left that fit. */
static Status place(const Column *c, int64_t packs, int64_t *rest, PackPart *parts, Packing *p)
{
    while (packs) {
        int64_t count = 0, now = packs;
        for (int64_t k = 0; k < c->count; k++)
            for (int64_t wanted = c->parts[k].times; wanted;) {
                const int64_t length = fitting(rest, c->parts[k].length);
                const int64_t times = rest[length] < wanted ? rest[length] : wanted;
                if (!length) break;
                int64_t at = 0; /* two parts of a column may take the same length */
                while (at < count && parts[at].length != length) at++;
                if (at == count) parts[count++] = (PackPart){(int32_t)length, 0};
                parts[at].times += (int32_t)times;
                rest[length] -= times; /* for one pack */
                wanted -= times;
            }
        if (!count) return OK;
        for (int64_t k = 0; k < count; k++) {
            const int64_t more = rest[parts[k].length] / parts[k].times + 1;
            if (more < now) now = more;
        }
        for (int64_t k = 0; k < count; k++) rest[parts[k].length] -= (now - 1) * parts[k].times;
        TRY(packing_add(p, now, parts, count));
        packs -= now;
    }
    return OK;
}

static Status pack_by_columns(const Lengths *l, Arena *a, Packing *p)
{
    int64_t *rest = arena_zero(a, (l->capacity + 1) * (int64_t)sizeof *rest), lengths, count;
    PackPart *parts = arena_take(a, (l->capacity + 1) * (int64_t)sizeof *parts);
    Column *columns;
    if (!rest || !parts) return FAIL(E_NOMEM, "packing");
    const Lengths left = {l->capacity, l->depth, rest};
    TRY(alone(l, rest, p, &lengths));
    if (lengths && lengths <= LENGTHS_MAX) {
        TRY(columns_solve(&left, WORK, a, &columns, &count));
        for (int64_t i = 0; i < count; i++)
            TRY(place(&columns[i], (int64_t)floor(columns[i].packs + 1e-6), rest, parts, p));
    }
    return packer_best_fit(&left, p);
}

Status packer_optimal(const Lengths *l, Packing *p)
{
    Arena a = {0};
    Packing other;
    Status status = packing_make(&other, packer_find("best_fit"), l);
    if (status == OK) status = pack_by_columns(l, &a, p);
    if (status == OK && other.packs < p->packs) {
        const Packing swap = *p;
        *p = other;
        other = swap;
    }
    packing_close(&other);
    arena_free(&a);
    return status;
}
