/* A model as a file of llama2.c, version 0. Its program knows only RMSNorm epsilon 1e-5 and RoPE base
 * 10000. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/tokenizers/sentencepiece.h"
#include "train/formats/export.h"
#include "train/formats/llama2c.h"
#include "train/formats/vocabulary.h"

static Status check(const ModelExport *e)
{
    const GptConfig *c = &e->model->config->model;
    if (e->type != DTYPE_f32)
        return FAIL(E_ARG, "--type %s: a llama2.c file has f32", dtype_name(e->type));
    if (e->kind != &kind_llama)
        return FAIL(E_ARG, "a llama2.c file has no way to express a model of kind %s",
                    e->kind->name);
    if (c->bias) return FAIL(E_ARG, "a llama2.c file has no way to express model.bias = true");
    if (c->head_width)
        return FAIL(E_ARG, "a llama2.c file has no way to express model.head_width = %lld",
                    (long long)c->head_width);
    if (c->norm_eps != 1e-5)
        return FAIL(E_ARG, "a llama2.c file has no way to express model.norm_eps = %g; only 1e-05",
                    c->norm_eps);
    if (c->rope_theta != 10000)
        return FAIL(E_ARG,
                    "a llama2.c file has no way to express model.rope_theta = %g; only 10000",
                    c->rope_theta);
    if (e->model->tokenizer && strcmp(tokenizer_kind(e->model->tokenizer), "sentencepiece"))
        return FAIL(E_ARG, "llama2.c has no tokenizer like one of kind %s",
                    tokenizer_kind(e->model->tokenizer));
    return OK;
}

static const FileTensor *find(const ModelExport *e, const char *name)
{
    const FileTensor *t = e->tensors.list;
    while (t < e->tensors.list + e->tensors.count && strcmp(t->name, name)) t++;
    INVARIANT(t < e->tensors.list + e->tensors.count);
    return t;
}

static Status write_run(const ModelExport *e, Draft *d, const WeightRun *run, int64_t layers)
{
    char name[64];
    for (int64_t layer = 0; layer < (run->by_layer ? layers : 1); layer++) {
        if (run->by_layer)
            snprintf(name, sizeof name, run->name, (long long)layer);
        else
            snprintf(name, sizeof name, "%s", run->name);
        TRY(export_tensor(d, find(e, name), DTYPE_f32));
    }
    return OK;
}

/* cos, then sin, of position / 10000^(2 i / head width), as the program's own file has them. */
static Status write_tables(const Llama2c *h, Draft *d)
{
    const int32_t width = h->width / h->heads;
    for (int table = 0; table < 2; table++)
        for (int32_t position = 0; position < h->context; position++)
            for (int32_t i = 0; i < width / 2; i++) {
                const float frequency = 1 / powf(10000, (float)(2 * i) / (float)width);
                const float angle = (float)position * frequency,
                            x = table ? sinf(angle) : cosf(angle);
                TRY(draft_write(d, &x, sizeof x));
            }
    return OK;
}

static Status write_file(ModelExport *e, Draft *d, const Llama2c *h)
{
    WeightRun runs[LLAMA2C_RUNS];
    const int count = llama2c_runs(h, runs);
    const int32_t header[] = {h->width,  h->mlp_width, h->layers,
                              h->heads,  h->kv_heads,  h->tied ? h->vocab_size : -h->vocab_size,
                              h->context};
    e->size = (int64_t)sizeof header + weight_runs_size(runs, count, h->layers, DTYPE_f32);
    TRY(draft_open(d, e->output, e->size));
    TRY(draft_write(d, header, sizeof header));
    for (int i = 0; i < count; i++)
        TRY(runs[i].name ? write_run(e, d, &runs[i], h->layers) : write_tables(h, d));
    return draft_finish(d);
}

/* llama2.c begins a text with token 1, and finds the token of a byte at 3 + byte. */
static Status check_tokenizer(const Vocabulary *v, const Tokenizer *t)
{
    bool fits = tokenizer_begins(t) && tokenizer_begin_of_text(t) == 1 && v->adds_blank;
    for (int64_t b = 0; b < 256; b++)
        fits &= v->count > b + 3 && v->types[b + 3] == TOKEN_BYTE &&
                sentencepiece_byte(v->texts[b + 3]) == b;
    return fits ? OK
                : FAIL(E_ARG,
                       "llama2.c has no tokenizer like this one: texts begin with token 1 and "
                       "a blank there, and bytes are tokens 3 to 258");
}

static Status write_tokens(const Vocabulary *v, Arena *a, Draft *d)
{
    int32_t longest = 0;
    for (int64_t i = 0; i < v->count; i++) {
        int64_t size;
        const char *text = v->texts[i] = sentencepiece_unescape(a, v->texts[i], &size);
        if (!text) return FAIL(E_NOMEM, "tokens");
        if (size > longest) longest = (int32_t)size;
    }
    TRY(draft_write(d, &longest, sizeof longest));
    for (int64_t i = 0; i < v->count; i++) {
        const int32_t size = (int32_t)strlen(v->texts[i]);
        TRY(draft_write(d, &v->scores[i], sizeof *v->scores));
        TRY(draft_write(d, &size, sizeof size));
        TRY(draft_write(d, v->texts[i], size));
    }
    return draft_finish(d);
}

/* Beside the model: its name with .tokenizer.bin. */
static Status write_tokenizer(const ModelExport *e, Draft *d)
{
    const Tokenizer *t = e->model->tokenizer;
    const size_t length = strlen(e->output);
    const bool has_end = length > 4 && !strcmp(e->output + length - 4, ".bin");
    char path[PATH_MAX];
    Arena arena = {0};
    Vocabulary v;
    snprintf(path, sizeof path, "%.*s.tokenizer.bin", (int)(has_end ? length - 4 : length),
             e->output);
    Status status = vocabulary_open(&v, &arena, t, e->model->model.vocab_size);
    if (status == OK) status = check_tokenizer(&v, t);
    if (status == OK) status = draft_open(d, path, 0);
    if (status == OK) status = write_tokens(&v, &arena, d);
    arena_free(&arena);
    draft_close(d);
    return status;
}

Status export_llama2c(ModelExport *e)
{
    static Draft d; /* large; and the only one */
    const GptConfig *c = &e->model->config->model;
    const Llama2c h = {.width = (int32_t)c->width,
                       .mlp_width = (int32_t)c->mlp_width,
                       .layers = (int32_t)c->layers,
                       .heads = (int32_t)c->heads,
                       .kv_heads = (int32_t)c->kv_heads,
                       .vocab_size = (int32_t)e->model->model.vocab_size,
                       .context = (int32_t)c->context,
                       .tied = c->tied};
    TRY(export_open(e, MODEL_gguf));
    TRY(check(e));
    if (e->model->tokenizer) TRY(write_tokenizer(e, &d));
    const Status status = write_file(e, &d, &h);
    draft_close(&d);
    return status;
}
