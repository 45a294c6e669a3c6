/* Qwen3 (Yang et al. 2025): llama with a norm of queries and keys that has a weight; GGUF keeps the
 * halves that RoPE turns. */
#include "train/formats/kind_llama.h"

static const KindSetting settings[] = {
    SETTING_ONLY("bias", "false"),
    SETTING_ONLY("qk_norm", "true"),
    SETTING_ONLY("qk_norm_weight", "true"),
    PROPERTY("attention_bias", NULL, "false"),
    SETTING_OR("windows", "sliding_window", NULL, {NULL}),
    {0},
};

const Kind kind_qwen3 = {
    .name = "qwen3",
    .class_name = "Qwen3ForCausalLM",
    .architecture = "qwen3",
    .settings = {settings, kind_llama_settings},
    .tensors = kind_llama_tensors,
    .prefix = "model.",
    .ignored = kind_llama_ignored,
};
