#include "train/checkpoint/checkpoints.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"

enum { NAME_MAX_HERE = 64 };

static char *name_of(int64_t step, char out[NAME_MAX_HERE])
{
    snprintf(out, NAME_MAX_HERE, "step-%08lld.h5", (long long)step);
    return out;
}

static char *path_of(const char *folder, const char *name, char out[CHECKPOINT_PATH_MAX])
{
    snprintf(out, CHECKPOINT_PATH_MAX, "%s/%s", folder, name);
    return out;
}

char *checkpoints_path(const char *folder, int64_t step, char out[CHECKPOINT_PATH_MAX])
{
    char name[NAME_MAX_HERE];
    return path_of(folder, name_of(step, name), out);
}

Status checkpoints_find(const char *path, char found[CHECKPOINT_PATH_MAX])
{
    static const char *const names[] = {"best.h5", "latest.h5"};
    char folder[CHECKPOINT_PATH_MAX - NAME_MAX_HERE];
    struct stat info;
    if (snprintf(folder, sizeof folder, "%s/checkpoints", path) >= (int)sizeof folder)
        return FAIL(E_ARG, "%s: the path is too long", path);
    snprintf(found, CHECKPOINT_PATH_MAX, "%s", path);
    if (stat(path, &info) || !S_ISDIR(info.st_mode)) return OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!access(path_of(folder, names[i], found), F_OK)) return OK;
    return FAIL(E_ARG,
                "%s is a folder without checkpoints/best.h5 and checkpoints/latest.h5; give a "
                "checkpoint or a run's folder",
                path);
}

/* The step in a name that name_of() made, or -1. */
static int64_t step_of(const char *name)
{
    char again[NAME_MAX_HERE];
    if (strncmp(name, "step-", 5) || name[5] < '0' || name[5] > '9') return -1;
    errno = 0;
    const int64_t step = strtoll(name + 5, NULL, 10);
    return !errno && !strcmp(name, name_of(step, again)) ? step : -1;
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static Status read_folder(DIR *d, Arena *a, int64_t **steps, int64_t *count)
{
    int64_t room = 0;
    for (struct dirent *one; (one = readdir(d));) {
        const int64_t step = step_of(one->d_name);
        if (step < 0) continue;
        if (*count == room) {
            room = room ? 2 * room : 64;
            int64_t *more = arena_take(a, room * (int64_t)sizeof *more);
            if (!more) return FAIL(E_NOMEM, "a list of %lld checkpoints", (long long)room);
            if (*count) memcpy(more, *steps, (size_t)*count * sizeof *more);
            *steps = more;
        }
        (*steps)[(*count)++] = step;
    }
    if (*count) qsort(*steps, (size_t)*count, sizeof **steps, ascending);
    return OK;
}

Status checkpoints_list(const char *folder, Arena *a, int64_t **steps, int64_t *count)
{
    char safe[CHECKPOINT_PATH_MAX];
    *steps = NULL;
    *count = 0;
    DIR *d = opendir(folder);
    if (!d && errno == ENOENT) return OK;
    if (!d)
        return FAIL(E_IO, "cannot list %s: %s", text_escape(folder, safe, sizeof safe),
                    strerror(errno));
    Status status = read_folder(d, a, steps, count);
    closedir(d);
    return status;
}

static Status open_step(CheckpointReader *r, const char *folder, int64_t step)
{
    char path[CHECKPOINT_PATH_MAX];
    TRY(checkpoint_open(r, checkpoints_path(folder, step, path)));
    if (r->info.step == step) return OK;
    return FAIL(E_FORMAT, "%s: it is of step %lld: another checkpoint was renamed to this", r->path,
                (long long)r->info.step);
}

/* The first warning: why the newest checkpoint cannot be used. */
typedef struct Refusal {
    char message[2048];
} Refusal;

static void refuse(void *context, const char *message)
{
    Refusal *r = context;
    if (!*r->message)
        snprintf(r->message, sizeof r->message, "%s", message + strlen(status_text(E_FORMAT)) + 2);
}

Status checkpoints_open_newest(const char *folder, CheckpointReader *r, bool *found,
                               void (*warn)(void *context, const char *message), void *context)
{
    Arena a = {0};
    int64_t *steps, count;
    Refusal *refusal = NULL;
    Status status = checkpoints_list(folder, &a, &steps, &count);
    *found = false;
    *r = (CheckpointReader){0};
    if (!warn) {
        refusal = arena_zero(&a, sizeof *refusal);
        if (!refusal) status = FAIL(E_NOMEM, "a message");
        warn = refuse;
        context = refusal;
    }
    while (!status && count && !*found) {
        const Status one = open_step(r, folder, steps[--count]);
        *found = one == OK;
        if (*found) break;
        checkpoint_close(r);
        if (one != E_FORMAT || !count)
            status = one; /* the last file, or an error that another file would have, too */
        else
            warn(context, error_message());
    }
    if (*found && refusal && *refusal->message) {
        status =
            FAIL(E_FORMAT, "%s\nThe newest intact one is %s; --resume --fallback resumes from it.",
                 refusal->message, r->path);
        checkpoint_close(r);
        *found = false;
    }
    arena_free(&a);
    return status;
}

Status checkpoints_save_best(const char *folder, const Checkpoint *c)
{
    char path[CHECKPOINT_PATH_MAX];
    return checkpoint_save(path_of(folder, "best.h5", path), c);
}

Status checkpoints_link(const char *folder, int64_t step, int64_t best)
{
    char path[CHECKPOINT_PATH_MAX], alias[CHECKPOINT_PATH_MAX], name[NAME_MAX_HERE];
    TRY(file_point(name_of(step, name), path_of(folder, "latest.h5", path)));
    if (!best || access(checkpoints_path(folder, best, path), F_OK)) return OK;
    return file_alias(path, path_of(folder, "best.h5", alias));
}

/* The step that latest.h5 points to; not the newest if the link could not be updated. -1: none. */
static int64_t latest_step(const char *folder)
{
    char path[CHECKPOINT_PATH_MAX], target[NAME_MAX_HERE];
    const ssize_t length = readlink(path_of(folder, "latest.h5", path), target, sizeof target - 1);
    target[length < 0 ? 0 : length] = '\0';
    return step_of(target);
}

Status checkpoints_rotate(const char *folder, int64_t newest, int64_t keep)
{
    Arena a = {0};
    int64_t *steps, count, after = 0;
    char path[CHECKPOINT_PATH_MAX];
    const int64_t latest = latest_step(folder);
    Status status = checkpoints_list(folder, &a, &steps, &count);
    while (status == OK && after < count && steps[after] <= newest) after++;
    for (int64_t i = 0; status == OK && i < after - keep; i++)
        if (steps[i] && steps[i] != latest)
            status = file_remove(checkpoints_path(folder, steps[i], path));
    arena_free(&a);
    return status;
}

Status checkpoints_finish_save(const char *folder, int64_t step, int64_t best, int64_t keep)
{
    /* On a full disk, rotation makes room for the links. */
    Status linked = checkpoints_link(folder, step, best);
    const Status status = checkpoints_rotate(folder, step, keep);
    if (linked != OK) linked = checkpoints_link(folder, step, best);
    return status == OK ? linked : status;
}

Status checkpoints_save(const char *folder, const Checkpoint *c, int64_t keep, bool best)
{
    char path[CHECKPOINT_PATH_MAX];
    const int64_t step = c->info.step;
    TRY(file_make_own_folder(folder));
    TRY(checkpoint_save(checkpoints_path(folder, step, path), c));
    return checkpoints_finish_save(folder, step, best ? step : 0, keep);
}

void checkpoints_clean(const char *folder)
{
    files_clean(folder, "");
}
