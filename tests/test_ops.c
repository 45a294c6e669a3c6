/* Ops in float: against the double build, against formulas written down once more, and that neither the
 * place of a row nor the number of threads changes a bit. Errors of the shape rules. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "autograd/params.h"

static Tape tape;

static void open_tape(void)
{
    tape_reset(&tape);
}

static void close_tape(void)
{
    tape_free(&tape);
}

TestSuite(ops, .init = open_tape, .fini = close_tape);

static Tensor *random_tensor(Shape shape, uint64_t seed)
{
    Tensor *x = tape_tensor(&tape, shape);
    for (int64_t i = 0; i < shape_count(shape); i++)
        x->data[i] = (real)rng_normal(rng_stream(seed, "x"), (uint64_t)i, 0);
    return x;
}

Test(ops, float_agrees_with_double)
{
    cr_assert(getenv("OP_VALUES64"), "run by ctest, or with OP_VALUES64=build/op_values64");
    FILE *in = popen("exec \"$OP_VALUES64\"", "r");
    Arena arena = {0};
    for (int op = 0; op < op_count; op++)
        for (const OpCase *c = op_table[op]->cases; c->label; c++) {
            double *values, other, worst = 0;
            int64_t count;
            cr_assert_eq(gradcheck_values(op_table[op], c, &arena, &values, &count), OK, "%s",
                         error_message());
            for (int64_t i = 0; i < count; i++) {
                cr_assert_eq(fread(&other, sizeof other, 1, in), 1);
                double off = fabs(values[i] - other) / fmax(1, fabs(other));
                worst = fmax(worst, isnan(off) ? INFINITY : off);
            }
            cr_log_info("%s (%s): %.1e", op_table[op]->name, c->label, worst);
            cr_expect(worst < 1e-5, "%s (%s): float and double differ by %.1e", op_table[op]->name,
                      c->label, worst);
        }
    cr_assert_eq(fgetc(in), EOF);
    cr_assert_eq(pclose(in), 0);
    arena_free(&arena);
}

static double activation(Activation kind, double x)
{
    switch (kind) {
    case ACTIVATION_gelu:
    case ACTIVATION_geglu: return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ACTIVATION_silu:
    case ACTIVATION_swiglu: return x / (1 + exp(-x));
    case ACTIVATION_relu: return fmax(x, 0);
    case ACTIVATION_relu2: return fmax(x, 0) * fmax(x, 0);
    case ACTIVATION_gelu_exact: return x / 2 * (1 + erf(x / sqrt(2)));
    }
    return NAN;
}

Test(ops, activations_have_their_values)
{
    Tensor *x = random_tensor(SHAPE(3, 40), 1);
    for (int i = 0; i < 40; i++) x->data[i] = (real)(i - 20);
    for (Activation kind = ACTIVATION_gelu; kind <= ACTIVATION_gelu_exact; kind++) {
        const int64_t n = kind == ACTIVATION_swiglu || kind == ACTIVATION_geglu ? 20 : 40;
        Tensor *y = ag_activation(&tape, x, kind);
        cr_assert(y && shape_equal(y->shape, SHAPE(3, n)));
        for (int64_t i = 0; i < 3 * n; i++) {
            const real *from = x->data + i / n * 40 + i % n;
            double expected = activation(kind, (double)*from) * (n == 20 ? (double)from[n] : 1);
            cr_assert_float_eq(y->data[i], expected, 1e-6 * fmax(1, fabs(expected)));
        }
    }
}

Test(ops, what_is_no_number_stays_so)
{
    for (Activation kind = ACTIVATION_gelu; kind <= ACTIVATION_geglu; kind++) {
        Tensor *x = random_tensor(SHAPE(2), 1);
        x->data[0] = NAN;
        cr_expect(isnan(ag_activation(&tape, x, kind)->data[0]), "kind %d", (int)kind);
    }
}

Test(ops, norms_have_their_values)
{
    const double eps = 0.01;
    Tensor *x = random_tensor(SHAPE(5, 33), 1), *w = random_tensor(SHAPE(33), 2);
    Tensor *b = random_tensor(SHAPE(33), 3);
    Tensor *y = ag_layernorm(&tape, x, w, b, eps), *z = ag_rmsnorm(&tape, x, w, eps);
    for (int r = 0; r < 5; r++) {
        const real *row = x->data + r * 33;
        double mean = 0, var = 0, square = 0;
        for (int i = 0; i < 33; i++) mean += (double)row[i] / 33;
        for (int i = 0; i < 33; i++) var += pow((double)row[i] - mean, 2) / 33;
        for (int i = 0; i < 33; i++) square += pow((double)row[i], 2) / 33;
        for (int i = 0; i < 33; i++) {
            double weight = (double)w->data[i], bias = (double)b->data[i], in = (double)row[i];
            cr_assert_float_eq(y->data[r * 33 + i], weight * (in - mean) / sqrt(var + eps) + bias,
                               1e-5);
            cr_assert_float_eq(z->data[r * 33 + i], weight * in / sqrt(square + eps), 1e-5);
        }
    }
}

Test(ops, rope_turns_pairs_by_position)
{
    const int32_t positions[] = {0, 1, 63, 64, 65, 1000003, 1, 130};
    const Rope rope = {
        .heads = 3, .head_width = 20, .rotate = true, .theta = 500, .positions = positions};
    Tensor *x = random_tensor(SHAPE(8, 70), 1), *y = ag_rope(&tape, x, &rope);
    for (int r = 0; r < 8; r++)
        for (int h = 0; h < 3; h++)
            for (int i = 0; i < 10; i++) {
                const real *from = x->data + r * 70 + h * 20 + i,
                           *to = y->data + r * 60 + h * 20 + i;
                double angle = positions[r] * pow(500, -i / 10.0);
                double u = (double)from[0], v = (double)from[10];
                cr_assert_float_eq(to[0], u * cos(angle) - v * sin(angle), 1e-6);
                cr_assert_float_eq(to[10], v * cos(angle) + u * sin(angle), 1e-6);
            }
}

Test(ops, rope_leaves_the_columns_that_it_does_not_turn)
{
    const int32_t positions[] = {0, 1, 63, 64, 65, 1000003, 1, 130};
    Rope part = {.heads = 2,
                 .head_width = 20,
                 .rotate = true,
                 .theta = 500,
                 .positions = positions,
                 .rotated = 8},
         whole = {
             .heads = 1, .head_width = 8, .rotate = true, .theta = 500, .positions = positions};
    Tensor *x = random_tensor(SHAPE(8, 40), 1), *first = random_tensor(SHAPE(8, 8), 1);
    for (int r = 0; r < 8; r++) memcpy(first->data + r * 8, x->data + r * 40, 8 * sizeof(real));
    Tensor *y = ag_rope(&tape, x, &part), *turned = ag_rope(&tape, first, &whole);
    for (int r = 0; r < 8; r++) {
        cr_assert(!memcmp(y->data + r * 40, turned->data + r * 8, 8 * sizeof(real)));
        cr_assert(!memcmp(y->data + r * 40 + 8, x->data + r * 40 + 8, 12 * sizeof(real)));
    }
}

Test(ops, heads_are_scaled_by_their_weights)
{
    Tensor *x = random_tensor(SHAPE(4, 15), 1), *q = random_tensor(SHAPE(5), 2),
           *k = random_tensor(SHAPE(5), 3), *y = ag_scale_heads(&tape, x, q, k, 2);
    for (int i = 0; i < 60; i++)
        cr_assert_eq(y->data[i], x->data[i] * (i % 15 < 10 ? q : k)->data[i % 5]);
}

Test(ops, softcap_is_a_scaled_tanh)
{
    Tensor *x = random_tensor(SHAPE(1), 1);
    x->data[0] = 45;
    cr_expect_float_eq(ag_softcap(&tape, x, 30)->data[0], 27.1544476, 1e-5);
}

Test(ops, rope_normalises_each_head)
{
    const Rope rope = {.heads = 2, .head_width = 30, .normalize = true, .eps = 1e-6};
    Tensor *x = random_tensor(SHAPE(4, 60), 1), *y = ag_rope(&tape, x, &rope);
    for (int head = 0; head < 8; head++) {
        double square = 0;
        for (int i = 0; i < 30; i++) square += pow((double)x->data[head * 30 + i], 2) / 30;
        for (int i = 0; i < 30; i++)
            cr_assert_float_eq(y->data[head * 30 + i],
                               (double)x->data[head * 30 + i] / sqrt(square + 1e-6), 1e-5);
    }
}

Test(ops, dropout_drops_its_share_and_keeps_the_mean)
{
    Tensor *x = tape_tensor(&tape, SHAPE(1000, 100));
    for (int i = 0; i < 100000; i++) x->data[i] = 1;
    Tensor *y = ag_dropout(&tape, x, NULL, &(Dropout){rng_stream(1, "a"), 7, 0, 0.2});
    int dropped = 0;
    for (int i = 0; i < 100000; i++) {
        cr_assert(y->data[i] == 0 || y->data[i] == (real)1.25);
        dropped += y->data[i] == 0;
    }
    cr_assert(abs(dropped - 20000) < 640, "%d", dropped); /* five standard deviations */
}

Test(ops, dropout_is_a_function_of_the_position_in_the_batch)
{
    const Dropout whole = {rng_stream(1, "a"), 7, 0, 0.5};
    Dropout part = whole, later = whole, other = whole;
    part.first_row = 3;
    later.step = 8;
    other.rng = rng_stream(1, "b");
    Tensor *x = random_tensor(SHAPE(5, 301), 1), *rows = tape_tensor(&tape, SHAPE(2, 301));
    const int64_t size = 2 * 301 * (int64_t)sizeof(real);
    memcpy(rows->data, x->data + 3 * 301, (size_t)size);
    const real *y = ag_dropout(&tape, x, NULL, &whole)->data + 3 * 301;
    cr_expect(!memcmp(y, ag_dropout(&tape, rows, NULL, &part)->data, (size_t)size));
    cr_expect(memcmp(y, ag_dropout(&tape, rows, NULL, &whole)->data, (size_t)size));
    cr_expect(memcmp(y, ag_dropout(&tape, x, NULL, &later)->data + 3 * 301, (size_t)size));
    cr_expect(memcmp(y, ag_dropout(&tape, x, NULL, &other)->data + 3 * 301, (size_t)size));
}

Test(ops, embedding_adds_two_tables)
{
    const int32_t tokens[] = {4, 0, 4}, positions[] = {1, 0, 1};
    Tensor *w = random_tensor(SHAPE(5, 21), 1), *p = random_tensor(SHAPE(2, 21), 2);
    Tensor *y = ag_embedding(&tape, w, p, tokens, positions, 3);
    Tensor *z = ag_embedding(&tape, w, NULL, tokens, NULL, 3);
    for (int i = 0; i < 63; i++) {
        real token = w->data[tokens[i / 21] * 21 + i % 21];
        cr_assert(z->data[i] == token);
        cr_assert(y->data[i] == token + p->data[positions[i / 21] * 21 + i % 21]);
    }
}

/* The op number `which` of a row-wise kind, on x [rows, 70]. */
enum { ROW_OPS = 6 };
static const int32_t *positions_from;
static Tensor *row_op(int which, Tensor *x)
{
    Tensor *w = random_tensor(SHAPE(70), 5);
    const Rope rope = {.heads = 2,
                       .head_width = 34,
                       .normalize = true,
                       .eps = 1e-5,
                       .rotate = true,
                       .theta = 1e4,
                       .positions = positions_from};
    switch (which) {
    case 0: return ag_activation(&tape, x, ACTIVATION_gelu);
    case 1: return ag_activation(&tape, x, ACTIVATION_swiglu);
    case 2: return ag_layernorm(&tape, x, w, w, 1e-5);
    case 3: return ag_rmsnorm(&tape, x, w, 1e-5);
    case 4: return ag_rope(&tape, x, &rope);
    default: return ag_add(&tape, x, x);
    }
}

Test(ops, a_row_is_the_same_alone_or_among_others)
{
    int32_t positions[100];
    for (int i = 0; i < 100; i++) positions[i] = i < 30 ? i : i - 30;
    for (int which = 0; which < ROW_OPS; which++) {
        Tensor *x = random_tensor(SHAPE(100, 70), 1);
        positions_from = positions;
        Tensor *all = row_op(which, x);
        const int64_t width = shape_last(all->shape);
        for (int r = 0; r < 100; r += 3) {
            Tensor *one = tape_tensor(&tape, SHAPE(1, 70));
            memcpy(one->data, x->data + r * 70, 70 * sizeof(real));
            positions_from = positions + r;
            cr_expect(!memcmp(row_op(which, one)->data, all->data + r * width,
                              (size_t)width * sizeof(real)),
                      "op %d, row %d", which, r);
        }
    }
}

enum { ROWS = 700, WIDTH = 70, VOCABULARY = 50 };

/* Loss and gradients of a model that holds every op of this file. */
static void every_op(int threads, real grads[static 1 << 16], real *loss)
{
    static int32_t tokens[ROWS], positions[ROWS];
    Params p = {0};
    bool written[16] = {0};
    for (int i = 0; i < ROWS; i++) tokens[i] = i * i % VOCABULARY, positions[i] = i % 90;
    Tensor *embed = params_matrix(&p, "", "embed", VOCABULARY, WIDTH, 1);
    Tensor *place = params_matrix(&p, "", "place", 90, WIDTH, 1);
    Tensor *w = params_vector(&p, "", "w", WIDTH, 0.9), *b = params_vector(&p, "", "b", WIDTH, 0.1);
    Tensor *v = params_vector(&p, "", "v", WIDTH, 0.8);
    cr_assert_eq(params_alloc(&p, true), OK);
    params_init(&p, 1);
    threads_set(threads);

    tape_reset(&tape);
    tape_record(&tape, grads, written);
    const Rope rope = {.heads = 2,
                       .head_width = 34,
                       .normalize = true,
                       .eps = 1e-5,
                       .rotate = true,
                       .theta = 1e4,
                       .positions = positions};
    const Dropout drop = {rng_stream(1, "a"), 7, 0, 0.5};
    Tensor *x = ag_embedding(&tape, embed, place, tokens, positions, ROWS), *y = x;
    y = ag_layernorm(&tape, y, w, b, 1e-5);
    y = ag_dropout(&tape, ag_activation(&tape, y, ACTIVATION_gelu), x, &drop);
    y = ag_add(&tape, y, ag_rmsnorm(&tape, y, v, 1e-5));
    Tensor *head = params_constant(&p, SHAPE(VOCABULARY, 34));
    for (int i = 0; i < VOCABULARY * 34; i++) head->data[i] = (real)sin(i * i);
    y = ag_activation(&tape, ag_rope(&tape, y, &rope), ACTIVATION_swiglu);
    y = ag_cross_entropy(&tape, y, head, &(CrossEntropy){.targets = tokens, .scale = 1.0 / ROWS});
    cr_assert_eq(tape_backward(&tape, y), OK, "%s", error_message());
    *loss = y->data[0];
    cr_assert_lt(p.count, 1 << 16);
    params_free(&p);
}

Test(ops, threads_do_not_change_a_bit)
{
    static real first[1 << 16], other[1 << 16];
    real loss, other_loss;
    every_op(1, first, &loss);
    for (int threads = 2; threads <= 4; threads++) {
        every_op(threads, other, &other_loss);
        cr_expect(loss == other_loss);
        cr_expect(!memcmp(first, other, sizeof first), "%d threads", threads);
    }
}

#define EXPECT_FAIL(code, call, ...)                                                \
    do {                                                                            \
        const char *texts[] = {__VA_ARGS__};                                        \
        cr_expect_null(call);                                                       \
        cr_expect_eq(tape.status, code);                                            \
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)                   \
            cr_expect(strstr(error_message(), texts[i]), "%s not in: %s", texts[i], \
                      error_message());                                             \
        tape.status = OK;                                                           \
    } while (0)

Test(ops, shape_errors_name_the_shapes)
{
    Tensor *x = random_tensor(SHAPE(4, 6), 1), *odd = random_tensor(SHAPE(4, 7), 1);
    Tensor *v = random_tensor(SHAPE(6), 1), *u = random_tensor(SHAPE(5), 1);
    const Dropout half = {.rate = 0.5}, all = {.rate = 1};

    EXPECT_FAIL(E_SHAPE, ag_activation(&tape, odd, ACTIVATION_swiglu), "activation", "[4, 7]");
    EXPECT_FAIL(E_SHAPE, ag_add(&tape, x, odd), "[4, 6]", "[4, 7]");
    EXPECT_FAIL(E_SHAPE, ag_dropout(&tape, x, odd, &half), "dropout", "[4, 6]", "[4, 7]");
    EXPECT_FAIL(E_ARG, ag_dropout(&tape, x, NULL, &all), "dropout", "rate 1");
    EXPECT_FAIL(E_SHAPE, ag_layernorm(&tape, x, u, NULL, 1e-5), "layernorm", "[4, 6]", "[5]");
    EXPECT_FAIL(E_SHAPE, ag_layernorm(&tape, x, v, u, 1e-5), "layernorm", "[4, 6]", "[5]");
    EXPECT_FAIL(E_SHAPE, ag_rmsnorm(&tape, x, u, 1e-5), "rmsnorm", "[4, 6]", "[5]");
    EXPECT_FAIL(E_SHAPE, ag_scale_heads(&tape, x, v, v, 2), "[4, 6]", "2 heads of queries");
    EXPECT_FAIL(E_SHAPE, ag_rope(&tape, x, &(Rope){.heads = 2, .head_width = 4}), "[4, 6]",
                "2 heads of 4");
    EXPECT_FAIL(E_SHAPE, ag_rope(&tape, x, &(Rope){.heads = 2, .head_width = 3, .rotate = true}),
                "3 columns of a head of 3");
}

Test(ops, embedding_errors_name_token_and_table)
{
    Tensor *w = random_tensor(SHAPE(4, 6), 1), *p = random_tensor(SHAPE(3, 5), 1);
    Tensor *q = random_tensor(SHAPE(3, 6), 1), *v = random_tensor(SHAPE(6), 1);
    const int32_t good[] = {0, 2}, high[] = {0, 4}, low[] = {-1, 0};

    EXPECT_FAIL(E_SHAPE, ag_embedding(&tape, w, p, good, good, 2), "[4, 6]", "[3, 5]");
    EXPECT_FAIL(E_SHAPE, ag_embedding(&tape, v, NULL, good, NULL, 2), "[6]");
    EXPECT_FAIL(E_ARG, ag_embedding(&tape, w, NULL, high, NULL, 2), "token 4 of row 1", "[4, 6]");
    EXPECT_FAIL(E_ARG, ag_embedding(&tape, w, NULL, low, NULL, 2), "token -1 of row 0", "[4, 6]");
    EXPECT_FAIL(E_ARG, ag_embedding(&tape, w, q, good, high, 2), "position 4 of row 1", "[3, 6]");
}
