/* How a model depends on its width: as it stands, or in the maximal update parametrisation, in which the size
 * of activations and of what an update does to them, and so the best learning rate, do not (Yang et al. 2022,
 * arXiv:2203.03466, "Tensor Programs V", table 8, the form that suits a tied output layer).
 *
 * With m = model.width / model.base_width, for AdamW:
 *
 *                                            initial std    learning rate    result
 *     matrices of blocks, [width, width]     1 / sqrt(m)    1 / m            1
 *     embeddings, positions, norms, biases   1              1                1
 *     output layer, tied or not              1              1                logits / m
 *     attention                                                              scores q k / head width
 *
 * times what they are in standard. Widths of MLP and keys are taken to grow with model.width. Weight decay is
 * lr times weight_decay for every matrix: it does not follow the matrix's own learning rate (section B.3 there
 * and the authors' package, which scale weight_decay by m to that end). AdamW's eps is not scaled: it is far
 * below gradients here.
 *
 * What this does not make alike is a random output layer: its logits begin as 1 / sqrt(width) (if it is tied, but for
 * a token's own, which are alike), and what it tells the first updates is chance, more so in narrow models. That is not
 * the tying: the steepest mean slope of capstan study coords (train/study/study.h; 10 updates, widths 32 to 256) is
 * -0.31 tied and -0.27 untied at std 0.02; tied with model.embed_std 1 it is -0.20 of the logits and within 0.05 of all
 * else; untied with head_std 0 as well, within 0.04 of all (section D.2 there).
 *
 * At m = 1 this is standard but for the scores: there the root of the head width divides them, and
 * model.attention_scale: sqrt makes the two the same, bit for bit. With model.qk_norm scores divided by the head width
 * are never above 1: set attention_scale: sqrt with it. */
#ifndef LAYERS_WIDTH_H
#define LAYERS_WIDTH_H

#include "layers/gpt.h"

double width_ratio(const GptConfig *c); /* m; 1 if standard */

/* What scores are multiplied by. */
double width_score_scale(const GptConfig *c);

/* Declares a matrix of a block; std: at m = 1. */
Tensor *width_hidden(Params *p, const char *prefix, const char *name, int64_t rows, int64_t columns,
                     double std, const GptConfig *c);

#endif
