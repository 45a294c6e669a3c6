/* The parametrization: standard, in which nothing depends on the width of the model, or muP, in
 * which initial values, learning rates and logits, so that the best learning rate is the same at
 * every width (Yang et al. 2022, arXiv:2203.03466, "Tensor Programs V", table 8, the form for tied
 * output layers).
 *
 * With m = model.width / model.base_width, for AdamW, relative to standard:
 *
 *                                            initial std    learning rate    result
 *     matrices of blocks                     1 / sqrt(m)    1 / m            1
 *     embeddings, positions, norms, biases   1              1                1
 *     output layer, tied or not              1              1                logits / m
 *     attention                                                              scores: q k / head width
 *
 * Lion as AdamW. With Muon, matrices of blocks learn at muon_lr at every width (optim/muon.h).
 *
 * The widths of MLP and keys are assumed to grow with model.width. Weight decay is lr weight_decay
 * for every matrix; it does not follow the matrix's own learning rate (section B.3 there, and the
 * authors' package, which scales weight_decay by m for this). AdamW's eps is not scaled: it is far
 * below the gradients.
 *
 * A random output layer still depends on width: its initial logits fall as 1 / sqrt(width). For
 * untied models model.head_std = 0 removes that (section D.2 there).
 *
 * At m = 1 muP equals standard except that scores are divided by the head width, not by its root;
 * model.attention_scale: sqrt makes them equal bit for bit. Set it also with model.qk_norm, where
 * division by the head width would keep all scores below 1. */
#ifndef LAYERS_WIDTH_H
#define LAYERS_WIDTH_H

#include "layers/gpt.h"

double width_ratio(const GptConfig *c); /* m; 1 if standard */

/* The factor of attention scores. */
double width_score_scale(const GptConfig *c);

/* Declares a matrix of a block. std: its initial standard deviation at m = 1. */
Tensor *width_hidden(Params *p, const char *prefix, const char *name, int64_t rows, int64_t columns,
                     double std, const GptConfig *c);

#endif
