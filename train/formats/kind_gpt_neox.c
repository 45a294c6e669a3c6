/* GPT-NeoX (Black et al. 2022), also Pythia: GPTNeoXForCausalLM of transformers, whose q, k and v
 * alternate head by head. */
#include "train/formats/kinds.h"

static const KindSetting settings[] = {
    SETTING_KEY("layers", "num_hidden_layers", "%s.block_count"),
    SETTING_KEY("heads", "num_attention_heads", "%s.attention.head_count"),
    SETTING_KEY("width", "hidden_size", "%s.embedding_length"),
    SETTING_KEY("mlp_width", "intermediate_size", "%s.feed_forward_length"),
    SETTING_KEY("context", "max_position_embeddings", "%s.context_length"),
    SETTING_OR("norm_eps", "layer_norm_eps", "%s.attention.layer_norm_epsilon", {"1e-5"}),
    SETTING_OR("rope_theta", "rotary_emb_base", "%s.rope.freq_base", {"10000", "10000"}),
    SETTING_OR("bias", "bias", "capstan.bias", {"true", "true"}),
    SETTING_OR("tied", "tie_word_embeddings", NULL, {"false"}, .value = "false"),
    SETTING_OR("mlp", "hidden_act", NULL, {"gelu"}, .value = "gelu",
               .words =
                   "gelu=gelu_new gelu=gelu_pytorch_tanh gelu=gelu_fast gelu_exact=gelu relu=relu "
                   "relu2=relu2 silu=silu"),
    SETTING_OR("block", "use_parallel_residual", "%s.use_parallel_residual", {"true", "true"},
               .words = "parallel2=true sequential=false"),
    SETTING_OR("rope_fraction", "rotary_pct", "%s.rope.dimension_count", {"0.25", "0"}),
    SETTING_ONLY("norm", "layernorm"),
    SETTING_ONLY("norm_place", "pre"),
    SETTING_ONLY("positions", "rope"),
    PROPERTY("attention_bias", NULL, "true"),
    PROPERTY("rope_scaling", "%s.rope.scaling.type", "none"),
    PROPERTY("quantization_config", NULL, "none"),
    {0},
};

#define BLOCK(param, huggingface, gguf)                                       \
    {                                                                         \
        "blocks.*." param, {"gpt_neox.layers.*." huggingface, "blk.*." gguf}, \
        {                                                                     \
            0, 0                                                              \
        }                                                                     \
    }
#define LINEAR(param, huggingface, gguf)                           \
    BLOCK(param ".weight", huggingface ".weight", gguf ".weight"), \
        BLOCK(param ".bias", huggingface ".bias", gguf ".bias")
#define FUSED(param, end)                                                              \
    {                                                                                  \
        "blocks.*." param end,                                                         \
            {"gpt_neox.layers.*.attention.query_key_value" end, "blk.*.attn_qkv" end}, \
        {                                                                              \
            LAYOUT_BY_HEAD, 0                                                          \
        }                                                                              \
    }

static const KindTensor tensors[] = {
    {"embed.weight", {"gpt_neox.embed_in.weight", "token_embd.weight"}, {0, 0}},
    LINEAR("norm1", "input_layernorm", "attn_norm"),
    FUSED("attn.q", ".weight"),
    FUSED("attn.k", ".weight"),
    FUSED("attn.v", ".weight"),
    FUSED("attn.q", ".bias"),
    FUSED("attn.k", ".bias"),
    FUSED("attn.v", ".bias"),
    LINEAR("attn.out", "attention.dense", "attn_output"),
    LINEAR("norm2", "post_attention_layernorm", "ffn_norm"),
    LINEAR("mlp.up", "mlp.dense_h_to_4h", "ffn_up"),
    LINEAR("mlp.down", "mlp.dense_4h_to_h", "ffn_down"),
    {"norm.weight", {"gpt_neox.final_layer_norm.weight", "output_norm.weight"}, {0, 0}},
    {"norm.bias", {"gpt_neox.final_layer_norm.bias", "output_norm.bias"}, {0, 0}},
    {"head.weight", {"embed_out.weight", "output.weight"}, {0, 0}},
    {0},
};

/* Causal masks and frequencies, which old versions of transformers stored. */
static const char *const ignored[] = {"gpt_neox.layers.*.attention.bias",
                                      "gpt_neox.layers.*.attention.masked_bias",
                                      "gpt_neox.layers.*.attention.rotary_emb.inv_freq", NULL};

const Kind kind_gpt_neox = {
    .name = "gpt_neox",
    .class_name = "GPTNeoXForCausalLM",
    .architecture = "gptneox",
    .settings = {settings},
    .tensors = tensors,
    .prefix = "gpt_neox.",
    .ignored = ignored,
    .always_bias = true,
};
