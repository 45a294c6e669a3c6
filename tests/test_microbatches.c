/* Micro-batches and groups: the gradient is a tree of groups, bit for bit, on any number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "tests/support.h"
#include "train/run/run.h"
#include "train/step/gradient_tree.h"
#include "train/step/microbatch.h"

enum { BATCH = 13 };

static const struct {
    int64_t count, groups;
} cases[] = {{1, 1},  {2, 1},  {2, 2},  {3, 2},   {5, 1},   {5, 2},   {5, 3},   {7, 4},
             {8, 3},  {8, 5},  {9, 9},  {13, 1},  {13, 2},  {13, 3},  {13, 5},  {13, 6},
             {12, 4}, {11, 7}, {13, 8}, {13, 10}, {13, 11}, {13, 12}, {13, 13}, {4, 4}};
enum { CASES = sizeof cases / sizeof *cases };

static Place place;
static Config config;
static Run run;
static StepTask task;

/* A batch with dropout, z-loss, and rows without a target. */
static void setup(void)
{
    place = place_make();
    threads_set(1);
    place_config(&place, &config,
                 (const char *const[]){"train.batch=13", "model.dropout=0.1", "train.z_loss=0.01",
                                       "train.label_smoothing=0.1", NULL});
    MUST(run_open(&run, &config));
    MUST(batches_fill(&run.train, 1, &run.batch));
    for (int row = 3; row < 40; row += 4) run.batch.targets[row] = -1;
    run.batch.loss_tokens -= 10;
    task = step_task(&config, &run.model, &run.batch, 1);
}

static void teardown(void)
{
    run_close(&run);
    place_remove(&place);
}

TestSuite(microbatches, .init = setup, .fini = teardown);

static size_t gradient_size(void)
{
    return (size_t)run.params.count * sizeof(real);
}

/* One step on so many threads. *grad: a copy of the gradient, to be freed. */
static double step(int64_t count, int64_t groups, int threads, real **grad)
{
    Microbatches *m;
    double loss;
    threads_set(threads);
    MUST(microbatches_open(&m, &run.params, count, groups));
    MUST(microbatches_step(m, &task, &loss));
    microbatches_close(m);
    *grad = malloc(gradient_size());
    memcpy(*grad, run.params.grad, gradient_size());
    return loss;
}

Test(microbatches, threads_change_no_bit)
{
    for (int i = 0; i < CASES; i++) {
        real *first, *other;
        const double loss = step(cases[i].count, cases[i].groups, 1, &first);
        for (int threads = 2; threads <= 4; threads++) {
            const double of_threads = step(cases[i].count, cases[i].groups, threads, &other);
            cr_expect_eq(loss, of_threads);
            cr_expect(!memcmp(first, other, gradient_size()),
                      "%lld micro-batches in %lld groups on %d threads", (long long)cases[i].count,
                      (long long)cases[i].groups, threads);
            free(other);
        }
        free(first);
    }
}

/* The gradient by its definition: each group's micro-batches are added up one after the other on one tape, then
 * group i += group i + 2^j. */
static real *by_definition(int64_t count, int64_t groups, double *loss)
{
    const MicrobatchPass pass = {.task = &task,
                                 .count = count,
                                 .scale = step_task_scale(&task),
                                 .record = true};
    real **block = calloc((size_t)groups, sizeof *block);
    bool *written = calloc((size_t)run.params.tensors, 1);
    Tape t = {0};
    *loss = 0;
    threads_set(1);
    for (int64_t g = 0; g < groups; g++) {
        block[g] = malloc(gradient_size());
        memset(written, 0, (size_t)run.params.tensors);
        for (int64_t k = g * count / groups; k < (g + 1) * count / groups; k++) {
            double one;
            MUST(microbatch_run(&pass, k, &t, block[g], written, NULL, &one));
            *loss += one;
        }
        params_zero_unwritten(&run.params, written, block[g]);
    }
    for (int64_t bit = 1; bit < groups; bit *= 2)
        for (int64_t g = 0; g + bit < groups; g += 2 * bit)
            for (int64_t i = 0; i < run.params.count; i++) block[g][i] += block[g + bit][i];
    for (int64_t g = 1; g < groups; g++) free(block[g]);
    real *sum = block[0];
    free(block);
    free(written);
    tape_free(&t);
    *loss *= 1 / (double)run.batch.loss_tokens;
    return sum;
}

Test(microbatches, are_added_within_groups_and_groups_in_a_tree)
{
    for (int i = 0; i < CASES; i++) {
        real *got;
        double defined;
        const double loss = step(cases[i].count, cases[i].groups, 3, &got);
        real *want = by_definition(cases[i].count, cases[i].groups, &defined);
        cr_expect_eq(loss, defined);
        cr_expect(!memcmp(want, got, gradient_size()), "%lld micro-batches in %lld groups",
                  (long long)cases[i].count, (long long)cases[i].groups);
        free(want);
        free(got);
    }
}

Test(microbatches, give_the_gradient_of_the_whole_batch)
{
    real *whole, *parts;
    const double loss = step(1, 1, 1, &whole);
    for (int i = 0; i < CASES; i++) {
        const double of_parts = step(cases[i].count, cases[i].groups, 2, &parts);
        cr_expect_float_eq(of_parts, loss, 1e-6);
        for (int64_t k = 0; k < run.params.count; k++)
            cr_assert_float_eq((double)parts[k], (double)whole[k], 1e-6,
                               "%lld micro-batches in %lld groups, number %lld",
                               (long long)cases[i].count, (long long)cases[i].groups, (long long)k);
        free(parts);
    }
    free(whole);
}

/* Groups do matter to the bits: else the tests above would compare nothing. */
Test(microbatches, in_other_groups_give_other_bits)
{
    real *one, *other;
    step(13, 13, 1, &one);
    step(13, 1, 1, &other);
    cr_expect(memcmp(one, other, gradient_size()));
    free(one);
    free(other);
}

Test(microbatches, hold_every_sequence_once)
{
    for (int i = 0; i < CASES; i++) {
        cr_expect_eq(microbatch_first(BATCH, 0, cases[i].count), 0);
        cr_expect_eq(microbatch_first(BATCH, cases[i].count, cases[i].count), BATCH);
        for (int64_t k = 0; k < cases[i].count; k++)
            cr_expect_lt(microbatch_first(BATCH, k, cases[i].count),
                         microbatch_first(BATCH, k + 1, cases[i].count));
    }
}

/* With one thread, groups complete in order: a block waits on each level at most. */
Test(microbatches, keep_few_blocks_alive)
{
    for (int64_t groups = 1; groups <= 100; groups++) {
        Arena a = {0};
        GradientTree t;
        int64_t most = 0;
        MUST(gradient_tree_open(&t, &a, &run.params, groups, 1));
        gradient_tree_begin(&t, groups, false);
        for (int64_t g = 0; g < groups; g++) {
            real *block = gradient_tree_block(&t, g);
            for (int64_t i = 0; i < run.params.count; i++) block[i] = (real)(g + 1);
            const int64_t alive = t.pool_count - t.free_count + 1;
            if (alive > most) most = alive;
            gradient_tree_add(&t, g, 0, NULL);
        }
        gradient_tree_finish(&t, NULL);
        cr_expect_leq(most, gradient_tree_blocks(groups, 1), "%lld groups: %lld blocks",
                      (long long)groups, (long long)most);
        cr_expect_eq(run.params.grad[7], (real)(groups * (groups + 1) / 2));
        gradient_tree_close(&t);
        arena_free(&a);
    }
}

static int64_t first_sequence(int64_t group, int64_t count, int64_t groups)
{
    return microbatch_first(BATCH, microbatch_first(count, group, groups), count);
}

/* |gradient|^2 of the sequences [from, to) alone, times their share of the batch's loss tokens. */
static double square_of(int64_t from, int64_t to)
{
    Batch *b = &run.batch;
    const int64_t rows = b->sequences * b->context, all = b->loss_tokens;
    int32_t *kept = malloc((size_t)rows * sizeof *kept);
    real *grad;
    double square = 0;
    memcpy(kept, b->targets, (size_t)rows * sizeof *kept);
    b->loss_tokens = 0;
    for (int64_t row = 0; row < rows; row++) {
        if (row < from * b->context || row >= to * b->context) b->targets[row] = -1;
        b->loss_tokens += b->targets[row] >= 0;
    }
    task.noise = NULL;
    step(BATCH, BATCH, 1, &grad);
    for (int64_t k = 0; k < run.params.count; k++) square += (double)grad[k] * (double)grad[k];
    square *= (double)b->loss_tokens / (double)all;
    memcpy(b->targets, kept, (size_t)rows * sizeof *kept);
    b->loss_tokens = all;
    free(grad);
    free(kept);
    return square;
}

Test(microbatches, measure_the_squares_of_groups)
{
    for (int i = 0; i < CASES; i++) {
        const int64_t count = cases[i].count, groups = cases[i].groups;
        NoiseSample sample[3];
        real *grad;
        double squares = 0;
        for (int threads = 1; threads <= 3; threads++) {
            task.noise = &sample[threads - 1];
            step(count, groups, threads, &grad);
            free(grad);
            cr_expect_eq(task.noise->groups, groups > 1 ? groups : 0);
            cr_expect_eq(task.noise->squares, sample[0].squares);
        }
        if (groups == 1) continue;
        for (int64_t g = 0; g < groups; g++)
            squares +=
                square_of(first_sequence(g, count, groups), first_sequence(g + 1, count, groups));
        cr_expect_float_eq(sample[0].squares / squares, 1, 1e-4);
    }
}
