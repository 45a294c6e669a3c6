/* activation: y = f(x), or, of the gated kinds, y = f(gate) up, where a row of x is [gate, up].
 *
 *     gelu, geglu    f = x s(2 u),  u = sqrt(2/pi) (x + 0.044715 x^3): the tanh form, since
 *                    s(2 u) = (1 + tanh u) / 2
 *                    f' = s + x s (1 - s) 2 u'
 *     gelu_exact     f = x P(x),  f' = P(x) + x p(x): P and p the normal distribution, P by erf
 *     relu           f = max(0, x)
 *     relu2          f = max(0, x)^2,  f' = 2 max(0, x)
 *     silu, swiglu   f = x s(x),  f' = s (1 + x (1 - s))
 *
 * with s the logistic function. Forward keeps nothing: backward recomputes s.
 *
 * gelu: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2. silu: Elfwing et al. 2017,
 * arXiv:1702.03118. relu2: So et al. 2021, arXiv:2109.08668. Gated: Shazeer 2020,
 * arXiv:2002.05202. */
#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { CHUNK = 512 };

typedef struct Attr {
    Activation kind;
} Attr;

static const real TWO_ROOT = (real)1.5957691216057308; /* 2 sqrt(2/pi) */
static const double ROOT_HALF = 0.70710678118654752,
                    DENSITY = 0.39894228040143268; /* 1 / sqrt(2 pi) */
static const real CUBE = (real)0.044715;

VECTOR_INLINE bool is_gated(Activation kind)
{
    return kind == ACTIVATION_swiglu || kind == ACTIVATION_geglu;
}

/* f(x), and its derivative. kind is a constant in every call, so each kind is branch-free code. */
VECTOR_INLINE real value(Activation kind, real x, real *slope)
{
    real s, square;
    switch (kind) {
    case ACTIVATION_gelu:
    case ACTIVATION_geglu:
        square = x * x;
        s = vsigmoid(x * (TWO_ROOT + TWO_ROOT * CUBE * square));
        *slope = s + x * s * (1 - s) * (TWO_ROOT + 3 * TWO_ROOT * CUBE * square);
        return x * s;
    case ACTIVATION_silu:
    case ACTIVATION_swiglu:
        s = vsigmoid(x);
        *slope = s * (1 + x * (1 - s));
        return x * s;
    case ACTIVATION_gelu_exact:
        s = (real)(0.5 * erfc(-(double)x * ROOT_HALF));
        *slope = s + x * (real)(exp(-0.5 * (double)x * (double)x) * DENSITY);
        return x * s;
    case ACTIVATION_relu:
        *slope = x > 0;
        return x < 0 ? 0 : x; /* not x > 0 ? x : 0: NaN stays NaN */
    case ACTIVATION_relu2:
        s = x < 0 ? 0 : x;
        *slope = 2 * s;
        return s * s;
    }
    return *slope = x;
}

static Status shape(Node *n)
{
    const Attr *a = n->attr;
    Shape x = n->in[0]->shape;
    n->out->shape = x;
    if (!is_gated(a->kind)) return OK;
    if (!x.rank || shape_last(x) % 2)
        return FAIL(E_SHAPE,
                    "activation of %s: gate and up side by side need an even last dimension",
                    shape_text(x));
    n->out->shape.dim[x.rank - 1] /= 2;
    return OK;
}

VECTOR_INLINE void forward_kind(const Node *n, int64_t begin, int64_t end, Activation kind)
{
    const int64_t width = shape_last(n->out->shape), from = is_gated(kind) ? 2 * width : width;
    for (int64_t r = begin; r < end; r++) {
        for (int64_t c = 0; c < width; c += CHUNK) {
            const int64_t count = width - c < CHUNK ? width - c : CHUNK, at = r * from + c;
            real wide[CHUNK], wide_up[CHUNK], wide_y[CHUNK], slope;
            bf16_prefetch(n->in[0], at + VECTOR_PREFETCH, count);
            if (is_gated(kind)) bf16_prefetch(n->in[0], at + width + VECTOR_PREFETCH, count);
            const real *x = bf16_numbers(n->in[0], at, count, wide), *up = NULL;
            real *restrict y = bf16_output(n->out, r * width + c, wide_y);
            if (is_gated(kind)) up = bf16_numbers(n->in[0], at + width, count, wide_up);
            if (is_gated(kind))
                for (int64_t i = 0; i < count; i++) y[i] = value(kind, x[i], &slope) * up[i];
            else
                for (int64_t i = 0; i < count; i++) y[i] = value(kind, x[i], &slope);
            bf16_output_done(n->out, r * width + c, count, y);
        }
    }
}

VECTOR_INLINE void backward_kind(const Node *n, int64_t begin, int64_t end, Activation kind,
                                 bool add)
{
    const int64_t width = shape_last(n->out->shape), from = is_gated(kind) ? 2 * width : width;
    for (int64_t r = begin; r < end; r++) {
        for (int64_t c = 0; c < width; c += CHUNK) {
            const int64_t count = width - c < CHUNK ? width - c : CHUNK, at = r * from + c;
            real wide[CHUNK], wide_up[CHUNK];
            const real *x = bf16_numbers(n->in[0], at, count, wide), *ups = NULL,
                       *g = n->dout + r * width + c;
            bf16_prefetch(n->in[0], at + VECTOR_PREFETCH, count);
            if (is_gated(kind)) bf16_prefetch(n->in[0], at + width + VECTOR_PREFETCH, count);
            vector_prefetch(g + VECTOR_PREFETCH, count);
            real *restrict dx = n->din[0] + at, *restrict dup = dx + width;
            if (is_gated(kind)) ups = bf16_numbers(n->in[0], at + width, count, wide_up);
            for (int64_t i = 0; i < count; i++) {
                real slope, f = value(kind, x[i], &slope), up = is_gated(kind) ? ups[i] : 1;
                dx[i] = g[i] * up * slope + (add ? dx[i] : 0);
                if (is_gated(kind)) dup[i] = g[i] * f + (add ? dup[i] : 0);
            }
        }
    }
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attr *a = n->attr;
    (void)worker;
    switch (a->kind) {
#define X(PREFIX, name) \
    case PREFIX##_##name: forward_kind(n, begin, end, PREFIX##_##name); break;
        ACTIVATION_CHOICES(X)
#undef X
    }
}

VECTOR static void backward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Attr *a = n->attr;
    (void)worker;
    switch (a->kind) {
#define X(PREFIX, name)                                           \
    case PREFIX##_##name:                                         \
        if (n->add[0])                                            \
            backward_kind(n, begin, end, PREFIX##_##name, true);  \
        else                                                      \
            backward_kind(n, begin, end, PREFIX##_##name, false); \
        break;
        ACTIVATION_CHOICES(X)
#undef X
    }
}

static void forward(const Node *n)
{
    Shape y = n->out->shape;
    threads_range(shape_rows(y), op_block(shape_last(y)), forward_rows, n);
}

static void backward(const Node *n)
{
    Shape y = n->out->shape;
    if (n->din[0]) threads_range(shape_rows(y), op_block(shape_last(y)), backward_rows, n);
}

static const OpCase cases[] = {
#define X(PREFIX, name) {#name, {SHAPE_OF(2, 3, 38)}, &(Attr){PREFIX##_##name}, 0},
    ACTIVATION_CHOICES(X)
#undef X
        {"gelu of one number", {SHAPE_OF(1)}, &(Attr){ACTIVATION_gelu}, 0},
    {"swiglu of one gate", {SHAPE_OF(1, 2)}, &(Attr){ACTIVATION_swiglu}, 0},
    {0},
};

const Op op_activation = {
    .name = "activation",
    .inputs = 1,
    .attr_size = sizeof(Attr),
    .bf16_result = true,
    .needs_inputs = 1 << 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_activation(Tape *t, Tensor *x, Activation kind)
{
    return tape_apply(t, &op_activation, (Tensor *[]){x}, &(Attr){kind});
}
