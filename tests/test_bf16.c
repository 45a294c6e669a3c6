/* bfloat16: what is rounded, products of it by oneDNN and without, and models that compute in it.
 * Where the machine has no instructions for it, all of this runs the slow way. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/kernels/gemm.h"
#include "tests/variants.h"
#include "tests/written.h"
#include "train/checkpoint/checkpoint.h"
#include "train/plan/plan.h"

static const Written documents[] = {{9, 4},  {8, 8},  {30, 11}, {2, 1}, {16, 0},
                                    {17, 6}, {33, 2}, {70, 40}, {7, 6}, {0, 0}};

static void setup(void)
{
    temporary_open();
    written(documents, "d.h5");
}

TestSuite(bf16, .init = setup, .fini = temporary_close);

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

Test(bf16, rounds_to_the_nearest_and_ties_to_even)
{
    static const struct {
        uint32_t from;
        bf16 to;
    } cases[] = {{0, 0},
                 {0x80000000, 0x8000},
                 {0x3f800000, 0x3f80},
                 {0x3f807fff, 0x3f80},
                 {0x3f808000, 0x3f80}, /* a tie: the even one is below */
                 {0x3f808001, 0x3f81},
                 {0x3f818000, 0x3f82}, /* and here above */
                 {0xbf818000, 0xbf82},
                 {0x7f7fffff, 0x7f80}, /* the largest float is nearer to infinity */
                 {0x7f800000, 0x7f80},
                 {0xff800000, 0xff80},
                 {0x00018000, 0x0002}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(bf16_of((real)from_bits(cases[i].from)), cases[i].to, "%zu", i);
    for (uint32_t bits = 0x7f800001; bits < 0x7fffffff; bits += 0x12345) {
        cr_expect(isnan(bf16_real(bf16_of((real)from_bits(bits)))));
        cr_expect(isnan(bf16_real(bf16_of((real)from_bits(bits | 0x80000000)))));
    }
}

static real *numbers(int64_t count, const char *stream)
{
    real *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++)
        x[i] = (real)rng_normal(rng_stream(5, stream), (uint64_t)i, 0);
    return x;
}

Test(bf16, rows_are_rounded_and_transposed)
{
    enum { MOST = 83, STEP = 90 };
    static const int sizes[] = {1, 15, 16, 17, 31, 32, 33, 64, 83};
    static bf16 y[MOST * MOST], transposed[MOST * STEP], again[MOST * STEP];
    real *x = numbers(MOST * MOST, "x");
    x[0] = (real)NAN;
    x[40] = (real)-INFINITY;
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++) {
            const int rows = sizes[i], width = sizes[j];
            memset(y, 1, sizeof y);
            memset(transposed, 1, sizeof transposed);
            to_bf16_rows(y, transposed, STEP, x, rows, width);
            memset(again, 1, sizeof again);
            bf16_transpose(again, STEP, y, rows, width, width);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < width; c++) {
                    const bf16 one = bf16_of(x[r * width + c]);
                    cr_assert_eq(y[r * width + c], one, "%d x %d: %d %d", rows, width, r, c);
                    cr_assert_eq(transposed[c * STEP + r], one, "%d x %d: %d %d", rows, width, r,
                                 c);
                }
            cr_assert(!memcmp(transposed, again, sizeof transposed), "%d x %d", rows, width);
            to_bf16_rows(again, NULL, 0, x, rows, width);
            cr_assert(!memcmp(y, again, (size_t)(rows * width) * sizeof *y));
        }
    free(x);
}

/* The largest error of a product, over what rounding of a float32 sum allows: (k + 2) 2^-24 times
 * the sum of absolute products, and, of a bfloat16 result, 2^-8 of it. */
static double worst(GemmOp op, int64_t m, int64_t n, int64_t k, bool is_bf16, bool add)
{
    real *a = numbers(m * k, "a"), *b = numbers(k * n, "b"), *c = numbers(m * n, "c"),
         *bias = numbers(n, "bias"), *before = numbers(m * n, "c");
    bf16 *x = malloc((size_t)(m * k) * sizeof *x), *y = malloc((size_t)(k * n) * sizeof *y),
         *z = malloc((size_t)(m * n) * sizeof *z);
    double most = 0;
    to_bf16(x, a, m * k);
    to_bf16(y, b, k * n);
    gemm_bf16(&(GemmBf16){.op = op,
                          .m = m,
                          .n = n,
                          .k = k,
                          .a = x,
                          .b = y,
                          .bias = add ? NULL : bias,
                          .c = is_bf16 ? NULL : c,
                          .c_bf16 = is_bf16 ? z : NULL,
                          .add = add});
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = add ? (double)before[i * n + j] : (double)bias[j], size = fabs(sum);
            for (int64_t l = 0; l < k; l++) {
                const double one = (double)bf16_real(x[op == GEMM_TN ? l * m + i : i * k + l]) *
                                   (double)bf16_real(y[op == GEMM_NT ? j * k + l : l * n + j]);
                sum += one;
                size += fabs(one);
            }
            const double got = is_bf16 ? (double)bf16_real(z[i * n + j]) : (double)c[i * n + j],
                         bound = (double)(k + 2) * 0x1p-24 * size +
                                 (is_bf16 ? BF16_ROUNDING * fabs(sum) : 0);
            if (fabs(got - sum) / bound > most) most = fabs(got - sum) / bound;
        }
    free(a);
    free(b);
    free(c);
    free(bias);
    free(before);
    free(x);
    free(y);
    free(z);
    return most;
}

static void products(void)
{
    static const int sizes[][3] = {{1, 1, 1},     {3, 5, 7},      {64, 128, 256}, {65, 129, 257},
                                   {200, 65, 33}, {33, 300, 300}, {17, 64, 520}};
    for (int i = 0; i < 7; i++)
        for (GemmOp op = GEMM_NN; op <= GEMM_TN; op++)
            for (int how = 0; how < 3; how++)
                cr_expect_leq(worst(op, sizes[i][0], sizes[i][1], sizes[i][2], how == 1, how == 2),
                              1, "%d x %d x %d, %d, %d", sizes[i][0], sizes[i][1], sizes[i][2],
                              (int)op, how);
}

Test(bf16, products_are_right_to_rounding)
{
    products();
}

Test(bf16, products_are_right_without_instructions)
{
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    cr_assert_neq(gemm_bf16_missing(), NULL);
    cr_assert_eq(strncmp(gemm_bf16_core(), "float32 (", 9), 0);
    products();
}

typedef struct Outcome {
    real *grad, *value; /* value: after the update */
    double loss;
    int64_t count;
} Outcome;

static void configure(Config *c, int model, const char *precision, const char *recompute)
{
    MUST(variant_load(c, model, in_temporary("d.h5"), precision, recompute));
}

static real *copy(const real *x, int64_t count)
{
    return memcpy(malloc((size_t)count * sizeof *x), x, (size_t)count * sizeof *x);
}

static Outcome outcome_of(int model, const char *precision, const char *recompute, int threads)
{
    static Config c;
    Run r;
    threads_set(threads);
    configure(&c, model, precision, recompute);
    MUST(run_open(&r, &c));
    MUST(run_measure(&r));
    Outcome o = {.count = r.params.count, .loss = r.loss};
    o.grad = copy(r.params.grad, o.count);
    run_update(&r);
    o.value = copy(r.params.value, o.count);
    for (int64_t i = 0; r.params.bf16 && i < o.count; i++)
        cr_assert_eq(r.params.bf16[i], bf16_of(r.params.value[i]), "%d", (int)i);
    run_close(&r);
    return o;
}

static void drop(Outcome *o)
{
    free(o->grad);
    free(o->value);
}

/* Rounded by at most u = 2^-8 each, but not all the same way: N roundings on the way of a gradient
 * add up in quadrature, each by 0.42 u in the mean. A block has 4 weights, 8 results, rope
 * included, and 4 gradients that products read; the head 3: sqrt(N) 0.42 u is 0.012, and 0.002 to
 * 0.010 was found. u for 0.42 u: what a model makes larger on the way. */
Test(bf16, gradients_are_near_those_in_double)
{
    char command[PATH_MAX * 2];
    cr_assert(getenv("GRADIENTS64"), "run by ctest, or with GRADIENTS64=build/gradients64");
    snprintf(command, sizeof command, "'%s' '%s'", getenv("GRADIENTS64"), in_temporary("d.h5"));
    FILE *exact = popen(command, "r");
    cr_assert_not_null(exact);
    for (int i = 0; i < VARIANTS; i++) {
        Outcome rounded = outcome_of(i, "train.precision=bfloat16", "train.recompute=off", 1);
        const double bound = sqrt(16 * 3 + 3) * BF16_ROUNDING;
        double far = 0, size = 0, loss, g;
        cr_assert_eq(fread(&loss, sizeof loss, 1, exact), 1);
        for (int64_t j = 0; j < rounded.count; j++) {
            cr_assert_eq(fread(&g, sizeof g, 1, exact), 1);
            const double d = (double)rounded.grad[j] - g;
            far += d * d;
            size += g * g;
        }
        cr_expect_lt(sqrt(far), bound * sqrt(size), "%d: %g of %g", i, sqrt(far), sqrt(size));
        cr_expect_gt(sqrt(far), 1e-4 * sqrt(size), "%d is not rounded", i);
        cr_expect_lt(fabs(rounded.loss - loss), 4 * BF16_ROUNDING, "%d", i);
        drop(&rounded);
    }
    cr_expect_eq(fgetc(exact), EOF);
    cr_expect_eq(pclose(exact), 0);
}

Test(bf16, neither_threads_nor_recomputing_change_a_bit)
{
    for (int i = 0; i < VARIANTS; i++) {
        Outcome one = outcome_of(i, "train.precision=bfloat16", "train.recompute=off", 1);
        for (int threads = 2; threads <= 3; threads++) {
            Outcome two =
                outcome_of(i, "train.precision=bfloat16",
                           threads == 2 ? "train.recompute=off" : "train.recompute=blocks",
                           threads);
            cr_expect(!memcmp(one.grad, two.grad, (size_t)one.count * sizeof(real)), "%d", i);
            cr_expect(!memcmp(one.value, two.value, (size_t)one.count * sizeof(real)), "%d", i);
            cr_expect_eq(one.loss, two.loss);
            drop(&two);
        }
        drop(&one);
    }
}

/* As in float32, and not within a tenth: oneDNN's own memory is not the tape's. */
Test(bf16, plan_knows_what_tapes_take)
{
    for (int i = 0; i < VARIANTS; i++) {
        static Config c;
        Run r;
        Plan p;
        threads_set(1);
        configure(&c, i, "train.precision=bfloat16", "train.recompute=off");
        MUST(run_open(&r, &c));
        MUST(run_measure(&r));
        MUST(plan_make(&p, &c, r.dataset.vocab_size));
        const double most = (double)microbatches_memory(r.microbatches),
                     planned = (double)p.activation_size;
        cr_expect_lt(fabs(planned - most), 0.1 * most, "%d: %g, %g", i, planned, most);
        cr_expect_eq(p.value_size, r.params.count * 6);
        plan_close(&p);
        run_close(&r);
    }
}

Test(bf16, is_refused_where_it_is_missing)
{
    static Config c;
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    const char *settings[] = {"train.precision=bfloat16", "train.precision_fallback=true"};
    cr_assert_eq(config_load(&c, NULL, 1, settings), E_CONFIG);
    cr_expect(strstr(error_message(), "train.precision = bfloat16: this p"), "%s", error_message());
    cr_expect(strstr(error_message(), "train.precision_fallback = true"), "%s", error_message());
    MUST(config_load(&c, NULL, 2, settings));
}

Test(bf16, poison_is_traced)
{
    static Config c;
    Run r;
    configure(&c, 0, "train.precision=bfloat16", "train.recompute=off");
    MUST(run_open(&r, &c));
    static const char *const ops[] = {"linear", "layernorm", "activation", "attention"};
    for (int i = 0; i < 4; i++) {
        const TapePoison poison = {ops[i], NULL, false, 0};
        TapeFinding found;
        MUST(batches_fill(&r.train, 1, &r.batch));
        MUST(
            microbatches_trace(r.microbatches,
                               &(StepTask){.model = &r.model, .batch = &r.batch, .poison = &poison},
                               &found));
        cr_expect(found.found && !found.in_backward && !strcmp(found.op, ops[i]), "%s", ops[i]);
    }
    run_close(&r);
}
