#include "train/sweep/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "data/files.h"
#include "train/plan/plan.h"
#include "train/run/folder.h"
#include "train/support/clock.h"
#include "train/support/interrupt.h"
#include "train/sweep/table.h"
#include "train/sweep/worker.h"

static const double LOOK_SECONDS = 0.5;

Status sweep_folder(const char *config, const char *folder, char out[SWEEP_PATH_MAX])
{
    char path[FOLDER_PATH_MAX];
    TRY(folder_path(folder, config, path));
    return sweep_locate(path, out);
}

int64_t worker_active(const SweepWorker *w)
{
    int64_t count = 0;
    for (int64_t i = 0; i < w->jobs; i++) count += w->children[i].claim.file >= 0;
    return count;
}

static bool is_mine(const SweepWorker *w, int64_t cell)
{
    for (int64_t i = 0; i < w->jobs; i++)
        if (w->children[i].claim.file >= 0 && w->children[i].cell == cell) return true;
    return false;
}

static bool is_over(const SweepWorker *w, int64_t cell)
{
    return sweep_state_is_over(w->sweep.runs[cell].state);
}

/* Reads the store again: other workers may have changed it. */
static Status look(SweepWorker *w)
{
    Sweep now;
    Status status = sweep_store_read(w->sweep.folder, &now);
    if (status == OK) status = worker_check(w, &now);
    if (status != OK) {
        sweep_close(&now);
        return status;
    }
    sweep_close(&w->sweep);
    w->sweep = now;
    return OK;
}

/* Longest first, so that the last runs to finish are short. */
static int by_work(const void *a, const void *b, void *context)
{
    const Cell *cells = context;
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const double x = cells[i].run.flops, y = cells[j].run.flops;
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

/* Allocates what depends on the number of cells, which grows once (best_seeds). */
static Status arrange(SweepWorker *w)
{
    const int64_t n = w->grid.count;
    free(w->order);
    free(w->estimate.rates);
    w->order = calloc((size_t)n + 1, sizeof *w->order);
    TRY(estimate_open(&w->estimate, n));
    if (!w->order) return FAIL(E_NOMEM, "%lld runs", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        char folder[SWEEP_PATH_MAX];
        RunResults results;
        w->order[i] = i;
        if (results_read(sweep_run_path(&w->sweep, &w->grid.cells[i].run, "", folder), &results) ==
            OK)
            estimate_note(&w->estimate, w->grid.cells, i, results.step, results.seconds);
    }
    qsort_r(w->order, (size_t)n, sizeof *w->order, by_work, w->grid.cells);
    return OK;
}

static int64_t memory_used(const SweepWorker *w)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < w->jobs; i++)
        if (w->children[i].claim.file >= 0) sum += w->grid.cells[w->children[i].cell].memory;
    return sum;
}

/* Whether the cell could start now if no other worker has claimed it. */
static bool may_start(const SweepWorker *w, int64_t i)
{
    const Cell *cell = &w->grid.cells[i];
    if (is_over(w, i) || is_mine(w, i)) return false;
    if (worker_active(w) && memory_used(w) + cell->memory > plan_memory() / 4 * 3) return false;
    return cell->trunk < 0 || trunk_is_ready(&w->sweep, cell) || is_over(w, cell->trunk);
}

/* The threads that each run is given; 0: a fair share. */
static int64_t fixed_threads(const SweepWorker *w)
{
    return w->options->threads ? w->options->threads : w->grid.base->train.threads;
}

static int choose_threads(const SweepWorker *w)
{
    int64_t used = 0, waiting = 0;
    if (fixed_threads(w)) return (int)fixed_threads(w);
    for (int64_t i = 0; i < w->jobs; i++)
        if (w->children[i].claim.file >= 0) used += w->children[i].threads;
    for (int64_t i = 0; i < w->sweep.count; i++) waiting += !is_over(w, i) && !is_mine(w, i);
    const int64_t fair = waiting ? (w->threads - used) / waiting : 1;
    return (int)(fair > 1 ? fair : 1);
}

/* Claims and starts the cell, unless another worker has claimed or finished it. */
static Status try_start(SweepWorker *w, Child *c, int64_t cell)
{
    Lock claim;
    const int threads = choose_threads(w);
    TRY(claim_take(&w->sweep, &w->grid.cells[cell].run, &claim));
    if (claim.file < 0) return OK;
    Status status = look(w);
    if (status == OK && !is_over(w, cell)) {
        *c = (Child){.cell = cell, .claim = claim, .threads = threads};
        status = worker_record(w, cell, SWEEP_running, "", NULL);
        return status == OK ? worker_start(w, c) : status;
    }
    lock_drop(&claim);
    return status;
}

static Status start_more(SweepWorker *w)
{
    for (int64_t j = 0; j < w->jobs; j++) {
        Child *c = &w->children[j];
        for (int64_t i = 0; i < w->grid.count && c->claim.file < 0; i++)
            if (may_start(w, w->order[i])) TRY(try_start(w, c, w->order[i]));
    }
    return OK;
}

static Status reap(SweepWorker *w)
{
    for (int64_t j = 0; j < w->jobs; j++) {
        Child *c = &w->children[j];
        int status;
        if (!c->pid) continue;
        const pid_t ended = waitpid(c->pid, &status, WNOHANG);
        if (ended == c->pid) TRY(worker_ended(w, c, status));
    }
    return OK;
}

static void signal_children(const SweepWorker *w, int number)
{
    for (int64_t j = 0; j < w->jobs; j++)
        if (w->children[j].pid) kill(w->children[j].pid, number);
}

static void stop_children(SweepWorker *w)
{
    signal_children(w, SIGTERM);
    w->is_stopping = true;
}

static void pass_on_save_request(SweepWorker *w)
{
    if (!*w->save_request) return;
    *w->save_request = 0;
    signal_children(w, SIGUSR1);
    show_line(w, "SIGUSR1: %lld runs save a checkpoint and continue", (long long)worker_active(w));
}

/* Reads the progress of the children and the store. */
static Status poll_progress(SweepWorker *w)
{
    char folder[SWEEP_PATH_MAX];
    const double now = clock_seconds();
    if (now - w->looked < LOOK_SECONDS) return OK;
    w->looked = now;
    for (int64_t j = 0; j < w->jobs; j++) {
        Child *c = &w->children[j];
        if (!c->pid) continue;
        const SweepRun *r = &w->grid.cells[c->cell].run;
        if (results_read(sweep_run_path(&w->sweep, r, "", folder), &c->seen) == OK)
            estimate_note(&w->estimate, w->grid.cells, c->cell, c->seen.step, c->seen.seconds);
    }
    if (worker_active(w) < w->jobs) TRY(look(w));
    show_progress(w);
    return OK;
}

static bool all_over(const SweepWorker *w)
{
    for (int64_t i = 0; i < w->grid.count; i++)
        if (!is_over(w, i)) return false;
    return true;
}

static Status add_seeds(SweepWorker *w)
{
    int lock;
    int64_t added = 0;
    w->seeded = true;
    TRY(sweep_lock(w->sweep.folder, &lock));
    Status status = look(w);
    if (status == OK) status = grid_store_add_seeds(&w->grid, &w->sweep, &added);
    sweep_unlock(lock);
    TRY(status);
    if (added) show_line(w, "adding the best runs with other seeds: %lld runs", (long long)added);
    return added ? arrange(w) : OK;
}

static Status loop(SweepWorker *w)
{
    static const struct timespec nap = {.tv_nsec = 20000000};
    for (;;) {
        TRY(reap(w));
        pass_on_save_request(w);
        if (*w->stop && !w->is_stopping) {
            show_line(w, "stopping: the runs save their state; interrupt again to quit at once");
            stop_children(w);
        }
        if (w->is_stopping && !worker_active(w))
            return FAIL(E_INTERRUPTED, "the same command resumes %s", w->sweep.folder);
        if (!w->is_stopping) TRY(start_more(w));
        if (!w->is_stopping && !worker_active(w) && all_over(w)) {
            if (w->seeded || !w->grid.spec.seed_count) return OK;
            TRY(add_seeds(w));
            continue;
        }
        TRY(poll_progress(w));
        nanosleep(&nap, NULL);
    }
}

/* After an error in this process: ends all children and drops their claims. */
static void end_children(SweepWorker *w)
{
    stop_children(w);
    for (int64_t j = 0; j < w->jobs; j++) {
        Child *c = &w->children[j];
        if (c->pid)
            while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) continue;
        lock_drop(&c->claim);
        *c = (Child){.claim.file = -1};
    }
}

static Status make_folders(const char *folder)
{
    char part[SWEEP_PATH_MAX], checkpoints[SWEEP_PATH_MAX + 16];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", folder);
    if (!access(checkpoints, F_OK))
        return FAIL(E_EXISTS, "%s holds a run, not a sweep: --output DIR chooses another folder",
                    folder);
    snprintf(part, sizeof part, "%s", folder);
    for (char *end = part + 1; *end; end++)
        if (*end == '/') {
            *end = '\0';
            TRY(file_make_folder(part));
            *end = '/';
        }
    TRY(file_make_folder(part));
    snprintf(part, sizeof part, "%.*s/runs", SWEEP_PATH_MAX - 8, folder);
    return file_make_own_folder(part);
}

static Status open_store(SweepWorker *w, const char *folder)
{
    int lock;
    TRY(sweep_lock(folder, &lock));
    files_clean(folder, "sweep.h5");
    Status status = grid_store_open(w->options, &w->grid, folder, &w->sweep);
    sweep_unlock(lock);
    return status;
}

static Status sum_up(SweepWorker *w)
{
    int64_t failed = 0, diverged = 0;
    char warning[TABLE_WARNING];
    for (int64_t i = 0; i < w->sweep.count; i++) {
        failed += w->sweep.runs[i].state == SWEEP_failed;
        diverged += w->sweep.runs[i].state == SWEEP_diverged;
    }
    show_line(
        w,
        "all %lld runs have finished: %lld done, %lld diverged, %lld failed; capstan sweep table "
        "%s",
        (long long)w->sweep.count, (long long)(w->sweep.count - failed - diverged),
        (long long)diverged, (long long)failed, w->sweep.folder);
    for (int64_t i = 0; i < w->sweep.count; i++)
        if (table_few_steps(&w->sweep, i, warning)) show_line(w, "%s", warning);
    if (!failed) return OK;
    return FAIL(E_FAILED,
                "%lld of %lld runs failed: capstan sweep status %s prints the reasons, --retry "
                "runs them again",
                (long long)failed, (long long)w->sweep.count, w->sweep.folder);
}

/* Prints the grid, without a store. */
static Status show_grid(SweepWorker *w, const char *folder)
{
    Sweep *s = &w->sweep;
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    s->runs = arena_zero(&s->arena, (w->grid.count + 1) * (int64_t)sizeof *s->runs);
    if (!s->runs) return FAIL(E_NOMEM, "%lld runs", (long long)w->grid.count);
    s->count = w->grid.count;
    for (int64_t i = 0; i < s->count; i++) s->runs[i] = w->grid.cells[i].run;
    show_plan(w);
    show_warnings(w);
    return table_csv(s, w->options->out);
}

static Status open_children(SweepWorker *w)
{
    const int64_t each = fixed_threads(w) ? fixed_threads(w) : 1;
    w->jobs = w->options->jobs ? w->options->jobs : w->threads / each > 1 ? w->threads / each : 1;
    if (w->jobs > JOBS_MAX) w->jobs = JOBS_MAX;
    w->children = calloc((size_t)w->jobs, sizeof *w->children);
    if (!w->children) return FAIL(E_NOMEM, "a sweep");
    for (int64_t i = 0; i < w->jobs; i++) w->children[i].claim.file = -1;
    return OK;
}

static Status work(SweepWorker *w)
{
    char folder[SWEEP_PATH_MAX];
    const SweepOptions *o = w->options;
    TRY(sweep_folder(o->config, o->folder, folder));
    TRY(grid_read(&w->grid, o->config, o->override_count, o->overrides));
    TRY(open_children(w));
    if (o->dry_run) return show_grid(w, folder);
    TRY(make_folders(folder));
    TRY(open_store(w, folder));
    w->seeded = w->grid.count > 0 && w->sweep.count > 0 && w->sweep.runs[w->sweep.count - 1].extra;
    TRY(arrange(w));
    show_plan(w);
    show_warnings(w);
    w->stop = interrupt_watch(NULL, false);
    w->save_request = save_requests_watch();
    Status status = loop(w);
    if (status != OK && worker_active(w)) end_children(w);
    TRY(status);
    return sum_up(w);
}

Status sweep_run(const SweepOptions *o)
{
    SweepWorker *w = calloc(1, sizeof *w);
    if (!w) return FAIL(E_NOMEM, "a sweep");
    w->options = o;
    w->threads = threads_default();
    w->is_terminal = isatty(fileno(o->out));
    const Status status = work(w);
    if (w->line_open) fputc('\n', o->out);
    sweep_close(&w->sweep);
    grid_close(&w->grid);
    free(w->children);
    free(w->order);
    free(w->estimate.rates);
    free(w);
    return status;
}
