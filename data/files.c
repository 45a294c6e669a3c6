#include "data/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
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

/* Free bytes for a file in the folder of path; -1: unknown. */
static int64_t room_beside(const char *path)
{
    char folder[PATH_MAX];
    struct statvfs disk;
    file_folder(path, folder);
    if (file_calls->statvfs(folder, &disk) || !disk.f_blocks) return -1;
    return (int64_t)((geteuid() ? disk.f_bavail : disk.f_bfree) * disk.f_frsize);
}

/* E_IO with errno as the reason: call it before anything else changes errno. */
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

static int write_at(int fd, const void *bytes, int64_t size, int64_t offset)
{
    const unsigned char *from = bytes;
    while (size) {
        const size_t part = size > 1 << 30 ? 1 << 30 : (size_t)size;
        ssize_t done = offset < 0 ? file_calls->write(fd, from, part)
                                  : file_calls->pwrite(fd, from, part, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        if (!done) {
            errno = ENOSPC;
            return -1;
        }
        from += done;
        size -= done;
        if (offset >= 0) offset += done;
    }
    return 0;
}

int file_write_all(int fd, const void *bytes, int64_t size)
{
    return write_at(fd, bytes, size, -1);
}

/* Whether the name is a draft's: its last ".tmp." is followed by 16 hexadecimal digits, or, of
 * version 0.1, by a process id, which goes to *pid (else 0). */
static bool is_draft_name(const char *name, long *pid)
{
    const char *mark = NULL;
    for (const char *at = name; (at = strstr(at, ".tmp.")); at++) mark = at;
    *pid = 0;
    if (!mark) return false;
    const size_t length = strlen(mark += 5);
    if (length == 16 && strspn(mark, "0123456789abcdef") == 16) return true;
    if (!length || length > 9 || *mark == '0' || strspn(mark, "0123456789") != length) return false;
    *pid = strtol(mark, NULL, 10);
    return true;
}

/* Removes the draft unless its writer is alive, which holds a lock on it. links: symbolic links,
 * too, which nothing can lock. */
static void remove_abandoned(const char *path, long pid, bool links)
{
    struct stat info;
    if (pid && pid != getpid() && (!kill((pid_t)pid, 0) || errno != ESRCH)) return;
    if (lstat(path, &info)) return;
    if (S_ISLNK(info.st_mode) && links) file_calls->unlink(path);
    if (!S_ISREG(info.st_mode)) return;
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (!flock(fd, LOCK_EX | LOCK_NB)) file_calls->unlink(path);
    close(fd);
}

static void clean(const char *folder, const char *prefix, bool links)
{
    char path[PATH_MAX];
    long pid;
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *one; (one = readdir(d));)
        if (!strncmp(one->d_name, prefix, strlen(prefix)) && is_draft_name(one->d_name, &pid) &&
            snprintf(path, sizeof path, "%s/%s", folder, one->d_name) < PATH_MAX)
            remove_abandoned(path, pid, links);
    closedir(d);
}

void files_clean(const char *folder, const char *prefix)
{
    clean(folder, prefix, true);
}

static void clean_drafts_of(const char *path)
{
    char folder[PATH_MAX], prefix[NAME_MAX + 8];
    file_folder(path, folder);
    snprintf(prefix, sizeof prefix, "%s.tmp.", file_name(path));
    clean(folder, prefix, false);
}

char *file_draft_name(const char *path, char *out, size_t size)
{
    static atomic_uint_fast64_t count;
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
        number =
            (uint64_t)getpid() << 32 ^ (uint64_t)time(NULL) ^ atomic_fetch_add(&count, 1) << 56;
    snprintf(out, size, "%s.tmp.%016llx", path, (unsigned long long)number);
    return out;
}

/* Makes the draft's file and locks it. Between the two, another process may take it for abandoned
 * and remove it: then it tries again. 0, or -1 with errno. */
static int make_locked(Draft *d)
{
    struct stat made;
    for (int i = 0; i < 8; i++) {
        file_draft_name(d->path, d->temporary, sizeof d->temporary);
        d->fd = file_calls->open(d->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                 0666);
        if (d->fd < 0 && errno == EEXIST) continue;
        if (d->fd < 0) return -1;
        const bool locked = !flock(d->fd, LOCK_EX | LOCK_NB);
        if (!fstat(d->fd, &made) && made.st_nlink > 0) {
            if (locked) d->lock = fcntl(d->fd, F_DUPFD_CLOEXEC, 3);
            d->exists = true;
            return 0;
        }
        file_calls->close(d->fd);
        d->fd = -1;
    }
    errno = EEXIST;
    return -1;
}

static void drop_lock(Draft *d)
{
    if (d->lock >= 0) close(d->lock);
    d->lock = -1;
}

Status draft_open(Draft *d, const char *path, int64_t total)
{
    struct stat old;
    d->fd = d->lock = -1;
    d->exists = false;
    d->used = 0;
    d->total = total;
    if (strlen(path) >= sizeof d->path) return FAIL(E_IO, "cannot save: the path is too long");
    strcpy(d->path, path);
    if (!stat(path, &old) && !S_ISREG(old.st_mode))
        return FAIL(E_ARG, "cannot save %s: it exists and is not a regular file",
                    text_escape(path, d->temporary, sizeof d->temporary));
    const int64_t room = total ? room_beside(path) : -1;
    if (room >= 0 && room < total) {
        errno = ENOSPC;
        return fail(path, "not begun", total);
    }
    clean_drafts_of(path);
    return make_locked(d) ? fail(path, "creating a file beside it", total) : OK;
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

Status draft_patch(Draft *d, const void *bytes, int64_t size, int64_t offset)
{
    TRY(flush(d));
    if (write_at(d->fd, bytes, size, offset)) return fail(d->path, "writing", d->total);
    return OK;
}

static int sync_fd(int fd)
{
    int result;
    do result = file_calls->fsync(fd);
    while (result < 0 && errno == EINTR);
    return result;
}

/* Renames `from` unless it is NULL, and flushes the folder to the disk. The folder is opened first,
 * so that little can go wrong once the new file is in offset. */
static Status settle(const char *from, const char *to)
{
    char folder[PATH_MAX];
    file_folder(to, folder);
    int fd = file_calls->open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 && errno == EACCES && !from)
        return OK; /* a folder that is writable but not readable cannot be flushed */
    if (fd < 0) return fail(to, "opening its folder", 0);
    Status status = OK;
    if (from && file_calls->rename(from, to))
        status = fail(to, "renaming", 0);
    else if (sync_fd(fd) && errno != EINVAL) /* EINVAL: the file system cannot flush folders */
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
    drop_lock(d);
    return status;
}

void draft_close(Draft *d)
{
    if (d->fd >= 0) file_calls->close(d->fd);
    if (d->exists) file_calls->unlink(d->temporary);
    drop_lock(d);
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
    const char *why;
    FILE *from = file_open_regular(existing, &why);
    if (!from) return FAIL(E_IO, "cannot copy %s: %s", existing, why);
    Status status = draft_open(&d, path, 0);
    if (status == OK) status = copy_into(&d, fileno(from));
    draft_close(&d);
    fclose(from);
    return status;
}

/* Renames a link from its temporary name to path. */
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
    file_draft_name(path, temporary, sizeof temporary);
    if (file_calls->link(existing, temporary)) {
        if (errno == ENOENT) return fail(path, "linking", 0);
        return file_copy(existing, path); /* not every file system has hard links */
    }
    return settle_link(temporary, path);
}

Status file_point(const char *target, const char *path)
{
    char temporary[PATH_MAX + 32];
    file_draft_name(path, temporary, sizeof temporary);
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

static Status make_folder(const char *path, int (*look)(const char *, struct stat *))
{
    struct stat info;
    if (!file_calls->mkdir(path, 0777)) return file_settle(path);
    const int reason = errno; /* some file systems report another errno than EEXIST */
    if (!look(path, &info) && S_ISDIR(info.st_mode)) return OK;
    errno = reason;
    if (reason == EEXIST && look == lstat) errno = S_ISLNK(info.st_mode) ? ELOOP : ENOTDIR;
    return fail_of("make", path);
}

Status file_make_folder(const char *path)
{
    return make_folder(path, stat);
}

Status file_make_own_folder(const char *path)
{
    return make_folder(path, lstat);
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

/* Why this file must not be written in offset; NULL: it may be. */
static const char *objection(const struct stat *info)
{
    if (!S_ISREG(info->st_mode)) return "not a regular file";
    if (info->st_nlink > 1) return "it has another name as well (a hard link)";
    if (geteuid() && info->st_uid != geteuid()) return "it belongs to another user";
    return NULL;
}

static Status refuse(const char *path, const char *why)
{
    char name[PATH_MAX];
    return FAIL(E_IO, "%s: refused to write there: %s", text_escape(path, name, sizeof name), why);
}

Status file_open_own(const char *path, int flags, int *fd)
{
    struct stat info;
    const int kept = flags & ~O_TRUNC;
    *fd = file_calls->open(path, kept | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*fd < 0 && errno == ELOOP) return refuse(path, "it is a symbolic link");
    if (*fd < 0 && errno == ENXIO) return refuse(path, "not a regular file");
    if (*fd < 0) return fail_of("open", path);
    const char *why = fstat(*fd, &info) ? strerror(errno) : objection(&info);
    Status status = why ? refuse(path, why) : OK;
    if (!why && flags & O_TRUNC && file_calls->ftruncate(*fd, 0)) status = fail_of("empty", path);
    if (status != OK) {
        file_calls->close(*fd);
        *fd = -1;
    }
    return status;
}

static FILE *open_to_read(const char *path, bool regular, const char **why)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FILE *file = NULL;
    errno = fd < 0 ? errno : 0;
    *why = NULL;
    if (fd >= 0 && !fstat(fd, &info)) {
        if (S_ISDIR(info.st_mode)) errno = EISDIR;
        if (!errno && regular && !S_ISREG(info.st_mode)) *why = "not a regular file";
        if (!errno && !*why && !fcntl(fd, F_SETFL, 0)) file = fdopen(fd, "r");
    }
    if (file) return file;
    if (!*why) *why = strerror(errno);
    if (fd >= 0) close(fd);
    return NULL;
}

FILE *file_open_regular(const char *path, const char **why)
{
    return open_to_read(path, true, why);
}

FILE *file_open_given(const char *path, const char **why)
{
    return open_to_read(path, false, why);
}
