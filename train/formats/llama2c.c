#include "train/formats/llama2c.h"

#include <stdio.h>
#include <string.h>

enum { MAGIC = 0x616b3432, INTS = 7, HEADER = INTS * 4, HEADER_MAGIC = 256 };

static int32_t int_at(const unsigned char *bytes, int index)
{
    int32_t x;
    memcpy(&x, bytes + 4 * index, sizeof x);
    return x;
}

static Llama2c header_of(const unsigned char *bytes, int64_t size)
{
    Llama2c h = {.has_magic = int_at(bytes, 0) == MAGIC};
    int32_t *const fields[INTS] = {&h.width,    &h.mlp_width,  &h.layers, &h.heads,
                                   &h.kv_heads, &h.vocab_size, &h.context};
    const unsigned char *at = bytes + (h.has_magic ? 8 : 0);
    if (at + HEADER >= bytes + size) return h;
    for (int i = 0; i < INTS; i++) *fields[i] = int_at(at, i);
    h.tied = h.has_magic ? at[HEADER] != 0 : h.vocab_size > 0;
    if (h.vocab_size < 0 && h.vocab_size > INT32_MIN) h.vocab_size = -h.vocab_size;
    return h;
}

/* Small enough that sizes do not overflow. */
static bool is_plausible(const Llama2c *h)
{
    return h->width > 0 && h->width <= 65536 && h->mlp_width > 0 && h->mlp_width <= 1048576 &&
           h->layers > 0 && h->layers <= 1024 && h->heads > 0 && h->width % h->heads == 0 &&
           h->kv_heads > 0 && h->heads % h->kv_heads == 0 && h->vocab_size > 0 && h->context > 0 &&
           h->context <= 1048576;
}

int llama2c_runs(const Llama2c *h, WeightRun runs[LLAMA2C_RUNS])
{
    const int64_t C = h->width, F = h->mlp_width, V = h->vocab_size,
                  KV = C / h->heads * h->kv_heads, tables = (int64_t)h->context * (C / h->heads);
    const WeightRun embed = {"token_embd.weight", false, SHAPE_OF(V, C)},
                    norm1 = {"blk.%lld.attn_norm.weight", true, SHAPE_OF(C)},
                    norm2 = {"blk.%lld.ffn_norm.weight", true, SHAPE_OF(C)},
                    norm = {"output_norm.weight", false, SHAPE_OF(C)};
    const WeightRun attention[] = {{"blk.%lld.attn_q.weight", true, SHAPE_OF(C, C)},
                                   {"blk.%lld.attn_k.weight", true, SHAPE_OF(KV, C)},
                                   {"blk.%lld.attn_v.weight", true, SHAPE_OF(KV, C)},
                                   {"blk.%lld.attn_output.weight", true, SHAPE_OF(C, C)}};
    const WeightRun mlp[] = {{"blk.%lld.ffn_gate.weight", true, SHAPE_OF(F, C)},
                             {"blk.%lld.ffn_down.weight", true, SHAPE_OF(C, F)},
                             {"blk.%lld.ffn_up.weight", true, SHAPE_OF(F, C)}};
    int n = 0;
    if (h->has_magic) {
        runs[n++] = norm1;
        runs[n++] = norm2;
        runs[n++] = norm;
    }
    runs[n++] = embed;
    if (!h->has_magic) runs[n++] = norm1;
    for (int i = 0; i < 4; i++) runs[n++] = attention[i];
    if (!h->has_magic) runs[n++] = norm2;
    for (int i = 0; i < 3; i++) runs[n++] = mlp[i];
    if (!h->has_magic) {
        runs[n++] = norm;
        runs[n++] = (WeightRun){NULL, false, SHAPE_OF(tables)};
    }
    if (!h->tied) runs[n++] = (WeightRun){"output.weight", false, SHAPE_OF(V, C)};
    return n;
}

static int64_t size_of(const Llama2c *h)
{
    WeightRun runs[LLAMA2C_RUNS];
    const int count = llama2c_runs(h, runs);
    return (h->has_magic ? HEADER_MAGIC : HEADER) +
           weight_runs_size(runs, count, h->layers, DTYPE_f32);
}

bool llama2c_recognizes(const unsigned char *bytes, int64_t size)
{
    if (size < HEADER) return false;
    const Llama2c h = header_of(bytes, size);
    return h.has_magic || is_plausible(&h);
}

/* The header as a GGUF file of kind llama would say it. */
static bool find(const void *file, const char *key, char *out, size_t size)
{
    const Llama2c *h = file;
    const struct {
        const char *key;
        double value;
    } values[] = {{"llama.block_count", h->layers},
                  {"llama.attention.head_count", h->heads},
                  {"llama.attention.head_count_kv", h->kv_heads},
                  {"llama.embedding_length", h->width},
                  {"llama.feed_forward_length", h->mlp_width},
                  {"llama.context_length", h->context},
                  {"llama.attention.layer_norm_rms_epsilon", 1e-5}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i].key, key)) continue;
        snprintf(out, size, "%.17g", values[i].value);
        return true;
    }
    return false;
}

static bool has_tensor(const void *file, const char *name)
{
    const Llama2c *h = file;
    return !h->tied && !strcmp(name, "output.weight");
}

static Status check(const char *name, const Mapping *m, const Llama2c *h)
{
    const int32_t version = h->has_magic ? int_at(m->bytes, 1) : 0;
    if (h->has_magic && version != 1)
        return FAIL(E_DATA,
                    "%s: a llama2.c file of version %d, with numbers of 8 bits, is not supported; "
                    "expected version 0 or 1 (llama2.c's export.py writes them)",
                    name, (int)version);
    if (!is_plausible(h)) return FAIL(E_DATA, "%s: a llama2.c file with impossible sizes", name);
    if (size_of(h) != m->size)
        return FAIL(E_DATA, "%s: as a llama2.c file it would have %lld bytes, and it has %lld: %s",
                    name, (long long)size_of(h), (long long)m->size,
                    m->size < size_of(h) ? "truncated, or no model" : "no model, or damaged");
    return OK;
}

Status llama2c_read(Weights *w, const char *path, Config *c, int64_t *vocab_size)
{
    const char *name;
    Mapping m;
    TRY(weights_map(w, path, &name, &m));
    const Llama2c h = header_of(m.bytes, m.size);
    TRY(check(name, &m, &h));
    TRY(kind_read(&kind_llama, &(KindKeys){MODEL_gguf, name, &h, find, has_tensor}, c));
    *vocab_size = h.vocab_size;
    WeightRun runs[LLAMA2C_RUNS];
    const int count = llama2c_runs(&h, runs);
    return weights_add_runs(w, name, runs, count, h.layers, DTYPE_f32, &m,
                            h.has_magic ? HEADER_MAGIC : HEADER);
}
