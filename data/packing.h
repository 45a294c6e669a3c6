/* Packing: which document lengths share a sequence of `capacity` slots, so that few slots stay
 * empty.
 *
 * Packers see only a histogram of lengths. Packing sixteen million documents therefore costs as
 * much as packing sixteen with the same lengths, and the result is a list of patterns, each used
 * by a number of packs. data/packs.h assigns the documents; train/plan/packing_report.h reports
 * how full the packs are. */
#ifndef DATA_PACKING_H
#define DATA_PACKING_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "autograd/base/schema.h"

/* X(name, what it does): packer_<name> is in data/packers/<name>.c */
#define PACKER_LIST(X)                                                                    \
    X(greedy, "in file order, into the fullest of 64 open packs that has room")           \
    X(best_fit, "longest first, into the pack with the least room (best-fit-decreasing)") \
    X(spfhp, "longest first, into the pack with the most room (Krell et al. 2021)")       \
    X(optimal, "column generation, rounded: at most a few packs above the minimum")

/* The choices of data.packing: windows over the tokens (none, concat), or a packer. */
#define PACKING_CHOICES(X) \
    X(PACKING, none)       \
    X(PACKING, concat) X(PACKING, greedy) X(PACKING, best_fit) X(PACKING, spfhp) X(PACKING, optimal)
CHOICES(PackingKind, PACKING_CHOICES, packing_text)

enum { PACK_CAPACITY_MAX = 1 << 20 };

/* The input of a packer. */
typedef struct Lengths {
    int64_t capacity;      /* slots of a pack: 1 to PACK_CAPACITY_MAX */
    int64_t depth;         /* maximum number of documents in a pack; 0: no limit */
    const int64_t *counts; /* [capacity + 1]: documents of each length; counts[0] is ignored */
} Lengths;

typedef struct PackPart {
    int32_t length, times;
} PackPart;

typedef struct PackPattern {
    int64_t packs;      /* with this pattern */
    int64_t begin, end; /* parts[begin] .. parts[end - 1] */
} PackPattern;

/* What a report says beside the packs. */
typedef struct PackingNotes {
    int64_t half_empty; /* packs with one document, of at most half a pack; 0 at depth 1 */
    /* Of `optimal`: */
    int64_t lengths;  /* that can share a pack */
    int64_t classes;  /* of neighbouring lengths with one price; fewer than lengths: too many */
    int64_t unit;     /* slots to which lengths were rounded up; 1: none was */
    int64_t bound;    /* no packing has fewer packs (Farley 1990); 0: nothing was priced */
    bool by_best_fit; /* best_fit needs fewer packs, and this is its packing */
} PackingNotes;

typedef struct Packing {
    Arena arena;
    int64_t capacity;
    /* No patterns under greedy, which places documents one by one (data/packs.h). */
    PackPattern *patterns;
    PackPart *parts;
    int64_t pattern_count, part_count;
    int64_t patterns_room, parts_room;

    int64_t packs, documents, tokens;
    int64_t deepest; /* most documents in a pack */
    int64_t *depths; /* [deepest + 1]: number of packs with k documents */
    PackingNotes notes;
} Packing;

typedef struct Packer {
    const char *name, *help;
    /* Fills p with packing_add(). */
    Status (*pack)(const Lengths *l, Packing *p);
} Packer;

/* The packer of that name, or NULL. packer_at(i): the i-th packer, NULL after the last. */
const Packer *packer_find(const char *name);
const Packer *packer_at(int i);

/* The packer of a setting; NULL for windows. */
const Packer *packer_of(PackingKind kind);

/* Close p whatever this returns. E_ARG: a number is out of range; E_NOMEM. Deterministic on one
 * kind of processor, with any number of threads. */
Status packing_make(Packing *p, const Packer *packer, const Lengths *l);
void packing_close(Packing *p);

/* For packers: adds `packs` packs with these parts; or, without a pattern, with these totals per
 * pack. */
Status packing_add(Packing *p, int64_t packs, const PackPart *parts, int64_t count);
void packing_count(Packing *p, int64_t packs, int64_t documents, int64_t tokens);

/* Whether at least two of the packs, and 1 %, are half empty; and how to say it: printf's format
 * for both numbers, as long long. */
bool packing_is_half_empty(int64_t half_empty, int64_t packs);
#define PACKING_HALF_EMPTY_TEXT                                                                   \
    "%lld of %lld packs hold a single document that fills at most half of them: any two of these" \
    " could share a pack, and do with data.packing = best_fit"

/* A lower bound of the number of packs, for any depth: L2 of Martello and Toth (1990), Knapsack
 * Problems, section 8.3. */
int64_t packing_bound(const Lengths *l);

#endif
