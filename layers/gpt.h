/* GPT: a decoder of Transformer blocks (Radford et al. 2019) and its variations: see
 * layers/README.md.
 *
 * Letters: B sequences, T tokens of each, R = B T rows, C width, F hidden width of the MLP, V
 * vocabulary. */
#ifndef LAYERS_GPT_H
#define LAYERS_GPT_H

#include "autograd/base/schema.h"
#include "autograd/ops.h"
#include "autograd/params.h"

#define MLP_CHOICES(X) \
    X(MLP, gelu)       \
    X(MLP, relu) X(MLP, relu2) X(MLP, silu) X(MLP, swiglu) X(MLP, geglu) X(MLP, gelu_exact)
#define NORM_CHOICES(X)            X(NORM, layernorm) X(NORM, rmsnorm)
#define NORM_PLACE_CHOICES(X)      X(NORM_PLACE, pre) X(NORM_PLACE, post) X(NORM_PLACE, sandwich)
#define INIT_CHOICES(X)            X(INIT, scaled) X(INIT, plain) X(INIT, zero)
#define PARAMETRIZATION_CHOICES(X) X(PARAMETRIZATION, standard) X(PARAMETRIZATION, mup)
#define POSITIONS_CHOICES(X) \
    X(POSITIONS, learned)    \
    X(POSITIONS, rope) X(POSITIONS, sinusoidal) X(POSITIONS, alibi) X(POSITIONS, none)
#define ATTENTION_SCALE_CHOICES(X) \
    X(ATTENTION_SCALE, auto)       \
    X(ATTENTION_SCALE, sqrt) X(ATTENTION_SCALE, linear) X(ATTENTION_SCALE, none)

#define BLOCK_CHOICES(X) X(BLOCK, sequential) X(BLOCK, parallel) X(BLOCK, parallel2)

CHOICES(BlockChoice, BLOCK_CHOICES, block_text)
CHOICES(MlpChoice, MLP_CHOICES, mlp_text)
CHOICES(NormChoice, NORM_CHOICES, norm_text)
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
         "attention heads (n_head); must divide model.width, unless head_width is set") \
    INT (S, head_width,          0,     0,   65536, \
         "width of an attention head; 0: width / heads. Queries are heads x head_width wide, which " \
         "may differ from width", SETTING_ADDED) \
    INT (S, kv_heads,            0,     0,    1024, \
         "key/value heads (grouped-query attention); must divide model.heads; 0: as many as " \
         "heads") \
    INT (S, width,             128,     1,   65536, "embedding width (d_model)") \
    INT (S, context,            64,     1, 1048576, \
         "context length: the longest sequence, in tokens") \
    CHOICE(S, mlp, gelu, MlpChoice, MLP_CHOICES, \
         "activation of the MLP; swiglu and geglu are gated") \
    INT (S, mlp_width,           0,     0, 1048576, \
         "hidden width of the MLP (d_ff); 0: 4 x width, or for swiglu and geglu 8/3 x width, " \
         "rounded up to a multiple of 32") \
    CHOICE(S, norm, layernorm, NormChoice, NORM_CHOICES, "normalization layer") \
    CHOICE(S, norm_place, pre, NormPlace, NORM_PLACE_CHOICES, \
         "position of the normalization: pre-norm, post-norm, or before and after each " \
         "sublayer (sandwich)") \
    REAL(S, norm_eps,         1e-5, 1e-12,       1, "epsilon added to the variance") \
    CHOICE(S, positions, learned, Positions, POSITIONS_CHOICES, "position encoding") \
    REAL(S, rope_theta,      10000,     1,    1e12, "base of the RoPE frequencies") \
    REAL(S, rope_fraction,       1,  1e-3,       1, \
         "share of a head that RoPE rotates: its first columns (partial rotary; GPT-NeoX: 0.25)", \
         SETTING_ADDED) \
    CHOICE(S, rope_scaling, none, RopeScaling, ROPE_SCALING_CHOICES, \
         "how RoPE is stretched beyond rope_original_context: position interpolation (linear), a " \
         "larger base (ntk; dynamic: by the length of the text), by parts (yarn, llama3), or by " \
         "lists of factors (longrope)", SETTING_ADDED) \
    REAL(S, rope_factor,         1,     1,     1e6, \
         "rope_scaling: how many times as long contexts become", SETTING_ADDED) \
    INT (S, rope_original_context, 0,   0, 1048576, \
         "rope_scaling: context length before it was stretched; 0: context / rope_factor", \
         SETTING_ADDED) \
    REAL(S, rope_beta_fast,     32,  1e-3,     1e6, \
         "yarn: pairs of columns that turn more often within the original context keep their " \
         "frequency", SETTING_ADDED) \
    REAL(S, rope_beta_slow,      1,  1e-3,     1e6, \
         "yarn: pairs that turn less often are interpolated as by linear", SETTING_ADDED) \
    REAL(S, rope_low_freq_factor, 1, 1e-3,     1e6, "llama3: as rope_beta_slow", SETTING_ADDED) \
    REAL(S, rope_high_freq_factor, 4, 1e-3,    1e6, "llama3: as rope_beta_fast", SETTING_ADDED) \
    TEXT(S, rope_factors_short, "", \
         "longrope: divisors of frequencies, one a pair of rotated columns, for texts within the " \
         "original context: \"1 1.05 1.1\"", SETTING_ADDED) \
    TEXT(S, rope_factors_long,  "", "longrope: those for longer texts", SETTING_ADDED) \
    CHOICE(S, block, sequential, BlockChoice, BLOCK_CHOICES, \
         "attention, then MLP; or both from the same x: parallel, after one norm (GPT-J), or " \
         "parallel2, each after its own (GPT-NeoX)", SETTING_ADDED) \
    BOOL(S, qk_norm,         false, \
         "QK-norm: RMSNorm of each query and key head") \
    BOOL(S, qk_norm_weight,  false, \
         "qk_norm with learned weights, one for all query heads and one for all key heads (Qwen3)", \
         SETTING_ADDED) \
    BOOL(S, bias,            true, "biases in linear layers and LayerNorm") \
    BOOL(S, qkv_bias,       false, \
         "biases in the projections to queries, keys and values although bias = false (Qwen2)", \
         SETTING_ADDED) \
    BOOL(S, tied,            true, "weight tying: the output layer is the token embedding") \
    INT (S, vocab_size,          0,     0, 16777216, \
         "rows of the token embedding, at least; 0, or fewer than the data has tokens: as many as " \
         "it has. Rows beyond them are no targets (padding)", SETTING_ADDED) \
    CHOICE(S, init, scaled, Init, INIT_CHOICES, \
         "initial std of the output projections of attention and MLP: 0.02 / sqrt(2 layers), " \
         "plain 0.02 as for all other matrices, or zero") \
    CHOICE(S, parametrization, standard, Parametrization, PARAMETRIZATION_CHOICES, \
         "how initial values, learning rates and logits scale with width: not at all, or by " \
         "muP, so that the best learning rate transfers between widths (layers/width.h)") \
    INT (S, base_width,        128,     1,   65536, \
         "muP: the width at which it equals the standard parametrization") \
    CHOICE(S, attention_scale, auto, AttentionScale, ATTENTION_SCALE_CHOICES, \
         "divisor of the attention scores: sqrt(head width), head width (linear) or 1 (none); " \
         "auto: sqrt, or linear with muP") \
    TEXT(S, windows, "full", \
         "sliding windows: keys that a row sees, its own included. full, or a number: 64; by layer, " \
         "repeated: 64,64,full; by key head, repeated: 8/full", SETTING_ADDED) \
    REAL(S, logit_softcap,       0,     0,     1e6, \
         "soft cap c of the logits, c tanh(l / c), before loss and sampling; 0: none (Gemma 2: 30)", \
         SETTING_ADDED) \
    REAL(S, score_softcap,       0,     0,     1e6, \
         "soft cap c of attention scores: c tanh(score / c), before ALiBi (Gemma 2: 50); 0: none", \
         SETTING_ADDED) \
    INT (S, sinks,               0,     0, 1048576, \
         "attention sinks: first tokens of a document that rows see beyond their window; at most as " \
         "many as the window is long", SETTING_ADDED) \
    BOOL(S, learned_sink,    false, \
         "a learned score for each head that joins the softmax without a value, so that a head can " \
         "attend to nothing (gpt-oss)", SETTING_ADDED) \
    REAL(S, windows_theta,       0,     0,    1e12, \
         "rope_theta of the layers that have a window; 0: rope_theta", SETTING_ADDED) \
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

/* The width of an attention head, of its query and its key. */
int64_t gpt_head_width(const GptConfig *c);

/* How many columns of a head RoPE rotates. */
int64_t gpt_rotated(const GptConfig *c);

/* Replaces 0 in kv_heads and mlp_width by the default. */
void gpt_resolve(GptConfig *c);

/* Checks a resolved config for faults that no single setting shows. E_CONFIG. */
Status gpt_check(const GptConfig *c);

/* Kinds of layers: rows of tables in layers/norm.c, attention.c, mlp.c and positions.c. */
typedef struct NormKind NormKind;
typedef struct AttentionKind AttentionKind;
typedef struct MlpKind MlpKind;
typedef struct PositionKind PositionKind;

enum { SCOPE_MAX = 32 };

typedef struct Norm {
    const NormKind *kind;
    double eps;
    Tensor *weight, *bias; /* [C]; bias NULL: none */
    char scope[SCOPE_MAX];
} Norm;

typedef struct AttentionLayer {
    const AttentionKind *kind;
    void *self; /* the kind's own data: matrices, random streams */
    char scope[SCOPE_MAX];
} AttentionLayer;

typedef struct MlpLayer {
    const MlpKind *kind;
    void *self;
    char scope[SCOPE_MAX];
} MlpLayer;

typedef struct Block {
    Norm norm1, norm1_out, norm2,
        norm2_out; /* norm1_out and norm2_out: only for norm_place sandwich */
    AttentionLayer attn;
    MlpLayer mlp;
} Block;

typedef struct Gpt {
    const GptConfig *config;
    int64_t vocab_size;
    Tensor *embed; /* [V, C] */
    Tensor *
        position_table; /* [context, C], added to the embeddings: learned or sinusoids; NULL: none */
    double *slopes;     /* [heads]: ALiBi; NULL: none */
    Block *blocks;      /* [layers] */
    Norm norm;          /* not used if norm_place is post */
    Tensor *head;       /* [V, C]; embed if tied */
    Rng drop_embed;
    bool bf16; /* forward computes in bfloat16 (Tape.bf16); the parameters have bfloat16 copies */
    bool recompute; /* each block is a segment of the tape (tape_segment_begin()); false at first */
} Gpt;

typedef struct GptCache GptCache; /* layers/cache.h */

/* The input of a forward pass. Pointers are borrowed until the tape is reset. */
typedef struct GptInput {
    int64_t rows;
    const int32_t *tokens, *positions; /* [R]; positions below context */
    AttentionRows attention;
    int64_t rope_length; /* tokens of the text, where RoPE depends on them; 0: of each segment */
    bool dropout;        /* true: training */
    uint64_t step;       /* see Dropout.step */
    int64_t first_row;
    AttentionStats *stats; /* [layers]; NULL: not wanted */
    /* Output, [layers]: sum of squares of the residual stream after each block; NULL: not
     * wanted. */
    double *squares;
    /* NULL: none. Otherwise the rows of each segment are appended to a stream, which has
     * cache->length tokens. One segment: it sees the keys of its stream. Several segments: each has
     * one row, and attention.keys and key_ends count rows of [streams, capacity]. */
    GptCache *cache;
    Tensor **extra_loss; /* gpt_loss() sets it: see gpt_add_loss(); NULL: no loss is computed */
} GptInput;

/* Declares the parameters of a model (their names: layers/README.md) and fills g, which borrows c.
 * vocab_size: of the data; g->vocab_size is c->vocab_size if that is more. Faults are kept in p,
 * and params_alloc() returns them. seed: of dropout. */
void gpt_init(Gpt *g, Params *p, const GptConfig *c, int64_t vocab_size, uint64_t seed);

/* [R, C]: the last hidden layer, normalized, divided by width_ratio(): ready for the output
 * layer. */
Tensor *gpt_forward(const Gpt *g, Tape *t, const GptInput *in);

/* []: the objective: the cross-entropy (see ag_cross_entropy()) and the terms that layers added to
 * it. */
Tensor *gpt_loss(const Gpt *g, Tape *t, const GptInput *in, const CrossEntropy *loss);

/* For a layer's forward: adds a term [] to the objective, such as a balancing loss. loss->row_loss,
 * and so the loss that is logged, stays the cross-entropy alone. Does nothing where no loss is
 * computed. E_ARG with recompute: a term may not leave its block's segment. */
void gpt_add_loss(Tape *t, const GptInput *in, Tensor *term);

/* [segments, V]: the logits after the last row of each segment; for tapes that do not record. */
Tensor *gpt_next(const Gpt *g, Tape *t, const GptInput *in);

#endif
