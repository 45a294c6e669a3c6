#include "data/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/text.h"

static int system_open(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

const FileCalls file_calls_system = {system_open, write,   pwrite, ftruncate, fsync, close,  rename,
                                     link,        symlink, unlink, mkdir,     rmdir, statvfs};
_Thread_local const FileCalls *file_calls = &file_calls_system;

void file_folder(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", path);
    char *slash = strrchr(out, '/');
    if (!slash)
        strcpy(out, ".");
    else
        slash[slash == out] = '\0';
}

const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Bytes that a file beside path may take; -1: it cannot be told. */
static int64_t room_beside(const char *path)
{
    char folder[PATH_MAX];
    struct statvfs disk;
    file_folder(path, folder);
    if (file_calls->statvfs(folder, &disk) || !disk.f_blocks) return -1;
    return (int64_t)((geteuid() ? disk.f_bavail : disk.f_bfree) * disk.f_frsize);
}

/* Before anything else may touch errno. */
static Status fail(const char *path, const char *doing, int64_t needed)
{
    const int reason = errno;
    char name[PATH_MAX], room[96] = "";
    const int64_t free = needed ? room_beside(path) : -1;
    if (free >= 0)
        snprintf(room, sizeof room, " (%lld bytes needed, %lld free)", (long long)needed,
                 (long long)free);
    return FAIL(E_IO, "cannot save %s: %s: %s%s", text_escape(path, name, sizeof name), doing,
                strerror(reason), room);
}

Status file_saved(const char *path, Status status)
{
    char name[PATH_MAX], what[1024];
    if (status != E_NOMEM || strstr(error_message(), "cannot save ")) return status;
    snprintf(what, sizeof what, "%s", error_message() + strlen(status_text(E_NOMEM)) + 2);
    return FAIL(E_NOMEM, "cannot save %s: %s", text_escape(path, name, sizeof name), what);
}

static int write_at(int fd, const void *bytes, int64_t size, int64_t place)
{
    const unsigned char *from = bytes;
    while (size) {
        const size_t part = size > 1 << 30 ? 1 << 30 : (size_t)size;
        ssize_t done = place < 0 ? file_calls->write(fd, from, part)
                                 : file_calls->pwrite(fd, from, part, (off_t)place);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        if (!done) {
            errno = ENOSPC;
            return -1;
        }
        from += done;
        size -= done;
        if (place >= 0) place += done;
    }
    return 0;
}

int file_write_all(int fd, const void *bytes, int64_t size)
{
    return write_at(fd, bytes, size, -1);
}

Status draft_open(Draft *d, const char *path, int64_t total)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    struct stat old;
    d->fd = -1;
    d->exists = false;
    d->used = 0;
    d->total = total;
    if (strlen(path) >= sizeof d->path) return FAIL(E_IO, "cannot save: the path is too long");
    strcpy(d->path, path);
    if (!stat(path, &old) && !S_ISREG(old.st_mode))
        return FAIL(E_ARG, "cannot save %s: it is there and is not a file",
                    text_escape(path, d->temporary, sizeof d->temporary));
    const int64_t room = total ? room_beside(path) : -1;
    if (room >= 0 && room < total) {
        errno = ENOSPC;
        return fail(path, "not begun", total);
    }
    snprintf(d->temporary, sizeof d->temporary, "%s.tmp.%ld", path, (long)getpid());

    d->fd = file_calls->open(d->temporary, flags, 0666);
    if (d->fd < 0 && errno == EEXIST) { /* a dead process had our number, as in a container */
        file_calls->unlink(d->temporary);
        d->fd = file_calls->open(d->temporary, flags, 0666);
    }
    if (d->fd < 0) return fail(path, "creating a file beside it", total);
    d->exists = true;
    return OK;
}

static Status flush(Draft *d)
{
    const int64_t used = d->used;
    d->used = 0;
    if (file_write_all(d->fd, d->buffer, used)) return fail(d->path, "writing", d->total);
    return OK;
}

Status draft_write(Draft *d, const void *bytes, int64_t size)
{
    if (d->used + size > DRAFT_BUFFER) TRY(flush(d));
    if (size > DRAFT_BUFFER) {
        if (file_write_all(d->fd, bytes, size)) return fail(d->path, "writing", d->total);
    } else if (size) {
        memcpy(d->buffer + d->used, bytes, (size_t)size);
        d->used += size;
    }
    return OK;
}

Status draft_patch(Draft *d, const void *bytes, int64_t size, int64_t place)
{
    TRY(flush(d));
    if (write_at(d->fd, bytes, size, place)) return fail(d->path, "writing", d->total);
    return OK;
}

static int sync_fd(int fd)
{
    int result;
    do result = file_calls->fsync(fd);
    while (result < 0 && errno == EINTR);
    return result;
}

/* Renames (from NULL: does not), and makes the folder remember it. The folder is opened first, so that little
 * can go wrong once the new file is in place. */
static Status settle(const char *from, const char *to)
{
    char folder[PATH_MAX];
    file_folder(to, folder);
    int fd = file_calls->open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 && errno == EACCES && !from)
        return OK; /* what may be written and not read cannot be flushed */
    if (fd < 0) return fail(to, "opening its folder", 0);
    Status status = OK;
    if (from && file_calls->rename(from, to))
        status = fail(to, "renaming", 0);
    else if (sync_fd(fd) && errno != EINVAL) /* not every file system has something to flush */
        status = fail(to, "flushing its folder to the disk", 0);
    file_calls->close(fd);
    return status;
}

Status file_settle(const char *path)
{
    return settle(NULL, path);
}

Status draft_finish(Draft *d)
{
    TRY(flush(d));
    if (sync_fd(d->fd)) return fail(d->path, "flushing it to the disk", d->total);
    const int fd = d->fd;
    d->fd = -1;
    if (file_calls->close(fd) && errno != EINTR) return fail(d->path, "closing", d->total);
    Status status = settle(d->temporary, d->path);
    if (status == OK) d->exists = false;
    return status;
}

void draft_close(Draft *d)
{
    if (d->fd >= 0) file_calls->close(d->fd);
    if (d->exists) file_calls->unlink(d->temporary);
    d->fd = -1;
    d->exists = false;
}

Status file_write(const char *path, const char *text, int64_t size)
{
    Draft d;
    Status status = draft_open(&d, path, size);
    if (status == OK) status = draft_write(&d, text, size);
    if (status == OK) status = draft_finish(&d);
    draft_close(&d);
    return status;
}

Status file_text_open(FileText *t, const char *path)
{
    *t = (FileText){0};
    t->out = open_memstream(&t->text, &t->size);
    return t->out ? OK : file_saved(path, FAIL(E_NOMEM, "a text"));
}

Status file_text_save(FileText *t, Status status, const char *path)
{
    if (!text_close(t->out, &t->text) && status == OK) status = FAIL(E_NOMEM, "a text");
    if (status == OK) status = file_write(path, t->text, (int64_t)t->size);
    free(t->text);
    return file_saved(path, status);
}

static Status copy_into(Draft *d, int from)
{
    static const int64_t size = DRAFT_BUFFER;
    for (;;) {
        ssize_t got = read(from, d->buffer, (size_t)size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(d->path, "reading what to copy", 0);
        if (!got) return draft_finish(d);
        d->used = got;
        TRY(flush(d));
    }
}

Status file_copy(const char *existing, const char *path)
{
    Draft d;
    int from = open(existing, O_RDONLY | O_CLOEXEC);
    if (from < 0) return fail(existing, "copying", 0);
    Status status = draft_open(&d, path, 0);
    if (status == OK) status = copy_into(&d, from);
    draft_close(&d);
    close(from);
    return status;
}

/* Puts a link that was just made under a temporary name in place. */
static Status settle_link(const char *temporary, const char *path)
{
    Status status = settle(temporary, path);
    /* rename() does nothing if both were names of one file already. */
    if (file_calls->unlink(temporary) && errno != ENOENT && status == OK)
        status = fail(path, "removing the old name", 0);
    return status;
}

Status file_alias(const char *existing, const char *path)
{
    char temporary[PATH_MAX + 32];
    snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    file_calls->unlink(temporary);
    if (file_calls->link(existing, temporary)) {
        if (errno == ENOENT) return fail(path, "linking", 0);
        return file_copy(existing, path); /* not every file system has hard links */
    }
    return settle_link(temporary, path);
}

Status file_point(const char *target, const char *path)
{
    char temporary[PATH_MAX + 32];
    snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    file_calls->unlink(temporary);
    if (file_calls->symlink(target, temporary)) return fail(path, "linking", 0);
    return settle_link(temporary, path);
}

static Status fail_of(const char *doing, const char *path)
{
    const int reason = errno;
    char name[PATH_MAX];
    return FAIL(E_IO, "cannot %s %s: %s", doing, text_escape(path, name, sizeof name),
                strerror(reason));
}

Status file_remove(const char *path)
{
    return !file_calls->unlink(path) || errno == ENOENT ? OK : fail_of("remove", path);
}

Status file_remove_folder(const char *path)
{
    if (!file_calls->rmdir(path) || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST)
        return OK;
    return fail_of("remove", path);
}

Status file_make_folder(const char *path)
{
    struct stat info;
    if (!file_calls->mkdir(path, 0777)) return file_settle(path);
    const int reason = errno; /* some file systems give others than EEXIST */
    if (!stat(path, &info) && S_ISDIR(info.st_mode)) return OK;
    errno = reason;
    return fail_of("make", path);
}

Status file_make_parents(const char *path)
{
    char part[PATH_MAX];
    if (strlen(path) >= sizeof part) return FAIL(E_ARG, "%.64s...: the path is too long", path);
    strcpy(part, path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        TRY(file_make_folder(part));
    }
    return OK;
}

static bool is_stale(const char *name)
{
    const char *mark = NULL;
    for (const char *at = name; (at = strstr(at, ".tmp.")); at++) mark = at;
    if (!mark || mark[5] < '1' || mark[5] > '9') return false;
    char *end;
    long pid = strtol(mark + 5, &end, 10);
    if (*end || pid > INT_MAX) return false;
    return pid == getpid() || (kill((pid_t)pid, 0) && errno == ESRCH);
}

void files_clean(const char *folder, const char *prefix)
{
    char path[PATH_MAX];
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *one; (one = readdir(d));)
        if (!strncmp(one->d_name, prefix, strlen(prefix)) && is_stale(one->d_name) &&
            snprintf(path, sizeof path, "%s/%s", folder, one->d_name) < PATH_MAX)
            file_calls->unlink(path);
    closedir(d);
}
