/* What keeps spikes away, each as a setting: that it does what it says. (Update clipping: test_update.c;
 * warm-up and beta2's bias: test_optim.c.) */
#include "tests/support.h"

#include <math.h>
#include <string.h>

#include "train/run/run.h"

enum { LAYERS = 8 };
#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static Place place;

static void make_place(void)
{
    place = place_make();
}

static void remove_place(void)
{
    place_remove(&place);
}

TestSuite(prevention, .init = make_place, .fini = remove_place);

static void open_run(Run *r, Config *c, const char *const more[])
{
    place_config(&place, c, more);
    MUST(run_open(r, c));
    MUST(batches_fill(&r->train, 1, &r->batch));
}

static StepStats measure(Run *r, double *activation, double *max_logit)
{
    StepStats s = {.activation = activation, .max_logit = max_logit};
    const StepTask task = {.model = &r->model, .batch = &r->batch, .step = 1, .stats = &s};
    double loss;
    MUST(microbatches_step(r->microbatches, &task, &loss));
    return s;
}

static double std_of(const Run *r, const char *name)
{
    const Param *one = r->params.first;
    while (strcmp(one->name, name)) one = one->next;
    const int64_t count = shape_count(one->tensor.shape);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)(one->tensor.data[i] * one->tensor.data[i]);
    return sqrt(sum / (double)count);
}

/* Deep and untied, so that every matrix is there. */
static double last_activation(const char *init, double embed, double branch)
{
    const char *const more[] = {
        "model.layers=8", "model.tied=false", "model.width=64", "model.mlp=swiglu", init, NULL};
    double activation[LAYERS], max_logit[LAYERS];
    Config c;
    Run r;
    open_run(&r, &c, more);
    const struct {
        const char *name;
        double std;
    } want[] = {{"embed.weight", embed},
                {"positions.weight", 0.02},
                {"head.weight", 0.02},
                {"blocks.7.attn.q.weight", 0.02},
                {"blocks.7.attn.out.weight", branch},
                {"blocks.3.mlp.gate.weight", 0.02},
                {"blocks.3.mlp.up.weight", 0.02},
                {"blocks.3.mlp.down.weight", branch}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const double got = std_of(&r, want[i].name);
        cr_assert(fabs(got / want[i].std - 1) < 0.1, "%s, %s: %g, not %g", init, want[i].name, got,
                  want[i].std);
    }
    measure(&r, activation, max_logit);
    run_close(&r);
    return activation[LAYERS - 1];
}

Test(prevention, initial_values_are_scaled_by_depth)
{
    const double scaled = last_activation("model.init=scaled", 0.02, 0.02 / 4),
                 plain = last_activation("model.init=plain", 0.02, 0.02),
                 large = last_activation("model.embed_std=1", 1, 0.02 / 4);
    cr_assert(scaled < 0.9 * plain, "%g, plain %g", scaled, plain);
    cr_assert(fabs(large - 1) < 0.1, "%g", large);
}

/* RMS-normalised rows of d numbers have length sqrt(d), so their product over sqrt(d) is at most that. */
Test(prevention, qk_norm_bounds_attention_logits)
{
    const double bound = sqrt(12);
    for (int norm = 0; norm < 2; norm++)
        for (int rope = 0; rope < 2; rope++) {
            double activation[2], max_logit[2], largest = 0;
            Config c;
            Run r;
            open_run(&r, &c,
                     SETTINGS(norm ? "model.qk_norm=true" : "model.qk_norm=false",
                              rope ? "model.positions=rope" : "model.positions=learned"));
            for (int64_t i = 0; i < r.params.count; i++) r.params.value[i] *= 100;
            measure(&r, activation, max_logit);
            for (int i = 0; i < 2; i++) {
                if (max_logit[i] > largest) largest = max_logit[i];
                if (norm) cr_assert(max_logit[i] <= bound * (1 + 1e-5), "%.9g", max_logit[i]);
            }
            if (norm) cr_assert(largest > 0.8 * bound, "%g", largest);
            if (!norm) cr_assert(largest > 3 * bound, "%g", largest);
            run_close(&r);
        }
}

static double log_z_after(const char *setting)
{
    double activation[2], max_logit[2];
    Config c;
    Run r;
    open_run(&r, &c, SETTINGS(setting, "train.steps=30"));
    for (int i = 0; i < 30; i++) MUST(run_step(&r));
    MUST(batches_fill(&r.train, 1, &r.batch));
    const double log_z = measure(&r, activation, max_logit).log_z;
    run_close(&r);
    return log_z;
}

Test(prevention, z_loss_pulls_log_z_to_0)
{
    const double without = log_z_after("train.z_loss=0"), with = log_z_after("train.z_loss=0.1");
    cr_assert(fabs(with) < 0.7 * fabs(without), "%g, without %g", with, without);
}

static double length(const real *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* After the first update m is 1 - beta1 of what got through. */
Test(prevention, clip_bounds_what_gets_through)
{
    for (int clipped = 0; clipped < 2; clipped++) {
        Config c;
        Run r;
        open_run(&r, &c, SETTINGS(clipped ? "optim.clip=0.01" : "optim.clip=0"));
        MUST(run_step(&r));
        cr_assert_gt(r.grad_norm, 0.02);
        const double got = length(r.params.m, r.params.count) / 0.1,
                     want = clipped ? 0.01 : r.grad_norm;
        cr_assert(fabs(got / want - 1) < 1e-3, "%g, not %g", got, want);
        run_close(&r);
    }
}

/* The first update is a step of lr / warmup in every direction. */
Test(prevention, warmup_begins_small)
{
    for (int steps = 1; steps <= 100; steps *= 10) {
        char setting[32];
        Config c;
        Run r;
        snprintf(setting, sizeof setting, "optim.warmup=%d", steps);
        open_run(&r, &c, SETTINGS(setting, "optim.weight_decay=0"));
        const Param *p = r.params.first;
        while (strcmp(p->name, "blocks.0.mlp.up.weight") != 0) p = p->next;
        const Tensor *w = &p->tensor;
        const int64_t count = shape_count(w->shape);
        real *before = malloc((size_t)count * sizeof *before);
        cr_assert_not_null(before);
        memcpy(before, w->data, (size_t)count * sizeof *before);
        MUST(run_step(&r));
        for (int64_t i = 0; i < count; i++) before[i] -= w->data[i];
        const double got = length(before, count) / sqrt((double)count), want = 0.01 / steps;
        cr_assert(fabs(got / want - 1) < 1e-2, "%g, not %g", got, want);
        free(before);
        run_close(&r);
    }
}

/* What a spike leaves in v is half gone after ln 2 / (1 - beta2) updates. */
Test(prevention, beta2_says_how_long_a_spike_is_remembered)
{
    static const double beta2[] = {0.9, 0.95, 0.99, 0.999};
    for (int k = 0; k < 4; k++) {
        const OptimConfig c = {.beta1 = 0.9, .beta2 = beta2[k], .eps = 1e-8};
        const int64_t half = llround(log(2) / (1 - beta2[k]));
        Params p = {0};
        params_vector(&p, "", "a", 1, 0);
        MUST(params_alloc(&p, true));
        p.grad[0] = 1000;
        optim_step(&p, &c, 1e-3, 1, 1, NULL);
        const double spike = p.v[0];
        p.grad[0] = 0;
        for (int64_t i = 0; i < half; i++) optim_step(&p, &c, 1e-3, 1, i + 2, NULL);
        cr_assert(fabs((double)p.v[0] / spike - 0.5) < 0.03, "beta2 %g: %g", beta2[k],
                  (double)p.v[0] / spike);
        params_free(&p);
    }
}
