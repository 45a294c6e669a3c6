/* embedding: row i of y = row tokens[i] of the weight, plus row positions[i] of the position table.
 *
 *     dL/dweight: row v = sum of g's rows i with tokens[i] = v; dL/dtable likewise,    g = dL/dy
 *
 * In backward each thread owns some columns and adds the rows in order, so the bits do not depend
 * on the number of threads. */
#include "autograd/base/threads.h"
#include "autograd/kernels/vector.h"
#include "autograd/ops.h"

typedef struct Attr {
    const int32_t *tokens, *positions;
    int64_t rows;
} Attr;

static Status check(const char *what, const int32_t *index, int64_t rows, Shape table)
{
    for (int64_t i = 0; i < rows; i++)
        if (index[i] < 0 || index[i] >= table.dim[0])
            return FAIL(E_ARG, "embedding: %s %d of row %lld is not in a table of %s", what,
                        index[i], (long long)i, shape_text(table));
    return OK;
}

static Status shape(Node *n)
{
    const Attr *a = n->attr;
    Shape w = n->in[0]->shape, p = n->in[1] ? n->in[1]->shape : w;
    if (w.rank != 2 || p.rank != 2 || w.dim[1] != p.dim[1])
        return FAIL(E_SHAPE, "embedding of tokens by %s and of positions by %s", shape_text(w),
                    shape_text(p));
    TRY(check("token", a->tokens, a->rows, w));
    if (n->in[1]) TRY(check("position", a->positions, a->rows, p));
    n->out->shape = SHAPE(a->rows, w.dim[1]);
    return OK;
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attr *a = n->attr;
    const int64_t width = n->out->shape.dim[1];
    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        const real *w = n->in[0]->data + a->tokens[r] * width;
        real *restrict y = n->out->data + r * width;
        memcpy(y, w, (size_t)width * sizeof *y);
        if (!n->in[1]) continue;
        const real *p = n->in[1]->data + a->positions[r] * width;
        for (int64_t i = 0; i < width; i++) y[i] += p[i];
    }
}

/* Adds the columns [begin, end) of g to the gradient of one table. */
VECTOR_INLINE void scatter(const Node *n, int input, const int32_t *index, int64_t begin,
                           int64_t end)
{
    const Attr *a = n->attr;
    const int64_t width = n->out->shape.dim[1];
    for (int64_t v = 0; !n->add[input] && v < n->in[input]->shape.dim[0]; v++)
        memset(n->din[input] + v * width + begin, 0, (size_t)(end - begin) * sizeof(real));
    for (int64_t r = 0; r < a->rows; r++) {
        const real *g = n->dout + r * width;
        real *restrict d = n->din[input] + index[r] * width;
        for (int64_t i = begin; i < end; i++) d[i] += g[i];
    }
}

VECTOR static void backward_columns(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attr *a = n->attr;
    (void)worker;
    if (n->din[0]) scatter(n, 0, a->tokens, begin, end);
    if (n->din[1]) scatter(n, 1, a->positions, begin, end);
}

static void forward(const Node *n)
{
    Shape y = n->out->shape;
    threads_range(y.dim[0], op_block(y.dim[1]), forward_rows, n);
}

static void backward(const Node *n)
{
    const int64_t width = n->out->shape.dim[1], team = threads_team();
    const int64_t share = (width + team - 1) / team; /* any block length gives the same bits */
    threads_range(width, (share + 15) / 16 * 16, backward_columns, n);
}

/* Only the rows that are read count, not whole tables; but backward zeroes the whole of a new
 * gradient. */
static void count_work(const Node *n, bool in_backward, OpWork *w)
{
    const int64_t y = shape_count(n->out->shape);
    int64_t count = y;
    for (int i = 0; i < 2; i++) {
        if (!in_backward) count += n->in[i] ? y : 0;
        if (!in_backward || !n->din[i]) continue;
        count += 2 * y + (n->add[i] ? 0 : shape_count(n->in[i]->shape));
    }
    w->bytes = (double)count * sizeof(real);
}

static const OpCase cases[] = {
    {"tokens and positions",
     {SHAPE_OF(7, 37), SHAPE_OF(3, 37)},
     &(Attr){(const int32_t[]){2, 6, 2, 0, 5, 2}, (const int32_t[]){0, 1, 2, 0, 1, 0}, 6},
     0},
    {"tokens", {SHAPE_OF(4, 18)}, &(Attr){(const int32_t[]){3, 3, 0}, NULL, 3}, 2},
    {"one number", {SHAPE_OF(1, 1)}, &(Attr){(const int32_t[]){0}, NULL, 1}, 2},
    {0},
};

const Op op_embedding = {
    .name = "embedding",
    .inputs = 2,
    .optional = 2,
    .attr_size = sizeof(Attr),
    .needs_inputs = 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .work = count_work,
    .cases = cases,
};

Tensor *ag_embedding(Tape *t, Tensor *weight, Tensor *position_table, const int32_t *tokens,
                     const int32_t *positions, int64_t rows)
{
    return tape_apply(t, &op_embedding, (Tensor *[]){weight, position_table},
                      &(Attr){tokens, positions, rows});
}
