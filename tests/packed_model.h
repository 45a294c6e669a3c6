/* A model on packed documents, in float and in double: what it says of a document does not depend on what
 * the document is packed with. */
#include <math.h>

#include "autograd/base/threads.h"
#include "tests/written.h"
#include "train/run/run.h"

#ifdef CAPSTAN_DOUBLE
#define CLOSE 1e-12
#else
#define CLOSE 1e-6
#endif

static const Written documents[] = {{3, 1},  {9, 4},   {1, 0}, {8, 8},   {30, 11}, {2, 1},
                                    {16, 0}, {17, 16}, {5, 2}, {1, 1},   {15, 7},  {4, 0},
                                    {33, 2}, {6, 3},   {7, 6}, {70, 40}, {0, 0}};

static void setup(void)
{
    temporary_open();
    written(documents, "d.h5");
}

TestSuite(packed_model, .init = setup, .fini = temporary_close);

enum { TOKENS = 227 };

/* A tiny model on the documents, settings (ended by NULL) on top. */
static void configure(Config *c, const char *const settings[])
{
    char path[128];
    const char *all[64] = {"model.layers=2",        "model.heads=2",
                           "model.width=24",        "model.context=33",
                           "train.batch=6",         "train.steps=12",
                           "optim.warmup=3",        "optim.lr=0.01",
                           "data.packing=best_fit", "data.document_mask=true",
                           "data.order=sequential", path};
    int count = 12;
    snprintf(path, sizeof path, "data.path=%s", in_temporary("d.h5"));
    for (int i = 0; settings && settings[i]; i++) all[count++] = settings[i];
    MUST(config_load(c, NULL, count, all));
}

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The loss of each token of the split, by where it stands; 0: none. Numbers of the model are made larger,
 * so that what it sees matters. */
static void losses_of(const char *const settings[], double loss[TOKENS])
{
    static Config c;
    Run r;
    configure(&c, settings);
    MUST(run_open(&r, &c));
    for (int64_t i = 0; i < r.params.count; i++) r.params.value[i] *= 8;
    params_update_bf16(&r.params);
    const int64_t rows = c.train.batch * c.model.context;
    real *row_loss = malloc((size_t)rows * sizeof *row_loss);
    memset(loss, 0, TOKENS * sizeof *loss);
    for (int64_t i = 0; i < batches_eval_count(&r.train); i++) {
        double sum;
        MUST(batches_eval(&r.train, i, &r.batch));
        MUST(microbatches_loss(r.microbatches, &r.model, &r.batch, &sum, row_loss));
        for (int64_t k = 0; k < rows; k++)
            if (r.batch.origins[k] >= 0)
                loss[r.batch.origins[k]] = (double)row_loss[k];
            else
                cr_assert_eq(row_loss[k], 0);
    }
    free(row_loss);
    run_close(&r);
}

/* Largest difference between sums over documents, relative where they are above 1: below, the loss is the small
 * difference of two large numbers. */
static double difference(const double *a, const double *b)
{
    double most = 0;
    for (int k = 0, at = 0; documents[k].length; at += documents[k++].length) {
        double x = 0, y = 0;
        for (int i = 0; i < documents[k].length; i++) {
            x += a[at + i];
            y += b[at + i];
        }
        const double one = fabs(x - y) / fmax(1, fabs(y));
        if (!(one <= most)) most = one;
    }
    return most;
}

/* In positions[4] the frequencies depend on a document's length. */
static const char *const positions[] = {"model.positions=learned", "model.positions=rope",
                                        "model.positions=alibi", "model.positions=sinusoidal",
                                        "model.positions=rope"};
static const char *const stretches[] = {"model.rope_scaling=none", "model.rope_scaling=none",
                                        "model.rope_scaling=none", "model.rope_scaling=none",
                                        "model.rope_scaling=dynamic"};
static const char *const factors[] = {"model.rope_factor=1", "model.rope_factor=1",
                                      "model.rope_factor=1", "model.rope_factor=1",
                                      "model.rope_factor=8"};
static const char *const prompts[] = {"data.objective=causal", "data.objective=prefix",
                                      "data.objective=prefix"};
static const char *const sees[] = {"data.prefix_attention=causal",
                                   "data.prefix_attention=bidirectional",
                                   "data.prefix_attention=causal"};

/* Other documents beside it, in another order, and none at all. */
Test(packed_model, packed_equals_unpacked)
{
    static const char *const packings[] = {"data.packing=greedy", "data.packing=spfhp",
                                           "data.packing=optimal", "data.packing=best_fit"};
    static double alone[TOKENS], packed[TOKENS];
    for (int p = 0; p < 5; p++)
        for (int o = 0; o < 3; o++) {
            losses_of(SETTINGS("data.pack_depth=1", positions[p], stretches[p], factors[p],
                               prompts[o], sees[o]),
                      alone);
            for (int k = 0; k < 4; k++) {
                losses_of(SETTINGS(packings[k], positions[p], stretches[p], factors[p], prompts[o],
                                   sees[o]),
                          packed);
                /* The numbers are large, and so is rounding, on some kinds of core. */
                cr_expect_lt(difference(packed, alone), 50 * CLOSE, "%s %s %s: %g", packings[k],
                             positions[p], sees[o], difference(packed, alone));
            }
        }
}

Test(packed_model, packed_equals_unpacked_in_windows)
{
    static double full[TOKENS], alone[TOKENS], packed[TOKENS];
    for (int p = 0; p < 4; p++)
        for (int o = 0; o < 3; o++) {
            losses_of(SETTINGS(positions[p], prompts[o], sees[o]), full);
            losses_of(SETTINGS("data.pack_depth=1", "model.windows=5,2/full", "model.sinks=2",
                               "model.learned_sink=true", positions[p], prompts[o], sees[o]),
                      alone);
            losses_of(SETTINGS("model.windows=5,2/full", "model.sinks=2", "model.learned_sink=true",
                               positions[p], prompts[o], sees[o]),
                      packed);
            cr_expect_lt(difference(packed, alone), 50 * CLOSE, "%s %s: %g", positions[p], sees[o],
                         difference(packed, alone));
            cr_expect_gt(difference(full, alone), 1e-4, "the windows change something");
        }
}

#ifndef CAPSTAN_DOUBLE
/* In bfloat16 too: a product's sums may be taken in another order where there are more rows, and then the rounding
 * of one of its numbers may fall the other way, by BF16_ROUNDING of it. What that does to the loss of a document is
 * less than what one rounding of all numbers does, which float32 tells. */
Test(packed_model, packed_equals_unpacked_in_bfloat16)
{
    static double exact[TOKENS], alone[TOKENS], packed[TOKENS];
    for (int p = 0; p < 4; p++) {
        losses_of(SETTINGS("data.pack_depth=1", positions[p], prompts[1], sees[1]), exact);
        losses_of(SETTINGS("data.pack_depth=1", positions[p], prompts[1], sees[1],
                           "train.precision=bfloat16", "train.precision_fallback=true"),
                  alone);
        losses_of(SETTINGS(positions[p], prompts[1], sees[1], "train.precision=bfloat16",
                           "train.precision_fallback=true"),
                  packed);
        const double rounding = difference(alone, exact);
        cr_expect(rounding > 1e-5 && rounding < 0.5, "%s: %g of float32", positions[p], rounding);
        cr_expect_lt(difference(packed, alone), rounding / 2, "%s: %g", positions[p],
                     difference(packed, alone));
    }
}
#endif

/* What the test above would see if there were a leak. */
Test(packed_model, without_the_mask_documents_see_each_other)
{
    static double alone[TOKENS], packed[TOKENS];
    for (int p = 0; p < 4; p++) {
        losses_of(SETTINGS("data.pack_depth=1", positions[p]), alone);
        losses_of(SETTINGS("data.document_mask=false", positions[p]), packed);
        cr_expect_gt(difference(packed, alone), 1e-4, "%s", positions[p]);
    }
}

/* And a prompt that looks ahead is not a causal one. */
Test(packed_model, prompts_see_all_of_themselves)
{
    static double causal[TOKENS], both[TOKENS];
    losses_of(SETTINGS("data.objective=prefix", "data.prefix_attention=causal"), causal);
    losses_of(SETTINGS("data.objective=prefix"), both);
    cr_assert_gt(difference(both, causal), 1e-4);
}

/* The gradient of a step on all documents. */
static real *gradient_of(const char *const settings[], Run *r, Config *c)
{
    StepTask task = {.model = &r->model, .batch = &r->batch};
    double loss;
    configure(c, settings);
    MUST(run_open(r, c));
    MUST(batches_fill(&r->train, 1, &r->batch));
    cr_assert_eq(r->train.windows, c->train.batch);
    MUST(microbatches_step(r->microbatches, &task, &loss));
    r->loss = loss;
    return r->params.grad;
}

Test(packed_model, gradients_are_those_of_unpacked)
{
    Config c, d;
    Run packed, alone;
    const real *x = gradient_of(SETTINGS("data.objective=prefix", "train.batch=7"), &packed, &c);
    const real *y =
        gradient_of(SETTINGS("data.objective=prefix", "data.pack_depth=1", "train.batch=18"),
                    &alone, &d);
    double norm = 0, off = 0;
    for (int64_t i = 0; i < packed.params.count; i++) {
        norm += (double)y[i] * (double)y[i];
        off += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    }
    cr_assert_float_eq(packed.loss, alone.loss, CLOSE * alone.loss);
    cr_assert_lt(sqrt(off / norm), CLOSE, "%g", sqrt(off / norm));
    run_close(&packed);
    run_close(&alone);
}

static void same_after_steps(Run *a, Run *b)
{
    for (int i = 0; i < 3; i++) {
        MUST(run_step(a));
        MUST(run_step(b));
    }
    cr_assert_eq(a->loss, b->loss);
    cr_assert_eq(a->grad_norm, b->grad_norm);
    cr_assert_arr_eq(a->params.value, b->params.value, (size_t)a->params.count * sizeof(real));
}

Test(packed_model, threads_change_nothing)
{
    Config c;
    Run a, b;
    for (int threads = 2; threads < 5; threads++) {
        configure(&c, SETTINGS("data.objective=prefix", "data.order=shuffled",
                               "train.microbatches=3", "data.loss_weights=document"));
        threads_set(1);
        MUST(run_open(&a, &c));
        threads_set(threads);
        MUST(run_open(&b, &c));
        same_after_steps(&a, &b);
        run_close(&a);
        run_close(&b);
    }
}

/* Micro-batches of unlike many loss tokens: the gradient is that of the whole batch. */
Test(packed_model, microbatches_change_nothing)
{
    static const char *const counts[] = {"train.microbatches=2", "train.microbatches=4",
                                         "train.microbatches=7"};
    for (int weights = 0; weights < 2; weights++) {
        const char *const by = weights ? "data.loss_weights=document" : "data.loss_weights=token";
        Config c, d;
        Run whole, parts;
        const real *y = gradient_of(SETTINGS("train.microbatches=1", by, "train.batch=7",
                                             "data.objective=prefix"),
                                    &whole, &c);
        for (int i = 0; i < 3; i++) {
            const real *x =
                gradient_of(SETTINGS(counts[i], by, "train.batch=7", "data.objective=prefix"),
                            &parts, &d);
            for (int64_t k = 0; k < whole.params.count; k++)
                cr_assert_float_eq(x[k], y[k], CLOSE, "%s", counts[i]);
            run_close(&parts);
        }
        run_close(&whole);
    }
}

/* With weights w, the step is on sum(w loss) / sum(w). By hand: of documents alone, each in a batch of
 * its own, the mean of their gradients; by token, the mean weighted with their losses' number. */
Test(packed_model, weights_are_the_closed_form)
{
    static const Written three[] = {{5, 0}, {12, 4}, {9, 8}, {0, 0}};
    static const double losses[] = {5, 8, 1};
    static Config c;
    written(three, "d.h5");
    for (int weights = 0; weights < 2; weights++) {
        const char *const by = weights ? "data.loss_weights=document" : "data.loss_weights=token";
        Run whole, one;
        double off = 0, norm = 0, logged = 0;
        const real *all =
            gradient_of(SETTINGS(by, "train.batch=1", "data.objective=prefix"), &whole, &c);
        double *sum = calloc((size_t)whole.params.count, sizeof *sum);
        configure(&c, SETTINGS("train.batch=1", "data.objective=prefix", "data.pack_depth=1"));
        MUST(run_open(&one, &c));
        for (int k = 0; k < 3; k++) {
            const StepTask task = {.model = &one.model, .batch = &one.batch};
            MUST(batches_fill(&one.train, k + 1, &one.batch));
            cr_assert_eq(one.batch.loss_tokens, (int64_t)losses[k]);
            MUST(microbatches_step(one.microbatches, &task, &one.loss));
            const double share = weights ? 1.0 / 3 : losses[k] / 14;
            for (int64_t i = 0; i < one.params.count; i++)
                sum[i] += share * (double)one.params.grad[i];
            logged += losses[k] / 14 * one.loss; /* the loss that is told is by token always */
        }
        for (int64_t i = 0; i < one.params.count; i++) {
            norm += sum[i] * sum[i];
            off += (sum[i] - (double)all[i]) * (sum[i] - (double)all[i]);
        }
        cr_assert_lt(sqrt(off / norm), CLOSE, "%s: %g", by, sqrt(off / norm));
        cr_assert_float_eq(whole.loss, logged, CLOSE * logged);
        free(sum);
        run_close(&one);
        run_close(&whole);
    }
}

/* The loss of each row of one sequence. */
static void rows_of(Run *r, const Batch *b, real *row_loss)
{
    double sum;
    MUST(microbatches_loss(r->microbatches, &r->model, b, &sum, row_loss));
}

/* Intervals of documents without prompts say what causal attention does without them: the same bits. */
Test(packed_model, prefix_of_none_is_causal)
{
    static const Written three[] = {{5, 0}, {12, 0}, {16, 0}, {0, 0}};
    Config c;
    Run r;
    real with[33], without[33];
    written(three, "d.h5");
    configure(&c, SETTINGS("train.batch=1", "data.objective=prefix"));
    MUST(run_open(&r, &c));
    MUST(batches_fill(&r.train, 1, &r.batch));
    cr_assert(r.batch.has_intervals && r.batch.loss_tokens == 33);
    rows_of(&r, &r.batch, with);
    r.batch.has_intervals = false;
    rows_of(&r, &r.batch, without);
    cr_assert_arr_eq(with, without, sizeof with);
    run_close(&r);
}

/* The documents of a pack in another order. */
Test(packed_model, order_in_a_pack_does_not_matter)
{
    static const Written three[] = {{5, 2}, {12, 0}, {16, 9}, {0, 0}};
    static const int orders[][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int p = 0; p < 4; p++) {
        Config c;
        Run r;
        Batch b;
        real before[33], after[33];
        written(three, "d.h5");
        configure(&c, SETTINGS("train.batch=1", "data.objective=prefix", positions[p]));
        MUST(run_open(&r, &c));
        for (int64_t i = 0; i < r.params.count; i++) r.params.value[i] *= 8;
        params_update_bf16(&r.params);
        MUST(batches_fill(&r.train, 1, &r.batch));
        MUST(batch_alloc(&b, &r.arena, 1, 33));
        rows_of(&r, &r.batch, before);
        for (int o = 0; o < 5; o++) {
            int32_t row = 0;
            b.segment_index[0] = 0;
            b.segment_index[1] = 3;
            b.has_intervals = true;
            b.loss_tokens = r.batch.loss_tokens;
            for (int k = 0; k < 3; k++) {
                const int32_t from = r.batch.segment_starts[orders[o][k]],
                              count = r.batch.segment_starts[orders[o][k] + 1] - from;
                const size_t size = (size_t)count * sizeof(int32_t);
                b.segment_starts[k] = row;
                memcpy(b.inputs + row, r.batch.inputs + from, size);
                memcpy(b.targets + row, r.batch.targets + from, size);
                memcpy(b.positions + row, r.batch.positions + from, size);
                memcpy(b.first + row, r.batch.first + from, size);
                memcpy(b.end + row, r.batch.end + from, size);
                row += count;
            }
            b.segment_starts[3] = row;
            rows_of(&r, &b, after);
            for (int k = 0; k < 3; k++) {
                const int32_t old = r.batch.segment_starts[orders[o][k]], now = b.segment_starts[k],
                              count = b.segment_starts[k + 1] - now;
                double x = 0, y = 0;
                for (int32_t i = 0; i < count; i++) {
                    x += (double)before[old + i];
                    y += (double)after[now + i];
                }
                cr_assert_float_eq(x, y, CLOSE * x, "%s", positions[p]);
            }
        }
        run_close(&r);
    }
}

/* Rows that are left over, and documents that are all prompt, neither have a loss nor hurt. */
Test(packed_model, without_loss_there_is_no_gradient)
{
    static const Written silent[] = {{30, 30}, {31, 31}, {32, 32}, {33, 5}, {0, 0}};
    Config c;
    Run r;
    written(silent, "d.h5"); /* the first three are the first batch */
    for (int k = 0; k < 2; k++) {
        configure(&c, SETTINGS("data.objective=prefix", "train.batch=3", "data.order=sequential",
                               k ? "data.loss_weights=document" : "data.loss_weights=token"));
        MUST(run_open(&r, &c));
        MUST(run_step(&r));
        cr_assert_eq(r.loss, 0);
        cr_assert_eq(r.grad_norm, 0);
        cr_assert_eq(r.tokens, 0);
        for (int64_t i = 0; i < r.params.count; i++) {
            cr_assert_eq(r.params.grad[i], 0);
            cr_assert(isfinite((double)r.params.value[i]));
        }
        run_close(&r);
    }
}

/* What is in the rows that are left over changes nothing else, and has no gradient. */
Test(packed_model, empty_rows_are_nothing)
{
    static const Written one[] = {{9, 3}, {0, 0}};
    Config c;
    Run r;
    double loss, again;
    written(one, "d.h5");
    configure(&c, SETTINGS("train.batch=2", "data.objective=prefix", "train.microbatches=1"));
    MUST(run_open(&r, &c));
    StepTask task = {.model = &r.model, .batch = &r.batch};
    const size_t size = (size_t)r.params.count * sizeof(real);
    real *grad = malloc(size);
    MUST(batches_fill(&r.train, 1, &r.batch));
    MUST(microbatches_step(r.microbatches, &task, &loss));
    memcpy(grad, r.params.grad, size);
    for (int i = 9; i < 33; i++) r.batch.inputs[i] = r.batch.inputs[33 + i] = i % 29;
    MUST(microbatches_step(r.microbatches, &task, &again));
    cr_assert_eq(loss, again);
    cr_assert_arr_eq(grad, r.params.grad, size);
    free(grad);
    run_close(&r);
}

/* The loss of the second document alone, and the gradient of a token that only the first one has. */
Test(packed_model, no_gradient_crosses_either)
{
    static const Written two[] = {{9, 3}, {12, 4}, {0, 0}};
    written(two, "d.h5");
    for (int mask = 0; mask < 2; mask++) {
        Config c;
        Run r;
        double loss, most = 0;
        configure(&c, SETTINGS("train.batch=1", "data.objective=prefix", "model.tied=false",
                               mask ? "data.document_mask=true" : "data.document_mask=false"));
        MUST(run_open(&r, &c));
        MUST(batches_fill(&r.train, 1, &r.batch));
        for (int i = 0; i < 21; i++) {
            if (i < 9) r.batch.targets[i] = -1;
            r.batch.inputs[i] = i < 9 ? 1 : r.batch.inputs[i] == 1 ? 2 : r.batch.inputs[i];
        }
        const StepTask task = {.model = &r.model, .batch = &r.batch};
        MUST(microbatches_step(r.microbatches, &task, &loss));
        const real *grad = r.params.grad + (r.model.embed->data - r.params.value);
        for (int64_t i = 0; i < c.model.width; i++)
            most = fmax(most, fabs((double)grad[c.model.width + i]));
        if (mask)
            cr_assert_eq(most, 0);
        else
            cr_assert_gt(most, 1e-9);
        cr_assert_gt(loss, 0);
        run_close(&r);
    }
}
