/* The 256 letters that represent bytes in tokenizer.json and in GGUF, as in GPT-2 (Radford et al.
 * 2019): a printable byte is its own letter, the others are U+0100 and following. */
#ifndef DATA_TOKENIZERS_BYTE_LETTERS_H
#define DATA_TOKENIZERS_BYTE_LETTERS_H

#include <stdint.h>

int byte_letter(unsigned char byte, char out[3]); /* UTF-8, ended; its length, 1 or 2 */

/* The bytes of a text of such letters, at most strlen(letters) of them; -1: another letter. */
int64_t letters_bytes(const char *letters, unsigned char *out);

#endif
