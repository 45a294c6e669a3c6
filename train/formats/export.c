#include "train/formats/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    Status (*run)(ModelExport *e);
} formats[] = {{"gguf", export_gguf},
               {"huggingface", export_huggingface},
               {"llama2c", export_llama2c}};

Status export_open(ModelExport *e, ModelFormat format)
{
    const LoadedModel *m = e->model;
    TRY(kind_choose(format, m->config, &e->kind));
    return file_tensors_open(&e->tensors, e->kind, format, m->config, m->model.vocab_size,
                             &m->params);
}

Dtype export_type(const ModelExport *e, const FileTensor *t)
{
    /* llama.cpp adds a table of positions to activations, which are float32. */
    if (t->shape.rank < 2 || !strcmp(t->name, "position_embd.weight")) return DTYPE_f32;
    return shape_last(t->shape) % dtype_block(e->type) ? DTYPE_f16 : e->type;
}

static Status refuse(const FileTensor *t, Dtype type, int64_t at, real value)
{
    const char *param = t->parts[0].declared->name;
    if (isfinite((double)value))
        return FAIL(E_ARG,
                    "%s (%s): number %lld is %g, which is too large for %s; bf16 or f32 can "
                    "hold it",
                    t->name, param, (long long)at, (double)value, dtype_name(type));
    return FAIL(E_ARG, "%s (%s): number %lld is not finite: this model cannot be used", t->name,
                param, (long long)at);
}

static Status write_numbers(Draft *d, const FileTensor *t, Dtype type, const real *numbers)
{
    enum { CHUNK = 1 << 16 };
    unsigned char bytes[CHUNK];
    const int64_t count = shape_count(t->shape),
                  most = CHUNK / 4 / dtype_block(type) * dtype_block(type);
    for (int64_t i = 0; i < count; i += most) {
        const int64_t now = count - i < most ? count - i : most;
        int64_t at;
        if (!dtype_write(type, numbers + i, bytes, now, &at))
            return refuse(t, type, i + at, numbers[i + at]);
        TRY(draft_write(d, bytes, dtype_size(type, now)));
    }
    return OK;
}

Status export_tensor(Draft *d, const FileTensor *t, Dtype type)
{
    const int64_t count = shape_count(t->shape);
    real *numbers = malloc((size_t)count * sizeof *numbers);
    if (!numbers) return FAIL(E_NOMEM, "%s: %lld numbers", t->name, (long long)count);
    file_tensor_gather(t, numbers);
    const Status status = write_numbers(d, t, type, numbers);
    free(numbers);
    return status;
}

Status model_export(ModelExport *e, const char *format)
{
    const size_t count = sizeof formats / sizeof *formats;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(formats[i].name, format)) return formats[i].run(e);
    return FAIL(E_ARG, "--format %s: expected gguf, huggingface or llama2c", format);
}

void model_export_close(ModelExport *e)
{
    file_tensors_close(&e->tensors);
}
