#include "train/checkpoint/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"

enum {
    WAITING_MAX = 64 << 20, /* bytes: a disk may be full for days */
    KEPT_MAX = 1 << 20      /* bytes that may be written and not flushed to the disk */
};

static Status fail(const AppendFile *l, const char *what)
{
    const int reason = errno;
    char safe[PATH_MAX];
    return FAIL(E_IO, "%s: %s%s", text_escape(l->path, safe, sizeof safe), strerror(reason), what);
}

/* Finds the end of the last whole line. A power loss may leave zeros in place of bytes that had not
 * reached the disk, with lines after them: those do not count. */
static Status find_end(AppendFile *l)
{
    char part[1 << 16];
    ssize_t got;
    off_t size = 0;
    l->end = 0;
    bool has_zeros = false;
    while ((got = pread(l->fd, part, sizeof part, size)) > 0) {
        const char *zero = has_zeros ? part : memchr(part, '\0', (size_t)got);
        const char *newline = memrchr(part, '\n', zero ? (size_t)(zero - part) : (size_t)got);
        if (newline) l->end = size + (newline - part) + 1;
        has_zeros |= zero != NULL;
        size += got;
    }
    if (got < 0) return fail(l, "");
    l->torn = l->end < size;
    return OK;
}

Status append_file_open(AppendFile *l, const char *folder, const char *name)
{
    *l = (AppendFile){.fd = -1};
    if ((size_t)snprintf(l->path, sizeof l->path, "%s/%s", folder, name) >= sizeof l->path)
        return FAIL(E_ARG, "%s: the path is too long", folder);
    TRY(file_open_own(l->path, O_RDWR | O_CREAT | O_APPEND, &l->fd));
    TRY(find_end(l));
    return l->end ? OK : file_settle(l->path);
}

void append_file_close(AppendFile *l)
{
    if (l->fd >= 0) file_calls->close(l->fd);
    free(l->waiting);
    *l = (AppendFile){.fd = -1};
}

/* Writes the waiting lines. 0, or -1 with errno. */
static int flush(AppendFile *l)
{
    const int64_t size = l->size - l->written;
    if (l->torn && file_calls->ftruncate(l->fd, (off_t)l->end)) return -1;
    l->torn = false;
    if (!size) return 0;
    l->unsynced = true;
    l->torn = file_write_all(l->fd, l->waiting + l->written, size) < 0;
    if (l->torn) return -1;
    l->end += size;
    l->written = l->size;
    l->reported = false;
    return 0;
}

/* The same, and all of it is on the disk. After an fsync() that failed, the kernel may have dropped
 * the bytes, and the next fsync() succeeds without them: they are cut off and written again. */
static int sync_all(AppendFile *l)
{
    int failed = flush(l);
    if (failed || !l->unsynced) return failed;
    do failed = file_calls->fsync(l->fd);
    while (failed && errno == EINTR);
    if (failed) {
        l->end -= l->written;
        l->torn = true;
    } else
        l->size = 0;
    l->written = 0;
    l->unsynced = failed;
    return failed;
}

static bool grow(AppendFile *l, int64_t more)
{
    if (l->size + more <= l->room) return true;
    const int64_t room = 2 * (l->size + more);
    char *wider = l->size + more > WAITING_MAX ? NULL : realloc(l->waiting, (size_t)room);
    if (!wider) return false;
    l->waiting = wider;
    l->room = room;
    return true;
}

Status append_file_add(AppendFile *l, const char *line, int64_t size)
{
    if (!grow(l, size) && (sync_all(l) || !grow(l, size)))
        return l->lost++
                   ? OK
                   : FAIL(E_NOMEM, "%s: out of memory for waiting lines: some are lost", l->path);
    memcpy(l->waiting + l->size, line, (size_t)size);
    l->size += size;
    if (!flush(l) && (l->written < KEPT_MAX || !sync_all(l))) return OK;
    if (l->reported) return OK;
    l->reported = true;
    return fail(l, "; its lines wait in memory until it can be written");
}

Status append_file_cut(AppendFile *l, int64_t kept, int64_t waiting)
{
    const int64_t synced = l->end - l->written, written = kept > synced ? kept - synced : 0;
    if (waiting) memmove(l->waiting + written, l->waiting + l->written, (size_t)waiting);
    l->torn |= kept < l->end;
    l->end = kept;
    l->written = written;
    l->size = written + waiting;
    l->unsynced = true;
    return flush(l) ? fail(l, "") : OK;
}

Status append_file_sync(AppendFile *l)
{
    if (sync_all(l)) return fail(l, l->size ? ": the last lines are missing" : "");
    if (!l->lost) return OK;
    return FAIL(E_NOMEM, "%s lacks %lld lines: out of memory", l->path, (long long)l->lost);
}
