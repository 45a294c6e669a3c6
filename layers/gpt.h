/* GPT: a decoder of Transformer blocks (Radford et al. 2019), with the variations of CONTRACT 3. */
#ifndef LAYERS_GPT_H
#define LAYERS_GPT_H

#include "autograd/base/schema.h"
#include "autograd/ops.h"
#include "autograd/params.h"

/* clang-format off */
/* [model]    name           default  min   max      help */
#define GPT_SETTINGS(S, INT, REAL, BOOL, TEXT)                                                              \
    INT (S, layers,          4,       1,    1024,    "blocks, one after the other")                         \
    INT (S, heads,           4,       1,    1024,    "query heads; must divide width")                      \
    INT (S, kv_heads,        0,       0,    1024,    "key and value heads; must divide heads; 0: as heads") \
    INT (S, width,           128,     1,    65536,   "numbers that stand for one token")                    \
    INT (S, context,         64,      1,    1048576, "longest sequence, in tokens")                         \
    TEXT(S, mlp,             "gelu",  "gelu|relu|relu2|silu|swiglu|geglu", "activation of the MLP")         \
    INT (S, mlp_width,       0,       0,    1048576, "hidden numbers of the MLP; 0: 4 x width, or 8/3 x width rounded up to a multiple of 32 for swiglu and geglu") \
    TEXT(S, norm,            "layernorm", "layernorm|rmsnorm", "normalisation")                             \
    TEXT(S, norm_place,      "pre",   "pre|post|sandwich", "where a block normalises")                      \
    REAL(S, norm_eps,        1e-5,    1e-12, 1,      "added to the variance in normalisation")              \
    TEXT(S, positions,       "learned", "learned|rope|sinusoidal|alibi|none", "how the model knows order")  \
    REAL(S, rope_theta,      10000,   1,    1e12,    "base of the rotation's wavelengths")                  \
    BOOL(S, qk_norm,         false,                  "RMSNorm of each query and key head, without weight")  \
    BOOL(S, bias,            true,                   "biases in linear layers and layernorm")               \
    BOOL(S, tied,            true,                   "output layer = token embedding")                      \
    REAL(S, dropout,         0.0,     0,    0.9,     "share of activations set to zero in training")
/* clang-format on */

typedef struct GptConfig {
    SCHEMA_FIELDS(GPT_SETTINGS)
} GptConfig;

/* Replaces 0 by what it stands for (kv_heads, mlp_width). */
void gpt_resolve(GptConfig *c);

/* What no single row can say: E_CONFIG. */
Status gpt_check(const GptConfig *c);

#endif
