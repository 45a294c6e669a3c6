/* Blocks computed again in backward: the same bits from less memory. */
#include <math.h>
#include <stdlib.h>

#include "autograd/base/threads.h"
#include "tests/variants.h"
#include "tests/written.h"
#include "train/plan/plan.h"

static const Written documents[] = {{9, 4},  {8, 8},  {30, 11}, {2, 1}, {16, 0},
                                    {17, 6}, {33, 2}, {70, 40}, {7, 6}, {0, 0}};

static void setup(void)
{
    temporary_open();
    written(documents, "d.h5");
}

TestSuite(recompute, .init = setup, .fini = temporary_close);

/* What a step leaves behind. */
typedef struct Outcome {
    real *grad;
    double loss, log_z, activation[3], entropy[3], max_logit[3];
    int64_t count, memory;
} Outcome;

static Outcome outcome_of(int variant, const char *recompute, int threads)
{
    static Config c;
    Run r;
    Outcome o = {0};
    threads_set(threads);
    MUST(variant_load(&c, variant, in_temporary("d.h5"), "train.precision=float32", recompute));
    MUST(run_open(&r, &c));
    StepStats stats = {.activation = o.activation, .entropy = o.entropy, .max_logit = o.max_logit};
    const StepTask task = {
        .model = &r.model, .batch = &r.batch, .step = 7, .dropout = true, .stats = &stats};
    MUST(batches_fill(&r.train, 1, &r.batch));
    MUST(microbatches_step(r.microbatches, &task, &o.loss));
    o.log_z = stats.log_z;
    o.count = r.params.count;
    o.memory = microbatches_memory(r.microbatches);
    o.grad = malloc((size_t)o.count * sizeof *o.grad);
    memcpy(o.grad, r.params.grad, (size_t)o.count * sizeof *o.grad);
    run_close(&r);
    return o;
}

Test(recompute, changes_no_bit)
{
    for (int i = 0; i < VARIANTS; i++)
        for (int threads = 1; threads <= 4; threads += 3) {
            const Outcome one = outcome_of(i, "train.recompute=off", threads),
                          two = outcome_of(i, "train.recompute=blocks", threads);
            cr_assert_eq(one.count, two.count);
            cr_expect(!memcmp(one.grad, two.grad, (size_t)one.count * sizeof(real)), "%d", i);
            cr_expect(one.loss == two.loss && one.log_z == two.log_z);
            cr_expect(!memcmp(one.activation, two.activation, sizeof one.activation));
            cr_expect(!memcmp(one.entropy, two.entropy, sizeof one.entropy));
            cr_expect(!memcmp(one.max_logit, two.max_logit, sizeof one.max_logit));
            cr_expect_lt(two.memory, one.memory);
            free(one.grad);
            free(two.grad);
        }
}

/* With more layers, only results of blocks are added. */
Test(recompute, keeps_one_result_a_block)
{
    static Config c;
    int64_t size[2];
    for (int i = 0; i < 2; i++) {
        const char *const settings[] = {i ? "model.layers=20" : "model.layers=10",
                                        "model.width=64",
                                        "model.context=128",
                                        "train.batch=1",
                                        "train.microbatches=1",
                                        "model.dropout=0.1",
                                        "train.recompute=blocks"};
        Plan p;
        threads_set(1);
        MUST(config_load(&c, NULL, 7, settings));
        MUST(plan_make(&p, &c, 100));
        size[i] = p.activation_size;
        cr_expect_eq(p.activation_size, p.recomputed_size);
        cr_expect_lt(3 * p.recomputed_size, p.kept_size);
        plan_close(&p);
    }
    const int64_t result = 128 * 64 * (int64_t)sizeof(real), nodes = 12 * 2048; /* at most */
    cr_expect(size[1] - size[0] >= 10 * result);
    cr_expect(size[1] - size[0] <= 10 * (result + nodes), "%lld", (long long)(size[1] - size[0]));
}
