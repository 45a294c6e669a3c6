/* A profile counts what was computed, and changes nothing of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/plan/probe.h"

enum { LAYERS = 2, WIDTH = 48, CONTEXT = 40, BATCH = 6, VOCAB = 50, MICROBATCHES = 3 };

static Config config;
static Probe probe;
static Profile profile;

static void open_probe(int threads)
{
    static const char *const overrides[] = {
        "model.layers=2", "model.width=48",       "model.heads=4",     "model.context=40",
        "train.batch=6",  "train.microbatches=3", "model.dropout=0.1",
    };
    threads_set(threads);
    cr_assert_eq(config_load(&config, NULL, 7, overrides), OK, "%s", error_message());
    cr_assert_eq(probe_open(&probe, &config, VOCAB), OK, "%s", error_message());
}

static double step(Profile *p)
{
    double seconds;
    probe.profile = p;
    cr_assert_eq(probe_step(&probe, &seconds), OK, "%s", error_message());
    return seconds;
}

/* Everything of one op and pass. */
static ProfileRow all_of(const char *name, ProfilePass pass)
{
    ProfileRow sum = {.name = name};
    for (int i = 0; i < profile.count; i++) {
        const ProfileRow *row = &profile.rows[i];
        if (strcmp(row->name, name) || row->pass != pass) continue;
        sum.calls += row->calls;
        sum.work.operations += row->work.operations;
        sum.work.bytes += row->work.bytes;
    }
    return sum;
}

/* One thread: ops spread over it; 2: micro-batches on two threads; 8: fewer microbatches than threads, so ops spread again. */
static const int teams[] = {1, 2, 8};

Test(profile, counts_the_work_of_a_step)
{
    const double rows = BATCH * CONTEXT, block = 12.0 * WIDTH * WIDTH;
    const double parameters = (double)sizeof(real) * (LAYERS * (block + 13 * WIDTH) + 2 * WIDTH +
                                                      (VOCAB + CONTEXT) * WIDTH);
    for (int i = 0; i < 3; i++) {
        open_probe(teams[i]);
        profile.count = 0;
        step(&profile);
        const ProfileRow forward = all_of("linear", PASS_FORWARD),
                         backward = all_of("linear", PASS_BACKWARD),
                         attend = all_of("attention", PASS_FORWARD),
                         attend_back = all_of("attention", PASS_BACKWARD),
                         head = all_of("cross_entropy", PASS_FORWARD),
                         update = all_of("optimizer", PASS_NONE),
                         sum = all_of("sum of gradients", PASS_NONE);
        cr_expect_eq(forward.calls, 4 * LAYERS * MICROBATCHES);
        cr_expect_eq(backward.calls, 4 * LAYERS * MICROBATCHES);
        cr_expect_float_eq(forward.work.operations, 2 * rows * LAYERS * block, 1);
        cr_expect_float_eq(backward.work.operations, 4 * rows * LAYERS * block, 1);
        cr_expect_float_eq(head.work.operations, 6 * rows * VOCAB * WIDTH, 1);
        cr_expect_float_eq(attend.work.operations,
                           LAYERS * BATCH * 4.0 * WIDTH * CONTEXT * (CONTEXT + 1) / 2, 1);
        cr_expect_float_eq(attend_back.work.operations, 2 * attend.work.operations, 1);
        cr_expect_float_eq(update.work.bytes, 7 * parameters, 1);
        cr_expect_eq(sum.calls, MICROBATCHES - 1);
        cr_expect_float_eq(sum.work.bytes, (MICROBATCHES - 1) * 3 * parameters, 1);
        probe_close(&probe);
    }
}

Test(profile, knows_what_moves)
{
    const double x = BATCH * CONTEXT * WIDTH * sizeof(real);
    open_probe(1);
    profile.count = 0;
    step(&profile);
    /* Each block: up's result, in and out; back: that, the gradient, and the gradient made. */
    cr_expect_float_eq(all_of("activation", PASS_FORWARD).work.bytes, LAYERS * 8 * x, 1);
    cr_expect_float_eq(all_of("activation", PASS_BACKWARD).work.bytes, LAYERS * 12 * x, 1);
    /* The last one of a block: x, residual, result; back: the residual's gradient is handed over. */
    cr_expect_float_eq(all_of("dropout", PASS_FORWARD).work.bytes, (2 + LAYERS * 6) * x, 1);
    cr_expect_float_eq(all_of("dropout", PASS_BACKWARD).work.bytes, (2 + LAYERS * 4) * x, 1);
    probe_close(&probe);
}

Test(profile, changes_no_bit_and_stays_within_the_time)
{
    for (int i = 0; i < 3; i++) {
        open_probe(teams[i]);
        for (int j = 0; j < 3; j++) step(NULL);
        const size_t size = (size_t)probe.params.count * sizeof(real);
        real *expected = malloc(size);
        memcpy(expected, probe.params.value, size);
        probe_close(&probe);

        open_probe(teams[i]);
        double elapsed = 0, sum = 0;
        profile.count = 0;
        for (int j = 0; j < 3; j++) elapsed += step(&profile);
        cr_expect(!memcmp(expected, probe.params.value, size));
        for (int j = 0; j < profile.count; j++) sum += profile.rows[j].seconds;
        cr_expect(sum > 0 && sum <= elapsed * teams[i]);

        const int64_t calls = all_of("linear", PASS_FORWARD).calls;
        step(NULL); /* off again */
        cr_expect_eq(all_of("linear", PASS_FORWARD).calls, calls);
        free(expected);
        probe_close(&probe);
    }
}

Test(profile, attention_counts_the_pairs_that_it_sees)
{
    Tape t = {0};
    tape_reset(&t);
    Tensor *x = tape_tensor(&t, SHAPE(5, 12));
    memset(x->data, 0, 60 * sizeof *x->data);
    const int32_t rows[] = {0, 3, 5}, first[] = {0, 0, 2, 0, 1}, end[] = {2, 2, 3, 1, 1};
    t.profile = &profile;
    Attention a = {.heads = 2,
                   .kv_heads = 2,
                   .head_width = 2,
                   .k_column = 4,
                   .v_column = 8,
                   .scale = 1,
                   .rows = {2, rows, rows, first, end, NULL}};
    cr_assert(ag_attention(&t, x, x, x, &a), "%s", error_message());
    cr_expect_eq(all_of("attention", PASS_FORWARD).work.operations, (2 + 2 + 1 + 1 + 0) * 4 * 4);
    a.rows.first = a.rows.end = NULL;
    cr_assert(ag_attention(&t, x, x, x, &a), "%s", error_message());
    cr_expect_eq(all_of("attention", PASS_FORWARD).work.operations, (6 + 6 + 3) * 4 * 4);
    a.head_width = 1;
    a.value_width = 2; /* 2 heads: 2 columns of q k^T, 4 of p v */
    cr_assert(ag_attention(&t, x, x, x, &a), "%s", error_message());
    cr_expect_eq(all_of("attention", PASS_FORWARD).work.operations, (6 + 6 + 3) * 4 * 4 + 9 * 12);
    tape_free(&t);
}

Test(profile, what_finds_no_room_is_other)
{
    static Profile other;
    char names[PROFILE_ROWS_MAX + 5][16];
    for (int i = 0; i < PROFILE_ROWS_MAX + 5; i++) {
        snprintf(names[i], sizeof names[i], "op%d", i);
        profile_add(&profile, &(ProfileRow){.name = names[i], .calls = 1, .seconds = 1, .team = 1});
    }
    profile_merge(&other, &profile);
    cr_expect_eq(other.count, PROFILE_ROWS_MAX);
    cr_expect_str_eq(other.rows[PROFILE_ROWS_MAX - 1].name, "other");
    cr_expect_eq(other.rows[PROFILE_ROWS_MAX - 1].calls, 6);
    cr_expect_eq(other.rows[0].calls, 1);
}
