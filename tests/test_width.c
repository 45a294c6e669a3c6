/* muP: what depends on width, what does not, and that at the base width nothing does. */
#include "tests/support.h"

#include <math.h>
#include <string.h>

#include "layers/width.h"
#include "train/run/run.h"

static const char *const variations[][3] = {
    {"model.tied=true"},
    {"model.tied=false", "model.mlp=swiglu", "optim.update_clip=true"},
};

/* A run of 12 updates; its parameters are left open. */
static void train(Run *r, Config *c, const Place *p, const char *const one[4], const char *first,
                  const char *second)
{
    const char *more[8] = {first, second};
    for (int i = 0; i < 4 && one[i]; i++) more[2 + i] = one[i];
    place_config(p, c, more);
    MUST(run_open(r, c));
    while (r->step < c->train.steps) MUST(run_step(r));
}

Test(mup, at_the_base_width_is_standard)
{
    static Config one, other;
    const Place p = place_make();
    for (int i = 0; i < 2; i++) {
        const char *const *v = variations[i], *const as_it_is[4] = {v[0], v[1], v[2]},
                          *const with_root[4] = {"model.attention_scale=sqrt", v[0], v[1], v[2]};
        Run a, b;
        train(&a, &one, &p, as_it_is, "model.parametrization=standard", "model.base_width=7");
        train(&b, &other, &p, as_it_is, "model.parametrization=mup", "model.base_width=24");
        cr_expect(memcmp(a.params.value, b.params.value, (size_t)a.params.count * sizeof(real)),
                  "scores are divided by another number");
        run_close(&b);
        train(&b, &other, &p, with_root, "model.parametrization=mup", "model.base_width=24");
        cr_expect(!memcmp(a.params.value, b.params.value, (size_t)a.params.count * sizeof(real)));
        run_close(&a);
        run_close(&b);
    }
    place_remove(&p);
}

static double std_of(const Param *one)
{
    double squares = 0;
    const int64_t count = shape_count(one->tensor.shape);
    for (int64_t i = 0; i < count; i++)
        squares += (double)one->tensor.data[i] * (double)one->tensor.data[i];
    return sqrt(squares / (double)count);
}

static bool is_hidden(const Param *one)
{
    return one->decay && !strncmp(one->name, "blocks.", 7);
}

/* Width 96 at a base of 24: a quarter of the rate, half of the std. */
Test(mup, scales_matrices_of_blocks_and_nothing_else)
{
    static Config c;
    Run r;
    const Place p = place_make();
    const char *const more[] = {"model.width=96",      "model.parametrization=mup",
                                "model.base_width=24", "model.tied=false",
                                "model.init=plain",    NULL};
    place_config(&p, &c, more);
    MUST(run_open(&r, &c));
    cr_expect_eq(width_score_scale(&c.model), 1.0 / 48);
    cr_expect_eq(width_ratio(&c.model), 4);
    int hidden = 0;
    for (const Param *one = r.params.first; one; one = one->next) {
        cr_expect_eq(one->rate, is_hidden(one) ? 0.25 : 1, "%s: rate %g", one->name, one->rate);
        if (!one->decay) continue;
        hidden += is_hidden(one);
        cr_expect_float_eq(std_of(one), is_hidden(one) ? 0.01 : 0.02, 0.001, "%s: std %g",
                           one->name, std_of(one));
    }
    cr_expect_eq(hidden, 12);
    run_close(&r);
    place_remove(&p);
}

/* AdamW's first step is of size lr whatever the gradient is; decay takes lr weight_decay of each matrix. */
Test(mup, a_rate_is_of_the_step_and_not_of_the_decay)
{
    for (int clipped = 0; clipped < 2; clipped++) {
        const OptimConfig c = {
            .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-30, .weight_decay = 0.5, .update_clip = clipped};
        Params p = {0};
        params_matrix(&p, "", "a", 3, 5, 0.02);
        params_rate(&p, params_matrix(&p, "", "b", 3, 5, 0.02), 0.125);
        MUST(params_alloc(&p, true));
        for (int i = 0; i < 30; i++) p.value[i] = 2, p.grad[i] = (real)(i % 2 ? 3e-3 : -4e-5);
        optim_step(&p, &c, 0.01, 1, 1, NULL);
        for (int i = 0; i < 30; i++)
            cr_expect_float_eq((double)p.value[i],
                               2 * (1 - 0.01 * 0.5) -
                                   (i % 2 ? 1 : -1) * 0.01 * (i < 15 ? 1 : 0.125),
                               1e-6, "%d: %.9g", i, (double)p.value[i]);
        params_free(&p);
    }
}

/* The loss and the logits that sampling sees are of the same model, and logits are divided by m. */
Test(mup, logits_are_divided_by_m)
{
    static Config c;
    Run r;
    const Place p = place_make();
    const char *const more[] = {"model.parametrization=mup", "model.base_width=6", "train.batch=1",
                                NULL};
    place_config(&p, &c, more);
    MUST(run_open(&r, &c));
    for (int64_t i = 0; i < r.params.count; i++) r.params.value[i] *= 3;
    MUST(batches_fill(&r.train, 1, &r.batch));
    const int32_t rows[] = {0, (int32_t)c.model.context};
    const GptInput in = {.rows = c.model.context,
                         .tokens = r.batch.inputs,
                         .positions = r.batch.positions,
                         .attention = {.segments = 1, .queries = rows, .keys = rows}};
    real row_loss[64];
    Tape t = {0};
    tape_reset(&t);
    const CrossEntropy loss = {.targets = r.batch.targets, .scale = 1, .row_loss = row_loss};
    cr_assert_not_null(gpt_loss(&r.model, &t, &in, &loss), "%s", error_message());
    const Tensor *next = gpt_next(&r.model, &t, &in), *hidden = gpt_forward(&r.model, &t, &in);
    const real *last = hidden->data + (in.rows - 1) * c.model.width;
    double sum = 0, length = 0;
    for (int v = 0; v < SUPPORT_VOCAB; v++) sum += exp((double)next->data[v]);
    cr_expect_float_eq(log(sum) - (double)next->data[r.batch.targets[in.rows - 1]],
                       (double)row_loss[in.rows - 1], 1e-5);
    for (int64_t i = 0; i < c.model.width; i++) length += (double)last[i] * (double)last[i];
    cr_expect_float_eq(sqrt(length / 24), 3.0 / 4, 0.01, "the norm's gain is 3, and m is 4");
    tape_free(&t);
    run_close(&r);
    place_remove(&p);
}
