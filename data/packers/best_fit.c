/* Exact best-fit-decreasing: the longest document first, into the pack with the least room that
 * it fits into, of equals the one that got a document last. Documents of one length are placed
 * together: the pack that took one still has the least room, so it takes as many as it can hold.
 * O(lengths^2 + patterns), independent of the number of documents. */
#include "data/packers/packers.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static Status place(OpenPacks *o, int64_t length, int64_t count)
{
    while (count) {
        const int64_t room = open_packs_room(o, length);
        PackGroup g = room ? open_packs_pop(o, room) : open_packs_fresh(o, INT64_MAX);
        const int64_t times = least(g.room / length, o->lengths->depth - g.depth);
        const int64_t full = least(g.packs, count / times), rest = count - full * times;
        const bool split =
            rest && full < g.packs; /* one more pack gets the rest, fewer than times */
        const int64_t used = full + split;
        if (room && used < g.packs) {
            PackGroup others = g;
            others.packs -= used;
            TRY(open_packs_push(o, others));
        }
        if (full) TRY(open_packs_put(o, g, full, length, times));
        if (split) TRY(open_packs_put(o, g, 1, length, rest));
        count = split ? 0 : rest;
    }
    return OK;
}

static Status place_all(OpenPacks *o, const Lengths *l)
{
    for (int64_t length = l->capacity; length > 0; length--)
        TRY(place(o, length, l->counts[length]));
    return OK;
}

Status packer_best_fit(const Lengths *l, Packing *p)
{
    OpenPacks o;
    Status status = open_packs_open(&o, l, p);
    if (status == OK) status = place_all(&o, l);
    if (status == OK) status = open_packs_finish(&o);
    open_packs_close(&o);
    return status;
}
