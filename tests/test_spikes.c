/* What a spike leaves behind: nothing, if it was skipped or undone. Runs with dropout, bit for bit, on any
 * number of threads, and killed at any moment. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "autograd/base/threads.h"
#include "data/files.h"
#include "tests/faulty.h"
#include "tests/support.h"
#include "train/checkpoint/checkpoints.h"
#include "train/run/run.h"
#include "train/run/run_state.h"
#include "train/train.h"

enum { BATCH = 6 * 16, TOKENS = 9000, STEPS = 70 };

static Place place;
static Config c;

static void setup(void)
{
    place = place_make();
    place_write(place.train, TOKENS, 1);
}

static void teardown(void)
{
    place_remove(&place);
}

TestSuite(spikes, .init = setup, .fini = teardown);

/* The tokens without those of batches from .. to. Windows overlap by one: the first token of what goes is
 * made that of what follows, in the original too. */
static void cut_out(int64_t from, int64_t to, char path[128])
{
    static uint16_t tokens[TOKENS];
    FILE *file = fopen(place.train, "rb+");
    cr_assert_eq(fread(tokens, sizeof *tokens, TOKENS, file), TOKENS);
    const int64_t begin = (from - 1) * BATCH, end = to * BATCH;
    tokens[begin] = tokens[end];
    rewind(file);
    fwrite(tokens, sizeof *tokens, TOKENS, file);
    fclose(file);
    /* nanoGPT's val.bin stands beside it. */
    char command[400], folder[96];
    snprintf(folder, sizeof folder, "%s/cut", place.folder);
    snprintf(command, sizeof command, "mkdir '%s' && cp '%s/val.bin' '%s'", folder, place.folder,
             folder);
    cr_assert_eq(system(command), 0);
    snprintf(path, 128, "%s/train.bin", folder);
    file = fopen(path, "wb");
    fwrite(tokens, sizeof *tokens, (size_t)begin, file);
    fwrite(tokens + end, sizeof *tokens, (size_t)(TOKENS - end), file);
    fclose(file);
}

static const char *const common[] = {"data.order=sequential", "model.dropout=0.1",
                                     "train.steps=70",        "train.eval_every=0",
                                     "monitor.guard=20",      "monitor.loss_z=6",
                                     "monitor.window=32",     "monitor.snapshot_every=10",
                                     "monitor.snapshots=4",   "train.save_every=25",
                                     "train.keep=2",          "train.log_every=1"};

static void settings(const char *const more[])
{
    const char *all[64];
    int count = 0;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) all[count++] = common[i];
    for (int i = 0; more[i]; i++) all[count++] = more[i];
    all[count] = NULL;
    place_config(&place, &c, all);
}

#define SETTINGS(...) settings((const char *const[]){__VA_ARGS__, NULL})

static void same_params(const Params *a, const Params *b, const char *what)
{
    const size_t size = (size_t)a->count * sizeof(real);
    cr_expect_eq(memcmp(a->value, b->value, size), 0, "%s: parameters", what);
    cr_expect_eq(memcmp(a->m, b->m, size), 0, "%s: m", what);
    cr_expect_eq(memcmp(a->v, b->v, size), 0, "%s: v", what);
}

static void same_windows(const Window *a, const Window *b)
{
    cr_assert_eq(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++) cr_expect(window_at(a, i) == window_at(b, i));
}

/* Runs c to its end. */
static void run_whole(Run *r, const Config *config)
{
    MUST(run_open(r, config));
    while (r->step < config->train.steps) MUST(run_step(r));
}

static const char *const faults[] = {"monitor.inject=random", "monitor.inject=gradient",
                                     "monitor.inject=nan"};

ParameterizedTestParameters(spikes, a_skipped_batch_has_never_been)
{
    static int index[] = {0, 1, 2, 3, 4, 5};
    return cr_make_param_array(int, index, sizeof index / sizeof *index);
}

ParameterizedTest(int *i, spikes, a_skipped_batch_has_never_been)
{
    char cut[128], path[160];
    Config lacking;
    Run spiked, clean;
    const int count = *i % 2 ? 10 : 3;
    char number[64];
    cut_out(45, 44 + count, cut);
    threads_set(1 + *i % 2);
    snprintf(path, sizeof path, "data.path=%s", cut);
    SETTINGS(path, "monitor.action=warn");
    lacking = c;
    run_whole(&clean, &lacking);
    cr_assert_eq(clean.monitor.past.flagged, 0);
    cr_assert_eq(clean.batch_index, STEPS);

    snprintf(number, sizeof number, "monitor.inject_count=%d", count);
    SETTINGS("monitor.action=skip", faults[*i / 2], "monitor.inject_batch=45", number,
             "monitor.inject_where=blocks.1.attn/attention/backward");
    threads_set(2 - *i % 2);
    run_whole(&spiked, &c);
    cr_expect_eq(spiked.monitor.past.skipped, count, "%lld skipped",
                 (long long)spiked.monitor.past.skipped);
    cr_expect_eq(spiked.batch_index, STEPS + count);
    cr_expect_eq(spiked.tokens, clean.tokens);
    cr_expect(spiked.loss == clean.loss && spiked.grad_norm == clean.grad_norm);
    same_params(&spiked.params, &clean.params, faults[*i / 2]);
    same_windows(&spiked.monitor.detector.loss, &clean.monitor.detector.loss);
    same_windows(&spiked.monitor.detector.log_norm, &clean.monitor.detector.log_norm);
    same_windows(&spiked.monitor.log_update, &clean.monitor.log_update);
    run_close(&spiked);
    run_close(&clean);
}

static bool equal_files(const char *a, const char *b)
{
    char command[500];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
    return system(command) == 0;
}

static const char *const actions[] = {"monitor.action=skip", "monitor.action=clip",
                                      "monitor.action=warn"};

ParameterizedTestParameters(spikes, a_run_saved_at_any_batch_resumes_identically)
{
    static int index[] = {0, 1, 2};
    return cr_make_param_array(int, index, sizeof index / sizeof *index);
}

/* Saved in the middle of what is skipped, too: there updates stand still. */
ParameterizedTest(int *i, spikes, a_run_saved_at_any_batch_resumes_identically)
{
    char middle[128], whole[128], part[128];
    Run r;
    SETTINGS(actions[*i], "monitor.inject=random", "monitor.inject_batch=45",
             "monitor.inject_count=4");
    snprintf(middle, sizeof middle, "%s/middle.h5", place.folder);
    snprintf(whole, sizeof whole, "%s/whole.h5", place.folder);
    snprintf(part, sizeof part, "%s/part.h5", place.folder);
    threads_set(2);
    run_whole(&r, &c);
    cr_expect_eq(r.monitor.past.flagged, 4);
    MUST(run_state_save(&r, whole));
    run_close(&r);
    for (int64_t batch_index = 0;
         batch_index<70; batch_index += batch_index> 42 && batch_index < 52 ? 1 : 14) {
        CheckpointReader reader;
        MUST(run_open(&r, &c));
        while (r.batch_index < batch_index) MUST(run_step(&r));
        MUST(run_state_save(&r, middle));
        run_close(&r);
        MUST(run_open(&r, &c));
        MUST(checkpoint_open(&reader, middle));
        MUST(run_state_restore(&r, &reader));
        checkpoint_close(&reader);
        while (r.step < STEPS) MUST(run_step(&r));
        MUST(run_state_save(&r, part));
        cr_expect(equal_files(whole, part), "%s, saved after batch %lld: another end", actions[*i],
                  (long long)batch_index);
        run_close(&r);
    }
}

static char folder[128];

/* Trains c in RUN, a fresh process, so that the test's own has no threads; its exit status. */
static int train_child(const char *name, bool resume, const FileCalls *calls)
{
    snprintf(folder, sizeof folder, "%s/%s", place.folder, name);
    const pid_t child = fork();
    if (child) {
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    }
    if (calls) file_calls = calls;
    TrainOptions o = {.folder = folder, .resume = resume, .threads = 1};
    o.out = fopen("/dev/null", "w");
    bool began;
    const Status status = train(&o, &c, &began);
    if (status != OK) fprintf(stderr, "%s\n", error_message());
    _exit(status_exit_code(status));
}

static char *last_of(const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s/checkpoints/step-%08d.h5", place.folder, name, STEPS);
    return out;
}

static char *best_of(const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s/checkpoints/best.h5", place.folder, name);
    return out;
}

/* The parameters at the end of a run, to be compared with a run in this process. */
static void load_end(Run *r, const Config *config, const char *name)
{
    char path[200];
    CheckpointReader reader;
    MUST(run_open(r, config));
    MUST(checkpoint_open(&reader, last_of(name, path)));
    MUST(checkpoint_load(&reader, &r->params, true));
    r->step = reader.info.step;
    r->batch_index = reader.info.batch_index;
    r->tokens = reader.info.tokens;
    checkpoint_close(&reader);
}

Test(spikes, what_is_undone_has_never_been)
{
    char cut[128], path[160];
    Config lacking;
    Run rewound, clean;
    cut_out(44, 46, cut);
    snprintf(path, sizeof path, "data.path=%s", cut);
    SETTINGS(path);
    lacking = c;
    run_whole(&clean, &lacking);
    SETTINGS("monitor.action=rewind", "monitor.inject=gradient", "monitor.inject_batch=45");
    cr_assert_eq(train_child("rewound", false, NULL), 0);
    load_end(&rewound, &c, "rewound");
    cr_expect_eq(rewound.batch_index, STEPS + 3);
    cr_expect_eq(rewound.tokens, clean.tokens);
    same_params(&rewound.params, &clean.params, "rewound");
    run_close(&rewound);
    run_close(&clean);
}

/* Where in the run the bundle is. */
static int linked_at;

static int noting_link(const char *from, const char *to)
{
    if (strstr(to, "before.h5")) linked_at = faulty_made;
    return faulty_link(from, to);
}

/* metrics.jsonl without what the clock tells. */
static bool equal_metrics(const char *a, const char *b)
{
    char command[1000];
    snprintf(command, sizeof command,
             "cd '%s' && for r in %s %s; do sed -E 's/\"(tokens_per_second|seconds)\": [^,}]*//g' "
             "$r/metrics.jsonl >$r.lines; done; cmp -s %s.lines %s.lines",
             place.folder, a, b, a, b);
    return system(command) == 0;
}

static const char *const ways[] = {"monitor.action=rewind", "monitor.action=skip"};

ParameterizedTestParameters(spikes, a_kill_at_any_moment_changes_nothing)
{
    static int index[] = {0, 1};
    return cr_make_param_array(int, index, sizeof index / sizeof *index);
}

ParameterizedTest(int *i, spikes, a_kill_at_any_moment_changes_nothing)
{
    char whole[200], part[200], name[32];
    int counts[2], pipes[2];
    SETTINGS(ways[*i], "monitor.inject=gradient", "monitor.inject_batch=55",
             "monitor.inject_count=2", "monitor.drop_after=0", "train.eval_every=7",
             "train.eval_batches=2");
    cr_assert_eq(train_child("whole", false, NULL), 0);
    cr_assert_eq(pipe(pipes), 0);
    if (!fork()) { /* how many calls there are, and where the spike is */
        TrainOptions o = {.folder = folder, .threads = 1};
        snprintf(folder, sizeof folder, "%s/counted", place.folder);
        o.out = fopen("/dev/null", "w");
        FileCalls noting = faulty_calls;
        noting.link = noting_link;
        faulty_begin_as(FAULT_KILL, -1, 0);
        file_calls = &noting;
        bool began;
        if (train(&o, &c, &began) != OK) _exit(1);
        const int answer[] = {faulty_made, linked_at};
        _exit(write(pipes[1], answer, sizeof answer) != (ssize_t)sizeof answer);
    }
    cr_assert_eq(read(pipes[0], counts, sizeof counts), (ssize_t)sizeof counts);
    wait(NULL);
    cr_assert_gt(counts[0], 40);
    cr_assert(counts[1] > 20 && counts[1] < counts[0], "the spike is at call %d of %d", counts[1],
              counts[0]);
    for (int n = 0; n < counts[0];
         n += n >= counts[1] - 2 && n < counts[1] + (*i ? 8 : 45) ? 1 : 47) {
        faulty_begin_as(FAULT_KILL, n, 0);
        faulty_end(); /* it is for the child */
        snprintf(name, sizeof name, "killed%d", n);
        cr_assert_eq(train_child(name, false, &faulty_calls), FAULTY_DIED, "%d", n);
        cr_assert_eq(train_child(name, true, NULL), 0, "%d", n);
        cr_expect(equal_files(last_of("whole", whole), last_of(name, part)),
                  "%s, killed before call %d of %d (spike at %d): another end", ways[*i], n,
                  counts[0], counts[1]);
        cr_expect(equal_files(best_of("whole", whole), best_of(name, part)),
                  "%s, killed before call %d: another best", ways[*i], n);
        cr_expect(equal_metrics("whole", name), "%s, killed before call %d: other metrics",
                  ways[*i], n);
        snprintf(part, sizeof part, "rm -r '%s/%s'", place.folder, name);
        cr_assert_eq(system(part), 0);
    }
}

Test(spikes, attempts_end_with_exit_4)
{
    char command[500];
    SETTINGS("monitor.action=rewind", "monitor.inject=gradient", "monitor.inject_batch=45",
             "monitor.inject_count=100", "monitor.attempts=3");
    cr_assert_eq(train_child("hopeless", false, NULL), 4);
    snprintf(command, sizeof command,
             "cd '%s' && test $(grep -c '\"event\": \"rewound\"' events.jsonl) = 3 && grep -q "
             "'\"event\": \"stopped\".*monitor.attempts are used up' events.jsonl && grep -q 'rate "
             "times 0.5' events.jsonl",
             folder);
    cr_expect_eq(system(command), 0);
    /* What is left is whole, and ends the same way. */
    cr_expect_eq(train_child("hopeless", true, NULL), 4);
}

Test(spikes, damaged_snapshots_are_passed_over)
{
    char command[500];
    SETTINGS("monitor.action=rewind", "monitor.inject=gradient", "monitor.inject_batch=58",
             "train.steps=52"); /* it ends before the fault */
    cr_assert_eq(train_child("hurt", false, NULL), 0);
    snprintf(
        command, sizeof command,
        "cd '%s' && rm checkpoints/step-00000052.h5 && printf x | dd of=snapshots/step-00000040.h5 "
        "bs=1 seek=5000 conv=notrunc 2>/dev/null",
        folder);
    cr_assert_eq(system(command), 0);
    SETTINGS("monitor.action=rewind", "monitor.inject=gradient", "monitor.inject_batch=58");
    cr_assert_eq(train_child("hurt", true, NULL), 0);
    snprintf(
        command, sizeof command,
        "cd '%s' && grep -q '\"event\": \"warning\".*step-00000040.h5' events.jsonl && grep -q "
        "'\"event\": \"rewound\".*back to step 30' events.jsonl",
        folder);
    cr_expect_eq(system(command), 0);
}

/* Its checkpoints, of 0 and 50, serve as snapshots as far as those would reach. */
Test(spikes, a_run_without_snapshots_is_not_given_up)
{
    static const char *const first[] = {"monitor.inject_batch=58", "monitor.inject_batch=72"},
                             *const outcome[] = {"\"rewound\".*back to step 50", "\"skipped\""};
    char command[500], name[16];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "bare%d", i);
        SETTINGS("monitor.action=rewind", "monitor.inject=gradient", first[i],
                 i ? "monitor.snapshots=2" : "monitor.snapshots=4", "train.steps=52");
        cr_assert_eq(train_child(name, false, NULL), 0);
        snprintf(command, sizeof command,
                 "cd '%s' && rm -r checkpoints/step-00000052.h5 snapshots && touch snapshots",
                 folder);
        cr_assert_eq(system(command), 0);
        SETTINGS("monitor.action=rewind", "monitor.inject=gradient", first[i],
                 i ? "monitor.snapshots=2" : "monitor.snapshots=4", "train.steps=74");
        cr_assert_eq(train_child(name, true, NULL), 0);
        snprintf(
            command, sizeof command,
            "cd '%s' && grep -q '\"event\": \"no snapshot\"' events.jsonl && grep -q '\"event\": "
            "%s' events.jsonl",
            folder, outcome[i]);
        cr_expect_eq(system(command), 0, "%s", first[i]);
    }
}

/* No room for files of this name. */
static const char *too_large;

static int full_open(const char *path, int flags, mode_t mode)
{
    if (!strstr(path, too_large)) return file_calls_system.open(path, flags, mode);
    errno = ENOSPC;
    return -1;
}

Test(spikes, a_bundle_that_does_not_fit_leaves_nothing)
{
    static const char *const names[] = {"/at.h5", "/bundle.json"};
    char command[500];
    FileCalls calls = file_calls_system;
    calls.open = full_open;
    SETTINGS("monitor.action=skip", "monitor.inject=gradient", "monitor.inject_batch=45");
    for (int i = 0; i < 2; i++) {
        too_large = names[i];
        cr_assert_eq(train_child(i ? "json" : "state", false, &calls), 0);
        snprintf(
            command, sizeof command,
            "cd '%s' && grep -q '\"event\": \"no bundle\"' events.jsonl && grep -q '\"event\": "
            "\"skipped\"' events.jsonl && test -z \"$(ls spikes)\"",
            folder);
        cr_expect_eq(system(command), 0, "%s", names[i]);
    }
}

Test(spikes, a_bundle_that_cannot_be_written_is_a_warning)
{
    char command[500];
    SETTINGS("monitor.action=skip", "monitor.inject=gradient", "monitor.inject_batch=45",
             "train.steps=40");
    cr_assert_eq(train_child("full", false, NULL), 0);
    snprintf(command, sizeof command, "cd '%s' && rm checkpoints/step-00000040.h5 && touch spikes",
             folder);
    cr_assert_eq(system(command), 0);
    SETTINGS("monitor.action=skip", "monitor.inject=gradient", "monitor.inject_batch=45");
    cr_assert_eq(train_child("full", true, NULL), 0);
    snprintf(command, sizeof command,
             "cd '%s' && grep -q '\"event\": \"no bundle\"' events.jsonl && grep -q '\"event\": "
             "\"skipped\"' events.jsonl",
             folder);
    cr_expect_eq(system(command), 0);
}
