/* Shared by the packers: open packs, in groups of identical packs.
 *
 * A group is a number of packs with the same room and the same document lengths. Its content is
 * a chain of nodes; groups that were split share the beginning of their chains. Groups of equal
 * room form a stack. */
#ifndef DATA_PACKERS_PACKERS_H
#define DATA_PACKERS_PACKERS_H

#include "data/packing.h"

#define X(name, help) Status packer_##name(const Lengths *l, Packing *p);
PACKER_LIST(X)
#undef X

typedef struct PackGroup {
    int64_t packs;
    int64_t room, depth; /* slots left; documents in each */
    int32_t node;        /* the last of its chain; -1: empty */
    int32_t below;       /* in its stack; -1: none */
} PackGroup;

typedef struct PackNode {
    PackPart part;
    int32_t before; /* -1: none */
} PackNode;

typedef struct OpenPacks {
    Arena arena;
    const Lengths *lengths;
    Packing *packing; /* receives full packs */
    int32_t *top;     /* [capacity + 1]: of the stack of each room; -1: empty */
    uint64_t *some;   /* bit r: some pack has room r */
    PackGroup *groups;
    PackNode *nodes;
    PackPart *chain; /* [chain_room] */
    int64_t group_count, group_room, node_count, node_room, chain_room;
    int32_t free_group; /* -1: none */
} OpenPacks;

/* Borrows l, whose depth must be set, and p. Close o whatever this returns. */
Status open_packs_open(OpenPacks *o, const Lengths *l, Packing *p);
void open_packs_close(OpenPacks *o);

/* The least room >= length of an open pack; 0: none. */
int64_t open_packs_room(const OpenPacks *o, int64_t length);

/* Removes the group that was pushed last with that room. open_packs_fresh(): a group of empty
 * packs. */
PackGroup open_packs_pop(OpenPacks *o, int64_t room);
PackGroup open_packs_fresh(const OpenPacks *o, int64_t packs);
/* Puts a group back unchanged. */
Status open_packs_push(OpenPacks *o, PackGroup g);

/* Puts `times` documents of a length into `packs` packs like g. */
Status open_packs_put(OpenPacks *o, PackGroup g, int64_t packs, int64_t length, int64_t times);

/* Adds all open packs to the packing. */
Status open_packs_finish(OpenPacks *o);

/* The greedy packer as a stream, with at most GREEDY_OPEN open packs. */
enum { GREEDY_OPEN = 64 };

typedef struct Greedy {
    int64_t capacity, depth;
    int64_t packs; /* begun so far */
    int count;     /* open */
    int32_t room[GREEDY_OPEN], documents[GREEDY_OPEN];
    int64_t number[GREEDY_OPEN];
    Packing *packing; /* counts closed packs; may be NULL */
} Greedy;

/* The pack that a document goes to, numbered from 0 in the order of their first documents. */
int64_t greedy_put(Greedy *g, int64_t length);
void greedy_finish(Greedy *g);

#endif
