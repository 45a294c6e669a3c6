/* Position encodings: how a model knows the order of tokens. A kind is a row of the table in
 * positions.c, for a choice of model.positions. */
#ifndef LAYERS_POSITIONS_H
#define LAYERS_POSITIONS_H

#include "layers/gpt.h"

struct PositionKind {
    Status (*check)(const GptConfig *c); /* E_CONFIG if it does not fit the model; NULL: fits any */
    void (*init)(Gpt *g, Params *p); /* sets g->position_table or g->slopes; NULL: sets neither */
    bool rotates;                    /* attention rotates queries and keys (autograd/ops/rope.c) */
};

const PositionKind *position_kind(const GptConfig *c);

#endif
