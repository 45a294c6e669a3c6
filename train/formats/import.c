#include "train/formats/import.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/checkpoint/checkpoint.h"
#include "train/formats/file_tensors.h"

/* A tensor under its name, with the prefix of its kind or without. */
static Weight *find(const ModelSource *s, const char *name)
{
    Weight *w = weights_find(&s->weights, name);
    const char *prefix = s->kind->prefix;
    if (w || !prefix || s->format != MODEL_huggingface) return w;
    const size_t length = strlen(prefix);
    return strncmp(name, prefix, length) ? NULL : weights_find(&s->weights, name + length);
}

static Status check_tensor(const ModelSource *s, const FileTensor *t)
{
    char expected[64], dtype[64];
    Weight *w = find(s, t->name);
    if (!w) return FAIL(E_DATA, "%s: the tensor %s is missing", s->name, t->name);
    strcpy(expected, shape_text(t->shape));
    if (!shape_equal(w->shape, t->shape))
        return FAIL(E_DATA, "%s: %s is %s; expected %s", w->path, t->name, shape_text(w->shape),
                    expected);
    if (w->dtype == DTYPE_unknown)
        return FAIL(E_DATA, "%s: %s has numbers of type %s; expected %s", w->path, t->name,
                    text_escape(w->dtype_text, dtype, sizeof dtype),
                    s->format == MODEL_gguf
                        ? "F32, F16, BF16 or Q8_0 (llama.cpp converts a file to them: "
                          "llama-quantize --allow-requantize IN.gguf OUT.gguf f16)"
                        : "F32, F16 or BF16");
    w->is_used = true;
    return OK;
}

static bool is_ignored(const Kind *k, const char *name)
{
    int64_t layer;
    for (const char *const *pattern = k->ignored; pattern && *pattern; pattern++) {
        const char *short_pattern = *pattern + (k->prefix ? strlen(k->prefix) : 0);
        if (kind_matches(*pattern, name, &layer) || kind_matches(short_pattern, name, &layer))
            return true;
    }
    return false;
}

/* A copy of the token embedding, which some files of tied models have. */
static bool is_tied_copy(const ModelSource *s, const Weight *w)
{
    const KindTensor *row = s->kind->tensors;
    const Weight *embed = find(s, row->names[s->format]);
    while (row->param && strcmp(row->param, "head.weight")) row++;
    return s->config.model.tied && row->param && !strcmp(w->name, row->names[s->format]) &&
           w->dtype == embed->dtype && w->size == embed->size &&
           !memcmp(w->data, embed->data, (size_t)w->size);
}

static Status check_rest(const ModelSource *s)
{
    char name[128];
    for (int64_t i = 0; i < s->weights.count; i++) {
        const Weight *w = &s->weights.list[i];
        if (!w->is_used && !is_ignored(s->kind, w->name) && !is_tied_copy(s, w))
            return FAIL(E_DATA, "%s: the tensor %s %s is no part of this kind of model (%s)",
                        w->path, text_escape(w->name, name, sizeof name), shape_text(w->shape),
                        s->kind->name);
    }
    return OK;
}

static Status read_tensor(const ModelSource *s, const FileTensor *t, real *numbers)
{
    const Weight *w = find(s, t->name);
    const Param *part;
    weight_read(w, numbers);
    if (file_tensor_scatter(t, numbers, &part)) return OK;
    return FAIL(E_DATA, "%s: %s has other numbers than %g, but the model is said to have no %s",
                w->path, t->name, (double)part->fill, part->name);
}

static Status read_tensors(const ModelSource *s, const FileTensors *f)
{
    real *numbers = malloc((size_t)f->largest * sizeof *numbers);
    Status status = numbers ? OK : FAIL(E_NOMEM, "a tensor of %lld numbers", (long long)f->largest);
    for (int64_t i = 0; status == OK && i < f->count; i++)
        status = read_tensor(s, &f->list[i], numbers);
    free(numbers);
    return status;
}

/* All tensors are checked before memory is taken: a small file may claim a large model. */
static Status check_tensors(const ModelSource *s)
{
    Gpt g;
    Params p = {0};
    FileTensors f;
    gpt_init(&g, &p, &s->config.model, s->vocab_size, 0);
    Status status = p.status;
    if (status == OK)
        status = file_tensors_open(&f, s->kind, s->format, &s->config, s->vocab_size, &p);
    for (int64_t i = 0; status == OK && i < f.count; i++) status = check_tensor(s, &f.list[i]);
    if (p.status == OK) file_tensors_close(&f);
    params_free(&p);
    return status == OK ? check_rest(s) : status;
}

static Status fill(const ModelSource *s, const Params *p)
{
    FileTensors f;
    Status status = file_tensors_open(&f, s->kind, s->format, &s->config, s->vocab_size, p);
    if (status == OK) status = read_tensors(s, &f);
    file_tensors_close(&f);
    return status;
}

static Status save(const ModelSource *s, const Params *p, const char *output)
{
    FileText config;
    Checkpoint c = {.info = {.vocab_size = s->vocab_size}, .params = p};
    TRY(file_text_open(&config, output));
    Status status = config_write(&s->config, false, config.out);
    if (!text_close(config.out, &config.text) && status == OK) status = FAIL(E_NOMEM, "the config");
    c.info.config = config.text;
    c.info.config_size = (int64_t)config.size;
    if (s->tokenizer) c.info.tokenizer = tokenizer_text(s->tokenizer, &c.info.tokenizer_size);
    if (status == OK) status = file_make_parents(output);
    if (status == OK) status = checkpoint_save(output, &c);
    free(config.text);
    return status;
}

Status model_import(const ModelSource *s, const char *output, int64_t *parameters)
{
    Gpt g;
    Params p = {0};
    TRY(check_tensors(s));
    gpt_init(&g, &p, &s->config.model, s->vocab_size, 0);
    Status status = params_alloc(&p, false);
    if (status == OK) status = fill(s, &p);
    *parameters = p.count;
    if (status == OK) status = save(s, &p, output);
    params_free(&p);
    return status;
}
