/* RoPE as a model's settings describe it. */
#ifndef LAYERS_ROPE_H
#define LAYERS_ROPE_H

#include "layers/gpt.h"

/* E_CONFIG: settings of RoPE that contradict each other, or lists that do not parse. */
Status rope_check(const GptConfig *c);

/* The context before it was stretched. */
double rope_original(const GptConfig *c);

/* Fills theta, rotated, stretch; lists live in p's arena. Faults are kept in p. */
void rope_init(Rope *r, Params *p, const GptConfig *c);

/* Sets lengths of r from the input's segments, or its rope_length, if r depends on them. */
void rope_set_lengths(Rope *r, Tape *t, const GptInput *in);

/* For a model that was trained with the context of `trained` and is stretched now: its original
 * context, unless it is set. */
void rope_keep_original(GptConfig *c, const GptConfig *trained);

#endif
