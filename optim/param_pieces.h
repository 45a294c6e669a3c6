/* Pieces: what lies of one parameter in one block of all numbers. Their sums, added in order, are a
 * parameter's, on any number of threads. */
#ifndef OPTIM_PARAM_PIECES_H
#define OPTIM_PARAM_PIECES_H

#include "autograd/params.h"

/* A block is small enough to share out, large enough that sharing costs nothing. */
enum { PIECE_BLOCK = 1 << 16, PIECES_AT_ONCE = 256, PIECE_SUMS = 3 };

typedef struct ParamPiece {
    const Param *param;
    int64_t number;     /* of the parameter, in the order declared */
    int64_t begin, end; /* in the block of all numbers */
    double sum[PIECE_SUMS];
} ParamPiece;

/* Where the next pieces begin: {p->first} at first. */
typedef struct ParamPieceCursor {
    const Param *param; /* NULL: there are no more */
    int64_t number, done;
} ParamPieceCursor;

/* Cuts up to PIECES_AT_ONCE more, of one parameter or of as many as there are; returns how many. */
int param_pieces_next(ParamPieceCursor *at, bool of_one, ParamPiece pieces[PIECES_AT_ONCE]);

#endif
