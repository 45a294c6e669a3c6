/* GPT-2 (Radford et al. 2019): GPT2LMHeadModel of transformers, whose Conv1D weights are [in, out].
 */
#include "train/formats/kinds.h"

static const KindSetting settings[] = {
    SETTING_KEY("layers", "n_layer", "%s.block_count"),
    SETTING_KEY("heads", "n_head", "%s.attention.head_count"),
    SETTING_KEY("width", "n_embd", "%s.embedding_length"),
    SETTING_OR("mlp_width", "n_inner", "%s.feed_forward_length", {"0"}),
    SETTING_KEY("context", "n_positions", "%s.context_length"),
    SETTING_OR("norm_eps", "layer_norm_epsilon", "%s.attention.layer_norm_epsilon", {"1e-5"}),
    SETTING_OR("bias", "bias", "capstan.bias", {"true", "true"}),
    SETTING_OR("tied", "tie_word_embeddings", NULL, {"true"}, .tensor = "output.weight",
               .if_present = "false", .if_absent = "true"),
    SETTING_OR(
        "mlp", "activation_function", NULL, {"gelu_new"}, .value = "gelu",
        .words =
            "gelu=gelu_new gelu=gelu_pytorch_tanh gelu_exact=gelu relu=relu relu2=relu2 silu=silu"),
    SETTING_ONLY("norm", "layernorm"),
    SETTING_ONLY("norm_place", "pre"),
    SETTING_ONLY("positions", "learned"),
    PROPERTY("scale_attn_weights", NULL, "true"),
    PROPERTY("scale_attn_by_inverse_layer_idx", NULL, "false"),
    PROPERTY("add_cross_attention", NULL, "false"),
    PROPERTY("quantization_config", NULL, "none"),
    {0},
};

#define BLOCK(param, huggingface, gguf)                                     \
    {                                                                       \
        "blocks.*." param, {"transformer.h.*." huggingface, "blk.*." gguf}, \
        {                                                                   \
            0, 0                                                            \
        }                                                                   \
    }
#define CONV1D(param, huggingface, gguf)                                  \
    {"blocks.*." param ".weight",                                         \
     {"transformer.h.*." huggingface ".weight", "blk.*." gguf ".weight"}, \
     {LAYOUT_TRANSPOSED, 0}},                                             \
        BLOCK(param ".bias", huggingface ".bias", gguf ".bias")

static const KindTensor tensors[] = {
    {"embed.weight", {"transformer.wte.weight", "token_embd.weight"}, {0, 0}},
    {"positions.weight", {"transformer.wpe.weight", "position_embd.weight"}, {0, 0}},
    BLOCK("norm1.weight", "ln_1.weight", "attn_norm.weight"),
    BLOCK("norm1.bias", "ln_1.bias", "attn_norm.bias"),
    {"blocks.*.attn.q.weight",
     {"transformer.h.*.attn.c_attn.weight", "blk.*.attn_qkv.weight"},
     {LAYOUT_TRANSPOSED, 0}},
    {"blocks.*.attn.k.weight",
     {"transformer.h.*.attn.c_attn.weight", "blk.*.attn_qkv.weight"},
     {LAYOUT_TRANSPOSED, 0}},
    {"blocks.*.attn.v.weight",
     {"transformer.h.*.attn.c_attn.weight", "blk.*.attn_qkv.weight"},
     {LAYOUT_TRANSPOSED, 0}},
    BLOCK("attn.q.bias", "attn.c_attn.bias", "attn_qkv.bias"),
    BLOCK("attn.k.bias", "attn.c_attn.bias", "attn_qkv.bias"),
    BLOCK("attn.v.bias", "attn.c_attn.bias", "attn_qkv.bias"),
    CONV1D("attn.out", "attn.c_proj", "attn_output"),
    BLOCK("norm2.weight", "ln_2.weight", "ffn_norm.weight"),
    BLOCK("norm2.bias", "ln_2.bias", "ffn_norm.bias"),
    CONV1D("mlp.up", "mlp.c_fc", "ffn_up"),
    CONV1D("mlp.down", "mlp.c_proj", "ffn_down"),
    {"norm.weight", {"transformer.ln_f.weight", "output_norm.weight"}, {0, 0}},
    {"norm.bias", {"transformer.ln_f.bias", "output_norm.bias"}, {0, 0}},
    {"head.weight", {"lm_head.weight", "output.weight"}, {0, 0}},
    {0},
};

/* Causal masks, which old versions of transformers stored. */
static const char *const ignored[] = {"transformer.h.*.attn.bias",
                                      "transformer.h.*.attn.masked_bias", NULL};

const Kind kind_gpt2 = {
    .name = "gpt2",
    .class_name = "GPT2LMHeadModel",
    .architecture = "gpt2",
    .settings = {settings},
    .tensors = tensors,
    .prefix = "transformer.",
    .ignored = ignored,
    .always_bias = true,
};
