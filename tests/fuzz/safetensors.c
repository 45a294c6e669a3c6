/* A safetensors file: what is taken from it lies in it, and overlaps nothing. */
#include "train/formats/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void check(const Weight *w, size_t size, real *sum)
{
    FUZZ_MUST(w->name && w->dtype_text && w->size >= 0 && w->size <= (int64_t)size);
    FUZZ_MUST(shape_count(w->shape) >= 0 && shape_count(w->shape) <= (int64_t)size);
    if (w->size) FUZZ_MUST(memchr(w->data, w->data[w->size - 1], (size_t)w->size));
    if (w->dtype == DTYPE_unknown) return;
    FUZZ_MUST(w->size == dtype_size(w->dtype, shape_count(w->shape)));
    for (int64_t i = 0; i < shape_count(w->shape); i++) {
        real x;
        dtype_read(w->dtype, w->data + dtype_size(w->dtype, i), &x, 1);
        *sum += x;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const FuzzFile file = fuzz_file(bytes, size);
    Weights w = {0};
    real sum = 0;
    Status status = safetensors_read(&w, file.path);
    fuzz_status(status);
    if (status == OK) status = weights_sort(&w);
    fuzz_status(status);
    for (int64_t i = 0; status == OK && i < w.count; i++) {
        check(&w.list[i], size, &sum);
        FUZZ_MUST(weights_find(&w, w.list[i].name) == &w.list[i]);
    }
    weights_close(&w);
    close(file.fd);
    return 0;
}
