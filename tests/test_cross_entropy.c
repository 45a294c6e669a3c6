/* The fused output layer and loss, in float: against loops in double over several chunks of rows,
 * with rows that have no target; bits over threads; what is not a number shows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/bf16.h"
#include "autograd/ops.h"

enum { ROWS = 1100, WIDTH = 6, CLASSES = 37 };

static Tape tape;
static real x_data[ROWS * WIDTH], w_data[CLASSES * WIDTH], weights[ROWS], row_loss[ROWS],
    row_logz[ROWS];
static int32_t targets[ROWS];
static CrossEntropy loss_of;
static bool extra;          /* another loss is added */
static bool by_rows;        /* by log_prob */
static double result_scale; /* of the result; 0: no ag_scale() */
static Bf16Mode mode;

static void open_all(void)
{
    const Rng rng = rng_stream(1, "cross_entropy");
    for (int i = 0; i < ROWS * WIDTH; i++) x_data[i] = (real)rng_normal(rng, (uint64_t)i, 0);
    for (int i = 0; i < CLASSES * WIDTH; i++) w_data[i] = (real)rng_normal(rng, (uint64_t)i, 1);
    for (int i = 0; i < ROWS; i++) {
        targets[i] = (int32_t)rng_below(rng, (uint64_t)i, 2, CLASSES + 9) - 9;
        if (targets[i] < 0 || i < 3) targets[i] = -1;
        weights[i] = (real)rng_uniform(rng, (uint64_t)i, 3);
    }
    loss_of = (CrossEntropy){.targets = targets,
                             .weights = weights,
                             .scale = .01,
                             .z_loss = .003,
                             .smoothing = .1,
                             .row_loss = row_loss,
                             .row_logz = row_logz};
    tape_reset(&tape);
}

static void close_all(void)
{
    tape_free(&tape);
    threads_set(0);
}

TestSuite(cross_entropy, .init = open_all, .fini = close_all);

typedef struct Result {
    real loss, dx[ROWS * WIDTH], dw[CLASSES * WIDTH];
} Result;

static Tensor *ones(void)
{
    Tensor *x = tape_tensor(&tape, SHAPE(3));
    for (int i = 0; i < 3; i++) x->data[i] = 1;
    return x;
}

/* Loss, and, if recorded, gradients times seed; frozen: not of w. */
static Result *run(bool record, real seed, bool frozen)
{
    static const Shape x_shape = SHAPE_OF(ROWS, WIDTH), w_shape = SHAPE_OF(CLASSES, WIDTH);
    Result *r = calloc(1, sizeof *r);
    real *grads = calloc(ROWS * WIDTH + CLASSES * WIDTH, sizeof *grads);
    bool written[2] = {0};
    Tensor x = {.shape = x_shape, .data = x_data, .name = "x", .wants_grad = true},
           w = {.shape = w_shape, .data = w_data, .name = "w", .offset = ROWS * WIDTH, .index = 1};
    static bf16 w_bf16[CLASSES * WIDTH];
    to_bf16(w_bf16, w_data, CLASSES * WIDTH);
    w.bf16 = mode ? w_bf16 : NULL;
    w.wants_grad = !frozen;
    tape_reset(&tape);
    if (record) tape_record(&tape, grads, written);
    tape.seed = seed;
    tape.bf16 = mode;
    Tensor *loss = by_rows
                       ? ag_sum(&tape, ag_log_prob(&tape, &x, &w, targets), weights, -loss_of.scale)
                       : ag_cross_entropy(&tape, &x, &w, &loss_of);
    if (extra) loss = ag_add(&tape, loss, ag_sum(&tape, ones(), NULL, 1));
    if (result_scale) loss = ag_scale(&tape, loss, result_scale);
    cr_assert(loss, "%s", error_message());
    if (record) cr_assert_eq(tape_backward(&tape, loss), OK);
    cr_assert_eq(written[1], record && !frozen);
    r->loss = loss->data[0];
    memcpy(r->dx, grads, sizeof r->dx);
    memcpy(r->dw, grads + ROWS * WIDTH, sizeof r->dw);
    free(grads);
    return r;
}

static void row_logits(int row, double *logits, double *logz)
{
    double sum = 0;
    for (int j = 0; j < CLASSES; j++) {
        logits[j] = 0;
        for (int c = 0; c < WIDTH; c++)
            logits[j] += (double)x_data[row * WIDTH + c] * w_data[j * WIDTH + c];
        sum += exp(logits[j]);
    }
    *logz = log(sum);
}

Test(cross_entropy, agrees_with_loops)
{
    static double dx[ROWS * WIDTH], dw[CLASSES * WIDTH];
    double loss = 0, l[CLASSES], z;
    Result *r = run(true, .5f, false);
    for (int i = 0; i < ROWS; i++) {
        if (targets[i] < 0) {
            cr_expect_eq(row_loss[i], 0);
            cr_expect_eq(row_logz[i], 0);
            continue;
        }
        row_logits(i, l, &z);
        cr_expect_float_eq(row_logz[i], z, 1e-5);
        cr_expect_float_eq(row_loss[i], z - l[targets[i]], 1e-5);
        double factor = weights[i] * loss_of.scale, mean = 0;
        for (int j = 0; j < CLASSES; j++) mean += l[j] / CLASSES;
        loss += factor * (.9 * (z - l[targets[i]]) + .1 * (z - mean) + loss_of.z_loss * z * z);
        for (int j = 0; j < CLASSES; j++) {
            double g = .5 * factor *
                       ((1 + 2 * loss_of.z_loss * z) * exp(l[j] - z) - .9 * (j == targets[i]) -
                        .1 / CLASSES);
            for (int c = 0; c < WIDTH; c++) {
                dx[i * WIDTH + c] += g * w_data[j * WIDTH + c];
                dw[j * WIDTH + c] += g * x_data[i * WIDTH + c];
            }
        }
    }
    cr_expect_float_eq(r->loss, loss, 1e-5 * loss);
    for (int i = 0; i < ROWS * WIDTH; i++) cr_expect_float_eq(r->dx[i], dx[i], 1e-7);
    for (int i = 0; i < CLASSES * WIDTH; i++) cr_expect_float_eq(r->dw[i], dw[i], 2e-6);
    free(r);
}

Test(cross_entropy, bits_do_not_depend_on_threads)
{
    threads_set(1);
    Result *one = run(true, 1, false);
    for (int threads = 2; threads <= 4; threads++) {
        threads_set(threads);
        Result *many = run(true, 1, false);
        cr_expect_eq(memcmp(one, many, sizeof *one), 0, "%d threads", threads);
        free(many);
    }
    free(one);
}

/* What another loss is added costs nothing and changes no bit. */
Test(cross_entropy, bits_are_the_same_in_a_sum)
{
    extra = true;
    Result *sum = run(true, .7f, false);
    extra = false;
    Result *alone = run(true, .7f, false);
    cr_expect_neq(sum->loss, alone->loss);
    cr_expect(!memcmp(sum->dx, alone->dx, sizeof sum->dx));
    cr_expect(!memcmp(sum->dw, alone->dw, sizeof sum->dw));
    free(sum);
    free(alone);
}

static double largest(const real *x, const real *y, int count)
{
    double worst = 0;
    for (int i = 0; i < count; i++) {
        const double off = fabs((double)x[i] - (double)y[i]);
        worst = fmax(worst, isnan(off) ? INFINITY : off);
    }
    return worst;
}

static void expect_near(const Result *x, const Result *y, double rounding)
{
    cr_expect_float_eq(x->loss, y->loss, rounding * y->loss);
    cr_expect_lt(largest(x->dx, y->dx, ROWS * WIDTH), rounding);
    cr_expect_lt(largest(x->dw, y->dw, CLASSES * WIDTH), 10 * rounding);
}

Test(cross_entropy, scaled_results_have_scaled_gradients)
{
    Result *plain = run(true, 1, false);
    result_scale = .25;
    Result *scaled = run(true, 4, false);
    scaled->loss /= (real)result_scale;
    expect_near(scaled, plain, 1e-6);
    free(scaled);
    scaled = run(true, 0, false);
    for (int i = 0; i < ROWS * WIDTH; i++) cr_expect_eq(scaled->dx[i], 0);
    for (int i = 0; i < CLASSES * WIDTH; i++) cr_expect_eq(scaled->dw[i], 0);
    free(scaled);
    free(plain);
}

/* -mean(log_prob) is the loss, in float and in bfloat16. */
Test(cross_entropy, log_prob_is_the_loss_row_by_row)
{
    loss_of.z_loss = loss_of.smoothing = 0;
    for (mode = BF16_NONE; mode <= BF16_PRODUCTS; mode++) {
        by_rows = false;
        Result *fused = run(true, .5f, false);
        by_rows = true;
        Result *rows = run(true, .5f, false);
        expect_near(rows, fused, mode ? 3e-4 : 1e-6);
        free(fused);
        free(rows);
    }
}

Test(cross_entropy, log_prob_does_not_depend_on_threads)
{
    by_rows = true;
    for (mode = BF16_NONE; mode <= BF16_PRODUCTS; mode++) {
        threads_set(1);
        Result *one = run(true, 1, false);
        threads_set(3);
        Result *many = run(true, 1, false);
        cr_expect_eq(memcmp(one, many, sizeof *one), 0);
        free(one);
        free(many);
    }
}

Test(cross_entropy, evaluation_gives_the_loss_of_training)
{
    Result *training = run(true, 1, false), *evaluation = run(false, 1, false);
    cr_expect_eq(training->loss, evaluation->loss);
    free(training);
    free(evaluation);
}

Test(cross_entropy, frozen_weights_get_no_gradient)
{
    Result *all = run(true, 1, false), *frozen = run(true, 1, true);
    cr_expect_eq(memcmp(all->dx, frozen->dx, sizeof all->dx), 0);
    for (int i = 0; i < CLASSES * WIDTH; i++) cr_expect_eq(frozen->dw[i], 0);
    free(all);
    free(frozen);
}

Test(cross_entropy, a_number_that_is_none_shows)
{
    int seen = 700;
    while (targets[seen] < 0) seen++;
    x_data[seen * WIDTH + 2] = NAN;
    Result *r = run(true, 1, false);
    cr_expect(isnan(r->loss));
    cr_expect(isnan(row_loss[seen]));
    cr_expect_not(isnan(r->dx[(seen - 1) * WIDTH]));
    free(r);
}

Test(cross_entropy, rows_without_target_are_not_looked_at)
{
    Result *before = run(true, 1, false);
    for (int i = 0; i < ROWS; i++)
        if (targets[i] < 0) x_data[i * WIDTH] = NAN;
    Result *after = run(true, 1, false);
    cr_expect_eq(memcmp(before, after, sizeof *before), 0);
    free(before);
    free(after);
}

Test(cross_entropy, misfits_are_named)
{
    Tensor *x = tape_tensor(&tape, SHAPE(2, 3)), *w = tape_tensor(&tape, SHAPE(5, 4));
    cr_expect_null(ag_cross_entropy(&tape, x, w, &loss_of));
    cr_expect_eq(tape.status, E_SHAPE);
    cr_expect(strstr(error_message(), "[2, 3]") && strstr(error_message(), "[5, 4]"));

    tape_reset(&tape);
    x = tape_tensor(&tape, SHAPE(2, 3)), w = tape_tensor(&tape, SHAPE(5, 3));
    const CrossEntropy bad = {.targets = (const int32_t[]){4, 5}, .scale = 1};
    cr_expect_null(ag_cross_entropy(&tape, x, w, &bad));
    cr_expect_eq(tape.status, E_ARG);
    cr_expect(strstr(error_message(), "target 5 of row 1"), "%s", error_message());
}
