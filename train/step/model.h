/* The model of a config, in the precision that the config asks for. */
#ifndef TRAIN_STEP_MODEL_H
#define TRAIN_STEP_MODEL_H

#include "train/config/config.h"

/* Declares and allocates the parameters, without values, and reserves memory for products on threads_count()
 * threads. Free p whatever this returns. g borrows c and p. E_NOMEM. */
Status model_open(Gpt *g, Params *p, const Config *c, int64_t vocab_size, bool for_training);

/* Rounds the matrices that products read to 8 bits (params_round_q8()), for a model that is not trained on. Tables of
 * which only rows are looked up stay as they are. From then on products are those of float32. E_FAILED, E_NOMEM. */
Status model_round_q8(Gpt *g, Params *p);

/* The matrix multiplication code for these parameters: gemm_core() or gemm_bf16_core(). */
const char *model_core(const Params *p);

#endif
