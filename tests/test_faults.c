/* A whole training run, small but with all that writes files (saves, rotation, the best, journals, snapshots, a
 * bundle, a rewind), in which any call of the system may fail, be the last, or be followed by a loss of power:
 * the old or the new state is there, whole, and --resume comes to the end that the undisturbed run has. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <sys/wait.h>

#include "autograd/base/threads.h"
#include "tests/crash_states.h"
#include "tests/faulty.h"
#include "tests/support.h"
#include "tests/temporary.h"
#include "train/checkpoint/checkpoints.h"
#include "train/train.h"

static Place place;
static Config c;
static FILE *nowhere;

static void setup(void)
{
    place = place_make();
    place_config(&place, &c,
                 (const char *const[]){"model.layers=1",
                                       "model.heads=1",
                                       "model.width=8",
                                       "model.context=8",
                                       "train.batch=2",
                                       "train.steps=5",
                                       "train.save_every=2",
                                       "train.keep=1",
                                       "train.eval_every=2",
                                       "train.eval_batches=1",
                                       "train.log_every=1",
                                       "monitor.action=rewind",
                                       "monitor.telemetry=false",
                                       "monitor.inject=nan",
                                       "monitor.inject_batch=4",
                                       "monitor.inject_where=blocks.0.mlp/linear",
                                       "monitor.snapshot_every=2",
                                       "monitor.snapshots=2",
                                       "monitor.rewind_steps=1",
                                       "train.threads=1",
                                       NULL});
    nowhere = fopen("/dev/null", "w");
}

static void teardown(void)
{
    fclose(nowhere);
    place_remove(&place);
}

TestSuite(faults, .init = setup, .fini = teardown);

static char *path_of(const char *run, const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s%s%s", place.folder, run, *name ? "/" : "", name);
    return out;
}

static Status train_here(const char *run, bool resume)
{
    char folder[200];
    TrainOptions o = {.folder = path_of(run, "", folder),
                      .resume = resume,
                      .threads = 1,
                      .out = nowhere};
    bool began;
    return train(&o, &c, &began);
}

/* In a process of its own, in which the n-th call is the last: its exit code. */
static int train_child(const char *run, bool resume, Fault kind, int n)
{
    const pid_t child = fork();
    int status;
    if (!child) {
        faulty_begin_as(kind, n, 0);
        _exit(status_exit_code(train_here(run, resume)));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "call %d: killed by signal %d", n, WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void forget(const char *run)
{
    char command[300], folder[200];
    snprintf(command, sizeof command, "rm -rf '%s'", path_of(run, "", folder));
    cr_assert_eq(system(command), 0);
}

static char *text_of(const char *run, const char *name)
{
    char path[200];
    long size;
    char *text = (char *)file_bytes(path_of(run, name, path), &size);
    if (text) text[size] = '\0';
    return text;
}

static bool same_file(const char *a, const char *b, const char *name)
{
    char path[200];
    long sizes[2];
    unsigned char *bytes[] = {file_bytes(path_of(a, name, path), &sizes[0]),
                              file_bytes(path_of(b, name, path), &sizes[1])};
    const bool same =
        sizes[0] == sizes[1] && bytes[0] && !memcmp(bytes[0], bytes[1], (size_t)sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    return same;
}

/* metrics.jsonl without what the clock tells. */
static char *metrics_of(const char *run)
{
    static const char *const clocks[] = {"\"tokens_per_second\": ", "\"seconds\": "};
    char *text = text_of(run, "metrics.jsonl");
    for (int k = 0; text && k < 2; k++)
        for (char *at = text; (at = strstr(at, clocks[k]));) {
            char *end = at + strcspn(at, ",}");
            memmove(at, end, strlen(end) + 1);
        }
    return text;
}

static bool same_metrics(const char *a, const char *b)
{
    char *x = metrics_of(a), *y = metrics_of(b);
    const bool same = x && y && !strcmp(x, y);
    if (!same) fprintf(stderr, "%s and, in %s,\n%s", x, b, y);
    free(x);
    free(y);
    return same;
}

/* The names in the folders of a run, sorted, a line each. */
static char *names_of(const char *run, char out[4096])
{
    static const char *const folders[] = {"", "checkpoints", "snapshots", "spikes",
                                          "spikes/batch-00000004"};
    size_t used = 0;
    for (int i = 0; i < 5; i++) {
        char path[200];
        struct dirent **names;
        const int count = scandir(path_of(run, folders[i], path), &names, NULL, alphasort);
        for (int k = 0; k < count; free(names[k++]))
            used +=
                (size_t)snprintf(out + used, 4096 - used, "%s/%s\n", folders[i], names[k]->d_name);
        if (count >= 0) free(names);
    }
    return out;
}

static bool has_drafts(const char *run)
{
    char names[4096];
    return strstr(names_of(run, names), ".tmp.");
}

static bool same_names(const char *a, const char *b)
{
    char x[4096], y[4096];
    const bool same = !strcmp(names_of(a, x), names_of(b, y));
    if (!same) fprintf(stderr, "%sand, in %s,\n%s", x, b, y);
    return same;
}

/* All lines of a journal are objects, to their ends. */
static bool lines_are_whole(const char *run, const char *name)
{
    char *text = text_of(run, name), *rest = text;
    bool whole = text;
    for (char *line; whole && (line = strsep(&rest, "\n"));)
        whole = rest ? *line == '{' && line[strlen(line) - 1] == '}' : !*line;
    free(text);
    return whole;
}

static int descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) count++;
    closedir(d);
    return count;
}

static const Fault ends[] = {FAULT_KILL, FAULT_POWER};

ParameterizedTestParameters(faults, a_run_may_end_at_any_call)
{
    static int index[] = {0, 1};
    return cr_make_param_array(int, index, 2);
}

ParameterizedTest(int *i, faults, a_run_may_end_at_any_call)
{
    int n = 0;
    cr_assert_eq(train_child("whole", false, FAULT_KILL, -1), 0);
    for (int code = FAULTY_DIED; code == FAULTY_DIED; n++) {
        char folder[200];
        CheckpointReader r;
        bool found;
        code = train_child("cut", false, ends[*i], n);
        cr_assert(code == FAULTY_DIED || code == 0);
        cr_assert_eq(checkpoints_open_newest(path_of("cut", "checkpoints", folder), &r, &found,
                                             NULL, NULL),
                     OK, "call %d: %s", n, error_message());
        checkpoint_close(&r);
        cr_assert_eq(train_child("cut", true, FAULT_KILL, -1), 0, "call %d", n);
        cr_assert(same_names("whole", "cut"), "ended at call %d", n);
        cr_assert(same_file("whole", "cut", "checkpoints/latest.h5"), "ended at call %d", n);
        cr_assert(same_file("whole", "cut", "checkpoints/best.h5"), "ended at call %d", n);
        cr_assert(same_metrics("whole", "cut"), "ended at call %d", n);
        cr_assert(lines_are_whole("cut", "events.jsonl"), "ended at call %d", n);
        forget("cut");
    }
    cr_expect_gt(n, 100);
}

typedef struct Failing {
    Fault kind;
    int errors[5]; /* call n fails with the n-th, round and round; 0: it does half of its work */
    int count;
    bool soft; /* and stops nothing */
} Failing;

static const Failing failings[] = {
    {FAULT_ONCE, {ENOSPC, EIO, EACCES, EMFILE, EROFS}, 5, false},
    {FAULT_STAYS, {EDQUOT, EIO, ENOSPC}, 3, false},
    {FAULT_ONCE, {EINTR, 0}, 2, true},
};

ParameterizedTestParameters(faults, any_call_of_a_run_may_fail)
{
    static int index[] = {0, 1, 2};
    return cr_make_param_array(int, index, 3);
}

/* A call that fails in the course of training stops nothing. At the start, where somebody is looking, and
 * at the end, where nothing can be tried again, it is an error that names the file and the reason. */
ParameterizedTest(int *i, faults, any_call_of_a_run_may_fail)
{
    const Failing *f = &failings[*i];
    int errors = 0, n = 0;
    threads_set(1);
    c.monitor.action = ACTION_skip; /* a rewind needs its snapshots */
    cr_assert_eq(train_here("whole", false), OK, "%s", error_message());
    for (bool burnt = true; burnt; n++) {
        const int before = descriptors(), error = f->errors[n % f->count];
        faulty_begin_as(f->kind, n, error);
        const Status status = train_here("hurt", false);
        burnt = faulty_burnt;
        faulty_end();
        cr_assert_eq(descriptors(), before, "call %d: a file is left open", n);
        cr_assert(!has_drafts("hurt"), "call %d", n);
        if (status != OK) {
            errors++;
            cr_assert(!f->soft, "call %d: %s", n, error_message());
            cr_assert_eq(status, E_IO, "call %d: %s", n, error_message());
            cr_assert(strstr(error_message(), "hurt"), "call %d: %s", n, error_message());
            cr_assert(strstr(error_message(), strerror(error)), "%s", error_message());
            cr_assert_eq(train_here("hurt", true), OK, "call %d: %s", n, error_message());
        }
        cr_assert(same_file("whole", "hurt", "checkpoints/latest.h5"), "call %d", n);
        cr_assert(same_metrics("whole", "hurt"), "call %d", n);
        cr_assert(lines_are_whole("hurt", "events.jsonl"), "call %d", n);
        forget("hurt");
    }
    cr_expect_gt(n, 100);
    cr_expect(f->kind == FAULT_STAYS || errors < n / 2, "%d errors of %d", errors, n);
}

/* What a loss of power may leave of a run that rewinds, or skips batches in a row. */
static const struct Incident {
    const char *name;
    MonitorAction action;
    int64_t batches; /* bad ones, from batch 4 on */
} incidents[] = {{"a rewind", ACTION_rewind, 1}, {"skips", ACTION_skip, 3}};

static int no_fsync(int fd)
{
    (void)fd;
    return 0;
}

/* Resumes `cut`, in no hurry to reach the disk. */
static int resume_child(void)
{
    const pid_t child = fork();
    int status;
    if (!child) {
        FileCalls quick = file_calls_system;
        quick.fsync = no_fsync;
        file_calls = &quick;
        _exit(status_exit_code(train_here("cut", true)));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static bool resume_from(bool is_done, int end, void *context)
{
    (void)is_done;
    ++*(int *)context;
    cr_assert_eq(resume_child(), 0, "event %d", end);
    cr_assert(same_names("whole", "cut"), "event %d", end);
    cr_assert(same_file("whole", "cut", "checkpoints/latest.h5"), "event %d", end);
    cr_assert(same_file("whole", "cut", "checkpoints/best.h5"), "event %d", end);
    cr_assert(same_metrics("whole", "cut"), "event %d", end);
    cr_assert(lines_are_whole("cut", "events.jsonl"), "event %d", end);
    return true;
}

ParameterizedTestParameters(faults, a_run_is_resumed_after_any_loss_of_power)
{
    static int index[] = {0, 1};
    return cr_make_param_array(int, index, 2);
}

/* STATES_PACE=1: from each state. */
ParameterizedTest(int *i, faults, a_run_is_resumed_after_any_loss_of_power)
{
    const char *pace = getenv("STATES_PACE");
    char folder[200];
    int resumed = 0;
    c.monitor.action = incidents[*i].action;
    c.monitor.inject_count = incidents[*i].batches;
    cr_assert_eq(train_child("whole", false, FAULT_KILL, -1), 0);
    cr_assert_eq(mkdir(path_of("cut", "", folder), 0777), 0);
    crash_pace = pace ? atoi(pace) : 53;
    crash_record(folder, false);
    cr_assert_eq(train_here("cut", false), OK, "%s", error_message());
    const int states = crash_explore(resume_from, &resumed);
    cr_log_info("%s: %d calls, %d states, %d resumed from", incidents[*i].name, crash_count, states,
                resumed);
    cr_expect_gt(states, 1000);
    cr_expect_geq(resumed, states / crash_pace);
}
