/* Packing: which documents share a sequence of `capacity` slots, so that few slots stay empty.
 *
 * Packers look at lengths only: how many documents there are of each, never at which. So packing sixteen
 * million documents costs as much as packing sixteen of the same lengths, and its result is a list of
 * patterns, each used for some number of packs. data/packs.h says which document goes where. */
#ifndef DATA_PACKING_H
#define DATA_PACKING_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "autograd/base/schema.h"

/* X(name, what it does): packer_<name> is in data/packers/<name>.c */
#define PACKER_LIST(X)                                                                    \
    X(greedy, "as they come, into the open pack with the least room; 64 packs are open")  \
    X(best_fit, "longest first, into the pack with the least room (best-fit-decreasing)") \
    X(spfhp, "longest first, into the pack with the most room (Krell et al. 2021)")       \
    X(optimal, "column generation, rounded: at most a few packs from the least there can be")

/* The choices of data.packing: windows over the tokens (none, concat), or a packer. */
#define PACKING_CHOICES(X) \
    X(PACKING, none)       \
    X(PACKING, concat) X(PACKING, greedy) X(PACKING, best_fit) X(PACKING, spfhp) X(PACKING, optimal)
CHOICES(PackingKind, PACKING_CHOICES, packing_text)

enum { PACK_CAPACITY_MAX = 1 << 20 };

/* What is to be packed. */
typedef struct Lengths {
    int64_t capacity; /* slots of a pack: 1 to PACK_CAPACITY_MAX */
    int64_t depth;    /* most documents in a pack; 0: any number */
    const int64_t
        *counts; /* [capacity + 1]: documents of each length; those of length 0 are ignored */
} Lengths;

typedef struct PackPart {
    int32_t length, times;
} PackPart;

typedef struct PackPattern {
    int64_t packs;      /* that are like this */
    int64_t begin, end; /* parts[begin] .. parts[end - 1] */
} PackPattern;

typedef struct Packing {
    Arena arena;
    int64_t capacity;
    /* What the packs are; none of greedy's, who is told of documents one by one (data/packs.h). */
    PackPattern *patterns;
    PackPart *parts;
    int64_t pattern_count, part_count;
    int64_t patterns_room, parts_room;

    int64_t packs, documents, tokens;
    int64_t deepest; /* documents in the fullest pack */
    int64_t *depths; /* [deepest + 1]: packs that hold so many documents */
} Packing;

typedef struct Packer {
    const char *name, *help;
    /* Fills p with packing_add(). */
    Status (*pack)(const Lengths *l, Packing *p);
} Packer;

/* The packer of that name; NULL if there is none. packer_at(i): the i-th, NULL behind the last. */
const Packer *packer_find(const char *name);
const Packer *packer_at(int i);

/* The packer of a setting; NULL for windows. */
const Packer *packer_of(PackingKind kind);

/* Packs. p is to be closed whatever this returns. E_ARG if a number is out of range; E_NOMEM. The same
 * on every machine of one kind of processor, with any number of threads. */
Status packing_make(Packing *p, const Packer *packer, const Lengths *l);
void packing_close(Packing *p);

/* `packs` packs of these parts more; or of so many documents and tokens. For packers. */
Status packing_add(Packing *p, int64_t packs, const PackPart *parts, int64_t count);
void packing_count(Packing *p, int64_t packs, int64_t documents, int64_t tokens);

/* A number of packs below which nobody can go, whatever the depth: the bound L2 of Martello and Toth
 * (1990), Knapsack Problems, section 8.3. */
int64_t packing_bound(const Lengths *l);

#endif
