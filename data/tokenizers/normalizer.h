/* Normalizers of a tokenizer.json: Unicode's forms (UAX #15) and lower case, character by character.
 * Bytes that are not UTF-8 stay as they are. */
#ifndef DATA_TOKENIZERS_NORMALIZER_H
#define DATA_TOKENIZERS_NORMALIZER_H

#include <jansson.h>
#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef enum NormalizerStep {
    NORMALIZE_nfc,
    NORMALIZE_nfd,
    NORMALIZE_nfkc,
    NORMALIZE_nfkd,
    NORMALIZE_lowercase
} NormalizerStep;

enum { NORMALIZER_STEPS = 8 };

typedef struct Normalizer {
    NormalizerStep steps[NORMALIZER_STEPS];
    int count; /* 0: text stays as it is */
} Normalizer;

/* Reads a part of type NFC, NFD, NFKC, NFKD, Lowercase, or a Sequence of them; NULL or null: no
 * steps. E_DATA: another type. */
Status normalizer_read(Normalizer *n, const json_t *part, const char *name);

/* As many bytes as `size` bytes can become at most. */
int64_t normalizer_room(const Normalizer *n, int64_t size);

/* *out, of *out_size bytes: text itself, or in a. E_NOMEM. */
Status normalizer_apply(const Normalizer *n, Arena *a, const unsigned char *text, int64_t size,
                        const unsigned char **out, int64_t *out_size);

#endif
