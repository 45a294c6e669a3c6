/* Model files of llm.c (Karpathy 2024): a header of 256 int32 (20240326, version, context, vocabulary,
 * layers, heads, width, padded vocabulary), then the tensors of a GPT-2 in a fixed order, each for all
 * layers, as float32 (versions 1 and 3) or bfloat16 (5). From version 3 on the embedding has rows
 * that are no token, which are left out. The tensors are known by their names in GGUF, which stores
 * them in the same layout. */
#ifndef TRAIN_FORMATS_LLMC_H
#define TRAIN_FORMATS_LLMC_H

#include "train/formats/kinds.h"
#include "train/formats/weights.h"

bool llmc_recognizes(const unsigned char *bytes, int64_t size);

/* Fills c, not resolved, and adds the tensors. E_DATA. */
Status llmc_read(Weights *w, const char *path, Config *c, int64_t *vocab_size);

#endif
