/* Packs: which documents of a split share a sequence.
 *
 * A pack is a list of chunks in file order; packs are in the order of their first chunks. A
 * chunk is a document, or a part of a document longer than a pack (data/lengths.h). The result
 * depends only on the lengths of the documents, the algorithm and the depth. Memory: 8 bytes per
 * chunk and per pack, 12 while packing. */
#ifndef DATA_PACKS_H
#define DATA_PACKS_H

#include "data/lengths.h"

typedef struct Packs {
    Arena arena;
    const Split *split; /* borrowed */
    int64_t capacity, count, chunks;
    int64_t *begins; /* [chunks]: the first token of each, pack by pack */
    int64_t *starts; /* [count + 1]: pack i has the chunks starts[i] up to starts[i + 1] */
    int64_t deepest; /* most chunks in a pack */
    int64_t *depths; /* [deepest + 1]: number of packs with k chunks */
    PackingNotes notes;
} Packs;

/* Close p whatever this returns. E_ARG, E_NOMEM. */
Status packs_make(Packs *p, const Split *s, const Packer *packer, int64_t capacity, int64_t depth);
void packs_close(Packs *p);

/* A chunk and the document that it belongs to. */
typedef struct PackChunk {
    int64_t begin, end;                   /* tokens of the split */
    int64_t document;                     /* its index */
    int64_t document_begin, document_end; /* tokens of the split */
} PackChunk;

PackChunk packs_chunk(const Packs *p, int64_t i);

/* The number of packs that hold nothing but prompts (split->prefixes): with prompts given by the
 * dataset, they have no loss. Documents longer than a pack are cut, and parts of them fill some
 * alone. */
int64_t packs_of_prompts(const Packs *p);

#endif
