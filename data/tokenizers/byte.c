/* A token is a byte; end-of-text is 256. Any bytes can be encoded, and decode to the same bytes. */
#include "data/tokenizers/kind.h"

#define FOUR(n)            \
    {n}, {n + 1}, {n + 2}, \
    {                      \
        n + 3              \
    }
#define SIXTEEN(n) FOUR(n), FOUR(n + 4), FOUR(n + 8), FOUR(n + 12)
#define QUARTER(n) SIXTEEN(n), SIXTEEN(n + 16), SIXTEEN(n + 32), SIXTEEN(n + 48)

static const unsigned char every[256][1] = {QUARTER(0), QUARTER(64), QUARTER(128), QUARTER(192)};

static Status read_nothing(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    (void)a, (void)description, (void)name;
    t->vocab_size = 257;
    t->end_of_text = 256;
    return OK;
}

static Status encode(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count)
{
    (void)t, (void)place;
    for (int64_t i = 0; i < size; i++) out[i] = text[i];
    *count = size;
    return OK;
}

static const char *bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    (void)t;
    *size = 1;
    return (const char *)every[token];
}

const TokenizerKind tokenizer_kind_byte = {
    .name = "byte",
    .read = read_nothing,
    .encode = encode,
    .bytes = bytes,
};
