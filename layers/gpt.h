/* GPT: a decoder of Transformer blocks (Radford et al. 2019), with the variations of CONTRACT 3.
 *
 * Letters: B sequences, T tokens of each, R = B T rows, C width, V vocabulary. */
#ifndef LAYERS_GPT_H
#define LAYERS_GPT_H

#include "autograd/base/schema.h"
#include "autograd/ops.h"
#include "autograd/params.h"

#define NORM_CHOICES(X)            X(NORM, layernorm) X(NORM, rmsnorm)
#define NORM_PLACE_CHOICES(X)      X(NORM_PLACE, pre) X(NORM_PLACE, post) X(NORM_PLACE, sandwich)
#define INIT_CHOICES(X)            X(INIT, scaled) X(INIT, plain)
#define PARAMETRIZATION_CHOICES(X) X(PARAMETRIZATION, standard) X(PARAMETRIZATION, mup)
#define POSITIONS_CHOICES(X) \
    X(POSITIONS, learned)    \
    X(POSITIONS, rope) X(POSITIONS, sinusoidal) X(POSITIONS, alibi) X(POSITIONS, none)
#define ATTENTION_SCALE_CHOICES(X) \
    X(ATTENTION_SCALE, auto)       \
    X(ATTENTION_SCALE, sqrt) X(ATTENTION_SCALE, linear) X(ATTENTION_SCALE, none)

CHOICES(NormKind, NORM_CHOICES, norm_text)
CHOICES(NormPlace, NORM_PLACE_CHOICES, norm_place_text)
CHOICES(Positions, POSITIONS_CHOICES, positions_text)
CHOICES(Init, INIT_CHOICES, init_text)
CHOICES(Parametrization, PARAMETRIZATION_CHOICES, parametrization_text)
CHOICES(AttentionScale, ATTENTION_SCALE_CHOICES, attention_scale_text)

/* clang-format off */
/* [model] name, default, min, max, help */
#define GPT_SETTINGS(S, INT, REAL, BOOL, TEXT, CHOICE, AUTO) \
    INT (S, layers,              4,     1,    1024, "Transformer blocks (n_layer)") \
    INT (S, heads,               4,     1,    1024, \
         "attention heads (n_head); must divide model.width") \
    INT (S, kv_heads,            0,     0,    1024, \
         "key/value heads (grouped-query attention); must divide model.heads; 0: as many as " \
         "heads") \
    INT (S, width,             128,     1,   65536, "embedding width (d_model)") \
    INT (S, context,            64,     1, 1048576, \
         "context length: the longest sequence, in tokens") \
    CHOICE(S, mlp, gelu, Activation, ACTIVATION_CHOICES, \
         "activation of the MLP; swiglu and geglu are gated") \
    INT (S, mlp_width,           0,     0, 1048576, \
         "hidden width of the MLP (d_ff); 0: 4 x width, or for swiglu and geglu 8/3 x width, " \
         "rounded up to a multiple of 32") \
    CHOICE(S, norm, layernorm, NormKind, NORM_CHOICES, "normalization layer") \
    CHOICE(S, norm_place, pre, NormPlace, NORM_PLACE_CHOICES, \
         "position of the normalization: pre-norm, post-norm, or before and after each " \
         "sublayer (sandwich)") \
    REAL(S, norm_eps,         1e-5, 1e-12,       1, "epsilon added to the variance") \
    CHOICE(S, positions, learned, Positions, POSITIONS_CHOICES, "position encoding") \
    REAL(S, rope_theta,      10000,     1,    1e12, "base of the RoPE frequencies") \
    BOOL(S, qk_norm,         false, \
         "QK-norm: RMSNorm of each query and key head, without a learned weight") \
    BOOL(S, bias,            true, "biases in linear layers and LayerNorm") \
    BOOL(S, tied,            true, "weight tying: the output layer is the token embedding") \
    CHOICE(S, init, scaled, Init, INIT_CHOICES, \
         "initial std of the output projections of attention and MLP: 0.02 / sqrt(2 layers), " \
         "or plain 0.02 as for all other matrices") \
    CHOICE(S, parametrization, standard, Parametrization, PARAMETRIZATION_CHOICES, \
         "how initial values, learning rates and logits scale with width: not at all, or by " \
         "muP, so that the best learning rate transfers between widths (layers/width.h)") \
    INT (S, base_width,        128,     1,   65536, \
         "muP: the width at which it equals the standard parametrization") \
    CHOICE(S, attention_scale, auto, AttentionScale, ATTENTION_SCALE_CHOICES, \
         "divisor of the attention scores: sqrt(head width), head width (linear) or 1 (none); " \
         "auto: sqrt, or linear with muP") \
    REAL(S, embed_std,        0.02,  1e-6,      10, \
         "initial std of the token embedding; 1, with tied = false, is another guard against " \
         "loss spikes") \
    REAL(S, head_std,         0.02,     0,      10, \
         "initial std of the output layer if tied = false; 0: all zeros, which keeps narrow " \
         "and wide models alike (Yang et al. 2022, section D.2)") \
    REAL(S, dropout,           0.0,     0,     0.9, "dropout rate during training")
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

typedef struct Gpt {
    const GptConfig *config;
    int64_t vocab_size;
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
