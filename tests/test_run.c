/* What holds of a run whatever it trains: micro-batches and threads change nothing, memory is steady, and
 * a number that is not finite is found. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "autograd/base/arena.h"
#include "autograd/base/threads.h"
#include "tests/support.h"
#include "train/run/run.h"

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static Place place;

static void setup(void)
{
    place = place_make();
}

static void teardown(void)
{
    place_remove(&place);
}

TestSuite(run, .init = setup, .fini = teardown);

static void open_run(Run *r, Config *c, const char *const settings[])
{
    place_config(&place, c, settings);
    MUST(run_open(r, c));
}

static void steps(Run *r, int count)
{
    for (int i = 0; i < count; i++) MUST(run_step(r));
}

static bool same(const Run *a, const Run *b)
{
    const size_t size = (size_t)a->params.count * sizeof(real);
    return a->loss == b->loss && a->grad_norm == b->grad_norm && a->tokens == b->tokens &&
           !memcmp(a->params.value, b->params.value, size) &&
           !memcmp(a->params.m, b->params.m, size) && !memcmp(a->params.v, b->params.v, size);
}

Test(run, threads_change_nothing)
{
    static const char *const counts[] = {"train.microbatches=1", "train.microbatches=2",
                                         "train.microbatches=3", "train.microbatches=5",
                                         "train.microbatches=6"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        Config c;
        Run first;
        threads_set(1);
        open_run(&first, &c, SETTINGS(counts[i], "model.dropout=0.1"));
        steps(&first, 3);
        for (int threads = 2; threads <= 4; threads++) {
            Run r;
            threads_set(threads);
            MUST(run_open(&r, &c));
            steps(&r, 3);
            cr_expect(same(&first, &r), "%s, %d threads", counts[i], threads);
            run_close(&r);
        }
        run_close(&first);
    }
}

Test(run, fewer_workers_than_asked_for_change_nothing)
{
    Config c;
    Run first, r;
    threads_set(4);
    open_run(&first, &c, SETTINGS("train.microbatches=6"));
    steps(&first, 3);
    MUST(run_open(&r, &c));
    omp_set_max_active_levels(0); /* as with OMP_THREAD_LIMIT=1: each team is one worker */
    steps(&r, 3);
    omp_set_max_active_levels(1);
    cr_assert(same(&first, &r));
    run_close(&r);
    run_close(&first);
}

Test(run, any_microbatches_give_the_gradient_of_the_whole_batch)
{
    Config c, d;
    Run whole, parts;
    const char *const counts[] = {"train.microbatches=2", "train.microbatches=3",
                                  "train.microbatches=4", "train.microbatches=5",
                                  "train.microbatches=6"};
    open_run(&whole, &c,
             SETTINGS("train.microbatches=1", "model.dropout=0.2", "train.z_loss=0.01"));
    steps(&whole, 1);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        open_run(&parts, &d, SETTINGS(counts[i], "model.dropout=0.2", "train.z_loss=0.01"));
        steps(&parts, 1);
        cr_expect_float_eq(whole.loss, parts.loss, 1e-6);
        cr_expect_float_eq(whole.grad_norm, parts.grad_norm, 1e-6 * whole.grad_norm);
        for (int64_t j = 0; j < whole.params.count; j++)
            cr_assert(fabs((double)whole.params.grad[j] - (double)parts.params.grad[j]) < 1e-6,
                      "%s, number %lld", counts[i], (long long)j);
        run_close(&parts);
    }
    run_close(&whole);
}

Test(run, learns)
{
    Config c;
    Run r;
    double before, after;
    open_run(&r, &c, SETTINGS("train.steps=150"));
    MUST(run_val_loss(&r, &before));
    steps(&r, 150);
    MUST(run_val_loss(&r, &after));
    cr_assert_float_eq(before, log(SUPPORT_VOCAB), 0.05, "an untrained model's loss is %g", before);
    cr_assert_lt(after, 1.9, "log 4 = 1.39 is what the source holds; it got to %g", after);
    run_close(&r);
}

Test(run, memory_is_steady_after_the_first_step)
{
    Config c;
    Run r;
    threads_set(2);
    open_run(&r, &c, SETTINGS("train.microbatches=2"));
    steps(&r, 1);
    const int64_t memory = microbatches_memory(r.microbatches);
    steps(&r, 10);
    cr_assert_eq(microbatches_memory(r.microbatches), memory);
    run_close(&r);
}

Test(run, names_the_first_number_that_is_not_finite)
{
    Config c;
    Run r;
    open_run(&r, &c, NULL);
    steps(&r, 2);
    const Param *p = r.params.first;
    while (strcmp(p->name, "blocks.1.mlp.up.weight")) p = p->next;
    p->tensor.data[5] = (real)NAN;
    real *before = malloc((size_t)r.params.count * sizeof *before);
    memcpy(before, r.params.value, (size_t)r.params.count * sizeof *before);

    cr_assert_eq(run_step(&r), E_NUMERIC);
    cr_assert(strstr(error_message(), "blocks.1.mlp.up.weight"), "%s", error_message());
    cr_assert(strstr(error_message(), "linear"), "%s", error_message());
    cr_assert_eq(r.step, 2);
    cr_assert_eq(memcmp(before, r.params.value, (size_t)r.params.count * sizeof *before), 0);
    free(before);
    run_close(&r);
}

Test(run, any_allocation_may_fail)
{
    Config c;
    Status status = E_NOMEM;
    int64_t fuse = 0;
    threads_set(1);
    place_config(&place, &c, NULL);
    for (; status == E_NOMEM; fuse++) {
        Run r;
        arena_fuse = fuse;
        status = run_open(&r, &c);
        for (int i = 0; status == OK && i < 2; i++) status = run_step(&r);
        arena_fuse = -1;
        run_close(&r);
    }
    cr_assert_eq(status, OK, "with %lld allocations: %s", (long long)fuse, error_message());
    cr_assert_gt(fuse, 50);
}
