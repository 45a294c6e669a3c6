/* Tokenizer files: what --tokenizer FILE names. */
#ifndef DATA_TOKENIZER_FILE_H
#define DATA_TOKENIZER_FILE_H

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

/* The content of a file for tokenizer_parse(), in a: text, which may be compressed, or a tokenizer
 * of llama2.c. E_DATA: neither; E_IO, E_NOMEM. */
Status tokenizer_file_read(Arena *a, const char *path, char **text, int64_t *size);

#endif
