#include "optim/param_pieces.h"

int param_pieces_next(ParamPieceCursor *at, bool of_one, ParamPiece pieces[PIECES_AT_ONCE])
{
    const int64_t last = at->number;
    int count = 0;
    while (at->param && count < PIECES_AT_ONCE && !(of_one && at->number > last)) {
        const Tensor *x = &at->param->tensor;
        const int64_t begin = x->offset + at->done, after = x->offset + shape_count(x->shape),
                      next = (begin / PIECE_BLOCK + 1) * PIECE_BLOCK,
                      end = next < after ? next : after;
        pieces[count++] = (ParamPiece){at->param, at->number, begin, end, {0}};
        at->done = end - x->offset;
        if (end < after) continue;
        at->done = 0;
        at->number++;
        at->param = at->param->next;
    }
    return count;
}
