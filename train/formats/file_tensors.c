#include "train/formats/file_tensors.h"

#include <stdio.h>
#include <string.h>

/* The name of a pattern's tensor, in layer `layer`. */
static void name_in_layer(const char *pattern, int64_t layer, char *out, size_t size)
{
    const char *star = strchr(pattern, '*');
    if (star)
        snprintf(out, size, "%.*s%lld%s", (int)(star - pattern), pattern, (long long)layer,
                 star + 1);
    else
        snprintf(out, size, "%s", pattern);
}

/* The parameter of this name; *from is where to look first, since both sides have about one order. */
static const Param *find(const Params *p, const char *name, const Param **from)
{
    for (const Param *one = *from; one; one = one->next)
        if (!strcmp(one->name, name)) return *from = one;
    for (const Param *one = p->first; one != *from; one = one->next)
        if (!strcmp(one->name, name)) return *from = one;
    return NULL;
}

typedef struct Builder {
    FileTensors *all;
    const Kind *kind;
    ModelFormat format;
    const Params *model;
    const Param *declared_at, *model_at;
    int64_t params; /* of declared, that have a place */
} Builder;

/* Begins another tensor unless the row continues the last one. */
static FileTensor *tensor_of(Builder *b, const char *name, const KindTensor *row)
{
    FileTensors *f = b->all;
    FileTensor *last = f->count ? &f->list[f->count - 1] : NULL;
    if (last && !strcmp(last->name, name)) return last;
    last = &f->list[f->count++];
    *last =
        (FileTensor){.layout = row->layouts[b->format], .head_width = gpt_head_width(&f->config)};
    if (!b->kind->pairs || b->format != MODEL_gguf) last->layout &= ~(unsigned)LAYOUT_ROTATED;
    snprintf(last->name, sizeof last->name, "%s", name);
    return last;
}

static void add_part(FileTensor *t, const Param *declared, const Param *param)
{
    const Shape s = declared->tensor.shape;
    const int64_t first =
        t->count ? t->parts[t->count - 1].first_row + t->parts[t->count - 1].rows : 0;
    INVARIANT(t->count < FILE_TENSOR_PARTS);
    t->parts[t->count++] = (FilePart){declared, param, s.dim[0], first};
    t->shape = s;
    t->shape.dim[0] = first + s.dim[0];
    if (s.rank == 2 && t->layout & LAYOUT_TRANSPOSED) t->shape = SHAPE(s.dim[1], first + s.dim[0]);
}

static void add_row(Builder *b, const KindTensor *row, int64_t layer)
{
    char param[PARAM_NAME_MAX], name[FILE_TENSOR_NAME];
    name_in_layer(row->param, layer, param, sizeof param);
    const Param *declared = find(&b->all->declared, param, &b->declared_at);
    if (!declared) return;
    name_in_layer(row->names[b->format], layer, name, sizeof name);
    FileTensor *t = tensor_of(b, name, row);
    add_part(t, declared, find(b->model, param, &b->model_at));
    const int64_t count = shape_count(t->shape);
    if (count > b->all->largest) b->all->largest = count;
    b->params++;
}

static Status add_rows(Builder *b)
{
    const KindTensor *block = NULL, *row = b->kind->tensors;
    for (; row->param; row++) {
        if (!strchr(row->param, '*')) {
            add_row(b, row, 0);
            continue;
        }
        block = row;
        while (row[1].param && strchr(row[1].param, '*')) row++;
        for (int64_t layer = 0; layer < b->all->config.layers; layer++)
            for (const KindTensor *one = block; one <= row; one++) add_row(b, one, layer);
    }
    /* What no row names, a new kind of layer has added: kind_fits() refuses its setting. */
    INVARIANT(b->params == params_named(&b->all->declared));
    return OK;
}

Status file_tensors_open(FileTensors *f, const Kind *k, ModelFormat format, const Config *c,
                         int64_t vocab_size, const Params *p)
{
    Gpt g;
    *f = (FileTensors){.config = c->model};
    if (k->always_bias) f->config.bias = true;
    gpt_init(&g, &f->declared, &f->config, vocab_size, 0);
    TRY(f->declared.status);
    const int64_t most = params_named(&f->declared);
    f->list = arena_zero(&f->arena, most * (int64_t)sizeof *f->list);
    if (!f->list) return FAIL(E_NOMEM, "%lld tensors", (long long)most);
    return add_rows(&(Builder){f, k, format, p, f->declared.first, p->first, 0});
}

void file_tensors_close(FileTensors *f)
{
    params_free(&f->declared);
    arena_free(&f->arena);
    *f = (FileTensors){.count = 0};
}

/* Where a row of a part is among the rows of the tensor. */
static int64_t row_in_file(const FileTensor *t, int part, int64_t row)
{
    const int64_t width = t->head_width, half = width / 2, head = row / width;
    int64_t within = row % width;
    if (t->layout & LAYOUT_ROTATED) within = within < half ? 2 * within : 2 * (within - half) + 1;
    if (t->layout & LAYOUT_BY_HEAD) return (head * t->count + part) * width + within;
    return t->parts[part].first_row + head * width + within;
}

enum { TILE = 16 };

/* A row of the file and the same row of the parameter. */
typedef struct RowPair {
    real *file, *own;
} RowPair;

static void copy_rows(const RowPair *rows, int64_t count, int64_t columns, bool to_file)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(to_file ? rows[i].file : rows[i].own, to_file ? rows[i].own : rows[i].file,
               (size_t)columns * sizeof(real));
}

static void copy_columns(const RowPair *rows, int64_t count, int64_t columns, int64_t step,
                         bool to_file)
{
    for (int64_t c = 0; c < columns; c++)
        for (int64_t i = 0; i < count; i++)
            if (to_file)
                rows[i].file[c * step] = rows[i].own[c];
            else
                rows[i].own[c] = rows[i].file[c * step];
}

/* Rows [row, row + count) of a part; count is at most TILE. */
static void copy_tile(const FileTensor *t, int part, int64_t row, int64_t count, real *file,
                      real *own, bool to_file)
{
    const bool transposed = t->shape.rank == 2 && t->layout & LAYOUT_TRANSPOSED;
    const int64_t columns = t->shape.rank == 1 ? 1 : t->shape.dim[transposed ? 0 : 1];
    RowPair rows[TILE];
    for (int64_t i = 0; i < count; i++)
        rows[i] = (RowPair){file + row_in_file(t, part, row + i) * (transposed ? 1 : columns),
                            own + (row + i) * columns};
    if (transposed)
        copy_columns(rows, count, columns, t->shape.dim[1], to_file);
    else
        copy_rows(rows, count, columns, to_file);
}

static void copy_part(const FileTensor *t, int part, real *file, real *own, bool to_file)
{
    const int64_t rows = t->parts[part].rows;
    for (int64_t row = 0; row < rows; row += TILE)
        copy_tile(t, part, row, rows - row < TILE ? rows - row : TILE, file, own, to_file);
}

/* A part that only the file has: all its numbers are one. */
static bool fill_part(const FileTensor *t, int part, real *file, bool to_file)
{
    const real fill = t->parts[part].declared->fill;
    bool same = true;
    INVARIANT(t->shape.rank == 1);
    for (int64_t row = 0; row < t->parts[part].rows; row++) {
        real *number = file + row_in_file(t, part, row);
        if (to_file) *number = fill;
        same &= *number == fill;
    }
    return same;
}

void file_tensor_gather(const FileTensor *t, real *numbers)
{
    for (int i = 0; i < t->count; i++)
        if (t->parts[i].param)
            copy_part(t, i, numbers, t->parts[i].param->tensor.data, true);
        else
            fill_part(t, i, numbers, true);
}

bool file_tensor_scatter(const FileTensor *t, const real *numbers, const Param **part)
{
    real *file = (real *)(uintptr_t)numbers;
    for (int i = 0; i < t->count; i++) {
        *part = t->parts[i].declared;
        if (t->parts[i].param)
            copy_part(t, i, file, t->parts[i].param->tensor.data, false);
        else if (!fill_part(t, i, file, false))
            return false;
    }
    return true;
}
