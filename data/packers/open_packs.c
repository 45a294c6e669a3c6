#include <string.h>

#include "data/packers/packers.h"

static Status grow(OpenPacks *o, void **things, int64_t *room, int64_t count, int64_t size)
{
    if (count < *room) return OK;
    const int64_t wanted = 2 * *room > 1024 ? 2 * *room : 1024;
    void *larger = wanted < INT32_MAX ? arena_take(&o->arena, wanted * size) : NULL;
    if (!larger) return FAIL(E_NOMEM, "groups of packs");
    if (count) memcpy(larger, *things, (size_t)(count * size));
    *things = larger;
    *room = wanted;
    return OK;
}

Status open_packs_open(OpenPacks *o, const Lengths *l, Packing *p)
{
    const int64_t rooms = l->capacity + 1;
    *o = (OpenPacks){.lengths = l, .packing = p, .free_group = -1};
    o->top = arena_take(&o->arena, rooms * (int64_t)sizeof *o->top);
    o->some = arena_zero(&o->arena, (rooms / 64 + 1) * (int64_t)sizeof *o->some);
    if (!o->top || !o->some) return FAIL(E_NOMEM, "open packs");
    memset(o->top, -1, (size_t)rooms * sizeof *o->top);
    return OK;
}

void open_packs_close(OpenPacks *o)
{
    arena_free(&o->arena);
}

int64_t open_packs_room(const OpenPacks *o, int64_t length)
{
    const int64_t words = o->lengths->capacity / 64 + 1;
    uint64_t word = o->some[length / 64] & ~UINT64_C(0) << (length % 64);
    for (int64_t i = length / 64;;) {
        if (word) return i * 64 + __builtin_ctzll(word);
        if (++i == words) return 0;
        word = o->some[i];
    }
}

PackGroup open_packs_pop(OpenPacks *o, int64_t room)
{
    const int32_t index = o->top[room];
    const PackGroup g = o->groups[index];
    o->top[room] = g.below;
    if (g.below < 0) o->some[room / 64] &= ~(UINT64_C(1) << (room % 64));
    o->groups[index].below = o->free_group;
    o->free_group = index;
    return g;
}

PackGroup open_packs_fresh(const OpenPacks *o, int64_t packs)
{
    return (PackGroup){packs, o->lengths->capacity, 0, -1, -1};
}

/* Adds the packs of a group to the packing. */
static Status shut(OpenPacks *o, const PackGroup *g)
{
    int64_t count = 0;
    for (int32_t node = g->node; node >= 0; node = o->nodes[node].before) count++;
    if (count > o->chain_room) {
        o->chain_room = 2 * count;
        o->chain = arena_take(&o->arena, o->chain_room * (int64_t)sizeof *o->chain);
        if (!o->chain) return FAIL(E_NOMEM, "open packs");
    }
    int64_t at = count;
    for (int32_t node = g->node; node >= 0; node = o->nodes[node].before)
        o->chain[--at] = o->nodes[node].part;
    return packing_add(o->packing, g->packs, o->chain, count);
}

Status open_packs_push(OpenPacks *o, PackGroup g)
{
    if (g.depth >= o->lengths->depth || !g.room) return shut(o, &g);
    int32_t index = o->free_group;
    if (index >= 0)
        o->free_group = o->groups[index].below;
    else {
        void *groups = o->groups;
        TRY(grow(o, &groups, &o->group_room, o->group_count, sizeof *o->groups));
        o->groups = groups;
        index = (int32_t)o->group_count++;
    }
    g.below = o->top[g.room];
    o->groups[index] = g;
    o->top[g.room] = index;
    o->some[g.room / 64] |= UINT64_C(1) << (g.room % 64);
    return OK;
}

Status open_packs_put(OpenPacks *o, PackGroup g, int64_t packs, int64_t length, int64_t times)
{
    void *nodes = o->nodes;
    TRY(grow(o, &nodes, &o->node_room, o->node_count, sizeof *o->nodes));
    o->nodes = nodes;
    o->nodes[o->node_count] = (PackNode){{(int32_t)length, (int32_t)times}, g.node};
    g.node = (int32_t)o->node_count++;
    g.packs = packs;
    g.room -= times * length;
    g.depth += times;
    return open_packs_push(o, g);
}

Status open_packs_finish(OpenPacks *o)
{
    for (int64_t room = 1; room <= o->lengths->capacity; room++)
        for (int32_t i = o->top[room]; i >= 0; i = o->groups[i].below) TRY(shut(o, &o->groups[i]));
    return OK;
}
