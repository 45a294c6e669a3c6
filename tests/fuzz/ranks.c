/* A rank file of tiktoken. The lines of the 256 bytes, which each has, are put in front, unless the input has
 * them: libFuzzer would hardly find them. */
#include "tests/fuzz/tokenizing.h"

enum { BYTES = 256, LINE = 16 };

static int64_t put_bytes(char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = out;
    for (int i = 0; i < BYTES; i++)
        at += sprintf(at, "%c%c== %d\n", digits[i >> 2], digits[(i & 3) << 4], i);
    return at - out;
}

static void read_ranks(const char *text, int64_t size)
{
    Arena a = {0};
    Tokenizer *t;
    const Status status = tokenizer_ranks(&a, text, size, "fuzz.tiktoken", "gpt2", &t);
    fuzz_status(status);
    if (status == OK) fuzz_tokenizer(t, text, size);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(BYTES * LINE + size);
    const int64_t begin = put_bytes(text);
    memcpy(text + begin, bytes, size);
    read_ranks(text + begin, (int64_t)size);
    read_ranks(text, begin + (int64_t)size);
    free(text);
    return 0;
}
