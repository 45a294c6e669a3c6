/* A GGUF file: what is taken from it lies in it; its tokenizer does its work. */
#include "train/formats/gguf.h"
#include "tests/fuzz/tokenizing.h"
#include "train/formats/gguf_tokenizer.h"

static void check_tensors(const Weights *w, size_t size)
{
    real sum = 0, block[32];
    for (int64_t k = 0; k < w->count; k++) {
        const Weight *one = &w->list[k];
        const int64_t count = shape_count(one->shape);
        FUZZ_MUST(count > 0 && one->size >= 0 && one->size <= (int64_t)size);
        FUZZ_MUST(weights_find(w, one->name) == one);
        if (one->dtype == DTYPE_unknown) continue;
        const int64_t step = dtype_block(one->dtype);
        for (int64_t i = 0; i < count; i += step) {
            dtype_read(one->dtype, one->data + dtype_size(one->dtype, i), block, step);
            sum += *block;
        }
    }
    (void)sum;
}

/* A kind reads whatever the keys say. */
static void check_keys(const Gguf *g)
{
    static Config c;
    const KindKeys keys = gguf_keys(g);
    Status status = kind_read(&kind_gpt2, &keys, &c);
    fuzz_status(status);
    if (status == OK) fuzz_status(kind_resolve(g->name, &c));
    fuzz_status(kind_read(&kind_llama, &keys, &c));
}

static void check_tokenizer(const Gguf *g)
{
    Arena a = {0};
    Tokenizer *t;
    const Status status = gguf_tokenizer(g, &a, &t);
    fuzz_status(status);
    if (status == OK && t) fuzz_tokenizer(t, "GGUF ", 5);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const FuzzFile file = fuzz_file(bytes, size);
    Weights w = {0};
    Gguf g;
    Status status = gguf_read(&w, file.path, &g);
    if (status == OK) status = weights_sort(&w);
    fuzz_status(status);
    if (status == OK) {
        check_tensors(&w, size);
        check_keys(&g);
        check_tokenizer(&g);
    }
    weights_close(&w);
    close(file.fd);
    return 0;
}
