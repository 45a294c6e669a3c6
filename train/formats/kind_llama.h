/* What llama and its relatives (mistral, qwen2, qwen3) have in common. */
#ifndef TRAIN_FORMATS_KIND_LLAMA_H
#define TRAIN_FORMATS_KIND_LLAMA_H

#include "train/formats/kinds.h"

extern const KindSetting kind_llama_settings[];
extern const KindTensor kind_llama_tensors[];
extern const char *const kind_llama_ignored[];

#endif
