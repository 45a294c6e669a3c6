#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Status open_file(const char *path, int *fd)
{
    struct stat info;
    if (!strcmp(path, "-"))
        return FAIL(E_DATA, "standard input cannot be read twice: write it to a file first");
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a pipe must not block */
    if (*fd < 0 || fstat(*fd, &info)) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) return FAIL(E_DATA, "%s: a folder; name the files in it", path);
    if (!S_ISREG(info.st_mode))
        return FAIL(E_DATA, "%s: not a regular file, which can be read twice: copy it to one",
                    path);
    if (!info.st_size) return FAIL(E_DATA, "%s: empty", path);
    return OK;
}

Status source_check(const char *path)
{
    int fd = -1;
    Status status = open_file(path, &fd);
    if (fd >= 0) close(fd);
    return status;
}

Status source_open(Source *s, const char *path)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    TRY(open_file(path, &s->fd));
    s->path = path;
    s->begin = s->end = 0;
    s->at_end = false;
    s->place = (TextPlace){.name = path};
    if (s->window) return OK;
    s->room = SOURCE_WINDOW;
    s->window = arena_take(&s->arena, s->room);
    return s->window ? OK : FAIL(E_NOMEM, "%s: no memory to read it", path);
}

static Status grow(Source *s, int64_t size)
{
    const int64_t room = size > 2 * s->room ? size : 2 * s->room;
    char *window = arena_take(&s->arena, room);
    if (!window) return FAIL(E_NOMEM, "%s: no memory for %lld bytes", s->path, (long long)room);
    memcpy(window, s->window, (size_t)s->end);
    s->window = window;
    s->room = room;
    return OK;
}

Status source_need(Source *s, int64_t size)
{
    if (s->end - s->begin >= size || s->at_end) return OK;
    s->end -= s->begin;
    memmove(s->window, s->window + s->begin, (size_t)s->end);
    s->begin = 0;
    if (size > s->room) TRY(grow(s, size));
    while (s->end < s->room && !s->at_end) {
        ssize_t got = read(s->fd, s->window + s->end, (size_t)(s->room - s->end));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return FAIL(E_DATA, "%s: %s", s->path, strerror(errno));
        s->at_end = got == 0;
        s->end += got;
    }
    return OK;
}

void source_take(Source *s, int64_t size)
{
    text_place_advance(&s->place, s->window + s->begin, size);
    s->begin += size;
}

Status source_line(Source *s, int64_t *length, bool *found)
{
    int64_t searched = 0;
    for (;;) {
        const int64_t there = s->end - s->begin;
        const char *from = s->window + s->begin;
        const char *newline = memchr(from + searched, '\n', (size_t)(there - searched));
        *found = there > 0;
        *length = newline ? newline - from : there;
        if (*length > SOURCE_LINE_MAX)
            return FAIL(E_DATA, "%s:%lld: a line of more than %d bytes", s->path,
                        (long long)s->place.line + 1, SOURCE_LINE_MAX);
        if (newline || s->at_end) return OK;
        searched = there;
        TRY(source_need(s, there + 1));
    }
}

void source_close(Source *s)
{
    if (s->fd >= 0) close(s->fd);
    arena_free(&s->arena);
    *s = (Source){.fd = -1};
}
