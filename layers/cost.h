/* Cost: the FLOPs of a model's matrix products, as the ops themselves count them (OpWork).
 *
 * The model runs on a dry tape: shapes only, nothing is computed, and parameters need no memory. So
 * a new kind of layer is counted as soon as its ops count their work. */
#ifndef LAYERS_COST_H
#define LAYERS_COST_H

#include "layers/gpt.h"

/* FLOPs of a forward pass. */
typedef struct Cost {
    double weights; /* of products with a weight: linear layers and the output layer */
    double scores;  /* of all other products: attention's scores and weighted sums */
} Cost;

/* Receives each node of the forward pass, the last one first, and its work in forward. */
typedef void CostVisit(void *context, const Node *n, const OpWork *work);

/* Visits the nodes of a forward pass over `in` and its loss. targets [rows]: the output layer is
 * computed for rows whose target is not -1. E_NOMEM, or the fault of an op. */
Status cost_visit(const Gpt *g, const GptInput *in, const int32_t *targets, CostVisit *visit,
                  void *context);

/* The sum over these nodes. */
Status cost_forward(const Gpt *g, const GptInput *in, const int32_t *targets, Cost *cost);

/* The keys that a row of cost_windows() sees. */
typedef enum CostRows {
    COST_CAUSAL,
    COST_FULL
} CostRows; /* the past and itself; the whole window */

/* An input of `sequences` windows of the model's context, and their targets: all zeros, in the
 * arena. */
Status cost_windows(const Gpt *g, int64_t sequences, CostRows rows, Arena *arena, GptInput *in,
                    const int32_t **targets);

#endif
