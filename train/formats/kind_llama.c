/* Llama (Touvron et al. 2023): LlamaForCausalLM of transformers; also SmolLM2 and TinyLlama. */
#include "train/formats/kind_llama.h"

const KindSetting kind_llama_settings[] = {
    SETTING_KEY("layers", "num_hidden_layers", "%s.block_count"),
    SETTING_KEY("heads", "num_attention_heads", "%s.attention.head_count"),
    SETTING_OR("kv_heads", "num_key_value_heads", "%s.attention.head_count_kv", {"0", "0"}),
    SETTING_OR("head_width", "head_dim", "%s.attention.key_length", {"0", "0"}),
    SETTING_KEY("width", "hidden_size", "%s.embedding_length"),
    SETTING_KEY("mlp_width", "intermediate_size", "%s.feed_forward_length"),
    SETTING_KEY("context", "max_position_embeddings", "%s.context_length"),
    SETTING_OR("norm_eps", "rms_norm_eps", "%s.attention.layer_norm_rms_epsilon", {"1e-6"}),
    SETTING_OR("rope_theta", "rope_theta", "%s.rope.freq_base", {"10000", "10000"}),
    SETTING_OR("tied", "tie_word_embeddings", NULL, {"false"}, .tensor = "output.weight",
               .if_present = "false", .if_absent = "true"),
    SETTING_OR("mlp", "hidden_act", NULL, {"silu"}, .value = "swiglu",
               .words = "swiglu=silu geglu=gelu_pytorch_tanh"),
    SETTING_ONLY("norm", "rmsnorm"),
    SETTING_ONLY("norm_place", "pre"),
    SETTING_ONLY("positions", "rope"),
    SETTING_OR("rope_scaling", "rope_scaling", NULL, {"none"},
               .words = "none=none linear=linear dynamic=dynamic yarn=yarn llama3=llama3"),
    SETTING_OR("rope_factor", "rope_scaling.factor", NULL, {"1"}),
    SETTING_OR("rope_original_context", "rope_scaling.original_max_position_embeddings", NULL,
               {"0"}),
    SETTING_OR("rope_beta_fast", "rope_scaling.beta_fast", NULL, {"32"}),
    SETTING_OR("rope_beta_slow", "rope_scaling.beta_slow", NULL, {"1"}),
    SETTING_OR("rope_low_freq_factor", "rope_scaling.low_freq_factor", NULL, {"1"}),
    SETTING_OR("rope_high_freq_factor", "rope_scaling.high_freq_factor", NULL, {"4"}),
    PROPERTY(NULL, "%s.rope.scaling.type", "none"),
    PROPERTY("partial_rotary_factor", NULL, "1.0"),
    PROPERTY("num_local_experts", "%s.expert_count", "0"),
    PROPERTY("num_experts", NULL, "0"),
    PROPERTY("rope_interleaved", NULL, "false"),
    PROPERTY("attn_logit_softcapping", "%s.attn_logit_softcapping", "none"),
    PROPERTY("final_logit_softcapping", "%s.final_logit_softcapping", "none"),
    PROPERTY("quantization_config", NULL, "none"),
    {0},
};

#define BLOCK(param, huggingface, gguf)                                    \
    {                                                                      \
        "blocks.*." param, {"model.layers.*." huggingface, "blk.*." gguf}, \
        {                                                                  \
            0, 0                                                           \
        }                                                                  \
    }
#define LINEAR(param, huggingface, gguf)                           \
    BLOCK(param ".weight", huggingface ".weight", gguf ".weight"), \
        BLOCK(param ".bias", huggingface ".bias", gguf ".bias")
#define ROTATED(param, huggingface, gguf)                                            \
    {                                                                                \
        "blocks.*." param, {"model.layers.*.self_attn." huggingface, "blk.*." gguf}, \
        {                                                                            \
            LAYOUT_ROTATED, LAYOUT_ROTATED                                           \
        }                                                                            \
    }

const KindTensor kind_llama_tensors[] = {
    {"embed.weight", {"model.embed_tokens.weight", "token_embd.weight"}, {0, 0}},
    BLOCK("norm1.weight", "input_layernorm.weight", "attn_norm.weight"),
    ROTATED("attn.q.weight", "q_proj.weight", "attn_q.weight"),
    ROTATED("attn.q.bias", "q_proj.bias", "attn_q.bias"),
    ROTATED("attn.k.weight", "k_proj.weight", "attn_k.weight"),
    ROTATED("attn.k.bias", "k_proj.bias", "attn_k.bias"),
    LINEAR("attn.v", "self_attn.v_proj", "attn_v"),
    LINEAR("attn.out", "self_attn.o_proj", "attn_output"),
    BLOCK("attn.q_norm.weight", "self_attn.q_norm.weight", "attn_q_norm.weight"),
    BLOCK("attn.k_norm.weight", "self_attn.k_norm.weight", "attn_k_norm.weight"),
    BLOCK("norm2.weight", "post_attention_layernorm.weight", "ffn_norm.weight"),
    LINEAR("mlp.gate", "mlp.gate_proj", "ffn_gate"),
    LINEAR("mlp.up", "mlp.up_proj", "ffn_up"),
    LINEAR("mlp.down", "mlp.down_proj", "ffn_down"),
    {"norm.weight", {"model.norm.weight", "output_norm.weight"}, {0, 0}},
    {"head.weight", {"lm_head.weight", "output.weight"}, {0, 0}},
    {0},
};

/* Frequencies of RoPE, which old versions of transformers stored. */
const char *const kind_llama_ignored[] = {"model.layers.*.self_attn.rotary_emb.inv_freq",
                                          "model.rotary_emb.inv_freq", NULL};

static const KindSetting settings[] = {
    PROPERTY("layer_types", NULL, "full_attention"),
    SETTING_OR("bias", "attention_bias", NULL, {"false"}, .tensor = "blk.0.attn_q.bias",
               .if_present = "true", .if_absent = "false"),
    SETTING_OR("bias", "mlp_bias", NULL, {"false"}, .tensor = "blk.0.ffn_up.bias",
               .if_present = "true", .if_absent = "false"),
    {0},
};

const Kind kind_llama = {
    .name = "llama",
    .class_name = "LlamaForCausalLM",
    .architecture = "llama",
    .settings = {settings, kind_llama_settings},
    .tensors = kind_llama_tensors,
    .prefix = "model.",
    .ignored = kind_llama_ignored,
    .pairs = true,
};
