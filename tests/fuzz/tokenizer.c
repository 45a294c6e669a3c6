/* A tokenizer's description: tokenizer.json of Hugging Face, or what a dataset and a checkpoint hold. */
#include "tests/fuzz/tokenizing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Arena a = {0};
    Tokenizer *t;
    const Status status = tokenizer_parse(&a, (const char *)bytes, (int64_t)size, "fuzz.json", &t);
    fuzz_status(status);
    if (status == OK) fuzz_tokenizer(t, (const char *)bytes, (int64_t)size);
    arena_free(&a);
    return 0;
}
