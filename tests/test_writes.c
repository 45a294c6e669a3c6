/* Each way in which files come to be: a checkpoint with its links and its rotation, lines of a log, a sweep's
 * store, a dataset, a run's folder, a bundle. Every call of the system, and every piece of memory, is in its turn
 * the one that fails, or the last before the process dies or the power is lost. After each the old or the new
 * state is there, whole, a message names the file, and the same once more comes to the new state. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "autograd/base/threads.h"
#include "data/dataset.h"
#include "tests/crash_states.h"
#include "tests/faulty.h"
#include "tests/faulty_memory.h"
#include "tests/support.h"
#include "tests/temporary.h"
#include "train/checkpoint/checkpoints.h"
#include "train/diagnose/bundle.h"
#include "train/snapshots.h"
#include "train/spike_response.h"
#include "train/sweep/store.h"

enum { NONE, OLD, NEW, BROKEN }; /* what is there */

static Place place;
static Config c;
static Session s;
static FILE *said;

static char *path_of(const char *name, char out[200])
{
    snprintf(out, 200, "%s/%s", place.folder, name);
    return out;
}

/* --- a checkpoint --- */

static Status save_checkpoint(int which)
{
    checkpoints_clean(s.checkpoints);
    s.run.step = which;
    s.run.best_step = which;
    Status status = metrics_log_open(&s.log, s.folder, 1);
    if (status == OK) status = session_save(&s, false);
    metrics_log_close(&s.log);
    return status;
}

static int find_checkpoint(void)
{
    CheckpointReader r;
    bool found;
    char path[200];
    const Status status = checkpoints_open_newest(s.checkpoints, &r, &found, NULL, NULL);
    const int64_t step = found ? r.info.step : -1;
    checkpoint_close(&r);
    if (status != OK) return BROKEN;
    for (int i = 0; i < 2; i++) { /* where they point is whole */
        if (checkpoint_open(&r, path_of(i ? "run/checkpoints/best.h5" : "run/checkpoints/latest.h5",
                                        path)))
            return BROKEN;
        checkpoint_close(&r);
    }
    return step == 1 ? OLD : step == 2 ? NEW : BROKEN;
}

/* --- lines of a log --- */

static Status add_lines(int which)
{
    s.run.step = which;
    Status status = metrics_log_open(&s.log, s.folder, which - 1);
    if (status == OK) {
        metrics_log_evaluation(&s.log, &s.run, which); /* that they wait is told by */
        status = metrics_log_sync(&s.log);
    }
    metrics_log_close(&s.log);
    return status;
}

static int find_lines(void)
{
    static const char both[] = "{\"step\": 1, \"val_loss\": 1}\n{\"step\": 2, \"val_loss\": 2}\n";
    enum { BOTH = sizeof both - 1, ONE = BOTH / 2 };
    char path[200];
    long size;
    AppendFile lines;
    Status opened = append_file_open(&lines, s.folder, "metrics.jsonl"); /* drops what is torn */
    if (opened == OK) opened = append_file_sync(&lines);
    append_file_close(&lines);
    if (opened != OK) return BROKEN;
    unsigned char *bytes = file_bytes(path_of("run/metrics.jsonl", path), &size);
    const bool begins = size >= ONE && size <= BOTH && !memcmp(bytes, both, (size_t)size);
    free(bytes);
    return !begins        ? BROKEN
           : size == BOTH ? NEW
                          : OLD; /* a torn line is none: see train/checkpoint/append_file.h */
}

/* --- a sweep's store --- */

static Status write_store(int which)
{
    SweepRun runs[2] = {{.id = "0123456789abcdef",
                         .state = which == OLD ? SWEEP_running : SWEEP_done,
                         .overrides = "model.width=32\n",
                         .reason = ""},
                        {.id = "fedcba9876543210", .overrides = "", .reason = "none"}};
    Sweep sweep = {.flops = "exact", .config = "model.layers: 2\n", .runs = runs, .count = 2};
    int lock;
    snprintf(sweep.folder, sizeof sweep.folder, "%s", place.folder);
    TRY(sweep_lock(sweep.folder, &lock));
    files_clean(sweep.folder, "sweep.h5");
    const Status status = sweep_store_write(&sweep);
    sweep_unlock(lock);
    return status;
}

static int find_store(void)
{
    Sweep sweep;
    const Status status = sweep_store_read(place.folder, &sweep);
    const bool whole = status == OK && sweep.count == 2 && !strcmp(sweep.runs[1].reason, "none");
    const int found = !whole ? BROKEN : sweep.runs[0].state == SWEEP_done ? NEW : OLD;
    sweep_close(&sweep);
    return found;
}

/* --- a dataset --- */

static Status build_dataset(int which)
{
    int32_t tokens[300];
    char path[200];
    DatasetWriter *w;
    Status status = dataset_writer_open(&w, path_of("d.h5", path), 257);
    for (int i = 0; i < 40 * which && status == OK; i++) {
        for (int k = 0; k < 300; k++) tokens[k] = (i * 31 + k * 7) % 257;
        status = dataset_writer_add(w, i % 4 == 3, tokens, 300, i % 3, false);
    }
    if (status == OK) status = dataset_writer_finish(w, "{}", 2);
    dataset_writer_close(w);
    return status;
}

static int find_dataset(void)
{
    Dataset d;
    char path[200];
    Status status = dataset_open(&d, path_of("d.h5", path));
    if (status == OK) status = dataset_touch(&d, &d.train, 0, d.train.count);
    if (status == OK) status = dataset_touch(&d, &d.val, 0, d.val.count);
    const int64_t count = status == OK ? d.train.documents + d.val.documents : -1;
    dataset_close(&d);
    return count == 40 ? OLD : count == 80 ? NEW : BROKEN;
}

/* --- a run's folder, over another run's --- */

static Status make_folder(int which)
{
    static Config config;
    char folder[200], path[200];
    Lock lock = {.file = -1};
    config = c;
    config.train.seed = which;
    path_of("other", folder);
    Status status = folder_lock(folder, &lock);
    if (status == OK) status = folder_make(folder);
    if (status == OK) status = folder_lock(folder, &lock);
    if (status == OK) status = folder_prepare(folder, true);
    files_clean(folder, "config.yaml");
    if (status == OK) status = folder_write_config(folder, &config);
    if (status == OK && which == OLD)
        status = file_write(path_of("other/checkpoints/step-00000000.h5", path), "old", 3);
    lock_drop(&lock);
    return status;
}

static int find_folder(void)
{
    static Config config;
    char path[200];
    const bool left = !access(path_of("other/checkpoints/step-00000000.h5", path), F_OK);
    if (access(path_of("other/config.yaml", path), F_OK)) return left ? BROKEN : NONE;
    if (config_load(&config, path, 0, NULL) != OK) return BROKEN;
    return config.train.seed == OLD ? OLD : left ? BROKEN : NEW;
}

/* --- a bundle --- */

static Status keep_bundle(int which)
{
    char folder[BUNDLE_PATH_MAX], text[4096] = "";
    bool taken;
    if (which == OLD) return OK;
    s.run.monitor.judgement.opens = true;
    rewind(said);
    Status status = metrics_log_open(&s.log, s.folder, s.run.step);
    if (status == OK) status = spike_response_act(&s, &taken);
    metrics_log_close(&s.log);
    fflush(said);
    const ssize_t size = pread(fileno(said), text, sizeof text - 1, 0);
    if (status != OK || size < 0) return status;
    if (bundle_is_there(bundle_path(s.folder, s.run.monitor.judgement.batch_index, folder)))
        return OK;
    const char *what = strstr(text, "warning: ");
    return error_adopt(strstr(text, status_text(E_NOMEM)) ? E_NOMEM : E_IO,
                       what ? what + 9 : "not told");
}

static int find_bundle(void)
{
    static const char *const names[] = {"at.h5", "before.h5"};
    char folder[BUNDLE_PATH_MAX], path[BUNDLE_PATH_MAX + 16];
    Bundle b;
    if (!bundle_is_there(bundle_path(s.folder, s.run.monitor.judgement.batch_index, folder)))
        return NONE;
    const bool whole = bundle_read(&b, folder) == OK && b.documents > 0 && b.before_step >= 0;
    bundle_close(&b);
    if (!whole) return BROKEN;
    for (int i = 0; i < 2; i++) {
        CheckpointReader r;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        const Status status = checkpoint_open(&r, path);
        checkpoint_close(&r);
        if (status != OK) return BROKEN;
    }
    return NEW;
}

static const struct Writer {
    const char *name, *names; /* in every message */
    Status (*write)(int which);
    int (*find)(void);
    bool none; /* nothing may be there instead of the old */
} writers[] = {
    {"a checkpoint", "run/", save_checkpoint, find_checkpoint, false},
    {"lines of a log", ".jsonl", add_lines, find_lines, false},
    {"a sweep's store", "sweep.", write_store, find_store, false},
    {"a dataset", "d.h5", build_dataset, find_dataset, false},
    {"a run's folder", "other", make_folder, find_folder, true},
    {"a bundle", "run/", keep_bundle, find_bundle, true},
};

enum { WRITERS = sizeof writers / sizeof *writers };

/* A run that has just met a spike, with a snapshot from before it. */
static void setup(void)
{
    char path[200];
    bool taken = true;
    threads_set(1);
    place = place_make();
    place_config(&place, &c,
                 (const char *const[]){"model.layers=1", "model.heads=1", "model.width=8",
                                       "model.context=8", "train.batch=2", "train.steps=9",
                                       "train.keep=1", "train.threads=1", "monitor.action=skip",
                                       "monitor.inject=nan", "monitor.inject_batch=3",
                                       "monitor.inject_where=blocks.0.mlp/linear",
                                       "monitor.snapshot_every=2", NULL});
    static const volatile sig_atomic_t never;
    said = fopen(path_of("said", path), "w+");
    s = (Session){.config = &c, .lock.file = -1, .saved = -1, .stop = &never};
    path_of("run", s.folder);
    path_of("run/checkpoints", s.checkpoints);
    path_of("run/snapshots", s.snapshots);
    MUST(folder_make(s.folder));
    MUST(run_open(&s.run, &c));
    progress_begin(&s.progress, &s.run, 0, c.train.steps, said);
    while (taken) {
        MUST(snapshots_step(&s));
        MUST(run_measure(&s.run));
        taken = s.run.monitor.judgement.verdict == VERDICT_TAKE;
        if (taken) run_update(&s.run);
    }
    for (int i = 0; i < WRITERS; i++) MUST(writers[i].write(OLD));
}

static void teardown(void)
{
    run_close(&s.run);
    fclose(said);
    place_remove(&place);
}

TestSuite(writes, .init = setup, .fini = teardown);

static int descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) count++;
    closedir(d);
    return count;
}

static int find_draft(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return strstr(path, ".tmp.") != NULL;
}

static bool has_drafts(void)
{
    return nftw(place.folder, find_draft, 16, FTW_PHYS) == 1;
}

typedef struct Told {
    Status status;
    bool burnt;
    int leaked; /* descriptors */
    char message[2048];
} Told;

typedef enum Harm {
    CALL,
    MEMORY,
    ARENA,
    ROOM, /* so many pieces of address space are left */
} Harm;

enum { ROOM_PIECE = 1 << 16 };

/* What there is, and pieces more; negative: all. */
static void limit_room(int pieces)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1) abort();
    fclose(file);
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (pieces >= 0) limit.rlim_cur = (rlim_t)(pages * getpagesize() + (long)pieces * ROOM_PIECE);
    if (setrlimit(RLIMIT_AS, &limit)) abort();
}

static Told *told_by_child(void)
{
    Told *told =
        mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(told, MAP_FAILED);
    return told;
}

/* Writes the new state in a process of its own, whose n-th call or piece of memory suffers the fault: how it
 * ended. */
static int write_new(const struct Writer *w, Harm harm, Fault kind, int n, int error, Told *told)
{
    int ended;
    const pid_t child = fork();
    if (!child) {
        const int before = descriptors();
        if (harm == CALL) faulty_begin_as(kind, n, error);
        memory_stays = kind == FAULT_STAYS;
        memory_left = harm == MEMORY ? n : -1;
        arena_fuse = harm == ARENA ? n : -1;
        if (harm == ROOM) limit_room(n);
        told->status = w->write(NEW);
        memory_left = -1;
        if (harm == ROOM) limit_room(-1);
        told->burnt = harm == CALL     ? faulty_burnt
                      : harm == MEMORY ? memory_burnt
                      : harm == ARENA  ? !arena_fuse
                                       : told->status != OK;
        faulty_end();
        if (told->status != OK)
            snprintf(told->message, sizeof told->message, "%s", error_message());
        told->leaked = descriptors() - before;
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &ended, 0), child);
    cr_assert(WIFEXITED(ended), "%s, %d: killed by signal %d", w->name, n, WTERMSIG(ended));
    return WEXITSTATUS(ended);
}

static void back(const struct Writer *w)
{
    static const char *const made[] = {"run/spikes", "run/checkpoints", "run/metrics.jsonl"};
    char path[200];
    for (int i = 0; i < 3; i++)
        if (strncmp(w->names, "run/", 4) == 0 || w->write == add_lines)
            nftw(path_of(made[i], path), temporary_remove, 16, FTW_DEPTH | FTW_PHYS);
    MUST(w->write(OLD));
}

/* The old or the new. And, if so asked, it can be made new; then the old again. */
static void check_state(const struct Writer *w, int n, bool again)
{
    static Told *told;
    const int found = w->find();
    cr_assert(found == OLD || found == NEW || (found == NONE && w->none), "%s, %d: %s", w->name, n,
              found == BROKEN ? error_message() : "nothing");
    if (!again && found != NEW) return;
    if (!told) told = told_by_child();
    cr_assert_eq(write_new(w, CALL, FAULT_ONCE, -1, 0, told), 0);
    cr_assert_eq(told->status, OK, "%s, once more after %d: %s", w->name, n, told->message);
    cr_assert_eq(w->find(), NEW, "%s, once more after %d", w->name, n);
    cr_assert(!has_drafts(), "%s, once more after %d: a draft is left", w->name, n);
    back(w);
}

static const Fault ends[] = {FAULT_KILL, FAULT_POWER};

ParameterizedTestParameters(writes, any_call_may_be_the_last)
{
    static int index[2 * WRITERS];
    for (int i = 0; i < 2 * WRITERS; i++) index[i] = i;
    return cr_make_param_array(int, index, 2 * WRITERS);
}

ParameterizedTest(int *i, writes, any_call_may_be_the_last)
{
    const struct Writer *w = &writers[*i / 2];
    Told *told = told_by_child();
    int n = 0;
    for (int code = FAULTY_DIED; code == FAULTY_DIED; n++) {
        code = write_new(w, CALL, ends[*i % 2], n, 0, told);
        cr_assert(code == FAULTY_DIED || code == 0);
        check_state(w, n, true);
    }
    cr_expect_geq(n, 5, "%s: %d", w->name, n);
}

static const struct Failing {
    Harm harm;
    Fault kind;
    int error; /* 0: a call does half of its work */
} failings[] = {
    {CALL, FAULT_ONCE, ENOSPC},    {CALL, FAULT_ONCE, EIO},      {CALL, FAULT_STAYS, EDQUOT},
    {CALL, FAULT_ONCE, 0},         {CALL, FAULT_ONCE, EINTR},    {MEMORY, FAULT_ONCE, ENOMEM},
    {MEMORY, FAULT_STAYS, ENOMEM}, {ARENA, FAULT_STAYS, ENOMEM}, {ROOM, FAULT_STAYS, ENOMEM},
};

enum { FAILINGS = sizeof failings / sizeof *failings };

ParameterizedTestParameters(writes, any_call_and_any_allocation_may_fail)
{
    static int index[FAILINGS * WRITERS];
    for (int i = 0; i < FAILINGS * WRITERS; i++) index[i] = i;
    return cr_make_param_array(int, index, FAILINGS *WRITERS);
}

ParameterizedTest(int *i, writes, any_call_and_any_allocation_may_fail)
{
    const struct Writer *w = &writers[*i / FAILINGS];
    const struct Failing *f = &failings[*i % FAILINGS];
    const bool is_soft = f->harm == CALL && (!f->error || f->error == EINTR);
    /* Of what stays out, each fifth: a piece that alone is not given finds more. */
    const int pace = f->harm == MEMORY && f->kind == FAULT_STAYS ? 5 : 1;
    Told *told = told_by_child();
    int n = 0, failed = 0;
    if ((f->harm == MEMORY || f->harm == ROOM) && !MEMORY_COUNTS) return;
    for (told->burnt = true; told->burnt; n += pace) {
        cr_assert_eq(write_new(w, f->harm, f->kind, n, f->error, told), 0);
        cr_assert_eq(told->leaked, 0, "%s, %d: a file is left open", w->name, n);
        cr_assert(!has_drafts(), "%s, %d: a draft is left", w->name, n);
        if (told->status != OK) {
            failed++;
            cr_assert(!is_soft, "%s, %d: %s", w->name, n, told->message);
            if (f->harm == CALL || !strstr(told->message, strerror(ENOMEM)))
                cr_assert_eq(told->status, f->harm == CALL ? E_IO : E_NOMEM, "%s, %d: %s", w->name,
                             n, told->message);
            cr_assert(strstr(told->message, w->names), "%s, %d: %s", w->name, n, told->message);
            if (f->harm == CALL)
                cr_assert(strstr(told->message, strerror(f->error)), "%s, %d: %s", w->name, n,
                          told->message);
        } else {
            cr_assert_eq(w->find(), NEW, "%s, %d: said to be done; %s", w->name, n,
                         error_message());
        }
        check_state(w, n, f->harm == CALL || n / pace % 16 == 0);
    }
    cr_expect(is_soft || f->harm >= ARENA || failed > (pace == 1), "%s: %d of %d", w->name, failed,
              n);
}

/* What the states that a loss of power may leave hold. */
typedef struct Explored {
    const struct Writer *w;
    int count[BROKEN + 1]; /* of states before the write was done, by what was found */
    int undone;            /* states after it that are not the new one */
    char first[2048];      /* about the first wrong one */
    bool redo;
} Explored;

static bool look(bool is_done, int end, void *context)
{
    Explored *e = context;
    const int found = e->w->find();
    const bool is_wrong = found == BROKEN || (found == NONE && !e->w->none);
    e->count[is_wrong ? BROKEN : found]++;
    if (is_done && found != NEW) e->undone++;
    if ((is_wrong || (is_done && found != NEW)) && !*e->first)
        snprintf(e->first, sizeof e->first, "after %d events: %s", end,
                 found == BROKEN ? error_message()
                 : found == OLD  ? "the old"
                                 : "nothing");
    if (!e->redo) return !e->count[BROKEN] && !e->undone;
    if (is_wrong || (e->count[OLD] + e->count[NEW]) % 8) return true;
    MUST(e->w->write(NEW));
    cr_assert_eq(e->w->find(), NEW, "%s, once more after event %d", e->w->name, end);
    cr_assert(!has_drafts(), "%s, once more after event %d: a draft is left", e->w->name, end);
    return true;
}

static int explore(const struct Writer *w, bool forgets, Explored *e)
{
    *e = (Explored){.w = w, .redo = !forgets};
    crash_record(place.folder, forgets);
    MUST(w->write(NEW));
    return crash_explore(look, e);
}

ParameterizedTestParameters(writes, every_loss_of_power_leaves_the_old_or_the_new)
{
    static int index[WRITERS];
    for (int i = 0; i < WRITERS; i++) index[i] = i;
    return cr_make_param_array(int, index, WRITERS);
}

ParameterizedTest(int *i, writes, every_loss_of_power_leaves_the_old_or_the_new)
{
    static Explored e;
    const int states = explore(&writers[*i], false, &e);
    cr_log_info("%s: %d calls, %d states: %d old, %d new", writers[*i].name, crash_count, states,
                e.count[OLD], e.count[NEW]);
    cr_expect_eq(e.count[BROKEN], 0, "%s: %d of %d states are broken: %s", writers[*i].name,
                 e.count[BROKEN], states, e.first);
    cr_expect_eq(e.undone, 0, "%s: announced, and not there in %d states: %s", writers[*i].name,
                 e.undone, e.first);
    cr_expect_geq(states, 4);
    cr_expect_gt(e.count[NEW], 0);
}

/* That the test above can fail: the same writers, without fsync(). */
ParameterizedTestParameters(writes, without_fsync_a_loss_of_power_breaks_them)
{
    static int index[WRITERS];
    for (int i = 0; i < WRITERS; i++) index[i] = i;
    return cr_make_param_array(int, index, WRITERS);
}

ParameterizedTest(int *i, writes, without_fsync_a_loss_of_power_breaks_them)
{
    static Explored e;
    explore(&writers[*i], true, &e);
    cr_expect_gt(e.count[BROKEN] + e.undone, 0, "%s needs no fsync", writers[*i].name);
}
