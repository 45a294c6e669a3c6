/* The documents of a batch, or the pieces of them that are in it.
 *
 * A piece is a run of rows of one sequence whose targets are tokens of one document; rows of its prompt,
 * which have no loss, come first. Every row that has a loss is in one piece. */
#ifndef TRAIN_MONITOR_PIECES_H
#define TRAIN_MONITOR_PIECES_H

#include "data/batch.h"

typedef struct BatchPiece {
    int64_t document;               /* of the split, from 0 */
    int64_t sequence, row, end;     /* rows [row, end) of the batch */
    int64_t losses;                 /* rows that have one */
    int64_t token_begin, token_end; /* their targets, prompt included: tokens of the split */
} BatchPiece;

/* All of them, in the order of rows, in a. E_NOMEM. */
Status batch_pieces(const Batch *b, const Split *s, Arena *a, BatchPiece **out, int64_t *count);

/* The token that row r of a piece is to be followed by: its target, whether or not that has a loss. */
int32_t batch_piece_token(const Batch *b, const BatchPiece *p, int64_t r);

#endif
