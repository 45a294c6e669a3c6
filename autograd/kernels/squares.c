#include "autograd/kernels/squares.h"

#include "autograd/kernels/vector.h"

/* Four places at once: a core reads from memory half as fast again as in one. */
VECTOR double squares_sum(const real *x, int64_t count)
{
    enum { PLACES = 4, SIDE = 8 };
    double sums[PLACES][SIDE] = {0}, sum = 0;
    const int64_t apart = count / (PLACES * SIDE) * SIDE;
    for (int64_t i = 0; i < apart; i += SIDE)
        for (int k = 0; k < PLACES; k++)
#pragma omp simd
            for (int j = 0; j < SIDE; j++) {
                const double one = x[k * apart + i + j];
                sums[k][j] += one * one;
            }
    for (int64_t i = PLACES * apart; i < count; i++) sum += (double)x[i] * (double)x[i];
    for (int k = 0; k < PLACES; k++)
        for (int j = 0; j < SIDE; j++) sum += sums[k][j];
    return sum;
}
