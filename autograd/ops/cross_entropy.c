/* cross_entropy: the output layer and its loss. For each row with target t, logits l = w x, log Z = log
 * sum_j exp l_j, p = softmax(l):
 *
 *     (1 - s) (log Z - l_t) + s (log Z - mean of l) + z (log Z)^2,    s smoothing, z the factor of z-loss
 *     dL/dl_j = (1 + 2 z log Z) p_j - (1 - s) [j = t] - s / V
 *
 * times weight and scale. Rows go in chunks, so that there are never more than 112 megabytes of
 * logits, and rows without a target are left out. While a chunk's logits are there, forward turns them
 * into their gradient and that into the gradients of x, which is kept, and of w: three products in all. */
#include <math.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "autograd/ops.h"

enum { X, W };
enum {
    LOGITS_SIZE = 112 << 20,
    CHUNK_MAX = 512,
    CHUNK_GRAIN = 16,
    BLOCK = 4 /* rows at a time */,
    PART = 512,        /* classes of which one maximum is kept */
    FEW = 64,          /* classes between two requests to memory */
    TRANSPOSED = 1024, /* classes at a time */
    LOW_GRAIN = 64     /* of rows of products in bfloat16: each new number of them costs a plan */
};

typedef struct Pieces {
    int64_t chunk; /* rows of logits at a time */
    real *logits;  /* [chunk, V] */
    real *x, *dx;  /* [chunk, C]: rows that do not lie together, gathered */
    bf16 *low;     /* [chunk, C]: the same of a low tape, where they may also be what is narrowed */
    bf16 *w;       /* [V, C]: narrowed; NULL: it is there */
    bf16 *g;       /* [chunk, V]: gradient of the logits, of a low tape */
    bf16 *transposed; /* [TRANSPOSED, chunk] for each worker: classes of g, transposed */
    real *most;       /* [V / PART, rounded up] for each worker: see exponentials() */
    double *loss;     /* [rows]: of the rows that have a target, in order */
    int32_t *active;  /* [rows]: those rows */
} Pieces;

static int64_t parts_of(int64_t classes)
{
    return (classes + PART - 1) / PART;
}

/* How scratch is cut; where: NULL only measures. */
static int64_t cut(const Node *n, char *where, Pieces *p)
{
    const int64_t rows = n->in[X]->shape.dim[0], width = n->in[X]->shape.dim[1],
                  classes = n->in[W]->shape.dim[0];
    const int64_t one = classes * (int64_t)(sizeof(real) + (n->bf16_products ? sizeof(bf16) : 0));
    int64_t chunk = LOGITS_SIZE / one / CHUNK_GRAIN * CHUNK_GRAIN;
    chunk = chunk < CHUNK_GRAIN ? CHUNK_GRAIN : chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    if (chunk > rows) chunk = rows;
    if (rows) { /* all chunks alike: a short one costs almost as much as a long one */
        const int64_t chunks = (rows + chunk - 1) / chunk;
        chunk = (rows + chunks - 1) / chunks;
    }

    const int64_t low = n->bf16_products ? (int64_t)sizeof(bf16) : 0;
    const int64_t logits = chunk * classes * (int64_t)sizeof(real),
                  gathered = chunk * width * (int64_t)sizeof(real),
                  loss = rows * (int64_t)sizeof(double),
                  most = threads_team() * parts_of(classes) * (int64_t)sizeof(real);
    const bool has_w = n->in[W]->bf16 || n->in[W]->name; /* without numbers yet on a dry tape */
    const int64_t narrowed =
        n->bf16_products && !has_w ? classes * width * (int64_t)sizeof(bf16) : 0;
    const int64_t at_x = (logits + 63) / 64 * 64, at_dx = at_x + (gathered + 63) / 64 * 64,
                  at_w = at_dx + (gathered + 63) / 64 * 64, at_g = at_w + (narrowed + 63) / 64 * 64,
                  at_transposed = at_g + (chunk * classes * low + 63) / 64 * 64,
                  at_most = at_transposed + threads_team() * TRANSPOSED * chunk * low,
                  at_loss = at_most + (most + 63) / 64 * 64, at_active = at_loss + loss;
    if (where)
        *p = (Pieces){.chunk = chunk,
                      .logits = (real *)where,
                      .x = (real *)(where + at_x),
                      .low = (bf16 *)(where + at_x),
                      .dx = (real *)(where + at_dx),
                      .w = narrowed ? (bf16 *)(where + at_w) : NULL,
                      .g = (bf16 *)(where + at_g),
                      .transposed = (bf16 *)(where + at_transposed),
                      .most = (real *)(where + at_most),
                      .loss = (double *)(where + at_loss),
                      .active = (int32_t *)(where + at_active)};
    return at_active + rows * (int64_t)sizeof(int32_t);
}

static Status shape(Node *n)
{
    const CrossEntropy *c = n->attr;
    const Shape x = n->in[X]->shape, w = n->in[W]->shape;
    if (x.rank != 2 || w.rank != 2 || x.dim[1] != w.dim[1])
        return FAIL(E_SHAPE, "cross_entropy: x %s times the transpose of w %s", shape_text(x),
                    shape_text(w));
    for (int64_t r = 0; r < x.dim[0]; r++)
        if (c->targets[r] < -1 || c->targets[r] >= w.dim[0])
            return FAIL(E_ARG, "cross_entropy: target %d of row %lld: not in [-1, %lld)",
                        (int)c->targets[r], (long long)r, (long long)w.dim[0]);
    n->out->shape = (Shape){0};
    n->scratch_size = cut(n, NULL, NULL);
    if (n->in[X]->wants_grad) n->keep_size = shape_count(x) * (int64_t)sizeof(real);
    return OK;
}

/* Makes of each l exp(l - m), m the largest up to the end of its part, which goes to most[part]: so logits are
 * read from memory once, and while one part is computed the next ones come. Returns the sum of exp(l - the last
 * m): partial sums keep rounding small. */
VECTOR static double exponentials(real *l, int64_t count, real *most)
{
    double total = 0;
    real max = l[0];
    for (int64_t i = 0; i < count; i += PART) {
        const int64_t stop = i + PART < count ? i + PART : count;
        const real before = max;
        max = vector_max(l + i, stop - i, max);
        if (max > before) total *= exp((double)before - (double)max);
        for (int64_t j = i; j < stop; j += FEW) {
            const int64_t end = j + FEW < stop ? j + FEW : stop;
            vector_prefetch(l + j + 2 * PART, FEW);
            for (int64_t c = j; c < end; c++) l[c] = vexp(l[c] - max);
        }
        total += (double)vector_sum(l + i, stop - i);
        *most++ = max;
    }
    return total;
}

VECTOR static double sum_of(const real *l, int64_t count)
{
    double total = 0;
    for (int64_t i = 0; i < count; i += PART)
        total += (double)vector_sum(l + i, count - i < PART ? count - i : PART);
    return total;
}

VECTOR static void scale_shift(real *x, int64_t count, real factor, real shift)
{
    for (int64_t i = 0; i < count; i++) x[i] = factor * x[i] + shift;
}

VECTOR static void scale_shift_low(bf16 *restrict y, const real *restrict x, int64_t count,
                                   real factor, real shift)
{
    for (int64_t i = 0; i < count; i++) y[i] = bf16_of(factor * x[i] + shift);
}

typedef struct Chunk {
    const Node *n;
    Pieces p;
    int64_t first; /* which active row the first of the logits is */
} Chunk;

/* Loss of each row of logits, and their gradient: in their place, or on a low tape in g. */
static void rows_loss(const void *context, int64_t begin, int64_t end, int worker)
{
    const Chunk *k = context;
    const CrossEntropy *c = k->n->attr;
    const int64_t classes = k->n->in[W]->shape.dim[0], parts = parts_of(classes);
    real *most = k->p.most + worker * parts;

    for (int64_t i = begin; i < end; i++) {
        const int32_t r = k->p.active[k->first + i], target = c->targets[r];
        const double factor = (c->weights ? c->weights[r] : 1) * c->scale;
        real *l = k->p.logits + i * classes;
        const double logit = l[target];
        const double sum = c->smoothing > 0 ? sum_of(l, classes) : 0;
        const double over = exponentials(l, classes, most), max = most[parts - 1],
                     z = max + log(over);

        if (c->row_loss) c->row_loss[r] = (real)(z - logit);
        if (c->row_logz) c->row_logz[r] = (real)z;
        k->p.loss[k->first + i] =
            factor * ((1 - c->smoothing) * (z - logit) +
                      (c->smoothing > 0 ? c->smoothing * (z - sum / (double)classes) : 0) +
                      c->z_loss * z * z);
        if (!k->n->record) continue;

        const double g = factor * k->n->seed, rate = g * (1 + 2 * c->z_loss * z) / over;
        const real shift = (real)(-g * c->smoothing / (double)classes),
                   of_target = (real)(rate * exp(logit - max) - g * (1 - c->smoothing)) + shift;
        bf16 *low = k->n->bf16_products ? k->p.g + i * classes : NULL;
        for (int64_t p = 0; p < parts; p++) {
            const int64_t at = p * PART, size = classes - at < PART ? classes - at : PART;
            const real by = (real)(rate * exp((double)most[p] - max));
            if (low)
                scale_shift_low(low + at, l + at, size, by, shift);
            else
                scale_shift(l + at, size, by, shift);
        }
        if (low)
            low[target] = bf16_of(of_target);
        else
            l[target] = of_target;
    }
}

/* One chunk: count active rows from the first on; x and dx are where they lie. */
static void chunk_run(const Chunk *k, int64_t count, const real *x, real *dx, bool add)
{
    const Node *n = k->n;
    const int64_t width = n->in[X]->shape.dim[1], classes = n->in[W]->shape.dim[0];
    const real *w = n->in[W]->data;

    gemm(GEMM_NT, count, classes, width, x, width, w, width, k->p.logits, classes, false);
    threads_range(count, BLOCK, rows_loss, k);
    if (dx) gemm(GEMM_NN, count, width, classes, k->p.logits, classes, w, width, dx, width, false);
    if (n->record && n->din[W])
        gemm(GEMM_TN, classes, width, count, k->p.logits, classes, x, width, n->din[W], width, add);
}

typedef struct Transposing {
    const Chunk *chunk;
    int64_t rows;
    const bf16 *x;
    bool add;
} Transposing;

/* The gradient of some classes' weights. */
static void classes_gradient(const void *context, int64_t begin, int64_t end, int worker)
{
    const Transposing *t = context;
    const Pieces *p = &t->chunk->p;
    const Node *n = t->chunk->n;
    const int64_t width = n->in[X]->shape.dim[1], classes = n->in[W]->shape.dim[0];
    bf16 *transposed = p->transposed + worker * TRANSPOSED * p->chunk;
    bf16_transpose(transposed, t->rows, p->g + begin, t->rows, end - begin, classes);
    gemm_bf16(&(GemmBf16){.op = GEMM_NN,
                          .m = end - begin,
                          .n = width,
                          .k = t->rows,
                          .a = transposed,
                          .b = t->x,
                          .c = n->din[W] + begin * width,
                          .add = t->add});
}

/* The same on a low tape. `rows`, count or more of them, are multiplied: what is more is 0, as in x. */
static void chunk_run_low(const Chunk *k, int64_t count, int64_t rows, const bf16 *x, real *dx,
                          bool add)
{
    const Node *n = k->n;
    const int64_t width = n->in[X]->shape.dim[1], classes = n->in[W]->shape.dim[0];
    const bf16 *w = k->p.w ? k->p.w : n->in[W]->bf16;

    gemm_bf16(&(GemmBf16){GEMM_NT, rows, classes, width, x, w, .c = k->p.logits});
    threads_range(count, BLOCK, rows_loss, k);
    if (!n->record) return;
    memset(k->p.g + count * classes, 0, (size_t)((rows - count) * classes) * sizeof *k->p.g);
    if (dx) gemm_bf16(&(GemmBf16){GEMM_NN, rows, width, classes, k->p.g, w, .c = dx});
    if (n->din[W])
        threads_range(classes, TRANSPOSED, classes_gradient, &(Transposing){k, rows, x, add});
}

/* Puts the rows [0, count) of the chunk side by side, behind them zeros up to `rows`. */
static void gather_low(const Chunk *k, const int32_t *row, int64_t count, int64_t rows)
{
    const Tensor *x = k->n->in[X];
    const int64_t width = x->shape.dim[1];
    bf16 *to = k->p.low;
    for (int64_t i = 0; i < count; i++, to += width)
        if (x->bf16)
            memcpy(to, x->bf16 + row[i] * width, (size_t)width * sizeof *to);
        else
            to_bf16(to, x->data + row[i] * width, width);
    memset(to, 0, (size_t)((rows - count) * width) * sizeof *to);
}

static void forward(const Node *n)
{
    const CrossEntropy *c = n->attr;
    const int64_t rows = n->in[X]->shape.dim[0], width = n->in[X]->shape.dim[1],
                  classes = n->in[W]->shape.dim[0];
    const size_t row_size = (size_t)width * sizeof(real);
    real *keep = n->record && n->in[X]->wants_grad ? n->keep : NULL;
    Chunk k = {.n = n};
    cut(n, n->scratch, &k.p);

    int64_t active = 0;
    for (int64_t r = 0; r < rows; r++) {
        if (c->targets[r] >= 0) {
            k.p.active[active++] = (int32_t)r;
            continue;
        }
        if (c->row_loss) c->row_loss[r] = 0;
        if (c->row_logz) c->row_logz[r] = 0;
        if (keep) memset(keep + r * width, 0, row_size);
    }
    if (n->bf16_products && k.p.w) to_bf16_matrix(k.p.w, n->in[W]->data, classes, width);
    for (int64_t count; k.first < active; k.first += count) {
        count = active - k.first < k.p.chunk ? active - k.first : k.p.chunk;
        const int64_t padded = (count + LOW_GRAIN - 1) / LOW_GRAIN * LOW_GRAIN,
                      all = !n->bf16_products    ? count
                            : padded < k.p.chunk ? padded
                                                 : k.p.chunk;
        const int32_t *row = k.p.active + k.first;
        const bool together = row[count - 1] - row[0] == count - 1 && count == all,
                   add = n->add[W] || k.first;
        real *dx = keep && together ? keep + row[0] * width : keep ? k.p.dx : NULL;

        if (n->bf16_products) {
            const bool is_there = together && n->in[X]->bf16;
            if (!is_there) gather_low(&k, row, count, all);
            chunk_run_low(&k, count, all, is_there ? n->in[X]->bf16 + row[0] * width : k.p.low, dx,
                          add);
        } else {
            for (int64_t i = 0; !together && i < count; i++)
                memcpy(k.p.x + i * width, n->in[X]->data + row[i] * width, row_size);
            chunk_run(&k, count, together ? n->in[X]->data + row[0] * width : k.p.x, dx, add);
        }
        for (int64_t i = 0; keep && !together && i < count; i++)
            memcpy(keep + row[i] * width, dx + i * width, row_size);
    }
    if (!active && n->record && n->din[W] && !n->add[W])
        memset(n->din[W], 0, (size_t)classes * row_size);

    double loss = 0;
    for (int64_t i = 0; i < active; i++) loss += k.p.loss[i];
    n->out->data[0] = (real)loss;
}

static void backward(const Node *n)
{
    /* The seed is in the gradients already, so nothing but the tape's own may come back. */
    INVARIANT(n->dout[0] == n->seed);
    if (n->din[X]) grad_store(n->din[X], n->keep, shape_count(n->in[X]->shape), n->add[X]);
}

/* Rows without a target are nobody's work. */
static void count_work(const Node *n, bool in_backward, OpWork *w)
{
    const CrossEntropy *c = n->attr;
    const Shape x = n->in[X]->shape;
    int64_t active = 0;
    if (in_backward) {
        w->bytes = (n->din[X] ? n->add[X] ? 3 : 2 : 0) * (double)shape_count(x) * sizeof(real);
        return;
    }
    for (int64_t r = 0; r < x.dim[0]; r++) active += c->targets[r] >= 0;
    const int products = 1 + (n->record && n->in[X]->wants_grad) + (n->record && n->din[W]);
    w->matrix = n->in[W]->shape;
    w->operations = products * 2.0 * (double)active * (double)shape_count(w->matrix);
}

#define TARGETS(...)             \
    .targets = (const int32_t[]) \
    {                            \
        __VA_ARGS__              \
    }
static const OpCase cases[] = {
    {"plain",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(4, 0, 2), .scale = 1}},
    {"scale, weights",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(4, 0, 4), .weights = (const real[]){.5, 2, 0}, .scale = .3}},
    {"z-loss",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(1, 1, 3), .scale = .5, .z_loss = .1}},
    {"smoothing",
     {SHAPE_OF(3, 4), SHAPE_OF(5, 4)},
     .attr = &(CrossEntropy){TARGETS(1, 0, 3), .scale = .5, .smoothing = .2}},
    {"rows without target, in between",
     {SHAPE_OF(5, 2), SHAPE_OF(3, 2)},
     .attr = &(CrossEntropy){TARGETS(-1, 2, -1, 0, -1), .scale = 1, .z_loss = .1, .smoothing = .1}},
    {"rows without target, around",
     {SHAPE_OF(4, 2), SHAPE_OF(3, 2)},
     .attr = &(CrossEntropy){TARGETS(-1, 2, 1, -1), .scale = 1}},
    {"no target at all",
     {SHAPE_OF(2, 2), SHAPE_OF(3, 2)},
     .attr = &(CrossEntropy){TARGETS(-1, -1), .scale = 1}},
    {0},
};

const Op op_cross_entropy = {
    .name = "cross_entropy",
    .inputs = 2,
    .attr_size = sizeof(CrossEntropy),
    .grad_in_forward = 1 << W,
    .needs_inputs = 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .work = count_work,
    .cases = cases,
};

Tensor *ag_cross_entropy(Tape *t, Tensor *x, Tensor *w, const CrossEntropy *c)
{
    return tape_apply(t, &op_cross_entropy, (Tensor *[]){x, w}, c);
}
