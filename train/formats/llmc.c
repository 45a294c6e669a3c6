#include "train/formats/llmc.h"

#include <stdio.h>
#include <string.h>

enum { MAGIC = 20240326, HEADER = 1024, RUNS = 17 };

typedef struct Header {
    int32_t magic, version, context, vocab_size, layers, heads, width, padded;
} Header;

bool llmc_recognizes(const unsigned char *bytes, int64_t size)
{
    int32_t magic;
    if (size < HEADER) return false;
    memcpy(&magic, bytes, sizeof magic);
    return magic == MAGIC;
}

static void fill_runs(const Header *h, WeightRun runs[RUNS])
{
    const int64_t C = h->width, V = h->vocab_size, T = h->context;
    const WeightRun all[RUNS] = {
        {"token_embd.weight", false, SHAPE_OF(V, C)},
        {NULL, false, SHAPE_OF((h->padded - V) * C)},
        {"position_embd.weight", false, SHAPE_OF(T, C)},
        {"blk.%lld.attn_norm.weight", true, SHAPE_OF(C)},
        {"blk.%lld.attn_norm.bias", true, SHAPE_OF(C)},
        {"blk.%lld.attn_qkv.weight", true, SHAPE_OF(3 * C, C)},
        {"blk.%lld.attn_qkv.bias", true, SHAPE_OF(3 * C)},
        {"blk.%lld.attn_output.weight", true, SHAPE_OF(C, C)},
        {"blk.%lld.attn_output.bias", true, SHAPE_OF(C)},
        {"blk.%lld.ffn_norm.weight", true, SHAPE_OF(C)},
        {"blk.%lld.ffn_norm.bias", true, SHAPE_OF(C)},
        {"blk.%lld.ffn_up.weight", true, SHAPE_OF(4 * C, C)},
        {"blk.%lld.ffn_up.bias", true, SHAPE_OF(4 * C)},
        {"blk.%lld.ffn_down.weight", true, SHAPE_OF(C, 4 * C)},
        {"blk.%lld.ffn_down.bias", true, SHAPE_OF(C)},
        {"output_norm.weight", false, SHAPE_OF(C)},
        {"output_norm.bias", false, SHAPE_OF(C)},
    };
    memcpy(runs, all, sizeof all);
}

/* The header as a GGUF file of kind gpt2 would say it. */
static bool find(const void *file, const char *key, char *out, size_t size)
{
    const Header *h = file;
    const struct {
        const char *key;
        double value;
    } values[] = {{"gpt2.block_count", h->layers},     {"gpt2.attention.head_count", h->heads},
                  {"gpt2.embedding_length", h->width}, {"gpt2.feed_forward_length", 4.0 * h->width},
                  {"gpt2.context_length", h->context}, {"gpt2.attention.layer_norm_epsilon", 1e-5}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i].key, key)) continue;
        snprintf(out, size, "%.17g", values[i].value);
        return true;
    }
    return false;
}

static bool has_tensor(const void *file, const char *name)
{
    (void)file, (void)name;
    return false; /* no output layer of its own */
}

static Status check(const char *name, const Header *h)
{
    if (h->version != 1 && h->version != 3 && h->version != 5)
        return FAIL(E_DATA, "%s: an llm.c model of version %d is not supported; expected 1, 3 or 5",
                    name, (int)h->version);
    if (h->width < 1 || h->width > 65536 || h->layers < 1 || h->layers > 1024 || h->heads < 1 ||
        h->context < 1 || h->context > 1048576 || h->vocab_size < 1 || h->padded < h->vocab_size)
        return FAIL(E_DATA, "%s: an llm.c model with impossible sizes", name);
    return OK;
}

Status llmc_read(Weights *w, const char *path, Config *c, int64_t *vocab_size)
{
    const char *name;
    Mapping m;
    Header h;
    WeightRun runs[RUNS];
    TRY(weights_map(w, path, &name, &m));
    INVARIANT(llmc_recognizes(m.bytes, m.size));
    memcpy(&h, m.bytes, sizeof h);
    if (h.version == 1) h.padded = h.vocab_size;
    TRY(check(name, &h));
    const Dtype dtype = h.version == 5 ? DTYPE_bf16 : DTYPE_f32;
    fill_runs(&h, runs);
    const int64_t size = HEADER + weight_runs_size(runs, RUNS, h.layers, dtype);
    if (size != m.size)
        return FAIL(E_DATA, "%s: %s: an llm.c model with this header has %lld bytes, the file %lld",
                    name, m.size < size ? "truncated" : "damaged", (long long)size,
                    (long long)m.size);
    TRY(kind_read(&kind_gpt2, &(KindKeys){MODEL_gguf, name, &h, find, has_tensor}, c));
    *vocab_size = h.vocab_size;
    return weights_add_runs(w, name, runs, RUNS, h.layers, dtype, &m, HEADER);
}
