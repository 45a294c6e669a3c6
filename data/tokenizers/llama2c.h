/* The tokenizer files of llama2.c: int32 longest token; for each token float32 score, int32 length,
 * bytes. Little endian. Token 0 is unknown, 1 begins and 2 ends a text, then come 256 bytes. */
#ifndef DATA_TOKENIZERS_LLAMA2C_H
#define DATA_TOKENIZERS_LLAMA2C_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

bool llama2c_tokenizer_looks_so(const char *text, int64_t size);

/* The description of a tokenizer of kind sentencepiece. Token 1 stands between the texts that
 * llama2.c trains on, and its program stops there: it is end-of-text. E_DATA: a token is not
 * UTF-8. */
Status llama2c_tokenizer_describe(const char *text, int64_t size, const char *name, json_t **out);

#endif
