#include "autograd/ops/logits.h"

#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "autograd/ops/logits_row.h"

enum { X, W };
enum {
    LOGITS_SIZE = 112 << 20, /* bytes of a chunk's logits */
    CHUNK_MAX = 512,         /* rows */
    CHUNK_GRAIN = 16,
    BLOCK = 4,       /* rows that a thread takes at a time */
    CLASSES = 1024,  /* classes of the gradient of w that a thread takes at a time */
    BF16_GRAIN = 64, /* bfloat16: rows are a multiple, as oneDNN compiles each count anew */
};

/* The parts of scratch. */
typedef struct Scratch {
    int64_t chunk;    /* rows of logits at a time */
    real *logits;     /* [chunk, V] */
    real *x, *dx;     /* [chunk, C]: gathered rows, if they are not contiguous */
    bf16 *x_bf16;     /* [chunk, C]: the same as bfloat16, in the memory of x */
    bf16 *w;          /* [V, C] as bfloat16; NULL: the tensor has it */
    bf16 *g;          /* [chunk, V]: gradient of the logits as bfloat16 */
    bf16 *transposed; /* [CLASSES, chunk] for each worker: part of g */
    real *maxima;     /* [logits_parts(V)] for each worker */
    real *slopes;     /* [V] for each worker; only with a soft cap */
    double *loss;     /* [rows]: loss of each row that has a target, in order */
    int32_t *active;  /* [rows]: the indices of these rows */
} Scratch;

/* All chunks have about the same length: a short one costs almost as much as a long one. */
static int64_t chunk_rows(const Node *n)
{
    const int64_t rows = n->in[X]->shape.dim[0], classes = n->in[W]->shape.dim[0],
                  row = classes * (int64_t)(sizeof(real) + (n->bf16_products ? sizeof(bf16) : 0));
    int64_t chunk = LOGITS_SIZE / row / CHUNK_GRAIN * CHUNK_GRAIN;
    chunk = chunk < CHUNK_GRAIN ? CHUNK_GRAIN : chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    if (chunk > rows) chunk = rows;
    if (!rows) return chunk;
    const int64_t chunks = (rows + chunk - 1) / chunk;
    return (rows + chunks - 1) / chunks;
}

static void *take(char *base, int64_t *used, int64_t size)
{
    void *at = base ? base + *used : NULL;
    *used += (size + 63) / 64 * 64;
    return at;
}

/* Divides scratch, which begins at base, and returns its size; NULL: only returns the size. */
static int64_t scratch_of(const Node *n, bool is_capped, char *base, Scratch *s)
{
    const int64_t rows = n->in[X]->shape.dim[0], width = n->in[X]->shape.dim[1],
                  classes = n->in[W]->shape.dim[0], chunk = chunk_rows(n), team = threads_team(),
                  number = (int64_t)sizeof(real),
                  half = n->bf16_products ? (int64_t)sizeof(bf16) : 0;
    const bool has_w = n->in[W]->bf16 || n->in[W]->name; /* dry: not allocated yet */
    int64_t used = 0;

    s->chunk = chunk;
    s->logits = take(base, &used, chunk * classes * number);
    s->x = take(base, &used, chunk * width * number);
    s->x_bf16 = (bf16 *)s->x;
    s->dx = take(base, &used, chunk * width * number);
    s->w = take(base, &used, has_w ? 0 : classes * width * half);
    if (has_w || !half) s->w = NULL;
    s->g = take(base, &used, chunk * classes * half);
    s->transposed = take(base, &used, team * CLASSES * chunk * half);
    s->maxima = take(base, &used, team * logits_parts(classes) * number);
    s->slopes = take(base, &used, is_capped ? team * classes * number : 0);
    s->loss = take(base, &used, rows * (int64_t)sizeof *s->loss);
    s->active = take(base, &used, rows * (int64_t)sizeof *s->active);
    return used;
}

Status logits_prepare(Node *n, const int32_t *targets, bool is_capped)
{
    const Shape x = n->in[X]->shape, w = n->in[W]->shape;
    if (x.rank != 2 || w.rank != 2 || x.dim[1] != w.dim[1])
        return FAIL(E_SHAPE, "%s: x %s times the transpose of w %s", n->op->name, shape_text(x),
                    shape_text(w));
    for (int64_t r = 0; r < x.dim[0]; r++)
        if (targets[r] < -1 || targets[r] >= w.dim[0])
            return FAIL(E_ARG, "%s: target %d of row %lld: not in [-1, %lld)", n->op->name,
                        (int)targets[r], (long long)r, (long long)w.dim[0]);
    n->scratch_size = scratch_of(n, is_capped, NULL, &(Scratch){0});
    return OK;
}

typedef struct Chunk {
    const Node *n;
    const LogitsPass *pass;
    Scratch s;
    int64_t first, count; /* rows of s.active */
    int64_t padded;       /* rows of the products: in bfloat16, rows of zeros may follow */
} Chunk;

/* The loss of each row, and the gradient of the logits, which overwrites them or goes to g in
 * bfloat16. */
static void chunk_losses(const void *context, int64_t begin, int64_t end, int worker)
{
    const Chunk *k = context;
    const int64_t classes = k->n->in[W]->shape.dim[0];
    for (int64_t i = begin; i < end; i++)
        k->s.loss[k->first + i] =
            logits_row(&(LogitsRow){.loss = k->pass->loss,
                                    .row = k->s.active[k->first + i],
                                    .classes = classes,
                                    .wants_grad = k->pass->dx || k->pass->dw,
                                    .seed = k->pass->seed,
                                    .logits = k->s.logits + i * classes,
                                    .g = k->n->bf16_products ? k->s.g + i * classes : NULL,
                                    .maxima = k->s.maxima + worker * logits_parts(classes),
                                    .slopes = k->s.slopes + worker * classes});
}

/* The three products of a chunk whose rows are at x; the gradient of x goes to dx. */
static void chunk_products(const Chunk *k, const real *x, real *dx)
{
    const int64_t width = k->n->in[X]->shape.dim[1], classes = k->n->in[W]->shape.dim[0];
    const real *w = k->n->in[W]->data;
    real *l = k->s.logits, *dw = k->pass->dw;

    gemm(GEMM_NT, k->count, classes, width, x, width, w, width, l, classes, false);
    threads_range(k->count, BLOCK, chunk_losses, k);
    if (dx) gemm(GEMM_NN, k->count, width, classes, l, classes, w, width, dx, width, false);
    if (dw)
        gemm(GEMM_TN, classes, width, k->count, l, classes, x, width, dw, width,
             k->pass->add_dw || k->first);
}

typedef struct WeightWork {
    const Chunk *chunk;
    const bf16 *x;
} WeightWork;

/* The gradient of the weights of some classes, from bfloat16 operands. */
static void weight_gradient(const void *context, int64_t begin, int64_t end, int worker)
{
    const WeightWork *work = context;
    const Chunk *k = work->chunk;
    const int64_t width = k->n->in[X]->shape.dim[1], classes = k->n->in[W]->shape.dim[0];
    bf16 *transposed = k->s.transposed + worker * CLASSES * k->s.chunk;
    bf16_transpose(transposed, k->padded, k->s.g + begin, k->padded, end - begin, classes);
    gemm_bf16(&(GemmBf16){.op = GEMM_NN,
                          .m = end - begin,
                          .n = width,
                          .k = k->padded,
                          .a = transposed,
                          .b = work->x,
                          .c = k->pass->dw + begin * width,
                          .add = k->pass->add_dw || k->first});
}

/* The same as chunk_products() in bfloat16. */
static void chunk_products_bf16(const Chunk *k, const bf16 *x, real *dx)
{
    const int64_t width = k->n->in[X]->shape.dim[1], classes = k->n->in[W]->shape.dim[0],
                  rows = k->padded, zeros = (rows - k->count) * classes;
    const bf16 *w = k->s.w ? k->s.w : k->n->in[W]->bf16;
    bf16 *g = k->s.g;

    gemm_bf16(&(GemmBf16){GEMM_NT, rows, classes, width, x, w, .c = k->s.logits});
    threads_range(k->count, BLOCK, chunk_losses, k);
    if (!dx && !k->pass->dw) return;
    memset(g + k->count * classes, 0, (size_t)zeros * sizeof *g);
    if (dx) gemm_bf16(&(GemmBf16){GEMM_NN, rows, width, classes, g, w, .c = dx});
    if (k->pass->dw) threads_range(classes, CLASSES, weight_gradient, &(WeightWork){k, x});
}

/* Copies the chunk's rows of x to contiguous memory. */
static const real *gather(const Chunk *k, const int32_t *row)
{
    const int64_t width = k->n->in[X]->shape.dim[1];
    for (int64_t i = 0; i < k->count; i++)
        memcpy(k->s.x + i * width, k->n->in[X]->data + row[i] * width,
               (size_t)width * sizeof *k->s.x);
    return k->s.x;
}

static const bf16 *gather_bf16(const Chunk *k, const int32_t *row)
{
    const Tensor *x = k->n->in[X];
    const int64_t width = x->shape.dim[1];
    bf16 *to = k->s.x_bf16;
    for (int64_t i = 0; i < k->count; i++, to += width)
        if (x->bf16)
            memcpy(to, x->bf16 + row[i] * width, (size_t)width * sizeof *to);
        else
            to_bf16(to, x->data + row[i] * width, width);
    memset(to, 0, (size_t)((k->padded - k->count) * width) * sizeof *to);
    return k->s.x_bf16;
}

/* Contiguous rows are read, and their gradient is written, in place. */
static void chunk_run(const Chunk *k)
{
    const Tensor *x = k->n->in[X];
    const LogitsPass *p = k->pass;
    const int64_t width = x->shape.dim[1], count = k->count;
    const int32_t *row = k->s.active + k->first;
    const bool together = row[count - 1] - row[0] == count - 1 && count == k->padded;
    real *dx = !p->dx ? NULL : together && !p->add_dx ? p->dx + row[0] * width : k->s.dx;

    if (k->n->bf16_products)
        chunk_products_bf16(k, together && x->bf16 ? x->bf16 + row[0] * width : gather_bf16(k, row),
                            dx);
    else
        chunk_products(k, together ? x->data + row[0] * width : gather(k, row), dx);
    for (int64_t i = 0; dx && dx == k->s.dx && i < count; i++)
        grad_store(p->dx + row[i] * width, dx + i * width, width, p->add_dx);
}

/* Lists the rows that have a target and returns their number; zeroes the results of the others. */
static int64_t find_active(const Chunk *k)
{
    const CrossEntropy *c = k->pass->loss;
    const int64_t rows = k->n->in[X]->shape.dim[0], width = k->n->in[X]->shape.dim[1];
    real *dx = k->pass->add_dx ? NULL : k->pass->dx;
    int64_t active = 0;
    for (int64_t r = 0; r < rows; r++) {
        if (c->targets[r] >= 0) {
            k->s.active[active++] = (int32_t)r;
            continue;
        }
        if (c->row_loss) c->row_loss[r] = 0;
        if (c->row_logz) c->row_logz[r] = 0;
        if (dx) memset(dx + r * width, 0, (size_t)width * sizeof *dx);
    }
    return active;
}

double logits_run(const Node *n, const LogitsPass *p)
{
    const Shape w = n->in[W]->shape;
    Chunk k = {.n = n, .pass = p};
    scratch_of(n, p->loss->softcap > 0, n->scratch, &k.s);
    const int64_t active = find_active(&k);

    if (k.s.w) to_bf16_matrix(k.s.w, n->in[W]->data, w.dim[0], w.dim[1]);
    for (; k.first < active; k.first += k.count) {
        k.count = active - k.first < k.s.chunk ? active - k.first : k.s.chunk;
        k.padded =
            n->bf16_products ? (k.count + BF16_GRAIN - 1) / BF16_GRAIN * BF16_GRAIN : k.count;
        if (k.padded > k.s.chunk) k.padded = k.s.chunk;
        chunk_run(&k);
    }
    if (!active && p->dw && !p->add_dw) memset(p->dw, 0, (size_t)shape_count(w) * sizeof *p->dw);

    double loss = 0;
    for (int64_t i = 0; i < active; i++) loss += k.s.loss[i];
    return loss;
}

void logits_work(const Node *n, const int32_t *targets, int products, OpWork *w)
{
    int64_t active = 0;
    for (int64_t r = 0; r < n->in[X]->shape.dim[0]; r++) active += targets[r] >= 0;
    w->matrix = n->in[W]->shape;
    w->operations = products * 2.0 * (double)active * (double)shape_count(w->matrix);
}
