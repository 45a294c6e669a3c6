/* A model as a GGUF file, for llama.cpp. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/config/config.h"
#include "train/formats/export.h"
#include "train/formats/gguf_write.h"
#include "train/formats/vocabulary.h"

static void put_setting(GgufWriter *w, const Kind *k, const KindSetting *s, const Config *c)
{
    char key[128], text[TEXT_MAX];
    kind_key(k, MODEL_gguf, s, key, sizeof key);
    kind_value(s, c, text, sizeof text);
    switch (kind_value_type(s)) {
    case TYPE_BOOL: gguf_put_bool(w, key, !strcmp(text, "true")); break;
    case TYPE_REAL: gguf_put_f32(w, key, strtod(text, NULL)); break;
    case TYPE_INT: gguf_put_u32(w, key, strtoll(text, NULL, 10)); break;
    default: gguf_put_text(w, key, text); break;
    }
}

/* "model" of "out/model.gguf". */
static void put_name(GgufWriter *w, const char *path)
{
    char name[256];
    snprintf(name, sizeof name, "%s", file_name(path));
    char *dot = strrchr(name, '.');
    if (dot && dot > name) *dot = '\0';
    gguf_put_text(w, "general.name", name);
}

static void put_model(GgufWriter *w, const ModelExport *e)
{
    const Config *c = e->model->config;
    const KindSetting *s;
    char key[128];
    gguf_put_text(w, "general.architecture", e->kind->architecture);
    gguf_put_text(w, "general.type", "model");
    put_name(w, e->output);
    gguf_put_u32(w, "general.file_type", dtype_file_type(e->type));
    gguf_put_u32(w, "general.quantization_version", 2);
    for (int i = 0; (s = kind_setting_at(e->kind, i)); i++)
        if (kind_is_stated(MODEL_gguf, s) && (!s->key || strcmp(s->key, "rope_fraction")))
            put_setting(w, e->kind, s, c);
    snprintf(key, sizeof key, "%s.vocab_size", e->kind->architecture);
    gguf_put_u32(w, key, e->model->model.vocab_size);
    snprintf(key, sizeof key, "%s.attention.value_length", e->kind->architecture);
    if (c->model.head_width) gguf_put_u32(w, key, (uint32_t)c->model.head_width);
    if (c->model.positions != POSITIONS_rope) return;
    snprintf(key, sizeof key, "%s.rope.dimension_count", e->kind->architecture);
    gguf_put_u32(w, key, (uint32_t)gpt_rotated(&c->model));
}

/* What llama.cpp does not do to a text and to added tokens. Nor does it NFC; most text has that form. */
static Status check_rules(const Vocabulary *v)
{
    if (v->strips)
        return FAIL(E_ARG, "a GGUF file has no way to express lstrip, rstrip and single_word of "
                           "added tokens");
    if (v->normalizer && strcmp(v->normalizer, "NFC"))
        return FAIL(E_ARG, "a GGUF file has no way to express the tokenizer's normalizer %s",
                    v->normalizer);
    return OK;
}

static void put_scores(GgufWriter *w, const Vocabulary *v)
{
    gguf_put_text(w, "tokenizer.ggml.model", "llama");
    gguf_put_text(w, "tokenizer.ggml.pre", "default");
    gguf_put_f32s(w, "tokenizer.ggml.scores", v->scores, v->count);
    gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", v->adds_blank);
}

static Status put_merges(GgufWriter *w, ModelExport *e, const Vocabulary *v)
{
    const char *pattern;
    TRY(check_rules(v));
    if (v->normalizer)
        e->note = "llama.cpp does not normalize text (NFC), which the tokenizer does";
    TRY(vocabulary_pattern_name(v, &pattern));
    gguf_put_text(w, "tokenizer.ggml.model", "gpt2");
    gguf_put_text(w, "tokenizer.ggml.pre", pattern);
    gguf_put_texts(w, "tokenizer.ggml.merges", v->merges, v->merge_count);
    return OK;
}

static Status put_vocabulary(GgufWriter *w, ModelExport *e, const Vocabulary *v, const Tokenizer *t)
{
    if (v->scores)
        put_scores(w, v);
    else
        TRY(put_merges(w, e, v));
    gguf_put_texts(w, "tokenizer.ggml.tokens", v->texts, v->count);
    gguf_put_i32s(w, "tokenizer.ggml.token_type", v->types, v->count);
    for (int64_t i = 0; i < v->count; i++)
        if (v->types[i] == TOKEN_UNKNOWN) gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", i);
    gguf_put_u32(w, "tokenizer.ggml.bos_token_id", tokenizer_begin_of_text(t));
    gguf_put_u32(w, "tokenizer.ggml.eos_token_id", tokenizer_end_of_text(t));
    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", tokenizer_begins(t));
    return OK;
}

static Status put_tokenizer(GgufWriter *w, ModelExport *e)
{
    Arena arena = {0};
    Vocabulary v;
    const Tokenizer *t = e->model->tokenizer;
    if (!t) {
        gguf_put_text(w, "tokenizer.ggml.model", "no_vocab");
        return OK;
    }
    Status status = vocabulary_open(&v, &arena, t, e->model->model.vocab_size);
    if (status == OK) status = put_vocabulary(w, e, &v, t);
    arena_free(&arena);
    return status;
}

/* What only Capstan knows: the config, the step, and the tokenizer as it describes it. */
static Status put_own(GgufWriter *w, const ModelExport *e)
{
    const CheckpointInfo *info = &e->model->checkpoint.info;
    char *config = strndup(info->config, (size_t)info->config_size),
         *tokenizer =
             strndup(info->tokenizer_size ? info->tokenizer : "", (size_t)info->tokenizer_size);
    if (config && tokenizer) {
        gguf_put_u64(w, "capstan.step", info->step);
        gguf_put_text(w, "capstan.config", config);
        if (*tokenizer) gguf_put_text(w, "capstan.tokenizer", tokenizer);
    }
    const Status status = config && tokenizer ? OK : FAIL(E_NOMEM, "a GGUF header");
    free(config);
    free(tokenizer);
    return status;
}

static Status pad(Draft *d, int64_t size)
{
    static const unsigned char zeros[GGUF_ALIGNMENT];
    return draft_write(d, zeros, gguf_padding(size));
}

static Status write_tensors(const ModelExport *e, Draft *d)
{
    for (int64_t i = 0; i < e->tensors.count; i++) {
        const FileTensor *t = &e->tensors.list[i];
        const Dtype type = export_type(e, t);
        TRY(export_tensor(d, t, type));
        TRY(pad(d, dtype_size(type, shape_count(t->shape))));
    }
    return OK;
}

static Status write_file(ModelExport *e, GgufWriter *w, Draft *d)
{
    unsigned char header[24];
    for (int64_t i = 0; i < e->tensors.count; i++) {
        const FileTensor *t = &e->tensors.list[i];
        gguf_put_tensor(w, t->name, t->shape, export_type(e, t));
    }
    TRY(gguf_finish(w, header));
    const int64_t head = (int64_t)(sizeof header + w->size);
    e->size = head + gguf_padding(head) + w->data;
    TRY(draft_open(d, e->output, e->size));
    TRY(draft_write(d, header, sizeof header));
    TRY(draft_write(d, w->text, (int64_t)w->size));
    TRY(pad(d, head));
    TRY(write_tensors(e, d));
    return draft_finish(d);
}

static Status write(ModelExport *e, GgufWriter *w)
{
    static Draft d; /* large; and the only one */
    put_model(w, e);
    TRY(put_tokenizer(w, e));
    TRY(put_own(w, e));
    const Status status = write_file(e, w, &d);
    draft_close(&d);
    return status;
}

Status export_gguf(ModelExport *e)
{
    GgufWriter w;
    TRY(export_open(e, MODEL_gguf));
    Status status = gguf_open(&w);
    if (status == OK) status = write(e, &w);
    gguf_close(&w);
    return status;
}
