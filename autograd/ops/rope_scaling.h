/* Frequencies of RoPE, and how they are stretched for positions beyond the trained context. */
#ifndef AUTOGRAD_OPS_ROPE_SCALING_H
#define AUTOGRAD_OPS_ROPE_SCALING_H

#include "autograd/ops.h"

/* Whether the frequencies depend on the number of tokens. */
bool rope_depends_on_length(const RopeStretch *s);

/* Radians a position of pair i of d / 2 in a text of `length` tokens: theta^(-2 i / d), stretched. */
double rope_frequency(const RopeStretch *s, double theta, int64_t d, int64_t i, int64_t length);

/* The factor of cos and sin; the scores of attention get its square. */
double rope_magnitude(const RopeStretch *s);

#endif
