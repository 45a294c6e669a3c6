/* linear: y = x w^T + b + residual, row by row.
 *
 *     dL/dx = g w,    dL/dw = g^T x,    dL/db = sum over rows of g,    dL/dresidual = g,    g = dL/dy */
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/few.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/vector.h"
#include "autograd/ops.h"

enum { X, W, B, RESIDUAL };
enum { ROWS = 64, COLUMNS = 256 }; /* blocks of the loops over y and over b */

static Status shape(Node *n)
{
    const Shape x = n->in[X]->shape, w = n->in[W]->shape;
    if (x.rank < 1 || w.rank != 2 || shape_last(x) != w.dim[1])
        return FAIL(E_SHAPE, "linear: x %s times the transpose of w %s", shape_text(x),
                    shape_text(w));
    Shape y = x;
    y.dim[y.rank - 1] = w.dim[0];
    if (n->in[B] && (n->in[B]->shape.rank != 1 || n->in[B]->shape.dim[0] != w.dim[0]))
        return FAIL(E_SHAPE, "linear: b %s, for w %s", shape_text(n->in[B]->shape), shape_text(w));
    if (n->in[RESIDUAL] && !shape_equal(n->in[RESIDUAL]->shape, y))
        return FAIL(E_SHAPE, "linear: residual %s, for a result %s",
                    shape_text(n->in[RESIDUAL]->shape), shape_text(y));
    n->out->shape = y;
    return OK;
}

/* y = b + residual, for the product to be added to: that costs no more than clearing y. */
static void begin_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const Node *n = context;
    const int64_t width = shape_last(n->out->shape);
    const real *b = n->in[B] ? n->in[B]->data : NULL;

    for (int64_t r = begin; r < end; r++) {
        real *y = n->out->data + r * width;
        const real *residual = n->in[RESIDUAL] ? n->in[RESIDUAL]->data + r * width : b;
        memcpy(y, residual, (size_t)width * sizeof *y);
        if (b && residual != b)
            for (int64_t i = 0; i < width; i++) y[i] += b[i];
    }
}

static void forward(const Node *n)
{
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  k = n->in[W]->shape.dim[1];
    const bool begun = n->in[B] || n->in[RESIDUAL];
    if (!n->record && rows <= FEW_ROWS) {
        few_product(&(Few){.rows = rows,
                           .width = width,
                           .k = k,
                           .x = n->in[X]->data,
                           .w = n->in[W]->data,
                           .b = n->in[B] ? n->in[B]->data : NULL,
                           .residual = n->in[RESIDUAL] ? n->in[RESIDUAL]->data : NULL,
                           .y = n->out->data});
        return;
    }
    if (begun) threads_range(rows, ROWS, begin_rows, n);
    gemm(GEMM_NT, rows, width, k, n->in[X]->data, k, n->in[W]->data, k, n->out->data, width, begun);
}

/* Sums of columns, ROWS rows at a time, so that rounding grows with rows / ROWS. */
VECTOR static void sum_columns(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const Node *n = context;
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  count = end - begin;
    real total[COLUMNS] = {0};

    for (int64_t r = 0; r < rows;) {
        const int64_t stop = r + ROWS < rows ? r + ROWS : rows;
        real part[COLUMNS] = {0};
        for (; r < stop; r++) {
            const real *g = n->dout + r * width + begin;
            for (int64_t i = 0; i < count; i++) part[i] += g[i];
        }
        for (int64_t i = 0; i < count; i++) total[i] += part[i];
    }
    grad_store(n->din[B] + begin, total, count, n->add[B]);
}

static void backward(const Node *n)
{
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  k = n->in[W]->shape.dim[1];
    const real *g = n->dout;

    if (n->din[X])
        gemm(GEMM_NN, rows, k, width, g, width, n->in[W]->data, k, n->din[X], k, n->add[X]);
    if (n->din[W])
        gemm(GEMM_TN, width, k, rows, g, width, n->in[X]->data, k, n->din[W], k, n->add[W]);
    if (n->din[B]) threads_range(width, COLUMNS, sum_columns, n);
    if (n->din[RESIDUAL] && n->din[RESIDUAL] != g)
        grad_store(n->din[RESIDUAL], g, rows * width, n->add[RESIDUAL]);
}

static void count_work(const Node *n, bool in_backward, OpWork *w)
{
    const double product =
        2 * (double)shape_count(n->in[X]->shape) * (double)n->in[W]->shape.dim[0];
    w->matrix = n->in[W]->shape;
    w->operations = in_backward ? (!!n->din[X] + !!n->din[W]) * product : product;
}

static const OpCase cases[] = {
    {"w", {SHAPE_OF(3, 5), SHAPE_OF(4, 5)}, .absent = 1 << B | 1 << RESIDUAL},
    {"w, b", {SHAPE_OF(2, 3, 5), SHAPE_OF(4, 5), SHAPE_OF(4)}, .absent = 1 << RESIDUAL},
    {"w, residual",
     {SHAPE_OF(3, 5), SHAPE_OF(4, 5), SHAPE_OF(4), SHAPE_OF(3, 4)},
     .absent = 1 << B},
    {"w, b, residual",
     {SHAPE_OF(2, 3, 5), SHAPE_OF(4, 5), SHAPE_OF(4), SHAPE_OF(2, 3, 4)},
     .absent = 0},
    {"many rows", {SHAPE_OF(67, 2), SHAPE_OF(3, 2), SHAPE_OF(3)}, .absent = 1 << RESIDUAL},
    {0},
};

const Op op_linear = {
    .name = "linear",
    .inputs = 4,
    .optional = 1 << B | 1 << RESIDUAL,
    .hand_over = 1 + RESIDUAL,
    .unread = 1 << B | 1 << RESIDUAL | 1 << OP_RESULT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .work = count_work,
    .cases = cases,
};

Tensor *ag_linear(Tape *t, Tensor *x, Tensor *w, Tensor *b, Tensor *residual)
{
    return tape_apply(t, &op_linear, (Tensor *[]){x, w, b, residual}, NULL);
}
