/* rope: each head's columns x of the first heads * head_width, normalised and rotated: y = R(p) xn,
 *
 *     xn = x s, s = 1 / sqrt(mean x^2 + eps)                 (xn = x without normalize)
 *     (y_i, y_j) = (xn_i c - xn_j d, xn_j c + xn_i d),
 *     c, d = cos, sin(p theta^(-2 i / head_width))
 *
 * with j = i + head_width / 2, at position p; if fewer columns are rotated, their number stands for
 * head_width, and the others stay. R is orthogonal, so the mean in backward can be taken
 * over y, and backward does not read x:
 *
 *     dL/dx = R(p)^-1 (s (g - y mean(g y))),    g = dL/dy
 *
 * With stretch the frequencies are others, and c and d have a factor m: then y = m R(p) xn, and
 *
 *     dL/dx = R(p)^-1 (s (m g - (y / m) mean(g y)))
 *
 * cos and sin of position p are computed from those of p - p mod 64 by rotating step by step: a
 * function of p alone, accurate to about 1e-14, with few calls of libm.
 *
 * Su et al. 2021, arXiv:2104.09864, equation 34, paired as in GPT-NeoX. Norm: Henry et al. 2020,
 * arXiv:2010.04245, here with the root mean square. */
#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"
#include "autograd/ops/rope_scaling.h"

enum { ANCHOR = 64 };

static int64_t rotated_of(const Rope *a)
{
    return a->rotated ? a->rotated : a->head_width;
}

/* A worker's angles, and their change per position; arrays of head_width / 2. */
typedef struct Waves {
    const Rope *rope;
    double *frequency, *step_cos,
        *step_sin;     /* shared by all workers, unless they depend on length */
    double *cos, *sin; /* of position */
    real *c, *d;       /* the same as reals, times magnitude */
    double magnitude;
    int64_t pairs, position;
    int32_t length; /* of the text that frequency is for */
} Waves;

/* Arrays that all workers share, and those of each. */
static int64_t shared_arrays(const Rope *a)
{
    return rope_depends_on_length(&a->stretch) ? 0 : 3;
}

static int64_t own_arrays(const Rope *a)
{
    return 7 - shared_arrays(a);
}

/* Array `index` in scratch: first the shared ones, then those of each worker. */
static double *array(const Node *n, int64_t index)
{
    const Rope *a = n->attr;
    return (double *)n->scratch + index * (a->head_width / 2);
}

static Status shape(Node *n)
{
    const Rope *a = n->attr;
    Shape x = n->in[0]->shape;
    const int64_t width = a->heads * a->head_width;
    if (x.rank != 2 || x.dim[1] < width || width <= 0)
        return FAIL(E_SHAPE, "rope of %s with %lld heads of %lld: not [rows, %lld or more]",
                    shape_text(x), (long long)a->heads, (long long)a->head_width, (long long)width);
    if (a->rotate && (rotated_of(a) % 2 || rotated_of(a) > a->head_width))
        return FAIL(E_SHAPE,
                    "rope of %s: %lld columns of a head of %lld cannot be rotated in pairs",
                    shape_text(x), (long long)rotated_of(a), (long long)a->head_width);
    n->out->shape = SHAPE(x.dim[0], width);
    if (a->normalize) n->keep_size = x.dim[0] * a->heads * (int64_t)sizeof(real);
    if (a->rotate)
        n->scratch_size = (shared_arrays(a) + own_arrays(a) * (int64_t)threads_team()) *
                          (a->head_width / 2) * (int64_t)sizeof(double);
    n->scratch_size += op_bf16_buffer_size(n, 2 * a->head_width);
    return OK;
}

static void fill(const Rope *a, int32_t length, double *frequency, double *step_cos,
                 double *step_sin)
{
    const int64_t d = rotated_of(a);
    for (int64_t i = 0; i < d / 2; i++) {
        const double f = rope_frequency(&a->stretch, a->theta, d, i, length);
        frequency[i] = f;
        step_cos[i] = cos(f);
        step_sin[i] = sin(f);
    }
}

/* Fills the shared arrays, once per pass. */
static void prepare(const Node *n)
{
    const Rope *a = n->attr;
    if (a->rotate && shared_arrays(a)) fill(a, 0, array(n, 0), array(n, 1), array(n, 2));
}

static Waves waves_begin(const Node *n, int worker)
{
    const Rope *a = n->attr;
    const int64_t shared = shared_arrays(a), mine = shared + own_arrays(a) * (int64_t)worker,
                  steps = shared ? 0 : mine + 4;
    if (!a->rotate) return (Waves){0};
    return (Waves){
        .rope = a,
        .frequency = array(n, steps),
        .step_cos = array(n, steps + 1),
        .step_sin = array(n, steps + 2),
        .cos = array(n, mine),
        .sin = array(n, mine + 1),
        .c = (real *)array(n, mine + 2),
        .d = (real *)array(n, mine + 3),
        .magnitude = rope_magnitude(&a->stretch),
        .pairs = rotated_of(a) / 2,
        .position = -1,
        .length = -1,
    };
}

VECTOR_INLINE void waves_move(Waves *w, int64_t to)
{
    const double *restrict step_cos = w->step_cos, *restrict step_sin = w->step_sin;
    double *restrict c = w->cos, *restrict d = w->sin;
    int64_t at = w->position, anchor = to - to % ANCHOR;
    if (at < anchor || at > to) {
        for (int64_t i = 0; i < w->pairs; i++) {
            c[i] = cos((double)anchor * w->frequency[i]);
            d[i] = sin((double)anchor * w->frequency[i]);
        }
        at = anchor;
    }
    for (; at < to; at++)
        for (int64_t i = 0; i < w->pairs; i++) {
            double rotated = c[i] * step_cos[i] - d[i] * step_sin[i];
            d[i] = d[i] * step_cos[i] + c[i] * step_sin[i];
            c[i] = rotated;
        }
    w->position = to;
    for (int64_t i = 0; i < w->pairs; i++) w->c[i] = (real)(w->magnitude * c[i]);
    for (int64_t i = 0; i < w->pairs; i++) w->d[i] = (real)(w->magnitude * d[i]);
}

/* To row r. */
VECTOR_INLINE void waves_turn(Waves *w, int64_t r)
{
    const Rope *a = w->rope;
    if (!shared_arrays(a) && w->length != a->lengths[r]) {
        w->length = a->lengths[r];
        w->position = -1;
        fill(a, w->length, w->frequency, w->step_cos, w->step_sin);
    }
    waves_move(w, a->positions[r]);
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Rope *a = n->attr;
    const int64_t width = a->head_width, from = shape_last(n->in[0]->shape),
                  turned = a->rotate ? rotated_of(a) : 0, half = turned / 2;
    Waves w = waves_begin(n, worker);
    real *wide = op_bf16_buffer(n, 2 * width, worker), *wide_y = wide ? wide + width : NULL;

    for (int64_t r = begin; r < end; r++) {
        if (a->rotate) waves_turn(&w, r);
        for (int64_t h = 0; h < a->heads; h++) {
            const int64_t at = (r * a->heads + h) * width;
            const real *x = bf16_numbers(n->in[0], r * from + h * width, width, wide), *c = w.c,
                       *d = w.d;
            real *restrict y = bf16_output(n->out, at, wide_y), *restrict z = y + half;
            real s = 1;
            if (a->normalize)
                s = (real)(1 / sqrt((double)vector_dot(x, x, width) / (double)width + a->eps));
            if (a->normalize && n->record) ((real *)n->keep)[r * a->heads + h] = s;
            for (int64_t i = 0; i < half; i++) {
                real u = s * x[i], v = s * x[half + i];
                y[i] = u * c[i] - v * d[i];
                z[i] = v * c[i] + u * d[i];
            }
            for (int64_t i = turned; i < width; i++) y[i] = s * x[i];
            bf16_output_done(n->out, at, width, y);
        }
    }
}

/* dx of one head, from y and g; mean: the mean of g y, over m^2. */
VECTOR_INLINE void rotate_back(real *restrict dx, const real *y, const real *g, const Waves *w,
                               real s, real mean, bool add)
{
    const int64_t half = w->pairs;
    const real *c = w->c, *d = w->d;
    real *restrict dz = dx + half;
    for (int64_t i = 0; i < half; i++) {
        real u = s * (g[i] - y[i] * mean), v = s * (g[half + i] - y[half + i] * mean);
        real p = u * c[i] + v * d[i], q = v * c[i] - u * d[i];
        dx[i] = add ? dx[i] + p : p;
        dz[i] = add ? dz[i] + q : q;
    }
}

VECTOR static void backward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const Rope *a = n->attr;
    const int64_t width = a->head_width, from = shape_last(n->in[0]->shape);
    const int64_t covered = a->heads * width, turned = a->rotate ? rotated_of(a) : 0;
    const bool add = n->add[0];
    Waves w = waves_begin(n, worker);
    const real m = a->rotate ? (real)w.magnitude : 1;
    real *wide = op_bf16_buffer(n, 2 * width, worker);

    for (int64_t r = begin; r < end; r++) {
        if (a->rotate) waves_turn(&w, r);
        for (int64_t h = 0; h < a->heads; h++) {
            const int64_t at = (r * a->heads + h) * width;
            const real *y = bf16_numbers(n->out, at, width, wide), *g = n->dout + at;
            real *restrict dx = n->din[0] + r * from + h * width;
            real s = 1, mean = 0;
            if (a->normalize) {
                s = ((const real *)n->keep)[r * a->heads + h];
                mean = vector_dot(g, y, width) / (real)width;
            }
            if (a->rotate && add)
                rotate_back(dx, y, g, &w, s, mean / (m * m), true);
            else if (a->rotate)
                rotate_back(dx, y, g, &w, s, mean / (m * m), false);
            for (int64_t i = turned; i < width; i++) {
                real p = s * (g[i] - y[i] * mean);
                dx[i] = add ? dx[i] + p : p;
            }
        }
        if (!add)
            memset(n->din[0] + r * from + covered, 0, (size_t)(from - covered) * sizeof(real));
    }
}

static void forward(const Node *n)
{
    prepare(n);
    threads_range(n->out->shape.dim[0], ANCHOR, forward_rows, n);
}

static void backward(const Node *n)
{
    if (!n->din[0]) return;
    prepare(n);
    threads_range(n->out->shape.dim[0], ANCHOR, backward_rows, n);
}

#define POSITIONS                  \
    .positions = (const int32_t[]) \
    {                              \
        0, 1, 2, 70, 71, 3         \
    }
static const OpCase cases[] = {
    {"rotated",
     {SHAPE_OF(6, 3 * 38 + 5)},
     &(Rope){.heads = 3, .head_width = 38, .rotate = true, .theta = 1e4, POSITIONS},
     0},
    {"normalised",
     {SHAPE_OF(6, 3 * 7 + 1)},
     &(Rope){.heads = 3, .head_width = 7, .normalize = true, .eps = 1e-3},
     0},
    {"normalised and rotated",
     {SHAPE_OF(6, 2 * 36)},
     &(Rope){.heads = 2,
             .head_width = 36,
             .normalize = true,
             .eps = 1e-5,
             .rotate = true,
             .theta = 100,
             POSITIONS},
     0},
    {"partly rotated",
     {SHAPE_OF(6, 2 * 11)},
     &(Rope){.heads = 2,
             .head_width = 11,
             .normalize = true,
             .eps = 1e-3,
             .rotate = true,
             .theta = 100,
             .rotated = 6,
             POSITIONS},
     0},
    {"stretched by YaRN",
     {SHAPE_OF(6, 2 * 11)},
     &(Rope){.heads = 2,
             .head_width = 11,
             .normalize = true,
             .eps = 1e-3,
             .rotate = true,
             .theta = 100,
             .rotated = 8,
             .stretch = {.kind = ROPE_SCALING_yarn,
                         .factor = 4,
                         .original = 16,
                         .beta_fast = 4,
                         .beta_slow = 1},
             POSITIONS},
     0},
    {"stretched by length",
     {SHAPE_OF(6, 2 * 8)},
     &(Rope){.heads = 2,
             .head_width = 8,
             .rotate = true,
             .theta = 100,
             .stretch = {.kind = ROPE_SCALING_dynamic, .factor = 2, .original = 16},
             .lengths = (const int32_t[]){20, 20, 20, 72, 72, 10},
             POSITIONS},
     0},
    {"neither", {SHAPE_OF(1, 3)}, &(Rope){.heads = 1, .head_width = 1}, 0},
    {0},
};

const Op op_rope = {
    .name = "rope",
    .inputs = 1,
    .attr_size = sizeof(Rope),
    .bf16_result = true,
    .needs_inputs = 1 << 0 | 1 << OP_RESULT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_rope(Tape *t, Tensor *x, const Rope *r)
{
    return tape_apply(t, &op_rope, (Tensor *[]){x}, r);
}
