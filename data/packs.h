/* Packs: which documents of a split share a sequence.
 *
 * A pack is a list of pieces, in file order; packs are in the order of their first pieces. A function of
 * the lengths of the documents, the algorithm and the depth alone. Memory: 8 bytes a piece and 8 a pack;
 * while it is made, 4 more of each. (A piece is a document, or a part of one that is longer than a pack:
 * data/lengths.h.) */
#ifndef DATA_PACKS_H
#define DATA_PACKS_H

#include "data/lengths.h"

typedef struct Packs {
    Arena arena;
    const Split *split; /* borrowed */
    int64_t capacity, count, pieces;
    int64_t *begins; /* [pieces]: the first token of each, pack by pack */
    int64_t *starts; /* [count + 1]: pack i has the pieces starts[i] up to starts[i + 1] */
    int64_t deepest; /* pieces in the fullest */
    int64_t *depths; /* [deepest + 1]: packs that hold so many */
} Packs;

/* p is to be closed whatever this returns. E_ARG, E_NOMEM. */
Status packs_make(Packs *p, const Split *s, const Packer *packer, int64_t capacity, int64_t depth);
void packs_close(Packs *p);

/* A piece that begins at a token: its end, and the document it is of. */
typedef struct PackPiece {
    int64_t begin, end;                   /* tokens of the split */
    int64_t document;                     /* which */
    int64_t document_begin, document_end; /* tokens of the split */
} PackPiece;

PackPiece packs_piece(const Packs *p, int64_t i);

#endif
