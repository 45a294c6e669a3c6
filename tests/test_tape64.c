/* The tape and the parameters, in double, where a gradient can be held against finite differences. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "autograd/params.h"

enum { ROWS = 6, WIDTH = 5, VOCABULARY = 7, FLAGS = 16 };

static const int32_t tokens[ROWS] = {1, 4, 1, 0, 6, 3}, targets[ROWS] = {4, 1, 0, -1, 3, 2};

static Tape tape;
static Params params;
static Tensor *embed, *w, *b, *up, *up_bias, *head, *unused;
static bool written[FLAGS];

static void open_model(void)
{
    embed = params_matrix(&params, "", "embed", VOCABULARY, WIDTH, 1);
    w = params_vector(&params, "norm", "weight", WIDTH, 1.1);
    b = params_vector(&params, "norm", "bias", WIDTH, 0.1);
    up = params_matrix(&params, "up", "weight", WIDTH, WIDTH, 0.5);
    up_bias = params_vector(&params, "up", "bias", WIDTH, 0.2);
    unused = params_vector(&params, "", "unused", 3, 0.2);
    head = params_matrix(&params, "", "head", VOCABULARY, WIDTH, 1);
    cr_assert_eq(params_alloc(&params, true), OK, "%s", error_message());
    params_init(&params, 3);
    memset(params.grad, 255, (size_t)params.count * sizeof *params.grad); /* NaN: garbage */
    tape_reset(&tape);
}

static void close_model(void)
{
    params_free(&params);
    tape_free(&tape);
}

TestSuite(tape, .init = open_model, .fini = close_model);

static void record(void)
{
    memset(written, 0, sizeof written);
    tape_reset(&tape);
    tape_record(&tape, params.grad, written);
}

static Tensor *tokens_in(void)
{
    return ag_embedding(&tape, embed, NULL, tokens, NULL, ROWS);
}

static Tensor *loss_of(Tensor *x)
{
    return ag_cross_entropy(&tape, x, head, &(CrossEntropy){.targets = targets, .scale = 0.2});
}

static Tensor *plain(void)
{
    return loss_of(ag_layernorm(&tape, tokens_in(), w, b, 1e-5));
}

/* What a block does: a sublayer whose result is added to what it began with, by linear. */
static Tensor *residual_of_linear(void)
{
    Tensor *x = tokens_in(), *y = ag_layernorm(&tape, x, w, b, 1e-5);
    x = ag_linear(&tape, ag_activation(&tape, y, ACTIVATION_gelu), up, up_bias, x);
    return loss_of(ag_linear(&tape, ag_layernorm(&tape, x, w, b, 1e-5), up, NULL, x));
}

static Tensor *residual_of_dropout(void)
{
    const Dropout d = {rng_stream(1, "d"), 1, 0, 0.4};
    Tensor *x = tokens_in();
    x = ag_dropout(&tape, ag_layernorm(&tape, x, w, b, 1e-5), x, &d);
    x = ag_dropout(&tape, ag_linear(&tape, x, up, up_bias, NULL), x, &d);
    return loss_of(x);
}

static Tensor *residual_of_add(void)
{
    Tensor *x = tokens_in();
    x = ag_add(&tape, x, ag_layernorm(&tape, x, w, b, 1e-5));
    return loss_of(ag_add(&tape, ag_activation(&tape, x, ACTIVATION_silu), x));
}

/* One tensor as both inputs, of ops that hand over and of ones that follow. */
static Tensor *given_twice(void)
{
    Tensor *x = tokens_in();
    x = ag_add(&tape, x, x);
    x = ag_dropout(&tape, x, x, &(Dropout){rng_stream(1, "d"), 1, 0, 0.4});
    return loss_of(ag_linear(&tape, x, up, NULL, x));
}

/* A gradient that is handed over twice in a row, to a tensor with further uses before and between. */
static Tensor *handed_on(void)
{
    Tensor *x = tokens_in(), *a = ag_activation(&tape, x, ACTIVATION_gelu);
    Tensor *y = ag_add(&tape, x, a), *c = ag_layernorm(&tape, y, w, b, 1e-5);
    Tensor *z = ag_add(&tape, y, x), *u = ag_add(&tape, z, c);
    return loss_of(ag_add(&tape, u, ag_add(&tape, a, z)));
}

/* Parameters used in several places, also as a residual, which a parameter never takes over. */
static Tensor *shared_parameters(void)
{
    static const int32_t same[VOCABULARY] = {0, 1, 2, 3, 4, 5, 6};
    Tensor *x = ag_linear(&tape, tokens_in(), up, b, NULL);
    x = ag_layernorm(&tape, ag_linear(&tape, x, up, b, NULL), w, b, 1e-5);
    Tensor *table = ag_add(&tape, embed, ag_embedding(&tape, embed, embed, same, same, VOCABULARY));
    return ag_cross_entropy(&tape,
                            ag_add(&tape, x, ag_embedding(&tape, table, NULL, tokens, NULL, ROWS)),
                            embed, &(CrossEntropy){.targets = targets, .scale = 0.2});
}

/* What the loss does not depend on gets no gradient and disturbs none. */
static Tensor *dead_ends(void)
{
    Tensor *x = tokens_in(), *y = ag_layernorm(&tape, x, w, b, 1e-5);
    ag_add(&tape, y, x);
    ag_activation(&tape, ag_add(&tape, x, y), ACTIVATION_relu);
    Tensor *loss = loss_of(ag_add(&tape, x, y));
    ag_linear(&tape, y, up, up_bias, x);
    return loss;
}

/* Two segments, one of a single op, and a dead end in one. */
static Tensor *segments(void)
{
    const Dropout d = {rng_stream(1, "d"), 1, 0, 0.4};
    Tensor *x = tokens_in();
    tape_segment_begin(&tape);
    Tensor *y = ag_layernorm(&tape, x, w, b, 1e-5);
    ag_activation(&tape, y, ACTIVATION_relu);
    y = ag_linear(&tape, ag_activation(&tape, y, ACTIVATION_gelu), up, up_bias, NULL);
    x = tape_segment_end(&tape, ag_dropout(&tape, y, x, &d));
    y = ag_activation(&tape, x, ACTIVATION_silu);
    tape_segment_begin(&tape);
    y = tape_segment_end(&tape, ag_layernorm(&tape, ag_add(&tape, x, y), w, NULL, 1e-5));
    tape_segment_begin(&tape);
    y = tape_segment_end(&tape, ag_linear(&tape, y, up, NULL, y));
    return loss_of(ag_add(&tape, y, x));
}

/* A loss and an auxiliary one. */
static Tensor *sum_of_losses(void)
{
    Tensor *x = ag_layernorm(&tape, tokens_in(), w, b, 1e-5);
    Tensor *aux = ag_sum(&tape, ag_activation(&tape, x, ACTIVATION_silu), NULL, 0.1);
    return ag_add(&tape, loss_of(x), ag_scale(&tape, aux, 0.7));
}

/* Losses that reach backward with other factors than the seed; two with one output layer. */
static Tensor *scaled_losses(void)
{
    Tensor *x = tokens_in(), *y = ag_layernorm(&tape, x, w, b, 1e-5);
    Tensor *half = ag_scale(&tape, loss_of(y), 0.5), *rest = ag_scale(&tape, loss_of(x), -3);
    return ag_scale(&tape, ag_add(&tape, ag_add(&tape, half, loss_of(y)), rest), 0.3);
}

/* -log sigmoid of a difference of log-probabilities would begin like this. */
static Tensor *log_probs(void)
{
    static const double signs[ROWS] = {1, 1, 0.5, -1, -1, 0};
    Tensor *x = ag_layernorm(&tape, tokens_in(), w, b, 1e-5);
    Tensor *p = ag_log_prob(&tape, x, head, targets), *q = ag_log_prob(&tape, x, embed, targets);
    p = ag_activation(&tape, ag_add(&tape, p, ag_scale(&tape, q, 0.3)), ACTIVATION_gelu);
    return ag_sum(&tape, p, signs, 0.2);
}

typedef Tensor *Graph(void);
static Graph *const graphs[] = {
    plain,       residual_of_linear, residual_of_dropout, residual_of_add,
    given_twice, handed_on,          shared_parameters,   dead_ends,
    segments,    sum_of_losses,      scaled_losses,       log_probs};
enum { GRAPHS = sizeof graphs / sizeof *graphs };

static double value(Graph *graph)
{
    tape_reset(&tape);
    Tensor *loss = graph();
    cr_assert(loss, "%s", error_message());
    return loss->data[0];
}

Test(tape, gradients_are_those_of_the_whole_graph)
{
    for (int k = 0; k < GRAPHS; k++) {
        record();
        cr_assert_eq(tape_backward(&tape, graphs[k]()), OK, "%s", error_message());
        params_zero_unwritten(&params, written, params.grad);
        for (int64_t i = 0; i < params.count; i++) {
            const double x = params.value[i], step = 1e-5;
            params.value[i] = x + step;
            double slope = value(graphs[k]) / (2 * step);
            params.value[i] = x - step;
            slope -= value(graphs[k]) / (2 * step);
            params.value[i] = x;
            cr_expect(fabs(params.grad[i] - slope) < 1e-8, "graph %d, number %d: %g, not %g", k,
                      (int)i, params.grad[i], slope);
        }
    }
}

Test(tape, gradients_add_up_and_scale_with_the_seed)
{
    double once[500];
    cr_assert_lt(params.count, 500);
    record();
    cr_assert_eq(tape_backward(&tape, residual_of_linear()), OK);
    params_zero_unwritten(&params, written, params.grad);
    memcpy(once, params.grad, (size_t)params.count * sizeof *once);

    tape_reset(&tape); /* the flags stay: the block holds sums */
    tape_record(&tape, params.grad, written);
    tape.seed = 3;
    cr_assert_eq(tape_backward(&tape, residual_of_linear()), OK);
    for (int64_t i = 0; i < params.count; i++)
        cr_assert_float_eq(params.grad[i], 4 * once[i], 1e-12);
}

/* The example at the head of autograd/tape.c. */
Test(tape, plan_uses_memory_again)
{
    record();
    Tensor *x = tokens_in(), *y = ag_layernorm(&tape, x, w, b, 1e-5),
           *z = ag_activation(&tape, y, ACTIVATION_gelu), *loss = loss_of(z);
    cr_assert_eq(tape_backward(&tape, loss), OK, "%s", error_message());
    cr_expect_eq(loss->offset, 0);
    cr_expect_eq(z->offset, 16);
    cr_expect_eq(y->offset, 48);
    cr_expect_eq(x->offset, 0);
}

/* As many inputs as an op may have: y = the sum over i of (i + 1) x_i^2, y is read in backward. */
static Status squares_shape(Node *n)
{
    n->out->shape = n->in[0]->shape;
    return OK;
}

static void squares_forward(const Node *n)
{
    for (int64_t j = 0; j < shape_count(n->out->shape); j++) {
        n->out->data[j] = 0;
        for (int i = 0; i < OP_INPUTS_MAX; i++)
            n->out->data[j] += (i + 1) * n->in[i]->data[j] * n->in[i]->data[j];
    }
}

static void squares_backward(const Node *n)
{
    for (int64_t j = 0; j < shape_count(n->out->shape); j++) {
        real rest = n->out->data[j]; /* (i + 1) x_i^2, when all others are gone */
        for (int i = 1; i < OP_INPUTS_MAX; i++)
            rest -= (i + 1) * n->in[i]->data[j] * n->in[i]->data[j];
        for (int i = 0; i < OP_INPUTS_MAX; i++) {
            const real x = n->in[i]->data[j], slope = i ? 2 * (i + 1) * x : 2 * rest / x;
            if (n->din[i]) n->din[i][j] = (n->add[i] ? n->din[i][j] : 0) + n->dout[j] * slope;
        }
    }
}

static const OpCase squares_cases[] = {
    {"eight inputs",
     {SHAPE_OF(2, 3), SHAPE_OF(2, 3), SHAPE_OF(2, 3), SHAPE_OF(2, 3), SHAPE_OF(2, 3),
      SHAPE_OF(2, 3), SHAPE_OF(2, 3), SHAPE_OF(2, 3)},
     NULL,
     0},
};

static const Op op_squares = {
    .name = "squares",
    .inputs = OP_INPUTS_MAX,
    .needs_inputs = (1 << (OP_RESULT + 1)) - 1,
    .shape = squares_shape,
    .forward = squares_forward,
    .backward = squares_backward,
    .cases = squares_cases,
};

Test(tape, an_op_may_have_eight_inputs)
{
    double worst;
    cr_assert_eq(gradcheck(&op_squares, squares_cases, &worst), OK, "%s", error_message());
    cr_expect_lt(worst, 1e-8);
}

/* Gradcheck sees each input and the result that backward reads and needs_inputs leaves out. */
Test(tape, numbers_read_must_be_named)
{
    for (int bit = 0; bit <= OP_RESULT; bit++) {
        Op op = op_squares;
        double worst;
        op.needs_inputs &= ~(1u << bit);
        cr_assert_eq(gradcheck(&op, squares_cases, &worst), OK, "%s", error_message());
        cr_expect(!(worst < 1e-8), "%d", bit);
    }
}

/* Forward has written the gradient of a loss that tape_backward() is not given: no wrong gradient. */
Test(tape, every_loss_takes_part_and_backward_runs_once)
{
    record();
    Tensor *x = tokens_in(), *unused_loss = loss_of(x), *loss = loss_of(x);
    cr_assert(unused_loss && loss);
    cr_expect_eq(tape_backward(&tape, loss), E_ARG);
    cr_expect(strstr(error_message(), "cross_entropy"), "%s", error_message());
    cr_expect_eq(tape_backward(&tape, ag_add(&tape, unused_loss, loss)), OK);
    cr_expect_eq(tape_backward(&tape, loss), E_ARG);

    tape_reset(&tape); /* not recorded: not trained on */
    unused_loss = plain();
    tape_record(&tape, params.grad, written);
    cr_expect_eq(tape_backward(&tape, plain()), OK, "%s", error_message());
}

Test(tape, a_loss_is_never_bfloat16)
{
    record();
    tape.bf16 = BF16_RESULTS;
    Tensor *x = ag_scale(&tape, tokens_in(), 1.5), *aux = ag_sum(&tape, x, NULL, 1);
    aux = ag_scale(&tape, aux, 1.5);
    cr_assert(x && aux, "%s", error_message());
    cr_expect(!x->data && x->bf16 && aux->data && !aux->bf16);
}

/* The same numbers at another place, which nothing but the result of a segment may leave. */
Test(tape, what_a_segment_forgets_cannot_be_used)
{
    record();
    Tensor *x = tokens_in();
    tape_segment_begin(&tape);
    Tensor *y = ag_activation(&tape, x, ACTIVATION_gelu), *z = ag_add(&tape, x, y);
    z = tape_segment_end(&tape, z);
    cr_assert(z && ag_add(&tape, x, z));
    cr_expect_null(ag_add(&tape, y, z));
    cr_expect_eq(tape.status, E_ARG);
    cr_expect(strstr(error_message(), "add: input 0 "), "%s", error_message());
}

Test(tape, a_segment_holds_no_other_and_has_an_end)
{
    record();
    tape_segment_begin(&tape);
    tape_segment_begin(&tape);
    cr_expect_eq(tape.status, E_ARG);
    cr_expect_null(tape_segment_end(&tape, NULL));

    record();
    tape_segment_begin(&tape);
    cr_expect_null(loss_of(tokens_in())); /* writes a gradient in forward */
    cr_expect_eq(tape.status, E_ARG);

    record();
    Tensor *loss = plain();
    tape_segment_begin(&tape);
    cr_expect_eq(tape_backward(&tape, loss), E_ARG);

    tape_free(&tape); /* nothing is recorded: no segment */
    tape_reset(&tape);
    Tensor *x = tokens_in();
    tape_segment_begin(&tape);
    Tensor *y = ag_activation(&tape, x, ACTIVATION_gelu);
    cr_expect_eq(tape_segment_end(&tape, x), x);
    cr_expect_not_null(ag_add(&tape, x, y));
    cr_expect_eq(tape.inner.most, 0);
}

Test(tape, without_record_nothing_is_kept)
{
    tape_reset(&tape);
    Tensor *loss = residual_of_linear();
    cr_assert(loss && !loss->wants_grad && !tape.last);
    cr_expect_eq(tape_backward(&tape, loss), E_ARG);
    for (int64_t i = 0; i < params.count; i++) cr_assert(isnan(params.grad[i]));
}

Test(tape, the_first_fault_stays)
{
    record();
    Tensor *x = tokens_in();
    Node *last = tape.last;
    cr_assert_null(ag_add(&tape, x, up));
    cr_expect(strstr(error_message(), "[6, 5] + [5, 5]"), "%s", error_message());
    cr_assert_null(ag_linear(&tape, NULL, up, NULL, x));
    cr_assert_null(loss_of(ag_activation(&tape, x, ACTIVATION_relu)));
    cr_expect_null(tape_take(&tape, 8));
    cr_expect_null(tape_tensor(&tape, SHAPE(2)));
    cr_expect_null(tape_fault(&tape, E_IO));
    cr_expect_eq(tape.last, last);
    cr_expect_eq(tape_backward(&tape, NULL), E_SHAPE);
    cr_expect(strstr(error_message(), "[6, 5] + [5, 5]"), "%s", error_message());

    record();
    cr_expect_eq(tape_backward(&tape, plain()), OK, "%s", error_message());
}

Test(tape, an_input_that_is_not_there_is_a_fault)
{
    cr_expect_null(ag_add(&tape, NULL, embed));
    cr_expect_eq(tape.status, E_ARG);
    cr_expect(strstr(error_message(), "add: input 0"), "%s", error_message());
}

Test(tape, backward_wants_a_scalar_that_depends_on_something)
{
    record();
    Tensor *x = tokens_in();
    cr_expect_eq(tape_backward(&tape, x), E_SHAPE);
    cr_expect(strstr(error_message(), "[6, 5]"), "%s", error_message());
    cr_expect_eq(tape_backward(&tape, NULL), E_ARG);
    cr_expect_eq(tape_backward(&tape, tape_tensor(&tape, SHAPE(1))), E_ARG);
}

Test(tape, stops_growing_after_the_first_step)
{
    int64_t first = 0;
    for (int step = 0; step < 4; step++) {
        record();
        cr_assert_eq(tape_backward(&tape, segments()), OK);
        int64_t now = tape.arena.reserved + tape.workspace.reserved + tape.inner.reserved;
        if (step) cr_expect_eq(now, first);
        first = now;
    }
}

Test(tape, any_allocation_may_fail)
{
    static Graph *const some[] = {residual_of_dropout, segments};
    for (int k = 0; k < 2; k++) {
        Status status = E_NOMEM;
        int fuse = 0;
        for (; status == E_NOMEM; fuse++) {
            tape_free(&tape);
            record();
            arena_fuse = fuse;
            Tensor *loss = some[k]();
            status = tape_backward(&tape, loss);
        }
        arena_fuse = -1;
        cr_expect_eq(status, OK, "%s", error_message());
        cr_expect_gt(fuse, 20);
    }
}

Test(tape, check_names_the_parameter_that_went_bad)
{
    up->data[7] = NAN;
    record();
    tape.check = true;
    tape_scope(&tape, "first");
    Tensor *x = ag_layernorm(&tape, tokens_in(), w, b, 1e-5);
    tape_scope(&tape, "second");
    cr_expect(!tape.finding.found);
    loss_of(ag_linear(&tape, x, up, up_bias, NULL));
    const TapeFinding f = tape.finding;
    cr_assert(f.found && !f.in_backward && f.parameter);
    cr_expect_str_eq(f.op, "linear");
    cr_expect_str_eq(f.scope, "second");
    cr_expect_str_eq(f.parameter, "up.weight");
}

Test(tape, check_names_the_op_that_went_bad)
{
    for (int i = 0; i < WIDTH; i++) embed->data[i] = 1e200;
    record();
    tape.check = true;
    tape_scope(&tape, "here");
    loss_of(ag_activation(&tape, tokens_in(), ACTIVATION_relu2));
    const TapeFinding f = tape.finding;
    cr_assert(f.found && !f.in_backward && !f.parameter);
    cr_expect_str_eq(f.op, "activation");
    cr_expect_str_eq(f.scope, "here");
}

Test(tape, check_sees_gradients_too)
{
    record();
    tape.check = true;
    tape.seed = 1e308;
    Tensor *loss = loss_of(ag_rmsnorm(&tape, tokens_in(), w, 1e-5));
    cr_assert(!tape.finding.found);
    for (int i = 0; i < WIDTH; i++) w->data[i] = 1e10; /* finite, as all in forward was */
    cr_assert_eq(tape_backward(&tape, loss), OK);
    const TapeFinding f = tape.finding;
    cr_assert(f.found && f.in_backward);
    cr_expect_str_eq(f.op, "rmsnorm");
}

Test(params, lie_without_gaps_in_the_order_declared, .init = open_model, .fini = close_model)
{
    int64_t offset = 0;
    int index = 0;
    for (const Param *p = params.first; p; p = p->next) {
        cr_expect_eq(p->tensor.offset, offset);
        cr_expect_eq(p->tensor.index, index++);
        cr_expect_eq(p->tensor.data, params.value + offset);
        cr_expect_eq(p->decay, p->tensor.shape.rank == 2);
        offset += shape_count(p->tensor.shape);
    }
    cr_expect_eq(offset, params.count);
    cr_expect_str_eq(up->name, "up.weight");
    cr_expect(w->data[0] == (real)1.1 && unused->data[2] == (real)0.2);
}

Test(params, another_parameter_changes_no_initial_value)
{
    Params one = {0}, two = {0};
    Tensor *x = params_matrix(&one, "a", "weight", 3, 4, 0.02);
    params_matrix(&two, "b", "weight", 2, 2, 0.02);
    Tensor *y = params_matrix(&two, "a", "weight", 3, 4, 0.02);
    cr_assert(params_alloc(&one, false) == OK && params_alloc(&two, false) == OK);
    params_init(&one, 9);
    params_init(&two, 9);
    cr_expect(!memcmp(x->data, y->data, 12 * sizeof(real)));
    cr_expect(!one.grad && !one.m && !one.v);
    params_init(&two, 10);
    cr_expect(memcmp(x->data, y->data, 12 * sizeof(real)));
    params_free(&one);
    params_free(&two);
}

Test(params, a_span_is_several_as_one)
{
    Params p = {0};
    Tape t = {0};
    bool flags[FLAGS] = {0};
    Tensor *before = params_vector(&p, "", "before", 3, 1);
    Tensor *q = params_matrix(&p, "", "q", 4, 6, 1), *k = params_matrix(&p, "", "k", 2, 6, 1);
    Tensor *qk = params_span(&p, q, k), *loss_head = params_matrix(&p, "", "head", 9, 6, 1);
    cr_assert_eq(params_alloc(&p, true), OK, "%s", error_message());
    params_init(&p, 1);
    cr_expect(shape_equal(qk->shape, SHAPE(6, 6)));
    cr_expect(qk->data == q->data && qk->data + 24 == k->data);

    for (int64_t i = 0; i < p.count; i++) p.grad[i] = NAN;
    tape_reset(&t);
    tape_record(&t, p.grad, flags);
    const int32_t in[] = {0, 5}, out[] = {8, 1};
    Tensor *x = ag_embedding(&t, qk, NULL, in, NULL, 2);
    x = ag_cross_entropy(&t, x, loss_head, &(CrossEntropy){.targets = out, .scale = 1});
    cr_assert_eq(tape_backward(&t, x), OK, "%s", error_message());
    cr_expect(isnan(p.grad[before->offset]));
    for (int i = 0; i < 36; i++)
        cr_expect_eq(p.grad[qk->offset + i] != 0, i / 6 == 0 || i / 6 == 5, "%d", i);

    double spanned = p.grad[qk->offset];
    params_zero_unwritten(&p, flags, p.grad);
    cr_expect_eq(p.grad[qk->offset], spanned);
    for (int i = 0; i < 3; i++) cr_expect_eq(p.grad[before->offset + i], 0);
    memset(flags, 0, sizeof flags);
    params_zero_unwritten(&p, flags, p.grad);
    for (int64_t i = 0; i < p.count; i++) cr_expect_eq(p.grad[i], 0);
    tape_free(&t);
    params_free(&p);
}

Test(params, a_span_of_what_does_not_join_is_a_fault)
{
    Params p = {0};
    Tensor *q = params_matrix(&p, "", "q", 4, 6, 1), *k = params_matrix(&p, "", "k", 2, 5, 1);
    cr_expect_null(params_span(&p, q, k));
    cr_expect_eq(params_alloc(&p, true), E_SHAPE);
    cr_expect(strstr(error_message(), "q [4, 6]") && strstr(error_message(), "k [2, 5]"), "%s",
              error_message());
    params_free(&p);

    q = params_matrix(&p, "", "q", 4, 6, 1), k = params_matrix(&p, "", "k", 2, 6, 1);
    cr_expect_null(params_span(&p, k, q)); /* the wrong way round */
    cr_expect_eq(params_alloc(&p, true), E_SHAPE);
    params_free(&p);
}

Test(params, names_are_unique_and_of_bounded_length)
{
    Params p = {0};
    params_vector(&p, "a", "weight", 3, 1);
    params_vector(&p, "a", "weight", 3, 1);
    cr_expect_eq(params_alloc(&p, true), E_ARG);
    cr_expect(strstr(error_message(), "a.weight"), "%s", error_message());
    params_free(&p);

    char name[2 * PARAM_NAME_MAX];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    params_vector(&p, "a", name, 3, 1);
    cr_expect_eq(params_alloc(&p, true), E_ARG);
    params_free(&p);
}
