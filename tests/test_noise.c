/* The gradient noise scale: unbiased where the truth is known; and that micro-batches measure what it is made of. */
#include "tests/support.h"

#include <math.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/squares.h"
#include "train/run/run.h"
#include "train/step/noise.h"

enum { SEQUENCES = 7, CONTEXT = 4, TOKENS = SEQUENCES * CONTEXT, WIDTH = 6, MICROBATCHES = 3 };

static int32_t targets[TOKENS];
static const Batch batch = {.sequences = SEQUENCES, .context = CONTEXT, .targets = targets};

/* A token's gradient is G plus noise, of one size in each direction; some tokens have no loss. */
static void draw(uint64_t number, double tokens, const double mean[WIDTH], NoiseScale *n)
{
    const Rng rng = rng_stream(3, "noise");
    double squares[MICROBATCHES], whole[WIDTH] = {0}, square = 0;
    NoiseSample s;
    for (int k = 0; k < MICROBATCHES; k++) {
        double part[WIDTH] = {0};
        for (int r = k * SEQUENCES / MICROBATCHES * CONTEXT;
             r < (k + 1) * SEQUENCES / MICROBATCHES * CONTEXT; r++)
            for (int i = 0; targets[r] >= 0 && i < WIDTH; i++)
                part[i] += (mean[i] +
                            (i + 1) * rng_normal(rng, number * TOKENS + (uint64_t)r, (uint32_t)i)) /
                           tokens;
        squares[k] = 0;
        for (int i = 0; i < WIDTH; i++) {
            squares[k] += part[i] * part[i];
            whole[i] += part[i];
        }
    }
    for (int i = 0; i < WIDTH; i++) square += whole[i] * whole[i];
    noise_sample(&batch, MICROBATCHES, MICROBATCHES, squares, &s);
    cr_assert_eq(s.groups, MICROBATCHES);
    noise_add(n, &s, sqrt(square), tokens);
}

Test(noise, is_unbiased)
{
    enum { DRAWS = 10000 };
    const double mean[WIDTH] = {2, -1, 3, 0, 1, 1};
    const double trace = 1 + 4 + 9 + 16 + 25 + 36, length = 4 + 1 + 9 + 1 + 1;
    double tokens = TOKENS, traces = 0, lengths = 0;
    for (int r = 0; r < TOKENS; r += 5) targets[r] = -1, tokens--;
    NoiseScale all = {0};
    for (int i = 0; i < DRAWS; i++) {
        NoiseScale one = {0};
        draw((uint64_t)i, tokens, mean, &one);
        draw((uint64_t)i, tokens, mean, &all);
        traces += one.trace / (1 - NOISE_MEMORY) / DRAWS;
        lengths += one.square / (1 - NOISE_MEMORY) / DRAWS;
    }
    cr_expect_float_eq(traces / trace, 1, 0.03, "tr(Sigma): %g, not %g", traces, trace);
    cr_expect_float_eq(lengths / length, 1, 0.03, "|G|^2: %g, not %g", lengths, length);
    cr_expect_float_eq(traces / lengths / (trace / length), 1, 0.03);
    cr_expect_float_eq(noise_scale(&all) / (trace / length), 1, 0.5, "over the last hundred: %g",
                       noise_scale(&all));
}

Test(noise, is_not_known_of_one_microbatch)
{
    NoiseScale n = {0};
    NoiseSample s;
    const double squares[] = {4};
    noise_sample(&batch, 1, 1, squares, &s);
    noise_add(&n, &s, 2, TOKENS);
    cr_expect(isnan(noise_scale(&n)));
    noise_add(&n, &(NoiseSample){2, INFINITY}, 2, TOKENS);
    noise_add(&n, &(NoiseSample){2, 4}, NAN, TOKENS);
    cr_expect(isnan(noise_scale(&n)));
    noise_add(&n, &(NoiseSample){2, 6}, 2, TOKENS);
    cr_expect_float_eq(noise_scale(&n), TOKENS * (6 - 4) / (2 * 4 - 6.0), 1e-9);
}

/* Mean of |gradient|^2 over microbatches, each run alone, by their shares. */
static double by_hand(Run *r, int64_t microbatches, const StepTask *task)
{
    const int64_t rows = r->batch.sequences * r->batch.context, all = r->batch.loss_tokens;
    int32_t *kept = malloc((size_t)rows * sizeof *kept);
    double sum = 0;
    memcpy(kept, r->batch.targets, (size_t)rows * sizeof *kept);
    for (int64_t k = 0; k < microbatches; k++) {
        const int64_t from = k * r->batch.sequences / microbatches * r->batch.context,
                      to = (k + 1) * r->batch.sequences / microbatches * r->batch.context;
        double loss;
        r->batch.loss_tokens = 0;
        for (int64_t i = 0; i < rows; i++) {
            r->batch.targets[i] = i >= from && i < to ? kept[i] : -1;
            r->batch.loss_tokens += r->batch.targets[i] >= 0;
        }
        MUST(microbatches_step(r->microbatches, task, &loss));
        sum += squares_of_all(r->params.grad, r->params.count) * (double)r->batch.loss_tokens /
               (double)all;
    }
    memcpy(r->batch.targets, kept, (size_t)rows * sizeof *kept);
    r->batch.loss_tokens = all;
    free(kept);
    return sum;
}

Test(noise, is_made_of_the_microbatches_gradients)
{
    static const char *const counts[] = {"train.microbatches=2", "train.microbatches=3",
                                         "train.microbatches=5", "train.microbatches=7"};
    static Config c;
    const Place p = place_make();
    for (int i = 0; i < 4; i++) {
        NoiseSample first = {0}, s;
        double hand = 0;
        for (int threads = 1; threads <= 4; threads++) {
            const char *const more[] = {counts[i], "train.batch=7", "model.width=160", NULL};
            Run r;
            threads_set(threads);
            place_config(&p, &c, more);
            MUST(run_open(&r, &c));
            MUST(batches_fill(&r.train, 1, &r.batch));
            for (int row = 3; row < 40; row += 4) r.batch.targets[row] = -1;
            r.batch.loss_tokens -= 10;
            StepTask task = {.model = &r.model, .batch = &r.batch, .step = 1};
            double loss;
            if (threads == 1) hand = by_hand(&r, c.train.microbatches, &task);
            MUST(microbatches_step(r.microbatches, &task, &loss));
            real *plain = malloc((size_t)r.params.count * sizeof *plain);
            memcpy(plain, r.params.grad, (size_t)r.params.count * sizeof *plain);
            task.noise = threads == 1 ? &first : &s;
            MUST(microbatches_step(r.microbatches, &task, &loss));
            cr_expect(!memcmp(plain, r.params.grad, (size_t)r.params.count * sizeof *plain),
                      "%s: measuring changes no bit", counts[i]);
            free(plain);
            if (threads > 1)
                cr_expect(!memcmp(&first, &s, sizeof s), "%s, %d threads: %.17g, not %.17g",
                          counts[i], threads, s.squares, first.squares);
            run_close(&r);
        }
        cr_expect_eq(first.groups, c.train.microbatches);
        cr_expect_float_eq(first.squares / hand, 1, 1e-4, "%s: %.9g, not %.9g", counts[i],
                           first.squares, hand);
    }
    place_remove(&p);
}
