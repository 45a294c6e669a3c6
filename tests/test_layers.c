/* The doors of layers/: a kind of MLP that the library does not know adds a loss and is counted. */
#include "tests/support.h"

#include <math.h>
#include <string.h>

#include "layers/cache.h"
#include "layers/cost.h"
#include "layers/mlp.h"
#include "layers/residual.h"

enum { VOCAB = 11, ROWS = 16 };

/* The dense MLP, then one more product, whose mean is a loss of its own. */
static void *declare(Params *p, const char *prefix, const GptConfig *c, uint64_t seed)
{
    return mlp_dense.init(p, prefix, c, seed);
}

static Tensor *extra; /* [8, width] */

static Tensor *forward(const void *self, const Gpt *g, Tape *t, Tensor *x, Tensor *residual,
                       const GptInput *in)
{
    Tensor *more = ag_linear(t, x, extra, NULL, NULL);
    gpt_add_loss(t, in, ag_sum(t, more, NULL, 0.01));
    return mlp_dense.forward(self, g, t, x, residual, in);
}

static const MlpKind fake = {declare, forward, NULL};

typedef struct Model {
    GptConfig config;
    Params params;
    Gpt gpt;
    Arena arena;
    GptInput in;
    const int32_t *targets;
} Model;

static void open_model(Model *m)
{
    *m = (Model){.config = {.layers = 2,
                            .heads = 2,
                            .width = 12,
                            .context = ROWS,
                            .tied = true,
                            .norm_eps = 1e-5,
                            .embed_std = 0.5}};
    gpt_resolve(&m->config);
    gpt_init(&m->gpt, &m->params, &m->config, VOCAB, 1);
    extra = params_matrix(&m->params, "extra", "weight", 8, 12, 0.5);
    MUST(params_alloc(&m->params, true));
    params_init(&m->params, 1);
    MUST(cost_windows(&m->gpt, 1, COST_CAUSAL, &m->arena, &m->in, &m->targets));
}

static void close_model(Model *m)
{
    arena_free(&m->arena);
    params_free(&m->params);
}

static double objective(Model *m, Tape *t, real *row_loss)
{
    bool written[64] = {0};
    tape_reset(t);
    tape_record(t, m->params.grad, written);
    Tensor *loss =
        gpt_loss(&m->gpt, t, &m->in,
                 &(CrossEntropy){.targets = m->targets, .scale = 1, .row_loss = row_loss});
    MUST(tape_backward(t, loss));
    params_zero_unwritten(&m->params, written, m->params.grad);
    return (double)loss->data[0];
}

Test(layers, a_layer_adds_a_loss)
{
    Model m;
    Tape t = {0};
    real plain[ROWS], rows[ROWS];
    open_model(&m);
    const double before = objective(&m, &t, plain);
    m.gpt.blocks[0].mlp.kind = m.gpt.blocks[1].mlp.kind = &fake;
    const double after = objective(&m, &t, rows);
    double terms = 0, gradient = 0;
    cr_expect(!memcmp(plain, rows, sizeof rows), "the logged loss is the cross-entropy alone");
    for (int64_t i = 0; i < shape_count(extra->shape); i++)
        terms += (double)(extra->data[i] * m.params.grad[extra->offset + i]);
    for (int64_t i = 0; i < shape_count(extra->shape); i++)
        gradient += fabs((double)m.params.grad[extra->offset + i]);
    cr_expect_gt(gradient, 1e-3);
    cr_expect_float_eq(after - before, terms, 1e-4, "%g, not %g: linear in extra", after - before,
                       terms);
    tape_free(&t);
    close_model(&m);
}

/* The term would be needed after its segment has ended: refused, not silently left out. */
Test(layers, a_loss_inside_a_recomputed_block_is_refused)
{
    Model m;
    Tape t = {0};
    bool written[64] = {0};
    open_model(&m);
    m.gpt.recompute = true;
    m.gpt.blocks[0].mlp.kind = &fake;
    tape_reset(&t);
    tape_record(&t, m.params.grad, written);
    cr_expect_null(gpt_loss(&m.gpt, &t, &m.in, &(CrossEntropy){.targets = m.targets, .scale = 1}));
    cr_expect_eq(t.status, E_ARG);
    tape_free(&t);
    close_model(&m);
}

Test(layers, no_loss_is_no_fault)
{
    Model m;
    Tape t = {0};
    open_model(&m);
    m.gpt.blocks[0].mlp.kind = &fake;
    tape_reset(&t);
    cr_expect_not_null(gpt_next(&m.gpt, &t, &m.in));
    cr_expect_eq(t.status, OK);
    tape_free(&t);
    close_model(&m);
}

/* Pairs of query and key, one by one. */
static double pairs_by_hand(int64_t window, int64_t sinks)
{
    double pairs = 0;
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j <= i; j++) pairs += !window || i - j < window || j < sinks;
    return pairs;
}

Test(layers, work_in_windows_is_what_is_seen)
{
    Model m;
    Cost cost;
    open_model(&m);
    snprintf(m.config.windows, sizeof m.config.windows, "5,3/full");
    for (m.config.sinks = 0; m.config.sinks <= 3; m.config.sinks += 3) {
        Gpt g;
        Params p = {0};
        gpt_init(&g, &p, &m.config, VOCAB, 1);
        MUST(cost_forward(&g, &m.in, m.targets, &cost));
        const double pairs = 2 * pairs_by_hand(5, m.config.sinks) +
                             pairs_by_hand(3, m.config.sinks) + pairs_by_hand(0, 0);
        cr_expect_eq(cost.scores, pairs * 2 * (6 + 6));
        params_free(&p);
    }
    close_model(&m);
}

/* A ring of the longest window, 32 slots more, and the sinks; a head that sees all needs all. */
Test(layers, a_window_bounds_the_cache)
{
    enum { SLOT = 2 * 12 };
    static const struct {
        const char *windows;
        int sinks, slots;
    } cases[] = {{"full", 0, 1000}, {"8", 0, 40},        {"8/16", 0, 48},
                 {"8", 4, 44},      {"8/full", 0, 1000}, {"990", 0, 1000}};
    Model m;
    open_model(&m);
    m.config.context = 1000;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(m.config.windows, sizeof m.config.windows, "%s", cases[i].windows);
        m.config.sinks = cases[i].sinks;
        cr_expect_eq(cache_count(&m.config, 1000), 2 * SLOT * cases[i].slots, "%s",
                     cases[i].windows);
        cr_expect_eq(cache_count(&m.config, 7), 2 * SLOT * 7, "%s", cases[i].windows);
    }
    close_model(&m);
}

Test(layers, a_new_kind_is_counted)
{
    Model m;
    Cost plain, more;
    open_model(&m);
    MUST(cost_forward(&m.gpt, &m.in, m.targets, &plain));
    m.gpt.blocks[0].mlp.kind = &fake;
    MUST(cost_forward(&m.gpt, &m.in, m.targets, &more));
    cr_expect_eq(more.weights - plain.weights, 2.0 * ROWS * 8 * 12);
    cr_expect_eq(more.scores, plain.scores);
    close_model(&m);
}

Test(layers, init_zero_is_for_output_projections)
{
    cr_expect_eq(residual_std(&(GptConfig){.layers = 2, .init = INIT_zero}), 0);
    cr_expect_eq(residual_std(&(GptConfig){.layers = 2, .init = INIT_plain}), 0.02);
}
