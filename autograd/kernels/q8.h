/* Weights in 8 bits: blocks of 32 numbers of a row with one scale, rounded as llama.cpp's Q8_0 does.
 *
 * A number is scale * q with q in -127 .. 127, a product that is exact in float: so a rounded matrix may be
 * kept in both forms, and products by either of them agree to the rounding of their sums. */
#ifndef AUTOGRAD_KERNELS_Q8_H
#define AUTOGRAD_KERNELS_Q8_H

#include <stdbool.h>

#include "autograd/tensor.h"

enum { Q8_LENGTH = 32, Q8_PANEL = 16 };

/* 32 columns of 16 rows: for every four columns, the rows one after the other. So a vector of words holds four
 * columns of its rows, and no sum goes across a vector. Rows and columns beyond the matrix are 0. A matrix is stored by panels of 16 rows, each from left to
 * right. */
typedef struct Q8Block {
    uint16_t scale[Q8_PANEL]; /* float16 */
    int8_t q[Q8_LENGTH / 4][Q8_PANEL][4];
} Q8Block;

/* q[i] = round(x[i] / scale) of count <= 32 numbers, scale = max |x| / 127; *scale as float16. False: a number is
 * not finite, or too large for that; *at is its index. */
bool q8_round(const real *x, int64_t count, uint16_t *scale, int8_t *q, int64_t *at);

int64_t q8_size(int64_t rows, int64_t columns); /* in blocks */

/* Rounds x [rows, columns] in place, and packs it into `to`. False as for q8_round(). */
bool q8_pack(real *x, int64_t rows, int64_t columns, Q8Block *to);

#endif
