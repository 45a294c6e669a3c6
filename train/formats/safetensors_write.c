#include "train/formats/safetensors_write.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *shape_list(Shape s)
{
    json_t *list = json_array();
    for (int i = 0; i < s.rank; i++) json_array_append_new(list, json_integer(s.dim[i]));
    return list;
}

/* What only Capstan knows. */
static json_t *metadata(const CheckpointInfo *info)
{
    char step[32];
    snprintf(step, sizeof step, "%lld", (long long)info->step);
    return json_pack("{s:s, s:s, s:s%}", "format", "pt", "capstan.step", step, "capstan.config",
                     info->config, (size_t)info->config_size);
}

/* *data: bytes of all tensors. */
static json_t *header_of(const ModelExport *e, int64_t *data)
{
    json_t *header = json_object();
    json_object_set_new(header, "__metadata__", metadata(&e->model->checkpoint.info));
    *data = 0;
    for (int64_t i = 0; i < e->tensors.count; i++) {
        const FileTensor *t = &e->tensors.list[i];
        const int64_t begin = *data;
        *data += dtype_size(e->type, shape_count(t->shape));
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_safetensors(e->type),
                                      "shape", shape_list(t->shape), "data_offsets",
                                      (json_int_t)begin, (json_int_t)*data));
    }
    return header;
}

static Status write_header(Draft *d, const char *text, uint64_t size)
{
    static const char blanks[8] = "       ";
    const uint64_t padding = (8 - size % 8) % 8, whole = size + padding;
    TRY(draft_write(d, &whole, sizeof whole));
    TRY(draft_write(d, text, (int64_t)size));
    return draft_write(d, blanks, (int64_t)padding);
}

static Status write_file(ModelExport *e, Draft *d, const char *path, const char *text, int64_t data)
{
    const int64_t size = (int64_t)strlen(text), total = 8 + (size + 7) / 8 * 8 + data;
    TRY(draft_open(d, path, total));
    TRY(write_header(d, text, (uint64_t)size));
    for (int64_t i = 0; i < e->tensors.count; i++)
        TRY(export_tensor(d, &e->tensors.list[i], e->type));
    e->size += total;
    return draft_finish(d);
}

Status safetensors_write(ModelExport *e, const char *path)
{
    static Draft d; /* large; and the only one */
    int64_t data;
    json_t *header = header_of(e, &data);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) return FAIL(E_NOMEM, "%s: its header", path);
    const Status status = write_file(e, &d, path, text, data);
    draft_close(&d);
    free(text);
    return status;
}
