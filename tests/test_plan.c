/* What plan says a model has, against what is published and against what training really takes. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "autograd/base/threads.h"
#include "train/plan/plan.h"
#include "train/plan/probe.h"

static void load(Config *c, int count, const char *const overrides[])
{
    cr_assert_eq(config_load(c, NULL, count, overrides), OK, "%s", error_message());
}

typedef struct Published {
    const char *model[3];
    int64_t parameters;
} Published;

/* Radford et al. 2019; counted by OpenAI's checkpoints. */
static const Published gpt2[] = {
    {{"model.layers=12", "model.heads=12", "model.width=768"}, 124439808},
    {{"model.layers=24", "model.heads=16", "model.width=1024"}, 354823168},
    {{"model.layers=36", "model.heads=20", "model.width=1280"}, 774030080},
    {{"model.layers=48", "model.heads=25", "model.width=1600"}, 1557611200},
};

ParameterizedTestParameters(plan, counts_gpt2_as_published)
{
    static int which[] = {0, 1, 2, 3};
    return cr_make_param_array(int, which, 4);
}

ParameterizedTest(int *which, plan, counts_gpt2_as_published)
{
    static Config c;
    const Published *g = &gpt2[*which];
    const char *const overrides[] = {"model.context=1024", g->model[0], g->model[1], g->model[2]};
    Plan p;
    load(&c, 4, overrides);
    cr_assert_eq(plan_make(&p, &c, 50257), OK, "%s", error_message());
    cr_expect_eq(p.parameters, g->parameters, "%lld, not %lld", (long long)p.parameters,
                 (long long)g->parameters);
    cr_expect_eq(p.parameters_non_embedding,
                 g->parameters - (50257 + c.model.context) * c.model.width);
    cr_expect_lt(p.image_size, 10000000, "a save streams: it takes no copy of the parameters");
    cr_expect_null(p.params.value, "a plan needs no memory for parameters");
    plan_close(&p);
}

Test(plan, counts_the_operations_of_gpt2)
{
    static Config c;
    const char *const overrides[] = {"model.context=1024", "model.layers=12", "model.heads=12",
                                     "model.width=768", "model.bias=false"};
    Plan p;
    load(&c, 5, overrides);
    cr_assert_eq(plan_make(&p, &c, 50257), OK, "%s", error_message());
    cr_expect_eq(p.flops_per_token, 854438400.0);
    plan_close(&p);
}

/* Shapes that make each term of the estimate count. */
/* Shapes that make each term of the estimate count, and those of bench's cases, smaller. */
static const char *const shapes[][8] = {
    {"model.width=256", "model.mlp_width=1024", "model.mlp=gelu", "model.layers=6",
     "train.microbatches=2"},
    {"model.width=256", "model.layers=8", "model.mlp=gelu", "model.dropout=0.1",
     "train.microbatches=2", "train.recompute=blocks"},
    {"model.width=256", "model.mlp_width=2048", "model.mlp=swiglu", "model.kv_heads=1",
     "model.positions=rope"},
    {"model.width=512", "model.mlp_width=512", "model.norm_place=sandwich", "model.dropout=0.1",
     "train.microbatches=2"},
    {"model.context=64", "train.batch=12"},
    {"model.context=512", "train.batch=1", "model.width=192", "model.layers=3"},
    {"model.context=1024", "train.batch=2", "model.width=96", "model.layers=3", "train.threads=2",
     "train.recompute=blocks"},
};

ParameterizedTestParameters(plan, estimates_the_memory_of_activations)
{
    static int which[] = {0, 1, 2, 3, 4, 5, 6};
    return cr_make_param_array(int, which, 7);
}

ParameterizedTest(int *which, plan, estimates_the_memory_of_activations)
{
    static Config c;
    const char *const common[] = {"model.context=128", "train.batch=4"};
    const char *overrides[10];
    int count = 2;
    for (int i = 0; i < 2; i++) overrides[i] = common[i];
    for (; shapes[*which][count - 2]; count++) overrides[count] = shapes[*which][count - 2];
    Plan p;
    load(&c, count, overrides);
    threads_set(c.train.threads ? (int)c.train.threads : 1);
    cr_assert_eq(plan_make(&p, &c, 1000), OK, "%s", error_message());
    const double estimate = (double)p.activation_size;

    Probe probe;
    double seconds;
    cr_assert_eq(probe_open(&probe, &c, 1000), OK, "%s", error_message());
    cr_assert_eq(probe_step(&probe, &seconds), OK, "%s", error_message());
    const double truth = (double)microbatches_memory(probe.microbatches);
    cr_expect(estimate > 0.9 * truth && estimate < 1.1 * truth, "estimate %.2f MB, truth %.2f MB",
              1e-6 * estimate, 1e-6 * truth);
    probe_close(&probe);
    plan_close(&p);
}

/* What is taken for parameters, less what AdamW takes. */
Test(plan, knows_the_memory_of_optimizers)
{
    static Config c;
    int64_t taken[3], planned[3];
    for (int o = 0; o < 3; o++) {
        char optimizer[32];
        snprintf(optimizer, sizeof optimizer, "optim.optimizer=%s", optimizer_text((Optimizer)o));
        const char *const overrides[] = {"model.layers=2", "model.width=32", "model.context=16",
                                         "train.batch=2", optimizer};
        Plan p;
        Probe probe;
        load(&c, 5, overrides);
        threads_set(2);
        cr_assert_eq(plan_make(&p, &c, 50), OK, "%s", error_message());
        cr_assert_eq(probe_open(&probe, &c, 50), OK, "%s", error_message());
        taken[o] = probe.params.arena.taken;
        planned[o] = p.optimizer_size;
        cr_expect_eq(p.total_size, p.value_size + p.gradient_size + p.optimizer_size +
                                       p.activation_size + p.image_size);
        probe_close(&probe);
        plan_close(&p);
    }
    for (int o = 1; o < 3; o++)
        cr_expect_leq(llabs(taken[o] - taken[0] - (planned[o] - planned[0])), 128, "%s: %lld, %lld",
                      optimizer_text((Optimizer)o), (long long)(taken[o] - taken[0]),
                      (long long)(planned[o] - planned[0]));
}

Test(plan, measures_and_leaves_the_rest_as_it_was)
{
    static Config c;
    const char *const overrides[] = {"model.layers=1", "model.width=32", "model.context=16",
                                     "train.batch=2"};
    Plan p;
    load(&c, 4, overrides);
    cr_assert_eq(plan_make(&p, &c, 50), OK, "%s", error_message());
    cr_expect_eq(p.measured_sequences, 0);
    const int64_t others = p.total_size - p.activation_size;
    cr_assert_eq(plan_measure(&p), OK, "%s", error_message());
    cr_expect_eq(p.measured_sequences, 2);
    cr_expect_eq(p.total_size, others + p.activation_size);
    cr_expect_float_eq(p.seconds_per_step * p.tokens_per_second, 32, 1e-6);
    plan_close(&p);
}

/* The probe trains: made-up tokens have frequencies that can be learnt. */
Test(probe, learns_its_tokens)
{
    static Config c;
    const char *const overrides[] = {"model.layers=1", "model.width=32", "model.context=16",
                                     "train.batch=8", "optim.warmup=1"};
    Probe p;
    double seconds, first;
    load(&c, 5, overrides);
    cr_assert_eq(probe_open(&p, &c, 50), OK, "%s", error_message());
    cr_assert_eq(probe_step(&p, &seconds), OK, "%s", error_message());
    first = p.loss;
    cr_expect_float_eq(first, log(50), 0.2);
    for (int i = 0; i < 60; i++) cr_assert_eq(probe_step(&p, &seconds), OK, "%s", error_message());
    cr_expect_lt(p.loss, first - 0.2);
    probe_close(&p);
}
