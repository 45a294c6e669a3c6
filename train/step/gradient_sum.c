#include "train/step/gradient_sum.h"

#include "autograd/base/threads.h"
#include "autograd/kernels/squares.h"
#include "autograd/kernels/vector.h"

enum { BLOCK = 1 << 16, PART = 1 << 11 };

static int64_t blocks_of(int64_t count)
{
    return (count + BLOCK - 1) / BLOCK;
}

int64_t gradient_sum_work(int64_t count)
{
    return 2 * blocks_of(count);
}

typedef struct Sum {
    real *to;
    const real *from;
    double *to_squares, *from_squares; /* [blocks]; NULL: not wanted */
} Sum;

VECTOR static void add_part(real *to, const real *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

static void add(const void *context, int64_t begin, int64_t end, int worker)
{
    const Sum *s = context;
    const int64_t part = s->to_squares || s->from_squares ? PART : BLOCK;
    double to = 0, from = 0;
    (void)worker;
    for (int64_t i = begin; i < end; i += part) {
        const int64_t count = end - i < part ? end - i : part;
        if (s->to_squares) to += squares_sum(s->to + i, count);
        if (s->from_squares) from += squares_sum(s->from + i, count);
        add_part(s->to + i, s->from + i, count);
    }
    if (s->to_squares) s->to_squares[begin / BLOCK] = to;
    if (s->from_squares) s->from_squares[begin / BLOCK] = from;
}

static double sum_of(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i];
    return sum;
}

void gradient_sum(real *to, const real *from, int64_t count, double *work, double *to_squares,
                  double *from_squares)
{
    const int64_t blocks = blocks_of(count);
    const Sum s = {to, from, to_squares ? work : NULL, from_squares ? work + blocks : NULL};
    threads_range(count, BLOCK, add, &s);
    if (to_squares) *to_squares = sum_of(s.to_squares, blocks);
    if (from_squares) *from_squares = sum_of(s.from_squares, blocks);
}
