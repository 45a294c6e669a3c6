/* dropout: y = x m / (1 - rate) + residual, m = 0 with probability rate, else 1.
 *
 *     dL/dx = g m / (1 - rate),  dL/dresidual = g,    g = dL/dy
 *
 * m of a number is a function of a Philox word, whose counter is the number's index in the whole
 * batch: backward recomputes m instead of keeping it. Srivastava et al. 2014, JMLR 15, section 4;
 * scaled at training time. */
#include <math.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { CHUNK = 256, WORDS = 4 };

static Status shape(Node *n)
{
    const Dropout *d = n->attr;
    Shape x = n->in[0]->shape;
    if (!(d->rate >= 0 && d->rate < 1))
        return FAIL(E_ARG, "dropout: rate %g is not in [0, 1)", d->rate);
    if (n->in[1] && !shape_equal(x, n->in[1]->shape))
        return FAIL(E_SHAPE, "dropout of %s plus %s", shape_text(x), shape_text(n->in[1]->shape));
    n->out->shape = x;
    return OK;
}

/* The random words of count <= CHUNK numbers, the first of which has this index in the batch.
 * Returns a pointer into buffer. */
VECTOR_INLINE const uint32_t *words(const Dropout *d, uint64_t index, int64_t count,
                                    uint32_t buffer[CHUNK + WORDS])
{
    const int64_t skip = (int64_t)(index % WORDS), blocks = (skip + count + WORDS - 1) / WORDS;
    for (int64_t i = 0; i < blocks; i++) {
        Random4 four = rng_block(d->rng, index / WORDS + (uint64_t)i, d->step);
        for (int j = 0; j < WORDS; j++) buffer[WORDS * i + j] = four.word[j];
    }
    return buffer + skip;
}

/* y = x m / (1 - rate), plus residual unless it is NULL, plus the old y if add, for the rows
 * [begin, end). */
VECTOR_INLINE void drop(const Node *n, const Tensor *in, const real *rest, real *out, bool add,
                        int64_t begin, int64_t end)
{
    const Dropout *d = n->attr;
    const int64_t width = shape_last(n->out->shape);
    const uint32_t limit = (uint32_t)(d->rate * 0x1p32); /* words below it drop */
    const real scale = (real)(1 / (1 - d->rate));
    uint32_t buffer[CHUNK + WORDS];
    real wide[CHUNK];

    for (int64_t r = begin; r < end; r++)
        for (int64_t c = 0; c < width; c += CHUNK) {
            const int64_t at = r * width + c, count = width - c < CHUNK ? width - c : CHUNK;
            const uint32_t *word = words(d, (uint64_t)(d->first_row * width + at), count, buffer);
            const real *x = bf16_numbers(in, at, count, wide);
            real *restrict y = out + at;
            for (int64_t i = 0; i < count; i++) {
                real kept = word[i] < limit ? 0 : x[i] * scale;
                y[i] = kept + (rest ? rest[at + i] : add ? y[i] : 0);
            }
        }
}

VECTOR static void forward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    (void)worker;
    if (n->in[1])
        drop(n, n->in[0], n->in[1]->data, n->out->data, false, begin, end);
    else
        drop(n, n->in[0], NULL, n->out->data, false, begin, end);
}

VECTOR static void backward_rows(const void *context, int64_t begin, int64_t end, int worker)
{
    const Node *n = context;
    const int64_t width = shape_last(n->out->shape), at = begin * width;
    (void)worker;
    const Tensor g = {.data = (real *)n->dout};
    if (n->din[0]) drop(n, &g, NULL, n->din[0], n->add[0], begin, end);
    if (n->din[1] && n->din[1] != n->dout)
        grad_store(n->din[1] + at, n->dout + at, (end - begin) * width, n->add[1]);
}

static void forward(const Node *n)
{
    Shape y = n->out->shape;
    threads_range(shape_rows(y), op_block(shape_last(y)), forward_rows, n);
}

static void backward(const Node *n)
{
    Shape y = n->out->shape;
    threads_range(shape_rows(y), op_block(shape_last(y)), backward_rows, n);
}

static const OpCase cases[] = {
    {"plus residual", {SHAPE_OF(2, 3, 37), SHAPE_OF(2, 3, 37)}, &(Dropout){{{1, 2}}, 3, 5, 0.3}, 0},
    {"more than a chunk", {SHAPE_OF(1, 259)}, &(Dropout){{{1, 2}}, 3, 1, 0.5}, 2},
    {"one column", {SHAPE_OF(6, 1)}, &(Dropout){{{1, 2}}, 3, 0, 0.5}, 2},
    {"rate 0", {SHAPE_OF(3, 16)}, &(Dropout){{{1, 2}}, 3, 0, 0}, 2},
    {0},
};

const Op op_dropout = {
    .name = "dropout",
    .inputs = 2,
    .optional = 2,
    .attr_size = sizeof(Dropout),
    .passthrough = 2,
    .needs_inputs = 0,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .cases = cases,
};

Tensor *ag_dropout(Tape *t, Tensor *x, Tensor *residual, const Dropout *d)
{
    return tape_apply(t, &op_dropout, (Tensor *[]){x, residual}, d);
}
