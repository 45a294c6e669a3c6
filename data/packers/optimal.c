/* Nearly the minimum number of packs: the optimal fractional packing (columns.h) rounded down,
 * and the rest, about one pack per length, by best-fit-decreasing. Takes best_fit's result if
 * that is better. Many lengths are priced in classes (classes.h): each part of a pattern takes
 * the longest documents left that fit, whatever their class. */
#include <math.h>

#include "data/packers/classes.h"
#include "data/packers/columns.h"
#include "data/packers/packers.h"

enum { CLASSES_MAX = 1024 };
/* Multiplications, about a second at most: with a class per length, and with fewer classes. */
static const double WORK = 2e9, WORK_CLASSES = 4e9;
/* Fillings of the knapsack that these must allow. */
static const double ROUNDS = 20, ROUNDS_CLASSES = 400;
/* More than rounding may add to a bound: 2^21 additions of 2^-53 each. */
static const double ROUNDING = 1e-9;

/* Packs documents alone that cannot share a pack; counts the others in rest. */
static Status alone(const Lengths *l, int64_t *rest, Packing *p)
{
    int64_t shortest = 1;
    while (shortest < l->capacity && !l->counts[shortest]) shortest++;
    for (int64_t w = 1; w <= l->capacity; w++) {
        rest[w] = l->counts[w];
        if (rest[w] && (w + shortest > l->capacity || l->depth == 1)) {
            const PackPart part = {(int32_t)w, 1};
            TRY(packing_add(p, rest[w], &part, 1));
            rest[w] = 0;
        }
        p->notes.lengths += rest[w] > 0;
    }
    return OK;
}

/* The longest document left that fits a slot of that length; 0: none. */
static int64_t fitting(const int64_t *rest, int64_t length)
{
    while (length && !rest[length]) length--;
    return length;
}

/* The slot of the next document in a part of a column. Where documents are shorter than their
 * classes, the last one gets all the room that is left. */
static int64_t slot_of(const Classes *s, const Column *c, int64_t part, int64_t wanted,
                       int64_t room)
{
    const bool is_last = part == c->count - 1 && wanted == 1;
    return is_last && !s->is_exact ? room : s->slots[c->parts[part].length];
}

/* Fills parts with the content of one pack, takes it from rest, and returns its parts. */
static int64_t fill(const Classes *s, const Column *c, int64_t *rest, PackPart *parts)
{
    int64_t count = 0, room = s->documents->capacity;
    for (int64_t k = 0; k < c->count; k++)
        for (int64_t wanted = c->parts[k].times; wanted;) {
            const int64_t length = fitting(rest, slot_of(s, c, k, wanted, room));
            const int64_t times = rest[length] < wanted ? rest[length] : wanted;
            if (!length) break;
            int64_t at = 0; /* two parts of a column may take the same length */
            while (at < count && parts[at].length != length) at++;
            if (at == count) parts[count++] = (PackPart){(int32_t)length, 0};
            parts[at].times += (int32_t)times;
            rest[length] -= times;
            wanted -= times;
            room -= times * length;
        }
    return count;
}

/* Makes at most `packs` packs of a column; each part takes the longest documents left that fit. */
static Status place(const Classes *s, const Column *c, int64_t packs, int64_t *rest,
                    PackPart *parts, Packing *p)
{
    while (packs) {
        const int64_t count = fill(s, c, rest, parts);
        int64_t now = packs;
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

static Status make_classes(Classes *c, const Lengths *l, int64_t lengths, Arena *a)
{
    const bool is_exact = lengths <= CLASSES_MAX && classes_unit(l, WORK / ROUNDS) == 1;
    const int64_t unit = is_exact ? 1 : classes_unit(l, WORK_CLASSES / ROUNDS_CLASSES);
    return classes_make(c, l, CLASSES_MAX, unit, a);
}

/* Prices the lengths in rest, and packs what whole packs of the solution hold. */
static Status pack_priced(const Lengths *left, int64_t *rest, Arena *a, Packing *p)
{
    PackPart *parts = arena_take(a, (left->capacity + 1) * (int64_t)sizeof *parts);
    Classes classes;
    Columns solution;
    double bound;
    if (!parts) return FAIL(E_NOMEM, "packing");
    TRY(make_classes(&classes, left, p->notes.lengths, a));
    if (!classes.count) return OK;
    const double work = classes.is_exact ? WORK : WORK_CLASSES;
    TRY(columns_solve(&classes.lengths, classes.layers, work, a, &solution));
    TRY(classes_bound(&classes, solution.price, a, &bound));
    p->notes.classes = classes.count;
    p->notes.unit = classes.unit;
    p->notes.bound = p->packs + (int64_t)ceil(bound * (1 - ROUNDING));
    for (int64_t i = 0; i < solution.count; i++) {
        const Column *c = &solution.columns[i];
        TRY(place(&classes, c, (int64_t)floor(c->packs + 1e-6), rest, parts, p));
    }
    return OK;
}

static Status pack(const Lengths *l, Arena *a, Packing *p)
{
    int64_t *rest = arena_zero(a, (l->capacity + 1) * (int64_t)sizeof *rest);
    if (!rest) return FAIL(E_NOMEM, "packing");
    const Lengths left = {l->capacity, l->depth, rest};
    TRY(alone(l, rest, p));
    p->notes.bound = p->packs;
    if (p->notes.lengths) TRY(pack_priced(&left, rest, a, p));
    return packer_best_fit(&left, p);
}

Status packer_optimal(const Lengths *l, Packing *p)
{
    Arena a = {0};
    Packing other;
    Status status = packing_make(&other, packer_find("best_fit"), l);
    if (status == OK) status = pack(l, &a, p);
    if (status == OK && other.packs < p->packs) {
        const Packing swap = *p;
        *p = other;
        p->notes = swap.notes;
        p->notes.half_empty = other.notes.half_empty;
        p->notes.by_best_fit = true;
        other = swap;
    }
    packing_close(&other);
    arena_free(&a);
    return status;
}
