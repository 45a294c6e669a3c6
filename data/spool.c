#include "data/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"

static Status fail(const Spool *s, const char *doing)
{
    const int reason = errno;
    char name[PATH_MAX];
    return FAIL(E_IO, "cannot save %s: %s a temporary file beside it: %s (after %lld bytes)",
                text_escape(s->beside, name, sizeof name), doing, strerror(reason),
                (long long)s->size);
}

Status spool_open(Spool *s, Arena *a, const char *beside, int64_t room)
{
    char path[PATH_MAX + 48];
    *s = (Spool){.fd = -1, .beside = beside, .room = room};
    s->buffer = arena_take(a, room);
    if (!s->buffer) return FAIL(E_NOMEM, "writing %s: %lld bytes", beside, (long long)room);
    file_draft_name(beside, path, sizeof path);
    s->fd = file_calls->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0 || file_calls->unlink(path)) return fail(s, "making");
    return OK;
}

Status spool_flush(Spool *s)
{
    const int64_t used = s->used;
    s->used = 0;
    return file_write_all(s->fd, s->buffer, used) ? fail(s, "writing") : OK;
}

Status spool_add(Spool *s, const void *bytes, int64_t size)
{
    const unsigned char *from = bytes;
    while (size) {
        if (s->used == s->room) TRY(spool_flush(s));
        const int64_t part = size < s->room - s->used ? size : s->room - s->used;
        memcpy(s->buffer + s->used, from, (size_t)part);
        s->used += part;
        s->size += part;
        from += part;
        size -= part;
    }
    return OK;
}

Status spool_read(const Spool *s, void *out, int64_t place, int64_t size)
{
    unsigned char *to = out;
    while (size) {
        ssize_t got = pread(s->fd, to, (size_t)size, (off_t)place);
        if (got < 0 && errno == EINTR) continue;
        if (!got) errno = EIO;
        if (got <= 0) return fail(s, "reading");
        to += got;
        place += got;
        size -= got;
    }
    return OK;
}

void spool_close(Spool *s)
{
    if (s->fd >= 0) file_calls->close(s->fd);
    s->fd = -1;
}
