#include "train/run/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "data/files.h"

Status folder_path(const char *folder, const char *config, char path[FOLDER_PATH_MAX])
{
    if (folder) {
        if (!*folder) return FAIL(E_ARG, "--run needs the name of a folder");
        if (strlen(folder) >= FOLDER_PATH_MAX) return FAIL(E_ARG, "--run: the path is too long");
        strcpy(path, folder);
        return OK;
    }
    if (!config) return FAIL(E_ARG, "which run? give CONFIG or --run DIR");
    const char *slash = strrchr(config, '/'), *name = slash ? slash + 1 : config;
    const char *dot = strrchr(name, '.');
    const int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    if (snprintf(path, FOLDER_PATH_MAX, "runs/%.*s", length, name) >= FOLDER_PATH_MAX)
        return FAIL(E_ARG, "%s: the path is too long", config);
    return OK;
}

Status folder_find(const char *path, char found[FOLDER_PATH_MAX])
{
    struct stat info;
    const char *dot = strrchr(path, '.');
    const bool is_config = dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")) &&
                           !stat(path, &info) && S_ISREG(info.st_mode);
    if (!is_config) return folder_path(path, NULL, found);
    TRY(folder_path(NULL, path, found));
    if (!stat(found, &info) && S_ISDIR(info.st_mode)) return OK;
    return FAIL(E_ARG, "%s is a config, and its folder %s does not exist; give the folder", path,
                found);
}

Status folder_make(const char *path)
{
    char checkpoints[FOLDER_PATH_MAX + 32];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", path);
    TRY(file_make_parents(checkpoints));
    return file_make_own_folder(checkpoints);
}

Status folder_lock(const char *path, Lock *l)
{
    static const struct timespec nap = {.tv_nsec = 100000000};
    char name[FOLDER_PATH_MAX + 32];
    if (l->file >= 0 || (access(path, F_OK) && errno == ENOENT)) return OK;
    snprintf(name, sizeof name, "%s/lock", path);
    TRY(lock_take(l, name));
    for (int i = 0; l->file < 0 && i < 10; i++) {
        nanosleep(&nap, NULL);
        TRY(lock_take(l, name));
    }
    if (l->file >= 0) return OK;
    return FAIL(
        E_EXISTS,
        "%s: another process is training in this folder: %s%s (PID and host, from %s). Wait "
        "for it, stop it with kill, or use another folder with --run DIR",
        path, *l->before ? "" : "unknown", l->before, name);
}

static bool exists(const char *folder, const char *name)
{
    char path[FOLDER_PATH_MAX + 32];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return !lstat(path, &info);
}

static Status remove_file(const char *folder, const char *name)
{
    char path[FOLDER_PATH_MAX + 600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_remove(path);
}

static bool is_checkpoint_name(const char *name)
{
    const char *dot =
        strstr(name, ".h5"); /* also a draft left by a kill: step-00000010.h5.tmp.4711 */
    return dot && (!strncmp(name, "step-", 5) || !strncmp(name, "best.", 5) ||
                   !strncmp(name, "latest.", 7));
}

static bool is_bundle_name(const char *name)
{
    return !strncmp(name, "at.h5", 5) || !strncmp(name, "before.h5", 9) ||
           !strncmp(name, "bundle.json", 11);
}

/* Removes the run's files from RUN/NAME, and the folder if it is then empty. */
static Status remove_files(const char *path, const char *name, bool (*is_ours)(const char *name))
{
    char folder[FOLDER_PATH_MAX + 304];
    snprintf(folder, sizeof folder, "%s/%s", path, name);
    DIR *dir = opendir(folder);
    if (!dir) return errno == ENOENT ? OK : FAIL(E_IO, "%s: %s", folder, strerror(errno));
    Status status = OK;
    for (struct dirent *e; status == OK && (e = readdir(dir));)
        if (is_ours(e->d_name)) status = remove_file(folder, e->d_name);
    closedir(dir);
    if (!file_calls->rmdir(folder) || status != OK) return status;
    strcat(folder, "/-"); /* other files remain: make the removals durable */
    return file_settle(folder);
}

static Status remove_bundles(const char *path)
{
    char folder[FOLDER_PATH_MAX + 32];
    snprintf(folder, sizeof folder, "%s/spikes", path);
    DIR *dir = opendir(folder);
    if (!dir) return errno == ENOENT ? OK : FAIL(E_IO, "%s: %s", folder, strerror(errno));
    Status status = OK;
    for (struct dirent *e; status == OK && (e = readdir(dir));)
        if (!strncmp(e->d_name, "batch-", 6) || !strncmp(e->d_name, "draw-", 5)) /* 0.1 */
            status = remove_files(folder, e->d_name, is_bundle_name);
    closedir(dir);
    file_calls->rmdir(folder);
    return status;
}

Status folder_prepare(const char *path, bool overwrite)
{
    /* The files that mark a run go last, and the metrics after the checkpoints that rely on
     * them. */
    static const char *const files[] = {"report.html", "events.jsonl", "metrics.jsonl",
                                        "config.yaml"};
    const bool used = exists(path, "config.yaml") || exists(path, "checkpoints/latest.h5") ||
                      exists(path, "metrics.jsonl");
    if (used && !overwrite)
        return FAIL(E_EXISTS,
                    "%s holds a run: --resume continues it, --overwrite deletes it, --run DIR "
                    "uses another folder",
                    path);
    if (!used) return OK;
    TRY(remove_files(path, "checkpoints", is_checkpoint_name));
    TRY(remove_files(path, "snapshots", is_checkpoint_name));
    TRY(remove_bundles(path));
    char inside[FOLDER_PATH_MAX + 16];
    snprintf(inside, sizeof inside, "%s/checkpoints", path);
    TRY(file_settle(
        inside)); /* else a power loss could remove config.yaml but leave a checkpoint */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) TRY(remove_file(path, files[i]));
    return folder_make(path);
}

Status folder_copy_metrics(const char *path, const char *checkpoint)
{
    char checkpoints[PATH_MAX], run[PATH_MAX], from[PATH_MAX + 32], to[FOLDER_PATH_MAX + 32];
    file_folder(checkpoint, checkpoints);
    file_folder(checkpoints, run);
    snprintf(from, sizeof from, "%s/metrics.jsonl", run);
    snprintf(to, sizeof to, "%s/metrics.jsonl", path);
    return access(from, F_OK) ? OK : file_copy(from, to);
}

Status folder_write_config(const char *path, const Config *c)
{
    char name[FOLDER_PATH_MAX + 32];
    FileText text;
    snprintf(name, sizeof name, "%s/config.yaml", path);
    TRY(file_text_open(&text, name));
    return file_text_save(&text, config_write(c, true, text.out), name);
}
