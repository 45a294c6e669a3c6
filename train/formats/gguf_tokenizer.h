/* The tokenizer in a GGUF file. */
#ifndef TRAIN_FORMATS_GGUF_TOKENIZER_H
#define TRAIN_FORMATS_GGUF_TOKENIZER_H

#include "data/tokenizer.h"
#include "train/formats/gguf.h"

/* NULL: the file has none. Lives in a. E_DATA: one that Capstan would not reproduce. */
Status gguf_tokenizer(const Gguf *g, Arena *a, Tokenizer **out);

#endif
