#include "data/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "data/files.h"

extern char **environ;

/* The last lines of the log. */
static void read_log(const char *path, char *out, int size)
{
    const char *why;
    FILE *f = file_open_regular(path, &why);
    out[0] = '\0';
    if (!f) return;
    if (!fseek(f, 0, SEEK_END)) {
        long length = ftell(f);
        if (fseek(f, length > size - 1 ? length - (size - 1) : 0, SEEK_SET)) rewind(f);
    }
    size_t got = fread(out, 1, (size_t)size - 1, f);
    while (got && out[got - 1] == '\n') got--;
    out[got] = '\0';
    fclose(f);
}

/* SIGUSR1 asks Capstan to save a checkpoint, and would end the program that it runs if sent to the
 * whole process group. */
static int block_save_requests(posix_spawnattr_t *attributes)
{
    sigset_t requests;
    sigemptyset(&requests);
    sigaddset(&requests, SIGUSR1);
    int error = posix_spawnattr_init(attributes);
    if (error) return error;
    error = posix_spawnattr_setsigmask(attributes, &requests);
    if (!error) error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK);
    if (error) posix_spawnattr_destroy(attributes);
    return error;
}

static int start(const Process *p, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_addopen(&actions, 1, p->output ? p->output : "/dev/null",
                                                 flags, 0600);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 2, p->log, flags, 0600);
    if (!error) error = posix_spawn_file_actions_addchdir_np(&actions, p->folder);
    if (!error) error = block_save_requests(&attributes);
    if (!error) {
        /* execve() takes pointers to what it does not change. */
        union {
            const char *const *ours;
            char *const *theirs;
        } arguments = {p->arguments};
        error =
            posix_spawnp(pid, p->arguments[0], &actions, &attributes, arguments.theirs, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

Status process_run(const Process *p)
{
    pid_t pid;
    int error = start(p, &pid), ended;
    if (error) return FAIL(E_DATA, "cannot run %s: %s", p->arguments[0], strerror(error));
    while (waitpid(pid, &ended, 0) < 0)
        if (errno != EINTR) return FAIL(E_DATA, "%s: %s", p->arguments[0], strerror(errno));
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) return OK;
    char complaint[600];
    read_log(p->log, complaint, sizeof complaint);
    return FAIL(E_DATA, "%s failed: %s", p->arguments[0],
                complaint[0] ? complaint : "it did not say why");
}
