/* The monitor's parts, without a run: medians are exact, spikes hide neither themselves nor others, and the
 * budget, levels, actions and the state do what their headers say. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "tests/temporary.h"
#include "train/config/config.h"
#include "train/monitor/state.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

static Config c;
static Arena arena;
static Params params;

static void setup(void)
{
    temporary_open();
}

static void teardown(void)
{
    temporary_close();
}

TestSuite(monitor, .init = setup, .fini = teardown);

/* A monitor of a run of 2000 updates with two blocks of one parameter each. */
static void open_monitor(Monitor *m, const char *const settings[])
{
    const MonitorShape shape = {.steps = 2000, .warmup = 0, .beta2 = 0.95, .layers = 2, .rows = 4};
    int count = 0;
    while (settings && settings[count]) count++;
    MUST(config_load(&c, NULL, count, settings));
    params = (Params){0};
    params_vector(&params, "blocks.0", "w", 3, 1);
    params_vector(&params, "blocks.1", "w", 5, 1);
    MUST(params_alloc(&params, true));
    MUST(monitor_open(m, &arena, &c.monitor, &shape, &params));
}

#define OPEN(m, ...) open_monitor((m), (const char *const[]){__VA_ARGS__, NULL})

/* One step with these numbers, and what its verdict asks for. */
static Verdict step(Monitor *m, int64_t *updates, int64_t *batch_index, double loss, double norm)
{
    *batch_index = monitor_next_batch(m, *batch_index);
    const Judgement *j = monitor_judge(m, *updates + 1, *batch_index, loss, norm);
    if (j->verdict == VERDICT_TAKE) {
        ++*updates;
        monitor_updated(m, 1e-3, 1);
    } else {
        monitor_skipped(m);
    }
    return j->verdict;
}

/* A loss and a norm as a healthy run has them. */
static double baseline_loss(int64_t i)
{
    return 2.5 + 0.08 * rng_normal(rng_stream(3, "loss"), (uint64_t)i, 0);
}

static double baseline_norm(int64_t i)
{
    return exp(0.2 * rng_normal(rng_stream(3, "norm"), (uint64_t)i, 0));
}

static void usual(Monitor *m, int64_t *updates, int64_t *batch_index, int count)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(step(m, updates, batch_index, baseline_loss(*batch_index),
                          baseline_norm(*batch_index)),
                     VERDICT_TAKE, "a false alarm at %lld", (long long)*batch_index);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* By sorting all of it. */
static double plain_median(double *x, int64_t count)
{
    qsort(x, (size_t)count, sizeof *x, ascending);
    const double low = x[(count - 1) / 2], high = x[count / 2];
    return low == high ? low : low / 2 + high / 2;
}

Test(monitor, medians_are_those_of_sorting)
{
    static const int64_t sizes[] = {8, 9, 64, 127, 128};
    const Rng rng = rng_stream(1, "window");
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        Window w;
        double all[128], rest[128];
        MUST(window_open(&w, &arena, sizes[k]));
        for (int64_t i = 0; i < 20000; i++) {
            double x = rng_normal(rng, (uint64_t)i, (uint64_t)k);
            if (i % 7 == 0) x = round(2 * x); /* ties */
            if (i % 501 == 0) x *= 1e300;
            if (i % 503 == 0) x *= 5e-324;
            window_push(&w, x);
            const int64_t count = w.count;
            cr_assert_eq(count, i + 1 < sizes[k] ? i + 1 : sizes[k]);
            for (int64_t j = 0; j < count; j++) all[j] = window_at(&w, j);
            cr_assert(all[count - 1] == x);
            const double median = window_median(&w), deviation = window_deviation(&w, median);
            const double plain = plain_median(all, count);
            for (int64_t j = 0; j < count; j++) rest[j] = fabs(all[j] - plain);
            const double plain_deviation = plain_median(rest, count);
            cr_assert(median == plain, "%lld of %lld: %.17g, not %.17g", (long long)i,
                      (long long)sizes[k], median, plain);
            cr_assert(deviation == plain_deviation, "%lld of %lld: %.17g, not %.17g", (long long)i,
                      (long long)sizes[k], deviation, plain_deviation);
        }
    }
}

/* How many of ten bad losses in a row a rule finds, each left out if it is found. */
static int found_of_ten(const char *rule, double loss, int *wrong)
{
    char setting[64];
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    int found = 0;
    snprintf(setting, sizeof setting, "monitor.rule=%s", rule);
    OPEN(&m, "monitor.action=skip", "monitor.loss_z=6", setting);
    *wrong = 0;
    for (int i = 0; i < 250; i++)
        *wrong += step(&m, &updates, &batch_index, baseline_loss(batch_index),
                       baseline_norm(batch_index)) != VERDICT_TAKE;
    for (int i = 0; i < 10; i++)
        found += step(&m, &updates, &batch_index, loss + 0.01 * i, baseline_norm(batch_index)) ==
                 VERDICT_SKIP;
    for (int i = 0; i < 150; i++)
        *wrong += step(&m, &updates, &batch_index, baseline_loss(batch_index),
                       baseline_norm(batch_index)) != VERDICT_TAKE;
    params_free(&params);
    return found;
}

Test(monitor, a_run_of_bad_batches_cannot_hide_itself)
{
    int wrong;
    cr_expect_eq(found_of_ten("robust", 6.5, &wrong), 10);
    cr_expect_eq(wrong, 0);
    /* The others let outliers into their windows: fewer and fewer stand out (stability.md, 1.1). */
    const int olmo = found_of_ten("olmo", 6.5, &wrong), llmc = found_of_ten("llmc", 6.5, &wrong),
              ratio = found_of_ten("ratio", 6.5, &wrong);
    cr_expect(olmo >= 3 && olmo <= 6, "olmo: %d", olmo);
    cr_expect(llmc >= 2 && llmc <= 5, "llmc: %d", llmc);
    cr_expect_eq(ratio, 6, "ratio, from the fifth on: %d", ratio);
}

Test(monitor, what_is_not_finite_or_huge_poisons_nothing)
{
    static const double bad[][2] = {{NAN, 1},        {INFINITY, 1}, {-INFINITY, 1}, {2.5, NAN},
                                    {2.5, INFINITY}, {1e300, 1},    {DBL_MAX, 1},   {2.5, 1e300},
                                    {2.5, DBL_MAX},  {NAN, NAN}};
    Monitor clean, m;
    int64_t updates = 0, batch_index = 0, clean_updates = 0, clean_batch = 0;
    OPEN(&clean, "monitor.action=skip");
    OPEN(&m, "monitor.action=skip", "monitor.skip_share=1");
    usual(&clean, &clean_updates, &clean_batch, 200);
    usual(&m, &updates, &batch_index, 200);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(step(&m, &updates, &batch_index, bad[i][0], bad[i][1]), VERDICT_SKIP, "%zu",
                     i);
        const bool finite = isfinite(bad[i][0]) && isfinite(bad[i][1]);
        cr_assert_eq(m.judgement.finding.flag == SPIKE_NONFINITE, !finite, "%zu", i);
        batch_index--; /* the same numbers as the clean one */
        usual(&m, &updates, &batch_index, 1);
        usual(&clean, &clean_updates, &clean_batch, 1);
        cr_assert(m.judgement.finding.loss_z == clean.judgement.finding.loss_z, "%zu", i);
        cr_assert(m.judgement.finding.grad_norm_z == clean.judgement.finding.grad_norm_z);
    }
    /* Too small is no spike, and enters the windows: they stay finite. */
    cr_assert_eq(step(&m, &updates, &batch_index, 5e-324, 5e-324), VERDICT_TAKE);
    cr_assert_eq(step(&m, &updates, &batch_index, 0, 0), VERDICT_TAKE);
    usual(&m, &updates, &batch_index, 1);
    cr_assert(isfinite(m.judgement.finding.grad_norm_z));
}

Test(monitor, nothing_is_judged_before_the_guard)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip", "monitor.guard=70");
    usual(&m, &updates, &batch_index, 40);
    cr_assert_eq(step(&m, &updates, &batch_index, 100, 100), VERDICT_TAKE);
    cr_assert(isnan(m.judgement.finding.loss_z));
    usual(&m, &updates, &batch_index, 29);
    cr_assert_eq(updates, 70);
    cr_assert_eq(step(&m, &updates, &batch_index, 100, 100), VERDICT_SKIP);
    cr_assert_eq(m.past.judged, 1);
    cr_assert_eq(m.past.flagged, 1);
}

Test(monitor, a_change_of_the_data_is_not_skipped_for_ever)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    int skipped = 0;
    OPEN(&m, "monitor.action=skip", "monitor.skip_run=5");
    usual(&m, &updates, &batch_index, 200);
    for (int i = 0; i < 300; i++) {
        const Verdict v = step(&m, &updates, &batch_index, 3 + baseline_loss(batch_index),
                               baseline_norm(batch_index));
        skipped += v == VERDICT_SKIP;
        cr_assert_eq(v == VERDICT_SKIP, i < 5, "%d", i);
        cr_assert_eq(m.judgement.exhausted, i == 5, "%d", i);
    }
    cr_assert_eq(skipped, 5);
    cr_assert_float_eq(window_median(&m.detector.loss), 5.5, 0.1);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_SKIP,
                 "the new usual is judged, too");
}

/* Two skips shortly before, and ten bad batches in a row: the share of 200 is exactly ten. */
Test(monitor, ten_in_a_row_are_skipped_whatever_was_before)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip");
    usual(&m, &updates, &batch_index, 200);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_SKIP);
        usual(&m, &updates, &batch_index, 20);
    }
    for (int i = 0; i < 10; i++)
        cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_SKIP, "%d", i);
    usual(&m, &updates, &batch_index, 1);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_TAKE, "another series");
    cr_assert(m.judgement.exhausted);
}

/* More bad batches than the budget has: what is taken does not become the baseline for long. */
Test(monitor, an_old_baseline_that_fits_again_is_taken_back)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip");
    usual(&m, &updates, &batch_index, 200);
    for (int i = 0; i < 13; i++)
        cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), i < 10 ? VERDICT_SKIP : VERDICT_TAKE,
                     "%d", i);
    usual(&m, &updates, &batch_index, 7);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_TAKE, "not judged yet");
    usual(&m, &updates, &batch_index, 8);
    cr_assert_float_eq(window_median(&m.detector.loss), 2.5, 0.1);
    usual(&m, &updates, &batch_index, 200); /* until the share allows another series */
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_SKIP, "judged again");
}

/* A new baseline has been learned, and then the old data return: no spike. */
Test(monitor, data_that_return_are_no_spike)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip");
    usual(&m, &updates, &batch_index, 200);
    for (int i = 0; i < 80; i++)
        step(&m, &updates, &batch_index, baseline_loss(batch_index) / 5 + 3, 1);
    cr_assert_eq(m.past.skipped, 10);
    const int64_t before = m.past.flagged;
    usual(&m, &updates, &batch_index, 40);
    cr_assert_eq(m.past.flagged, before);
    cr_assert_float_eq(window_median(&m.detector.loss), 2.5, 0.1);
}

/* Steps between the usual and a spike: in the baseline, and named. */
Test(monitor, what_is_unusual_is_no_spike)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip", "monitor.loss_z=8");
    usual(&m, &updates, &batch_index, 200);
    const double median = window_median(&m.detector.loss),
                 scale = 1.4826 * window_deviation(&m.detector.loss, median);
    cr_assert_eq(step(&m, &updates, &batch_index, median + 7 * scale, 1), VERDICT_TAKE);
    cr_assert_eq(m.judgement.finding.unusual, SPIKE_LOSS);
    cr_assert(strstr(m.judgement.message, "the loss is"), "%s", m.judgement.message);
    cr_assert_eq(step(&m, &updates, &batch_index, median + 9 * scale, 1), VERDICT_SKIP);
    cr_assert_eq(m.judgement.finding.unusual, SPIKE_NONE);
    for (int i = 0; i < 128; i++) step(&m, &updates, &batch_index, median, 1 + i * 1e-4);
    cr_assert_eq(step(&m, &updates, &batch_index, median, exp(1.9)), VERDICT_TAKE);
    cr_assert_eq(m.judgement.finding.unusual, SPIKE_GRADIENT);
    cr_assert_eq(step(&m, &updates, &batch_index, median, exp(2.1)), VERDICT_SKIP);
    cr_assert_eq(step(&m, &updates, &batch_index, median, 1), VERDICT_TAKE);
    cr_assert_eq(m.judgement.finding.unusual, SPIKE_NONE);
}

Test(monitor, a_share_of_all_batches_is_the_most)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip", "monitor.skip_share=0.02"); /* 4 of 200 */
    usual(&m, &updates, &batch_index, 200);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), i < 4 ? VERDICT_SKIP : VERDICT_TAKE);
        if (i < 4) usual(&m, &updates, &batch_index, 20);
    }
    cr_assert(m.judgement.exhausted);
}

Test(monitor, warn_and_clip_keep_spikes_out_of_the_window)
{
    static const char *const actions[] = {"monitor.action=warn", "monitor.action=clip"};
    for (int k = 0; k < 2; k++) {
        Monitor m;
        int64_t updates = 0, batch_index = 0;
        OPEN(&m, actions[k]);
        usual(&m, &updates, &batch_index, 200);
        const double median = window_median(&m.detector.loss);
        for (int i = 0; i < 10; i++) {
            cr_assert_eq(step(&m, &updates, &batch_index, 6.5, 50), VERDICT_TAKE);
            cr_assert_eq(m.judgement.finding.flag, SPIKE_LOSS);
            cr_assert_eq(m.judgement.limit < 10, k == 1, "%g", m.judgement.limit);
        }
        cr_assert(window_median(&m.detector.loss) == median);
        cr_assert_eq(step(&m, &updates, &batch_index, NAN, 1), VERDICT_STOP);
    }
}

/* The published rule, written down once more. */
Test(monitor, clip_is_zclip)
{
    ZClip z = {0};
    double mean = 0, variance = 0;
    for (int i = 0; i < 25; i++) {
        const double x = baseline_norm(i);
        cr_assert(zclip_limit(&z, x) == x);
        zclip_feed(&z, x);
        mean += x / 25;
    }
    for (int i = 0; i < 25; i++) variance += pow(baseline_norm(i) - mean, 2) / 25;
    int cut = 0;
    for (int i = 25; i < 500; i++) {
        const double x = baseline_norm(i) * (i % 50 ? 1 : 100), deviation = sqrt(variance),
                     score = (x - mean) / (deviation + 1e-6);
        const double wanted = score > 2.5 ? mean + 2.5 * deviation / (score / 2.5) : x;
        const double limit = zclip_limit(&z, x);
        cr_assert_float_eq(limit, wanted, 1e-9 * wanted);
        cut += limit < x;
        zclip_feed(&z, limit);
        mean = 0.97 * mean + 0.03 * wanted;
        variance = 0.97 * variance + 0.03 * (wanted - mean) * (wanted - mean);
    }
    cr_assert_geq(cut, 9);
    cr_assert_lt(z.mean, 2);
}

Test(monitor, rewinds_drop_batches_then_lower_the_rate_then_stop)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=rewind", "monitor.drop_before=2", "monitor.drop_after=1");
    usual(&m, &updates, &batch_index, 200);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_REWIND); /* batch 201 */
    cr_assert_eq(monitor_next_batch(&m, 197), 198);
    cr_assert_eq(monitor_next_batch(&m, 198), 203);
    cr_assert_eq(monitor_next_batch(&m, 201), 203);
    cr_assert_eq(m.rate, 1);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1),
                 VERDICT_REWIND); /* 203: joins 199 .. 202 */
    cr_assert_eq(m.drop_count, 1);
    cr_assert_eq(monitor_next_batch(&m, 198), 212, "eight times as many");
    cr_assert_eq(m.rate, 1);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_REWIND);
    cr_assert_eq(m.rate, 0.5);
    cr_assert_eq(step(&m, &updates, &batch_index, NAN, 1), VERDICT_REWIND);
    cr_assert_eq(m.rate, 0.25);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_STOP);
    cr_assert(m.judgement.exhausted);
}

Test(monitor, another_batch_has_attempts_of_its_own)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=rewind", "monitor.attempts=2");
    usual(&m, &updates, &batch_index, 200);
    for (int place = 0; place < 3; place++) {
        for (int i = 0; i < 2; i++)
            cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_REWIND, "%d %d", place,
                         i);
        usual(&m, &updates, &batch_index, 70);
    }
    cr_assert_eq(m.rate, 0.125);
}

Test(monitor, spikes_close_to_each_other_are_one_episode)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    int opened = 0;
    OPEN(&m, "monitor.action=skip", "monitor.bundles=2");
    usual(&m, &updates, &batch_index, 200);
    for (int i = 0; i < 40; i++) { /* at 0, 7, 14: one; at 30: another; at 39: there are enough */
        const bool bad = i == 0 || i == 7 || i == 14 || i == 30 || i == 39;
        step(&m, &updates, &batch_index, bad ? 20 : baseline_loss(batch_index),
             baseline_norm(batch_index));
        cr_assert_eq(m.judgement.opens, i == 0 || i == 30, "%d", i);
        opened += m.judgement.opens;
    }
    cr_assert_eq(opened, 2);
}

/* Attention logits of the blocks, then a step; which warnings there are. */
static int warned(Monitor *m, int64_t *updates, int64_t *batch_index, double first, double second)
{
    m->stats.max_logit[0] = first;
    m->stats.max_logit[1] = second;
    step(m, updates, batch_index, baseline_loss(*batch_index), baseline_norm(*batch_index));
    return m->warning_count;
}

Test(monitor, a_level_warns_once_a_crossing)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    open_monitor(&m, NULL);
    cr_assert_eq(warned(&m, &updates, &batch_index, 3, 49), 0);
    cr_assert_eq(warned(&m, &updates, &batch_index, 3, 51), 1, "in the first steps, too");
    cr_assert(strstr(m.warnings[0], "blocks.1 is 51.0"), "%s", m.warnings[0]);
    cr_assert_eq(warned(&m, &updates, &batch_index, 3, 60), 0);
    cr_assert_eq(warned(&m, &updates, &batch_index, 3, 45), 0);
    cr_assert_eq(warned(&m, &updates, &batch_index, 55, 45), 0, "it was not below 40");
    cr_assert_eq(warned(&m, &updates, &batch_index, 3, 39), 0);
    cr_assert_eq(warned(&m, &updates, &batch_index, 70, NAN), 1);
    cr_assert(strstr(m.warnings[0], "blocks.0 is 70.0"), "%s", m.warnings[0]);
    cr_assert_not(m.judgement.opens);
    cr_assert_eq(warned(&m, &updates, &batch_index, 2000, 3), 0);
    cr_assert(m.judgement.severe && m.judgement.opens, "kept as of a spike");
    cr_assert(strstr(m.judgement.message, "blocks.0 is 2000"), "%s", m.judgement.message);
    m.stats.log_z = -51;
    cr_assert_eq(warned(&m, &updates, &batch_index, 3, 3), 1);
    cr_assert(strstr(m.warnings[0], "log Z"), "%s", m.warnings[0]);
}

Test(monitor, an_abnormal_update_is_reported)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    open_monitor(&m, NULL);
    for (int i = 0; i < 100; i++) {
        m.updates[0] = (UpdateStats){.value = 1, .update = 3e-3 * baseline_norm(i), .rms = 1};
        m.updates[1] = (UpdateStats){.value = 2, .update = 4e-3 * baseline_norm(i), .rms = 1.5};
        usual(&m, &updates, &batch_index, 1);
        cr_assert_eq(m.warning_count, 0, "%s", m.warnings[0]);
    }
    const double *row = monitor_row(&m, updates);
    cr_assert(row);
    cr_assert_float_eq(row[SIGNAL_update_norm], 5e-3 * baseline_norm(99), 1e-12);
    cr_assert_eq(row[SIGNAL_rms], 1.5);
    cr_assert_eq(monitor_block(&m, 1).value_norm, 2);
    cr_assert_float_eq(monitor_block(&m, 1).update_ratio, 2e-3 * baseline_norm(99), 1e-12);
    m.updates[0].update = 1;
    m.updates[1].rms = 4.3; /* 12 / sqrt(1 + 144 / 20) = 4.19 */
    usual(&m, &updates, &batch_index, 1);
    cr_assert_eq(m.warning_count, 2);
    cr_assert(strstr(m.warnings[0], "the update norm is 1;"), "%s", m.warnings[0]);
    cr_assert(strstr(m.warnings[1], "blocks.1.w is 4.3 times"), "%s", m.warnings[1]);
}

/* Writes m into a checkpoint and reads it into another. */
static void copy(const Monitor *from, Monitor *to, bool rewind)
{
    CheckpointList lists[MONITOR_LISTS];
    CheckpointReader reader;
    Checkpoint k = {.params = &params, .lists = lists};
    MUST(monitor_save(from, &arena, lists, &k.list_count));
    MUST(checkpoint_save(in_temporary("c.h5"), &k));
    MUST(checkpoint_open(&reader, in_temporary("c.h5")));
    MUST(monitor_check_state(to, &reader));
    monitor_restore(to, &reader, rewind);
    checkpoint_close(&reader);
}

/* A number of one list of it is another; whether that is refused, by the list's name. */
static void check_stranger(const Monitor *from, const char *name, int64_t i, int64_t number)
{
    CheckpointList lists[MONITOR_LISTS];
    CheckpointReader reader;
    Checkpoint k = {.params = &params, .lists = lists};
    char what[64];
    bool is_there = false;
    MUST(monitor_save(from, &arena, lists, &k.list_count));
    for (int l = 0; l < k.list_count; l++) {
        if (strcmp(lists[l].name, name)) continue;
        is_there = i < lists[l].count;
        if (is_there) ((int64_t *)(uintptr_t)lists[l].data)[i] = number;
    }
    cr_assert(is_there, "%s", name);
    MUST(checkpoint_save(in_temporary("c.h5"), &k));
    MUST(checkpoint_open(&reader, in_temporary("c.h5")));
    cr_expect_eq(monitor_check_state(from, &reader), E_FORMAT, "%s[%d]", name, (int)i);
    snprintf(what, sizeof what, "/state/%s holds", name);
    cr_expect(strstr(error_message(), what), "%s", error_message());
    checkpoint_close(&reader);
}

static void same_lists(const Monitor *a, const Monitor *b, const char *what)
{
    CheckpointList x[MONITOR_LISTS], y[MONITOR_LISTS];
    int count, also;
    MUST(monitor_save(a, &arena, x, &count));
    MUST(monitor_save(b, &arena, y, &also));
    cr_assert_eq(count, also);
    for (int i = 0; i < count; i++) {
        cr_assert_eq(x[i].count, y[i].count, "%s: %s", what, x[i].name);
        cr_assert_eq(memcmp(x[i].data, y[i].data, (size_t)(x[i].count * number_size(x[i].type))), 0,
                     "%s: %s", what, x[i].name);
    }
}

/* A series with spikes of each kind, two runs of them. */
static double eventful(int64_t batch_index, double *norm)
{
    *norm = baseline_norm(batch_index) * (batch_index % 97 == 0 ? 1e4 : 1);
    if (batch_index % 89 == 0) return NAN;
    return baseline_loss(batch_index) + (batch_index / 8 % 20 == 0 ? 4 : 0);
}

ParameterizedTestParameters(monitor, a_resumed_series_is_the_same)
{
    static int index[] = {0, 1, 2, 3, 4, 5, 6};
    return cr_make_param_array(int, index, sizeof index / sizeof *index);
}

ParameterizedTest(int *i, monitor, a_resumed_series_is_the_same)
{
    static const char *const settings[][2] = {
        {"monitor.action=skip", "monitor.rule=robust"},
        {"monitor.action=skip", "monitor.rule=olmo"},
        {"monitor.action=skip", "monitor.rule=llmc"},
        {"monitor.action=skip", "monitor.rule=ratio"},
        {"monitor.action=clip", "monitor.window=50"},
        {"monitor.action=rewind", "monitor.attempts=1000"},
        {"monitor.action=skip", "monitor.skip_run=5"}, /* the baseline before is kept aside */
    };
    Monitor whole, part;
    int64_t updates = 0, batch_index = 0, kept = 0, returning = 0;
    OPEN(&whole, "monitor.skip_share=1", "monitor.skip_run=20", settings[*i][0], settings[*i][1]);
    for (int n = 0; n < 400; n++) {
        /* A fresh one takes over at every step: each is resumed and goes on for one. */
        Monitor next;
        double norm;
        int64_t part_updates = updates, part_batch_index = batch_index;
        OPEN(&next, "monitor.skip_share=1", "monitor.skip_run=20", settings[*i][0],
             settings[*i][1]);
        copy(n ? &part : &whole, &next, false);
        part = next;
        const double loss = eventful(batch_index + 1, &norm);
        const Verdict v = step(&whole, &updates, &batch_index, loss, norm),
                      w = step(&part, &part_updates, &part_batch_index, loss, norm);
        cr_assert_eq(v, w, "%d", n);
        cr_assert_eq(batch_index, part_batch_index, "%d", n);
        cr_assert_eq(updates, part_updates);
        const Finding *f = &whole.judgement.finding, *g = &part.judgement.finding;
        cr_assert_eq(f->flag, g->flag, "%d", n);
        cr_assert_eq(memcmp(&f->loss_z, &g->loss_z, 2 * sizeof(double)), 0, "%d", n);
        cr_assert(whole.judgement.limit == part.judgement.limit);
        same_lists(&whole, &part, "resumed");
        kept += whole.detector.old_loss.count > 0;
        returning += whole.detector.returned > 0;
        if (v == VERDICT_STOP) batch_index++;
    }
    cr_assert_gt(whole.past.flagged, 5);
    if (*i == 6) cr_assert(kept > 5 && returning > 5, "%d, %d", (int)kept, (int)returning);
}

Test(monitor, a_rewind_takes_back_windows_and_keeps_the_past)
{
    Monitor m, kept, as_it_was;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=rewind");
    OPEN(&kept, "monitor.action=rewind");
    OPEN(&as_it_was, "monitor.action=rewind");
    usual(&m, &updates, &batch_index, 150);
    copy(&m, &kept, false);
    copy(&m, &as_it_was, false);
    usual(&m, &updates, &batch_index, 30);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_REWIND);
    const MonitorPast past = m.past;
    copy(&kept, &m, true);
    cr_assert_eq(memcmp(&past, &m.past, sizeof past), 0);
    cr_assert_eq(m.drop_count, 1);
    cr_assert_eq(m.history.count, 150);
    for (int i = 0; i < 128; i++)
        cr_assert(window_at(&m.detector.loss, i) == window_at(&as_it_was.detector.loss, i));
}

Test(monitor, a_state_of_another_shape_is_used_as_far_as_it_fits)
{
    Monitor m, narrow;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=skip");
    usual(&m, &updates, &batch_index, 300);
    OPEN(&narrow, "monitor.action=skip", "monitor.window=32");
    copy(&m, &narrow, false);
    cr_assert_eq(narrow.detector.loss.count, 32);
    for (int i = 0; i < 32; i++)
        cr_assert(window_at(&narrow.detector.loss, i) == window_at(&m.detector.loss, 96 + i));
    cr_assert_eq(step(&narrow, &updates, &batch_index, 20, 1), VERDICT_SKIP);
}

Test(monitor, counts_that_cannot_be_are_refused)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=rewind");
    usual(&m, &updates, &batch_index, 150);
    cr_assert_eq(step(&m, &updates, &batch_index, 20, 1), VERDICT_REWIND);
    for (size_t i = 0; i < sizeof(MonitorNow) / sizeof(int64_t); i++) {
        check_stranger(&m, "monitor_now", (int64_t)i, -1);
        check_stranger(&m, "monitor_now", (int64_t)i, INT64_MAX);
    }
    check_stranger(&m, "monitor_past", 0, INT64_MIN);
    check_stranger(&m, "monitor_drops", 1, INT64_MAX);
    check_stranger(&m, "monitor_returned", 0, -1);
}

Test(monitor, off_is_off)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    CheckpointList lists[MONITOR_LISTS];
    int count = -1;
    OPEN(&m, "monitor.action=off");
    usual(&m, &updates, &batch_index, 200);
    cr_assert_eq(step(&m, &updates, &batch_index, 1e9, 1e9), VERDICT_TAKE);
    cr_assert_eq(step(&m, &updates, &batch_index, NAN, 1), VERDICT_STOP);
    MUST(monitor_save(&m, &arena, lists, &count));
    cr_assert_eq(count, 0);
    cr_assert_null(monitor_row(&m, updates));
}

Test(monitor, score_is_of_the_last_ten_thousand)
{
    Monitor m;
    int64_t updates = 0, batch_index = 0;
    OPEN(&m, "monitor.action=warn", "monitor.skip_share=1");
    usual(&m, &updates, &batch_index, 64);
    for (int i = 0; i < 12000; i++)
        step(&m, &updates, &batch_index, i < 2000 && i % 100 == 50 ? 30 : baseline_loss(i), 1);
    cr_assert_eq(m.past.flagged, 20);
    cr_assert_eq(m.past.judged, 12000);
    cr_assert_eq(monitor_score_ever(&m), 20.0 / 12000);
    cr_assert_eq(monitor_score_recent(&m), 0);
}

/* One step on a batch of prompts only: whatever the last one measured is still there. */
static void pass(Monitor *m, int64_t *updates, int64_t *batch_index)
{
    *batch_index = monitor_next_batch(m, *batch_index);
    cr_assert_eq(monitor_pass(m, ++*updates, *batch_index)->verdict, VERDICT_TAKE);
    monitor_updated(m, 1e-3, 1);
}

Test(monitor, a_batch_without_a_loss_is_no_measure)
{
    static const char *const actions[] = {"warn", "skip", "clip", "rewind", "off"};
    char action[32];
    for (size_t a = 0; a < sizeof actions / sizeof *actions; a++) {
        Monitor m;
        int64_t updates = 0, batch_index = 0;
        snprintf(action, sizeof action, "monitor.action=%s", actions[a]);
        OPEN(&m, action);
        usual(&m, &updates, &batch_index, 80);
        const Window before = m.detector.loss, lengths = m.log_update;
        const int64_t clipped = m.zclip.count, judged = m.past.judged;
        for (int i = 0; i < 300; i++) pass(&m, &updates, &batch_index);
        cr_expect_eq(m.detector.loss.next, before.next, "%s", action);
        cr_expect_eq(m.log_update.next, lengths.next, "%s", action);
        cr_expect_eq(m.zclip.count, clipped, "%s", action);
        cr_expect_eq(m.past.judged, judged, "%s", action);
        usual(&m, &updates, &batch_index, 80);
        pass(&m, &updates, &batch_index);
        const double *row = monitor_row(&m, updates);
        cr_assert_eq(row == NULL, a == 4); /* off */
        if (row) cr_expect(isnan(row[SIGNAL_loss]) && isnan(row[SIGNAL_rms]), "%s", action);
    }
}

Test(monitor, a_budget_stops_only_those_who_skip)
{
    static const char *const actions[] = {"monitor.action=warn", "monitor.action=skip"};
    for (int a = 0; a < 2; a++) {
        Monitor m;
        int64_t updates = 0, batch_index = 0;
        OPEN(&m, actions[a]);
        usual(&m, &updates, &batch_index, 100);
        for (int i = 0; i < 10; i++) step(&m, &updates, &batch_index, 30, 1);
        cr_assert_eq(step(&m, &updates, &batch_index, NAN, 1), VERDICT_STOP);
        cr_expect_eq(m.judgement.exhausted, a == 1, "%s", actions[a]);
    }
}
