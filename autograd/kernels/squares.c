#include "autograd/kernels/squares.h"

#include "autograd/base/threads.h"
#include "autograd/kernels/vector.h"

/* Four streams at once: a core then reads memory 1.5 times as fast as with one. */
VECTOR double squares_sum(const real *x, int64_t count)
{
    enum { STREAMS = 4, SIDE = 8 };
    double sums[STREAMS][SIDE] = {0}, sum = 0;
    const int64_t apart = count / (STREAMS * SIDE) * SIDE;
    for (int64_t i = 0; i < apart; i += SIDE)
        for (int k = 0; k < STREAMS; k++)
#pragma omp simd
            for (int j = 0; j < SIDE; j++) {
                const double one = x[k * apart + i + j];
                sums[k][j] += one * one;
            }
    for (int64_t i = STREAMS * apart; i < count; i++) sum += (double)x[i] * (double)x[i];
    for (int k = 0; k < STREAMS; k++)
        for (int j = 0; j < SIDE; j++) sum += sums[k][j];
    return sum;
}

enum { BLOCK = 1 << 16 };

typedef struct Squares {
    const real *x;
    double *sums; /* one per block */
} Squares;

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Squares *s = context;
    (void)worker;
    s->sums[begin / BLOCK] = squares_sum(s->x + begin, end - begin);
}

double squares_of_all(const real *x, int64_t count)
{
    enum { AT_ONCE = 256 };
    double sums[AT_ONCE], total = 0;
    for (int64_t first = 0; first < count; first += (int64_t)AT_ONCE * BLOCK) {
        const int64_t left = count - first, most = (int64_t)AT_ONCE * BLOCK;
        const int64_t now = left < most ? left : most;
        threads_range(now, BLOCK, block, &(Squares){x + first, sums});
        for (int64_t i = 0; i * BLOCK < now; i++) total += sums[i];
    }
    return total;
}
