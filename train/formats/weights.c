#include "train/formats/weights.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

struct MappedFile {
    Mapping mapping;
    MappedFile *next;
};

static bool begins(const unsigned char *bytes, int64_t size, const char *text)
{
    const size_t length = strlen(text);
    return size >= (int64_t)length && !memcmp(bytes, text, length);
}

/* The header of a safetensors file may have 0x280 bytes, too, and then begins with a brace. */
static bool is_bare_pickle(const unsigned char *bytes, int64_t size)
{
    return size > 8 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5 && bytes[8] != '{';
}

Status weights_refuse(const char *name, const unsigned char *bytes, int64_t size)
{
    if (begins(bytes, size, "version https://git-lfs"))
        return FAIL(E_DATA,
                    "%s: a Git LFS pointer, not the file itself: fetch it with git lfs pull", name);
    if (begins(bytes, size, "<!DOCTYPE") || begins(bytes, size, "<!doctype") ||
        begins(bytes, size, "<html"))
        return FAIL(E_DATA, "%s: a web page, not a model: download the file itself", name);
    if (begins(bytes, size, "PK\003\004") || is_bare_pickle(bytes, size))
        return FAIL(E_DATA,
                    "%s: a pickle of PyTorch, which can run any code when it is opened, so Capstan "
                    "does not read it: save the model as safetensors (in transformers: "
                    "save_pretrained(folder, safe_serialization=True))",
                    name);
    return OK;
}

Status weights_map(Weights *w, const char *path, const char **name, Mapping *file)
{
    char shown[PATH_MAX];
    MappedFile *one = arena_zero(&w->arena, sizeof *one);
    *name = arena_text(&w->arena, text_escape(path, shown, sizeof shown));
    if (!one || !*name) return FAIL(E_NOMEM, "%s", shown);
    TRY(mapping_open(&one->mapping, path, E_DATA));
    one->next = w->files;
    w->files = one;
    *file = one->mapping;
    return weights_refuse(*name, file->bytes, file->size);
}

void weights_close(Weights *w)
{
    for (MappedFile *one = w->files; one; one = one->next) mapping_close(&one->mapping);
    arena_free(&w->arena);
    *w = (Weights){0};
}

Status weights_add(Weights *w, const Weight *one)
{
    if (w->count == w->room) {
        const int64_t room = w->room ? 2 * w->room : 256;
        Weight *list = arena_take(&w->arena, room * (int64_t)sizeof *list);
        if (!list) return FAIL(E_NOMEM, "%s: %lld tensors", one->path, (long long)room);
        if (w->count) memcpy(list, w->list, (size_t)w->count * sizeof *list);
        w->list = list;
        w->room = room;
    }
    w->list[w->count] = *one;
    w->list[w->count].name = arena_text(&w->arena, one->name);
    if (!w->list[w->count].name) return FAIL(E_NOMEM, "%s: tensors", one->path);
    w->count++;
    return OK;
}

int64_t weight_runs_size(const WeightRun runs[], int count, int64_t layers, Dtype dtype)
{
    int64_t size = 0;
    for (int i = 0; i < count; i++)
        size += dtype_size(dtype, shape_count(runs[i].shape)) * (runs[i].by_layer ? layers : 1);
    return size;
}

Status weights_add_runs(Weights *w, const char *path, const WeightRun runs[], int count,
                        int64_t layers, Dtype dtype, const Mapping *file, int64_t begin)
{
    const unsigned char *bytes = file->bytes + begin;
    char name[64];
    for (const WeightRun *run = runs; run < runs + count; run++)
        for (int64_t layer = 0; layer < (run->by_layer ? layers : 1); layer++) {
            const Weight one = {.name = name,
                                .dtype = dtype,
                                .dtype_text = dtype_name(dtype),
                                .shape = run->shape,
                                .data = bytes,
                                .size = dtype_size(dtype, shape_count(run->shape)),
                                .path = path,
                                .file = *file};
            bytes += one.size;
            if (!run->name) continue;
            if (run->by_layer)
                snprintf(name, sizeof name, run->name, (long long)layer);
            else
                snprintf(name, sizeof name, "%s", run->name);
            TRY(weights_add(w, &one));
        }
    return OK;
}

static int by_place(const void *a, const void *b)
{
    const Weight *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

Status weights_check_overlap(Weights *w, int64_t first)
{
    char shown[128];
    const int64_t count = w->count - first;
    if (count) qsort(w->list + first, (size_t)count, sizeof *w->list, by_place);
    for (int64_t i = first + 1; i < w->count; i++)
        if (w->list[i].data < w->list[i - 1].data + w->list[i - 1].size)
            return FAIL(E_DATA, "%s: %s: overlaps another tensor", w->list[i].path,
                        text_escape(w->list[i].name, shown, sizeof shown));
    return OK;
}

static int by_name(const void *a, const void *b)
{
    const Weight *x = a, *y = b;
    return strcmp(x->name, y->name);
}

Status weights_sort(Weights *w)
{
    char shown[128];
    if (w->count) qsort(w->list, (size_t)w->count, sizeof *w->list, by_name);
    for (int64_t i = 1; i < w->count; i++)
        if (!strcmp(w->list[i - 1].name, w->list[i].name))
            return FAIL(E_DATA, "%s: the tensor %s is there twice", w->list[i].path,
                        text_escape(w->list[i].name, shown, sizeof shown));
    return OK;
}

Weight *weights_find(const Weights *w, const char *name)
{
    const Weight key = {.name = name};
    return w->count ? bsearch(&key, w->list, (size_t)w->count, sizeof *w->list, by_name) : NULL;
}

/* In parts, whose pages are released: the tensor is in memory once. */
void weight_read(const Weight *one, real *to)
{
    enum { PART = 1 << 20 };
    const int64_t count = shape_count(one->shape);
    for (int64_t i = 0; i < count; i += PART) {
        const int64_t now = count - i < PART ? count - i : PART;
        const unsigned char *bytes = one->data + dtype_size(one->dtype, i);
        dtype_read(one->dtype, bytes, to + i, now);
        mapping_release(&one->file, bytes, dtype_size(one->dtype, now));
    }
}
