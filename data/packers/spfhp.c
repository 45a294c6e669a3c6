/* Shortest-pack-first histogram packing (Krell et al. 2021, arXiv 2107.02027, algorithm 1): the
 * longest documents first, one into each of the packs with the most room, then into those with
 * less room, down to the length itself. When nothing fits, all documents left of that length
 * open packs of their own, without using the room in these. */
#include "data/packers/packers.h"

static Status place(OpenPacks *o, int64_t length, int64_t count)
{
    for (int64_t room = o->lengths->capacity; count && room >= length; room--)
        while (count && o->top[room] >= 0) {
            PackGroup g = open_packs_pop(o, room);
            const int64_t used = count < g.packs ? count : g.packs;
            if (used < g.packs) {
                PackGroup others = g;
                others.packs -= used;
                TRY(open_packs_push(o, others));
            }
            TRY(open_packs_put(o, g, used, length, 1));
            count -= used;
        }
    return count ? open_packs_put(o, open_packs_fresh(o, count), count, length, 1) : OK;
}

Status packer_spfhp(const Lengths *l, Packing *p)
{
    OpenPacks o;
    Status status = open_packs_open(&o, l, p);
    for (int64_t length = l->capacity; status == OK && length > 0; length--)
        status = place(&o, length, l->counts[length]);
    if (status == OK) status = open_packs_finish(&o);
    open_packs_close(&o);
    return status;
}
