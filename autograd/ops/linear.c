/* linear: y = x w^T + b + residual, row by row.
 *
 *     dL/dx = g w,                      dL/dw = g^T x,
 *     dL/db = sum over rows of g,       dL/dresidual = g,       g = dL/dy */
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/skinny_gemm.h"
#include "autograd/kernels/vector.h"
#include "autograd/ops.h"

enum { X, W, B, RESIDUAL };
enum { ROWS = 64, COLUMNS = 256 }; /* blocks of the loops over y and over b */

/* The bfloat16 operands of the products. */
typedef struct Bf16Operands {
    const bf16 *x, *w;
    bf16 *x_copy, *w_copy;  /* in scratch; NULL: the tensor has bfloat16 numbers */
    bf16 *g, *g_transposed; /* in scratch: dL/dy [rows, width], and [width, rows] */
} Bf16Operands;

/* Whether x has bfloat16 numbers. A parameter has, though a dry tape may run before they are
 * allocated. */
static bool has_bf16(const Tensor *x)
{
    return x->bf16 || x->name;
}

/* Divides scratch, which begins at base, and returns its size; NULL: only returns the size. */
static int64_t scratch_cut(const Node *n, char *base, Bf16Operands *p)
{
    const int64_t rows = shape_rows(n->in[X]->shape), width = n->in[W]->shape.dim[0],
                  k = n->in[W]->shape.dim[1];
    const int64_t counts[] = {has_bf16(n->in[X]) ? 0 : rows * k, has_bf16(n->in[W]) ? 0 : width * k,
                              n->record ? rows * width : 0, n->record ? rows * width : 0};
    bf16 **const parts[] = {&p->x_copy, &p->w_copy, &p->g, &p->g_transposed};
    int64_t size = 0;
    for (int i = 0; i < 4; i++) {
        if (base) *parts[i] = counts[i] ? (bf16 *)(base + size) : NULL;
        size += (counts[i] * (int64_t)sizeof(bf16) + 63) / 64 * 64;
    }
    p->x = p->x_copy ? p->x_copy : n->in[X]->bf16;
    p->w = p->w_copy ? p->w_copy : n->in[W]->bf16;
    return size;
}

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
    if (n->in[RESIDUAL]) n->bf16_result = false;
    if (n->bf16_products) n->scratch_size = scratch_cut(n, NULL, &(Bf16Operands){0});
    return OK;
}

/* Converts the inputs that have no bfloat16 numbers. */
static void inputs_to_bf16(const Node *n, const Bf16Operands *p)
{
    const Shape w = n->in[W]->shape;
    if (p->x_copy) to_bf16_matrix(p->x_copy, n->in[X]->data, shape_rows(n->in[X]->shape), w.dim[1]);
    if (p->w_copy) to_bf16_matrix(p->w_copy, n->in[W]->data, w.dim[0], w.dim[1]);
}

/* y = b + residual, to which the product is added: as cheap as zeroing y. */
static void begin_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    const Node *n = context;
    const int64_t width = shape_last(n->out->shape);
    const real *b = n->in[B] ? n->in[B]->data : NULL;

    for (int64_t r = begin; r < end; r++) {
        real *y = n->out->data + r * width;
        const Tensor *rest = n->in[RESIDUAL];
        const real *residual = rest ? bf16_numbers(rest, r * width, width, y) : b;
        if (residual != y) memcpy(y, residual, (size_t)width * sizeof *y);
        if (b && residual != b)
            for (int64_t i = 0; i < width; i++) y[i] += b[i];
    }
}

static void forward_bf16(const Node *n)
{
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  k = n->in[W]->shape.dim[1];
    const bool has_sum = n->in[RESIDUAL];
    Bf16Operands p;
    scratch_cut(n, n->scratch, &p);
    if (!n->record && !n->bf16_result && rows <= SKINNY_GEMM_ROWS && n->in[X]->data &&
        n->in[W]->bf16 && (!has_sum || n->in[RESIDUAL]->data)) {
        skinny_gemm(&(SkinnyGemm){.rows = rows,
                                  .width = width,
                                  .k = k,
                                  .x = n->in[X]->data,
                                  .w_bf16 = n->in[W]->bf16,
                                  .b = n->in[B] ? n->in[B]->data : NULL,
                                  .residual = has_sum ? n->in[RESIDUAL]->data : NULL,
                                  .y = n->out->data});
        return;
    }
    inputs_to_bf16(n, &p);
    if (has_sum) threads_range(rows, ROWS, begin_rows, n);
    gemm_bf16(&(GemmBf16){.op = GEMM_NT,
                          .m = rows,
                          .n = width,
                          .k = k,
                          .a = p.x,
                          .b = p.w,
                          .bias = n->in[B] && !has_sum ? n->in[B]->data : NULL,
                          .c = n->out->data,
                          .c_bf16 = n->out->bf16,
                          .add = has_sum});
}

static void forward(const Node *n)
{
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  k = n->in[W]->shape.dim[1];
    const bool has_sum = n->in[B] || n->in[RESIDUAL];
    if (n->bf16_products) {
        forward_bf16(n);
        return;
    }
    if (!n->record && rows <= SKINNY_GEMM_ROWS) {
        skinny_gemm(&(SkinnyGemm){.rows = rows,
                                  .width = width,
                                  .k = k,
                                  .x = n->in[X]->data,
                                  .w = n->in[W]->data,
                                  .w_q8 = n->in[W]->q8,
                                  .b = n->in[B] ? n->in[B]->data : NULL,
                                  .residual = n->in[RESIDUAL] ? n->in[RESIDUAL]->data : NULL,
                                  .y = n->out->data});
        return;
    }
    if (has_sum) threads_range(rows, ROWS, begin_rows, n);
    gemm(GEMM_NT, rows, width, k, n->in[X]->data, k, n->in[W]->data, k, n->out->data, width,
         has_sum);
}

/* Sums of columns, ROWS rows at a time, so that the rounding error grows with rows / ROWS. */
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

/* Transposes g while converting it, because oneDNN computes g^T x at a half to three quarters of
 * the rate of an untransposed product. */
static void backward_bf16(const Node *n)
{
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  k = n->in[W]->shape.dim[1];
    Bf16Operands p;
    scratch_cut(n, n->scratch, &p);
    inputs_to_bf16(n, &p);
    to_bf16_transposed(n->din[X] ? p.g : NULL, n->din[W] ? p.g_transposed : NULL, n->dout, rows,
                       width);
    if (n->din[X])
        gemm_bf16(&(GemmBf16){.op = GEMM_NN,
                              .m = rows,
                              .n = k,
                              .k = width,
                              .a = p.g,
                              .b = p.w,
                              .c = n->din[X],
                              .add = n->add[X]});
    if (n->din[W])
        gemm_bf16(&(GemmBf16){.op = GEMM_NN,
                              .m = width,
                              .n = k,
                              .k = rows,
                              .a = p.g_transposed,
                              .b = p.x,
                              .c = n->din[W],
                              .add = n->add[W]});
}

static void backward(const Node *n)
{
    const int64_t rows = shape_rows(n->out->shape), width = shape_last(n->out->shape),
                  k = n->in[W]->shape.dim[1];
    const real *g = n->dout;

    if (n->bf16_products)
        backward_bf16(n);
    else if (n->din[X])
        gemm(GEMM_NN, rows, k, width, g, width, n->in[W]->data, k, n->din[X], k, n->add[X]);
    if (n->din[W] && !n->bf16_products)
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
    .passthrough = 1 + RESIDUAL,
    .bf16_result = true,
    .needs_inputs = 1 << X | 1 << W,
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
