/* Qwen2 and Qwen2.5 (Yang et al. 2024): llama with biases of queries, keys and values alone; GGUF
 * keeps the halves that RoPE turns. */
#include "train/formats/kind_llama.h"

static const KindSetting settings[] = {
    SETTING_ONLY("bias", "false"),
    SETTING_ONLY("qkv_bias", "true"),
    SETTING_OR("head_width", "head_dim", NULL, {"0"}), /* llama.cpp has width / heads */
    SETTING_OR("windows", "sliding_window", NULL, {NULL}),
    {0},
};

const Kind kind_qwen2 = {
    .name = "qwen2",
    .class_name = "Qwen2ForCausalLM",
    .architecture = "qwen2",
    .settings = {settings, kind_llama_settings},
    .tensors = kind_llama_tensors,
    .prefix = "model.",
    .ignored = kind_llama_ignored,
};
