/* Normalization of each row, with a learned weight: LayerNorm (Ba et al. 2016, arXiv:1607.06450) or
 * RMSNorm (Zhang & Sennrich 2019, arXiv:1910.07467). A kind is a row of the table in norm.c, for a
 * choice of model.norm. */
#ifndef LAYERS_NORM_H
#define LAYERS_NORM_H

#include "layers/gpt.h"

/* Declares prefix.weight and, for a kind with a bias and model.bias, prefix.bias: [width]. */
void norm_init(Norm *n, Params *p, const char *prefix, const GptConfig *c);

/* x [..., width] -> [..., width]. */
Tensor *norm_forward(const Norm *n, Tape *t, Tensor *x);

#endif
