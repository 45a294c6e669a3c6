/* Products of few rows, with weights in float and in bfloat16: against loops in double; a row comes
 * out the same alone as among others, and from any number of threads; every version agrees. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/half.h"
#include "autograd/kernels/skinny_gemm.h"
#include "autograd/kernels/vector.h"

typedef struct Sizes {
    int64_t rows, width, k;
} Sizes;

/* Tiles that are whole and that are not, with and without a rest of columns; and enough for
 * threads. */
static const Sizes sizes[] = {{1, 1, 1},   {1, 9, 64},      {7, 6, 37},    {3, 4, 3},
                              {32, 5, 96}, {11, 1031, 257}, {1, 3000, 50}, {0, 3, 2},
                              {9, 48, 64}, {17, 33, 31},    {2, 15, 32}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static real *draw(int64_t count, const char *stream)
{
    real *x = malloc((size_t)(count + 1) * sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (real)rng_normal(rng_stream(1, stream), (uint64_t)i, 0);
    return x;
}

/* In which form the product reads the weights. */
enum { FLOATS, BF16, Q8, FORMS };

/* w is rounded, so that w_bf16 or w_q8 is the same. */
static SkinnyGemm open_case(Sizes s, bool b, bool residual, int form)
{
    SkinnyGemm f = {.rows = s.rows,
                    .width = s.width,
                    .k = s.k,
                    .x = draw(s.rows * s.k, "x"),
                    .w = draw(s.width * s.k, "w"),
                    .b = b ? draw(s.width, "b") : NULL,
                    .residual = residual ? draw(s.rows * s.width, "residual") : NULL,
                    .y = draw(s.rows * s.width, "y")};
    bf16 *w_bf16 = form == BF16 ? malloc((size_t)(s.width * s.k) * sizeof *w_bf16) : NULL;
    if (w_bf16) to_bf16(w_bf16, f.w, s.width * s.k);
    if (w_bf16) from_bf16((real *)f.w, w_bf16, s.width * s.k);
    Q8Block *w_q8 = form == Q8 ? malloc((size_t)q8_size(s.width, s.k) * sizeof *w_q8) : NULL;
    if (w_q8) cr_assert(q8_pack((real *)f.w, s.width, s.k, w_q8));
    f.w_bf16 = w_bf16;
    f.w_q8 = w_q8;
    return f;
}

/* The product reads only w_bf16 or w_q8 if that is there. */
static SkinnyGemm without_w(SkinnyGemm f)
{
    if (f.w_bf16 || f.w_q8) f.w = NULL;
    return f;
}

static void product(const SkinnyGemm *f)
{
    const SkinnyGemm g = without_w(*f);
    skinny_gemm(&g);
}

static void close_case(const SkinnyGemm *f)
{
    free((real *)f->x);
    free((real *)f->w);
    free((bf16 *)f->w_bf16);
    free((Q8Block *)f->w_q8);
    free((real *)f->b);
    free((real *)f->residual);
    free(f->y);
}

static double worst(const SkinnyGemm *f)
{
    double off = 0;
    for (int64_t i = 0; i < f->rows; i++)
        for (int64_t j = 0; j < f->width; j++) {
            double sum = f->b ? f->b[j] : 0;
            if (f->residual) sum += f->residual[i * f->width + j];
            for (int64_t p = 0; p < f->k; p++)
                sum += (double)f->x[i * f->k + p] * f->w[j * f->k + p];
            off = fmax(off, fabs(sum - f->y[i * f->width + j]));
        }
    return off;
}

Test(skinny_gemm, agrees_with_loops)
{
    for (int i = 0; i < SIZES; i++)
        for (int with = 0; with < 4 * FORMS; with++) {
            const SkinnyGemm f = open_case(sizes[i], with & 1, with & 2, with / 4);
            product(&f);
            cr_expect_lt(worst(&f), 1e-4, "sizes %d, with %d", i, with);
            close_case(&f);
        }
}

Test(skinny_gemm, each_version_agrees_with_loops)
{
    for (int i = 0; i < SIZES; i++)
        for (int which = 0; which < 3 * FORMS; which++) {
            const int version = which % 3;
            if ((version == 1 && !VECTOR_HAS_AVX2) || (version == 2 && !VECTOR_HAS_AVX512))
                continue;
            const SkinnyGemm f = open_case(sizes[i], true, true, which / 3), g = without_w(f);
            SkinnyGemmColumns *const all[] = {skinny_gemm_columns_plain, skinny_gemm_columns_avx2,
                                              skinny_gemm_columns_avx512};
            all[version](&g, 0, f.width);
            cr_expect_lt(worst(&f), 1e-4, "sizes %d, version %d", i, which);
            close_case(&f);
        }
}

Test(skinny_gemm, a_row_is_the_same_alone)
{
    for (int which = 0; which < FORMS * SIZES; which++) {
        const int i = which / FORMS;
        const SkinnyGemm f = open_case(sizes[i], true, true, which % FORMS);
        real *one = draw(f.width, "one");
        product(&f);
        for (int64_t r = 0; r < f.rows; r++) {
            SkinnyGemm alone = f;
            alone.rows = 1;
            alone.x += r * f.k;
            alone.residual += r * f.width;
            alone.y = one;
            product(&alone);
            cr_expect_eq(memcmp(one, f.y + r * f.width, (size_t)f.width * sizeof *one), 0,
                         "sizes %d, row %d", i, (int)r);
        }
        free(one);
        close_case(&f);
    }
}

Test(skinny_gemm, threads_change_no_bit)
{
    for (int which = 0; which < FORMS * SIZES; which++) {
        const int i = which / FORMS;
        const SkinnyGemm f = open_case(sizes[i], true, false, which % FORMS);
        const size_t size = (size_t)(f.rows * f.width) * sizeof *f.y;
        real *first = draw(f.rows * f.width, "first");
        threads_set(1);
        product(&f);
        memcpy(first, f.y, size);
        for (int threads = 2; threads <= 4; threads++) {
            memset(f.y, 0, size);
            threads_set(threads);
            product(&f);
            cr_expect_eq(memcmp(first, f.y, size), 0, "sizes %d, %d threads", i, threads);
        }
        free(first);
        close_case(&f);
    }
}

/* The scale is that of Q8_0: max / 127 as float16; and what is stored for products is what w became. */
Test(skinny_gemm, q8_rounds_as_q8_0)
{
    enum { ROWS = 19, COLUMNS = 45 };
    real *w = draw(ROWS * COLUMNS, "w"), *before = draw(ROWS * COLUMNS, "w");
    Q8Block *q = malloc((size_t)q8_size(ROWS, COLUMNS) * sizeof *q);
    cr_assert_eq(q8_size(ROWS, COLUMNS), 4);
    cr_assert(q8_pack(w, ROWS, COLUMNS, q));
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        const int row = i / COLUMNS, column = i % COLUMNS, begin = column / Q8_LENGTH * Q8_LENGTH;
        real most = 0;
        for (int c = begin; c < COLUMNS && c < begin + Q8_LENGTH; c++)
            most = fmax(most, fabs(before[row * COLUMNS + c]));
        const Q8Block *b = q + row / Q8_PANEL * 2 + column / Q8_LENGTH;
        const real scale = half_float(b->scale[row % Q8_PANEL]);
        cr_expect_lt(fabs(scale - most / 127), 1e-3 * most / 127);
        cr_expect_lt(fabs(w[i] - before[i]), 0.501 * most / 127 + 0.0005 * most);
        cr_expect_eq(w[i], scale * b->q[column % Q8_LENGTH / 4][row % Q8_PANEL][column % 4]);
    }
    free(q);
    free(before);
    free(w);
}

Test(skinny_gemm, q8_refuses_what_has_no_scale)
{
    real w[40] = {0};
    Q8Block q[2];
    cr_expect(q8_pack(w, 1, 40, q));
    w[37] = NAN;
    cr_expect_not(q8_pack(w, 1, 40, q));
    w[37] = -INFINITY;
    cr_expect_not(q8_pack(w, 1, 40, q));
    w[37] = (real)1e7;
    cr_expect_not(q8_pack(w, 1, 40, q));
    w[37] = 1;
    cr_expect(q8_pack(w, 1, 40, q));
}
