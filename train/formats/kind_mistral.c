/* Mistral (Jiang et al. 2023): llama without biases, with windows of attention. */
#include "train/formats/kind_llama.h"

static const KindSetting settings[] = {
    SETTING_ONLY("bias", "false"),
    SETTING_OR("windows", "sliding_window", NULL, {NULL}),
    {0},
};

const Kind kind_mistral = {
    .name = "mistral",
    .class_name = "MistralForCausalLM",
    .settings = {settings, kind_llama_settings},
    .tensors = kind_llama_tensors,
    .prefix = "model.",
    .ignored = kind_llama_ignored,
};
