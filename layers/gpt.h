/* GPT: a decoder of Transformer blocks (Radford et al. 2019), with the variations of CONTRACT 3.
 *
 * Letters: B sequences, T tokens of each, R = B T rows, C width, V vocabulary. */
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
    TEXT(S, init,            "scaled", "scaled|plain", "initial output projections of attention and MLP: std 0.02 / sqrt(2 layers), or 0.02 like all other matrices") \
    TEXT(S, parametrization, "standard", "standard|mup", "how initial values, learning rates and logits depend on width: not at all, or so that the best learning rate does not (layers/width.h)") \
    INT (S, base_width,      128,     1,    65536,   "mup: the width at which that is as in standard") \
    TEXT(S, attention_scale, "auto",  "auto|sqrt|linear|none", "what scores are divided by: root of the head width, head width, or 1; auto: sqrt, but linear for mup") \
    REAL(S, embed_std,       0.02,    1e-6, 10,      "std of initial token embeddings; 1, with tied = false, is another guard against spikes") \
    REAL(S, head_std,        0.02,    0,    10,      "std of the initial output layer, if tied = false; 0: all zero, which keeps small and wide models alike (Yang et al. 2022, section D.2)") \
    REAL(S, dropout,         0.0,     0,    0.9,     "share of activations set to zero in training")
/* clang-format on */

typedef struct GptConfig {
    SCHEMA_FIELDS(GPT_SETTINGS)
} GptConfig;

/* Replaces 0 by what it stands for (kv_heads, mlp_width). */
void gpt_resolve(GptConfig *c);

/* What no single row can say, of a resolved config: E_CONFIG. */
Status gpt_check(const GptConfig *c);

typedef struct Norm {
    bool is_rms;
    double eps;
    Tensor *weight, *bias; /* [C]; bias NULL: none */
    char scope[32];
} Norm;

typedef struct SelfAttention {
    Tensor *qkv, *qkv_bias; /* [(heads + 2 kv_heads) head_width, C]: q, k and v joined */
    Tensor *out, *out_bias; /* [C, C] */
    char scope[32];
    Rng drop_weights, drop_out;
} SelfAttention;

typedef struct Mlp {
    Activation activation;
    Tensor *up, *up_bias;     /* [F, C]; gate and up joined, [2 F, C], if gated */
    Tensor *down, *down_bias; /* [C, F] */
    char scope[32];
    Rng drop_out;
} Mlp;

typedef struct Block {
    Norm norm1, norm1_out, norm2, norm2_out; /* the two _out only if norm_place is sandwich */
    SelfAttention attn;
    Mlp mlp;
} Block;

typedef enum NormPlace { NORM_PRE, NORM_POST, NORM_SANDWICH } NormPlace;

typedef struct Gpt {
    const GptConfig *config;
    int64_t vocab_size;
    NormPlace norm_place;
    Tensor *embed;  /* [V, C] */
    Tensor *place;  /* [context, C]: learned positions or the table of sinusoids; NULL: neither */
    double *slopes; /* [heads]: ALiBi; NULL: none */
    Block *blocks;  /* [layers] */
    Norm norm;      /* not if norm_place is post */
    Tensor *head;   /* [V, C]; embed if tied */
    Rng drop_embed;
    bool bf16; /* forward computes in bfloat16 (Tape.bf16); the parameters have bfloat16 copies */
    bool recompute; /* each block is a segment of the tape (tape_segment_begin()); false at first */
} Gpt;

/* Keys and values of what was read so far, for sampling: of several streams, texts of one length that have
 * nothing to do with each other. One block of memory, the caller's. */
typedef struct GptCache {
    int64_t capacity, length; /* tokens of each stream */
    int64_t streams;
    real *data; /* [layers, 2, streams, capacity, kv width]: streams * gpt_cache_count() numbers */
    const int32_t *stream; /* [segments]: the stream that each segment of what is read goes on */
} GptCache;

/* What a model reads. Pointers are borrowed until the tape is reset. */
typedef struct GptInput {
    int64_t rows;
    const int32_t *tokens, *positions; /* [R]; positions below context */
    AttentionRows attention;
    bool dropout;  /* on: training */
    uint64_t step; /* see Dropout.step */
    int64_t first_row;
    AttentionStats *stats; /* [layers]; NULL: not wanted */
    /* Out, [layers]: sum of squares of the residual stream behind each block; NULL: not wanted. */
    double *squares;
    /* NULL: none. Else the rows of a segment go behind its stream's length tokens, which grows. One segment:
     * its keys are those of its stream. Several: of one row each, and keys and key_ends count rows of
     * [streams, capacity]. */
    GptCache *cache;
} GptInput;

/* Declares the parameters of a model (names: CONTRACT 5) and fills g, which borrows c. To be followed by
 * params_alloc(), whose Status tells of faults here. seed: of dropout. */
void gpt_init(Gpt *g, Params *p, const GptConfig *c, int64_t vocab_size, uint64_t seed);

/* [R, C]: the last hidden layer, normalised; over width_ratio(), so that the head makes logits of it. */
Tensor *gpt_forward(const Gpt *g, Tape *t, const GptInput *in);

/* []: the loss, see ag_cross_entropy(). */
Tensor *gpt_loss(const Gpt *g, Tape *t, const GptInput *in, const CrossEntropy *loss);

/* [segments, V]: what follows the last row of each segment; for tapes that do not record. */
Tensor *gpt_next(const Gpt *g, Tape *t, const GptInput *in);

int64_t gpt_cache_count(const GptConfig *c, int64_t capacity);

#endif
