/* Products of few rows, with weights in float and in bfloat16: against loops in double; a row comes
 * out the same alone as among others, and from any number of threads; every version agrees. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/skinny_gemm.h"
#include "autograd/kernels/vector.h"

typedef struct Sizes {
    int64_t rows, width, k;
} Sizes;

/* Tiles that are whole and that are not, with and without a rest of columns; and enough for
 * threads. */
static const Sizes sizes[] = {{1, 1, 1},   {1, 9, 64},      {7, 6, 37},    {3, 4, 3},
                              {32, 5, 96}, {11, 1031, 257}, {1, 3000, 50}, {0, 3, 2}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static real *draw(int64_t count, const char *stream)
{
    real *x = malloc((size_t)(count + 1) * sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (real)rng_normal(rng_stream(1, stream), (uint64_t)i, 0);
    return x;
}

/* has_bf16: w is rounded, so that w_bf16 is the same. */
static SkinnyGemm open_case(Sizes s, bool b, bool residual, bool has_bf16)
{
    SkinnyGemm f = {.rows = s.rows,
                    .width = s.width,
                    .k = s.k,
                    .x = draw(s.rows * s.k, "x"),
                    .w = draw(s.width * s.k, "w"),
                    .b = b ? draw(s.width, "b") : NULL,
                    .residual = residual ? draw(s.rows * s.width, "residual") : NULL,
                    .y = draw(s.rows * s.width, "y")};
    bf16 *w_bf16 = has_bf16 ? malloc((size_t)(s.width * s.k) * sizeof *w_bf16) : NULL;
    if (has_bf16) to_bf16(w_bf16, f.w, s.width * s.k);
    if (has_bf16) from_bf16((real *)f.w, w_bf16, s.width * s.k);
    f.w_bf16 = w_bf16;
    return f;
}

/* The product reads only w_bf16 if that is there. */
static SkinnyGemm without_w(SkinnyGemm f)
{
    if (f.w_bf16) f.w = NULL;
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
        for (int with = 0; with < 8; with++) {
            const SkinnyGemm f = open_case(sizes[i], with & 1, with & 2, with & 4);
            product(&f);
            cr_expect_lt(worst(&f), 1e-4, "sizes %d, with %d", i, with);
            close_case(&f);
        }
}

Test(skinny_gemm, each_version_agrees_with_loops)
{
    for (int i = 0; i < SIZES; i++)
        for (int which = 0; which < 6; which++) {
            const int version = which % 3;
            if ((version == 1 && !VECTOR_HAS_AVX2) || (version == 2 && !VECTOR_HAS_AVX512))
                continue;
            const SkinnyGemm f = open_case(sizes[i], true, true, which >= 3), g = without_w(f);
            SkinnyGemmColumns *const all[] = {skinny_gemm_columns_plain, skinny_gemm_columns_avx2,
                                              skinny_gemm_columns_avx512};
            all[version](&g, 0, f.width);
            cr_expect_lt(worst(&f), 1e-4, "sizes %d, version %d", i, which);
            close_case(&f);
        }
}

Test(skinny_gemm, a_row_is_the_same_alone)
{
    for (int which = 0; which < 2 * SIZES; which++) {
        const int i = which / 2;
        const SkinnyGemm f = open_case(sizes[i], true, true, which % 2);
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
    for (int which = 0; which < 2 * SIZES; which++) {
        const int i = which / 2;
        const SkinnyGemm f = open_case(sizes[i], true, false, which % 2);
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
