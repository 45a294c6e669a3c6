/* Causes, onsets and the replay's judgement, on histories made by hand: what each rule says, and that it
 * says nothing else. */
#include <criterion/criterion.h>
#include <math.h>

#include "autograd/base/rng.h"
#include "train/diagnose/explain.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { LAYERS = 2, PARAMS = 3, ROWS = 60 };

static Arena arena;
static Config config;
static Bundle bundle;
static BundleDocument documents[4];
static Replay replay;

/* A healthy run of ROWS steps, the last of which is what is explained. */
static void setup(void)
{
    static const char *names[] = {"embed.weight", "blocks.0.attn.q.weight",
                                  "blocks.1.mlp.up.weight"};
    const Rng rng = rng_stream(3, "history");
    MUST(config_load(&config, NULL, 0, NULL));
    bundle = (Bundle){.step = ROWS,
                      .batch_index = ROWS,
                      .before_step = 40,
                      .folder = "f",
                      .run = "r",
                      .split = "train",
                      .flag = "loss",
                      .rule = "robust",
                      .action = "taken",
                      .message = "m",
                      .baseline_loss = 2.6,
                      .documents = 4,
                      .document = documents,
                      .param_names = names};
    for (int i = 0; i < 4; i++)
        documents[i] = (BundleDocument){.document = i, .rows = 10, .share = 0.25, .text = "x"};
    History *h = &bundle.history;
    MUST(history_open(h, &arena, ROWS, LAYERS, PARAMS));
    for (int i = 0; i < ROWS; i++) {
        double *row = history_add(h);
        for (int64_t j = 0; j < h->columns; j++)
            row[j] = 1 + 0.05 * rng_normal(rng, (uint64_t)i, (uint64_t)j);
        row[SIGNAL_step] = row[SIGNAL_batch] = i + 1;
        row[SIGNAL_flag] = 0;
        row[SIGNAL_taken] = 1;
        row[SIGNAL_loss] += 1.6;
        row[SIGNAL_loss_z] = row[SIGNAL_grad_norm_z] = 0.5;
        row[SIGNAL_max_logit] *= 5;
    }
    replay = (Replay){.step = {40, ROWS - 1},
                      .batch_index = {ROWS, ROWS - 1},
                      .recorded_loss = 6.5,
                      .recorded_grad_norm = 4};
    for (int s = 0; s < 2; s++)
        for (int b = 0; b < 2; b++) replay.cell[s][b] = (ReplayCell){2.6, 1, 5, 2.6};
}

static void teardown(void)
{
    arena_free(&arena);
}

TestSuite(cause, .init = setup, .fini = teardown);

/* Row i from the newest (0). */
static double *row(int i)
{
    History *h = &bundle.history;
    return h->data + (history_rows(h) - 1 - i) * h->columns;
}

static void flag(const char *name, double loss, double loss_z, double norm, double norm_z)
{
    bundle.flag = name;
    row(0)[SIGNAL_flag] = 1;
    row(0)[SIGNAL_loss] = loss;
    row(0)[SIGNAL_loss_z] = loss_z;
    row(0)[SIGNAL_grad_norm] = norm;
    row(0)[SIGNAL_grad_norm_z] = norm_z;
}

static Cause cause(bool with_replay)
{
    const Evidence e = evidence_of(&bundle, &config, with_replay ? &replay : NULL);
    return cause_of(&e);
}

#define EXPECT_CAUSE(with_replay, wanted)                       \
    do {                                                        \
        const Cause found_ = cause(with_replay);                \
        cr_expect_eq(found_, wanted, "%s", cause_name(found_)); \
    } while (0)

Test(cause, a_bad_batch_is_data)
{
    flag("loss", 6.5, 40, 4, 13);
    EXPECT_CAUSE(false, CAUSE_DATA);
    replay.cell[0][0].loss = replay.cell[1][0].loss = 6.5;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_DATA);
    EXPECT_CAUSE(true, CAUSE_DATA);
    /* A hot optimizer does not make good text of it. */
    row(2)[SIGNAL_rms] = 9;
    EXPECT_CAUSE(false, CAUSE_OPTIMIZER);
    EXPECT_CAUSE(true, CAUSE_DATA);
}

Test(cause, a_gradient_alone_is_numeric)
{
    flag("gradient", 2.6, 0.4, 4000, 400);
    EXPECT_CAUSE(false, CAUSE_NUMERIC);
    replay.recorded_loss = 2.6;
    replay_judge(&bundle, &config.monitor, &replay); /* 1 in all cells: it does not come again */
    cr_expect_eq(replay.culprit, CULPRIT_NEITHER);
    EXPECT_CAUSE(true, CAUSE_NUMERIC);
    /* One that the batch itself makes is the batch's. */
    replay.cell[0][0].grad_norm = replay.cell[1][0].grad_norm = 4000;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_DATA);
    EXPECT_CAUSE(true, CAUSE_DATA);
}

Test(cause, what_is_not_finite_is_numeric_unless_it_was_in_the_parameters)
{
    flag("nonfinite", (double)NAN, (double)NAN, (double)NAN, (double)NAN);
    bundle.finding = (TapeFinding){.found = true, .op = "linear", .scope = "blocks.0.mlp"};
    EXPECT_CAUSE(false, CAUSE_NUMERIC);
    bundle.finding.in_backward = true;
    bundle.finding.parameter = "blocks.0.mlp.up.weight"; /* its gradient */
    EXPECT_CAUSE(false, CAUSE_NUMERIC);
    bundle.finding.in_backward = false; /* its value */
    EXPECT_CAUSE(false, CAUSE_STATE);
    replay.recorded_loss = (double)NAN;
    replay.cell[1][0].loss = replay.cell[1][1].loss = (double)NAN;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_STATE);
    EXPECT_CAUSE(true, CAUSE_STATE);
}

/* Batches differ a little in their gradients, and that is no answer. */
Test(cause, a_gradient_that_is_not_finite_is_no_small_one)
{
    flag("nonfinite", 2.6, (double)NAN, (double)NAN, (double)NAN);
    replay.recorded_loss = 2.6;
    replay.recorded_grad_norm = (double)NAN;
    replay.cell[0][0].grad_norm = replay.cell[1][0].grad_norm = 1.4;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_NEITHER);
    EXPECT_CAUSE(true, CAUSE_NUMERIC);
    replay.cell[0][0].grad_norm = replay.cell[1][0].grad_norm = (double)NAN;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_DATA);
}

Test(cause, a_bad_state_is_state)
{
    flag("loss", 6.5, 40, 4, 13);
    replay.cell[1][0].loss = replay.cell[1][1].loss = 6.5;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_STATE);
    EXPECT_CAUSE(true, CAUSE_STATE);
    replay.cell[1][1].loss = 2.6; /* only the two together */
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect_eq(replay.culprit, CULPRIT_BOTH);
    EXPECT_CAUSE(true, CAUSE_STATE);
    row(1)[SIGNAL_rms] = 9;
    EXPECT_CAUSE(true, CAUSE_OPTIMIZER);
}

/* Each sign of the optimizer, in the steps before. */
static void sign_attention(void)
{
    for (int i = 0; i < ROWS; i++) row(i)[SIGNAL_max_logit] = 400 * exp(-0.1 * i);
}

static void sign_log_z(void)
{
    row(3)[SIGNAL_log_z] = -70;
}

static void sign_rms(void)
{
    row(7)[SIGNAL_rms] = 4.4;
}

static void sign_update(void)
{
    row(2)[SIGNAL_update_norm] = 7;
}

static void sign_climb(void)
{
    for (int i = 1; i <= SIGNS_NEAR; i++) row(i)[SIGNAL_loss] = 3.2;
}

Test(cause, signs_in_the_steps_before_are_the_optimizer_s)
{
    static void (*const signs[SIGNS])(void) = {sign_attention, sign_log_z, sign_rms, sign_update,
                                               sign_climb};
    for (int i = 0; i < SIGNS; i++) {
        teardown();
        arena = (Arena){0};
        setup();
        flag("loss", 6.5, 40, 4, 13);
        EXPECT_CAUSE(false, CAUSE_DATA);
        signs[i]();
        const Evidence e = evidence_of(&bundle, &config, NULL);
        for (int j = 0; j < SIGNS; j++) cr_expect_eq(e.sign[j], i == j, "%d %d", i, j);
        EXPECT_CAUSE(false, CAUSE_OPTIMIZER);
        flag("nonfinite", (double)NAN, (double)NAN, (double)NAN, (double)NAN);
        EXPECT_CAUSE(false, CAUSE_OPTIMIZER);
    }
}

Test(cause, what_the_batch_itself_did_is_no_sign)
{
    flag("loss", 6.5, 40, 4, 13);
    row(0)[SIGNAL_rms] = 14;
    row(0)[SIGNAL_update_norm] = 50;
    row(0)[SIGNAL_max_logit] = 2000;
    row(0)[SIGNAL_log_z] = 90;
    EXPECT_CAUSE(false, CAUSE_DATA);
    flag("attention", 2.6, 0.5, 1, 0.5); /* unless that is what was flagged */
    EXPECT_CAUSE(false, CAUSE_OPTIMIZER);
}

Test(cause, a_state_that_is_too_far_back_is_not_held_against_anyone)
{
    flag("loss", 6.5, 40, 4, 13);
    replay.cell[0][0].loss = replay.cell[0][1].loss = 4.3; /* hardly trained */
    replay.cell[1][0].loss = 6.5;
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect(replay.too_far);
    cr_expect_eq(replay.culprit, CULPRIT_DATA);
    replay.step[0] = -1; /* there is none */
    replay_judge(&bundle, &config.monitor, &replay);
    cr_expect(!replay.too_far && replay.culprit == CULPRIT_DATA);
}

Test(cause, each_has_a_reason_and_a_remedy_in_settings)
{
    static CauseText t;
    static const char *const flags[] = {"loss", "gradient", "nonfinite", "attention"};
    for (int i = 0; i < 4; i++)
        for (int state = 0; state < 2; state++) {
            flag(flags[i], i == 2 ? (double)INFINITY : 6.5, 40, 4, 13);
            replay.cell[1][0].loss = replay.cell[1][1].loss = state ? 6.5 : 2.6;
            replay.recorded_loss = row(0)[SIGNAL_loss];
            replay_judge(&bundle, &config.monitor, &replay);
            const Evidence e = evidence_of(&bundle, &config, &replay);
            cause_text(&bundle, &e, &config, &replay, &t);
            cr_expect(t.reasons >= 3 && t.remedies >= 1, "%s", flags[i]);
            bool names_one = false;
            for (int j = 0; j < t.remedies; j++)
                names_one |= strstr(t.remedy[j], "monitor.") || strstr(t.remedy[j], "optim.");
            cr_expect(names_one, "%s", flags[i]);
        }
}

Test(cause, onsets_come_in_the_order_in_which_parts_left_their_band)
{
    const History *h = &bundle.history;
    Onset *o;
    int64_t count;
    MUST(onset_find(h, &arena, &o, &count));
    cr_assert_eq(count, 0, "a healthy history has none");
    row(0)[history_param(h, 1, PARAM_grad)] = 30;
    row(3)[history_param(h, 2, PARAM_update)] = 0.01;
    row(2)[history_layer(h, 1, LAYER_entropy)] = 4;
    row(0)[history_layer(h, 1, LAYER_entropy)] = 9;
    row(1)[history_layer(h, 0, LAYER_activation)] = (double)NAN; /* not known is not outside */
    row(40)[history_param(h, 0, PARAM_rms)] = 50;                /* too long ago */
    MUST(onset_find(h, &arena, &o, &count));
    cr_assert_eq(count, 3);
    cr_expect(o[0].is_param && o[0].index == 2 && o[0].signal == PARAM_update &&
              o[0].step == ROWS - 3);
    cr_expect(!o[1].is_param && o[1].index == 1 && o[1].signal == LAYER_entropy);
    cr_expect_eq(o[1].step, ROWS - 2);
    cr_expect_eq(o[1].value, 9, "where it got to");
    cr_expect(o[2].is_param && o[2].index == 1 && o[2].step == ROWS);
}

Test(cause, a_history_of_one_step_is_no_trouble)
{
    History one;
    Onset *o;
    int64_t count;
    MUST(history_open(&one, &arena, 1, LAYERS, PARAMS));
    memcpy(history_add(&one), row(0), (size_t)one.columns * sizeof(double));
    bundle.history = one;
    flag("nonfinite", (double)NAN, (double)NAN, (double)NAN, (double)NAN);
    MUST(onset_find(&one, &arena, &o, &count));
    cr_expect_eq(count, 0);
    EXPECT_CAUSE(false, CAUSE_NUMERIC);
    replay_judge(&bundle, &config.monitor, &replay);
    EXPECT_CAUSE(true, CAUSE_NUMERIC);
}
