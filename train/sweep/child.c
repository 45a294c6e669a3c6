#include "train/sweep/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/files.h"

extern char **environ;

enum { CLAIM_FD = 3, ARGUMENTS = 20 };

Status claim_take(const Sweep *s, const SweepRun *r, Lock *claim)
{
    char path[SWEEP_PATH_MAX];
    *claim = (Lock){.file = -1};
    TRY(file_make_own_folder(sweep_run_path(s, r, "", path)));
    TRY(lock_take(claim, sweep_run_path(s, r, "claim", path)));
    if (!claim->missing) return OK;
    lock_drop(claim);
    return FAIL(E_IO, "%s: this file system has no locks, which a sweep needs", path);
}

/* RUN/cell.yaml: the resolved config, each value with its origin. */
static Status write_config(const Sweep *s, const Cell *cell, char path[SWEEP_PATH_MAX])
{
    FileText text;
    TRY(file_text_open(&text, sweep_run_path(s, &cell->run, "cell.yaml", path)));
    return file_text_save(&text, config_write(cell->config, true, text.out), path);
}

static Status open_log(const Sweep *s, const SweepRun *r, const char *name, int how, int *file)
{
    char path[SWEEP_PATH_MAX];
    return file_open_own(sweep_run_path(s, r, name, path), O_WRONLY | O_CREAT | how, file);
}

static int prepare_spawn(const ChildTask *task, const int logs[2],
                         posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
    sigset_t all, requests;
    sigfillset(&all);
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1); /* held back until the child watches for it */
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(actions, logs[0], 1);
    if (!error) error = posix_spawn_file_actions_adddup2(actions, logs[1], 2);
    if (!error) error = posix_spawn_file_actions_adddup2(actions, task->claim->file, CLAIM_FD);
    if (!error) error = posix_spawnattr_setpgroup(attributes, 0);
    if (!error) error = posix_spawnattr_setsigdefault(attributes, &all);
    if (!error) error = posix_spawnattr_setsigmask(attributes, &requests);
    if (!error)
        error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                         POSIX_SPAWN_SETSIGMASK);
    return error;
}

static int spawn(const ChildTask *task, const int logs[2], const char *arguments[], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    /* posix_spawn() takes non-const strings but does not change them. */
    union {
        const char **ours;
        char *const *theirs;
    } words = {arguments};
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = prepare_spawn(task, logs, &actions, &attributes);
        if (!error)
            error = posix_spawn(pid, arguments[0], &actions, &attributes, words.theirs, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

Status child_start(const Sweep *s, const ChildTask *task, pid_t *pid)
{
    char program[PATH_MAX], config[SWEEP_PATH_MAX], folder[SWEEP_PATH_MAX], threads[16], parent[16],
        stop[32];
    const char *arguments[ARGUMENTS];
    int count = 0;
    TRY(write_config(s, task->cell, config));
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return FAIL(E_FAILED, "cannot find the path of this program: %s", strerror(errno));
    program[length] = '\0';
    snprintf(threads, sizeof threads, "%d", task->threads);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(stop, sizeof stop, "%lld", (long long)task->stop_after);
    const char *const first[] = {
        program,
        "train",
        config,
        "--run",
        sweep_run_path(s, &task->cell->run, "", folder),
        "--resume",
        "--fallback", /* resuming from an older checkpoint gives the same result */
        "--no-report",
        "--threads",
        threads,
        "--parent",
        parent};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) arguments[count++] = first[i];
    if (task->from) arguments[count++] = "--from", arguments[count++] = task->from;
    if (task->stop_after) arguments[count++] = "--stop-after", arguments[count++] = stop;
    arguments[count] = NULL;
    int logs[2] = {-1, -1};
    const SweepRun *r = &task->cell->run;
    Status status = open_log(s, r, "output.log", O_APPEND, &logs[0]);
    if (status == OK) status = open_log(s, r, "errors.log", O_TRUNC, &logs[1]);
    const int error = status == OK ? spawn(task, logs, arguments, pid) : 0;
    if (error) status = FAIL(E_FAILED, "%s cannot be started: %s", program, strerror(error));
    for (int i = 0; i < 2; i++)
        if (logs[i] >= 0) file_calls->close(logs[i]);
    return status;
}

/* Replaces every `what` by `instead`, which is not longer. */
static void cut_out(char *text, const char *what, const char *instead)
{
    const size_t length = strlen(what), room = strlen(instead);
    if (!length || room > length) return;
    for (char *at; (at = strstr(text, what));) {
        memcpy(at, instead, room);
        memmove(at + room, at + length, strlen(at + length) + 1);
        text = at + room;
    }
}

char *child_reason(const Sweep *s, const SweepRun *r, char *out, size_t size)
{
    static const char prefix[] = "capstan: ", saved[] = "; the checkpoint of step ";
    char path[SWEEP_PATH_MAX], line[4096];
    const char *why;
    FILE *file = file_open_regular(sweep_run_path(s, r, "errors.log", path), &why);
    snprintf(out, size, "%s", "it did not say why");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, prefix, sizeof prefix - 1) && !strstr(line, ": warning: "))
            snprintf(out, size, "%s", line + sizeof prefix - 1);
    }
    if (file) fclose(file);
    char *which = strstr(out, saved); /* depends on when it was interrupted */
    if (which) *which = '\0';
    cut_out(out, sweep_run_path(s, r, "", path), "RUN");
    return out;
}
