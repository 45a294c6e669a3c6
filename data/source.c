#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/binary.h"
#include "data/files.h"

static const char mark[] = "\xEF\xBB\xBF"; /* byte order mark, which some programs write */

enum { MARK = sizeof mark - 1 };

static int standard_copy = -1; /* what standard input had; a process has only one */

/* Copies all that fd has, but not much more than `most` bytes unless most is 0. */
static Status copy(int fd, int out, const char *name, const char *folder, int64_t most)
{
    char buffer[1 << 16];
    for (int64_t size = 0; !most || size <= most;) {
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return FAIL(E_DATA, "%s: %s", name, strerror(errno));
        if (!got) return OK;
        if (file_write_all(out, buffer, got))
            return FAIL(E_IO, "%s: cannot be copied to %s: %s; TMPDIR names another folder", name,
                        folder, strerror(errno));
        size += got;
    }
    return OK;
}

/* A temporary file without a name that holds what fd has. */
static Status copy_to_temporary(int fd, const char *name, int64_t most, int *out)
{
    const char *set = getenv("TMPDIR"), *folder = set && *set ? set : "/var/tmp";
    char base[PATH_MAX], path[PATH_MAX + 48];
    snprintf(base, sizeof base, "%s/capstan", folder);
    file_draft_name(base, path, sizeof path);
    *out = file_calls->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*out < 0 || file_calls->unlink(path))
        return FAIL(E_IO, "%s: cannot be copied to %s: %s; TMPDIR names another folder", name,
                    folder, strerror(errno));
    return copy(fd, *out, name, folder, most);
}

static Status open_standard_input(Source *s)
{
    if (standard_copy < 0) {
        const Status status = copy_to_temporary(STDIN_FILENO, s->path, s->once, &standard_copy);
        if (status != OK) {
            if (standard_copy >= 0) close(standard_copy);
            standard_copy = -1;
            return status;
        }
    }
    s->fd = fcntl(standard_copy, F_DUPFD_CLOEXEC, 0);
    return s->fd >= 0 ? OK : FAIL(E_DATA, "%s: %s", s->path, strerror(errno));
}

/* A pipe is replaced by a copy. */
static Status open_stream(Source *s)
{
    const int pipe = s->fd;
    s->fd = -1;
    fcntl(pipe, F_SETFL, 0); /* reading it may block */
    const Status status = copy_to_temporary(pipe, s->path, s->once, &s->fd);
    close(pipe);
    return status;
}

static Status open_file(Source *s, const char *path)
{
    struct stat info;
    const bool is_standard = !strcmp(path, "-");
    s->path = is_standard ? "standard input" : path;
    if (is_standard)
        TRY(open_standard_input(s));
    else
        s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a pipe must not block */
    if (s->fd < 0 || fstat(s->fd, &info)) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) return FAIL(E_DATA, "%s: a folder; name the files in it", path);
    if (!S_ISREG(info.st_mode) && s->once) return open_stream(s);
    if (!S_ISREG(info.st_mode))
        return FAIL(E_DATA,
                    "%s: not a regular file, which can be read twice: copy it to one, or give it "
                    "as standard input (--input -)",
                    path);
    if (!info.st_size && !s->once) return FAIL(E_DATA, "%s: empty", s->path);
    return OK;
}

static Status read_some(Source *s, char *out, int64_t room, int64_t *got)
{
    if (s->is_gzip) {
        const Status status = gunzip_read(s->gunzip, out, room, got);
        s->consumed = s->gunzip->place;
        return status;
    }
    ssize_t count;
    do count = pread(s->fd, out, (size_t)room, s->consumed);
    while (count < 0 && errno == EINTR);
    if (count < 0) return FAIL(E_DATA, "%s: %s", s->path, strerror(errno));
    s->consumed += count;
    *got = count;
    return OK;
}

static Status open_gzip(Source *s)
{
    if (!s->gunzip) s->gunzip = arena_zero(&s->arena, sizeof *s->gunzip);
    if (!s->gunzip) return FAIL(E_NOMEM, "%s: no memory to unpack it", s->path);
    TRY(gunzip_open(s->gunzip, s->fd, s->path));
    s->is_gzip = true;
    s->begin = s->end = s->consumed = 0;
    s->at_end = false;
    return source_need(s, BINARY_LOOK);
}

/* Looks at the first bytes of the file. */
static Status begin(Source *s, SourceContent content)
{
    TRY(source_need(s, BINARY_LOOK));
    if (gunzip_begins(s->window, s->end)) TRY(open_gzip(s));
    TRY(binary_check(s->path, s->window, s->end, s->is_gzip, content == SOURCE_CORPUS));
    if (s->end >= MARK && !memcmp(s->window, mark, MARK))
        s->begin = s->start = s->place.byte = MARK;
    if (s->begin == s->end && !s->once)
        return FAIL(E_DATA, "%s: empty%s", s->path,
                    s->start ? " but for a byte order mark" : " when it is unpacked");
    return OK;
}

static void close_file(Source *s)
{
    if (s->is_gzip) gunzip_close(s->gunzip);
    if (s->fd >= 0) close(s->fd);
    s->is_gzip = false;
    s->fd = -1;
}

Status source_open(Source *s, const char *path, SourceContent content)
{
    close_file(s);
    TRY(open_file(s, path));
    s->begin = s->end = s->consumed = s->start = 0;
    s->at_end = false;
    s->place = (TextPlace){.name = s->path};
    if (!s->window) {
        s->room = SOURCE_WINDOW;
        s->window = arena_take(&s->arena, s->room);
        if (!s->window) return FAIL(E_NOMEM, "%s: no memory to read it", s->path);
    }
    return content == SOURCE_BYTES ? OK : begin(s, content);
}

Status source_check(const char *path, SourceContent content)
{
    Source s = {.fd = -1};
    const Status status = source_open(&s, path, content);
    source_close(&s);
    return status;
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
        int64_t got;
        TRY(read_some(s, s->window + s->end, s->room - s->end, &got));
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
    close_file(s);
    arena_free(&s->arena);
    *s = (Source){.fd = -1};
}

static Status read_all(Source *s, Arena *a, int64_t most, char **text, int64_t *size)
{
    while (!s->at_end && s->end - s->begin <= most) TRY(source_need(s, s->end - s->begin + 1));
    *size = s->end - s->begin;
    if (*size > most) return FAIL(E_DATA, "%s: more than %lld bytes", s->path, (long long)most);
    *text = arena_take(a, *size + 1);
    if (!*text) return FAIL(E_NOMEM, "%s: %lld bytes", s->path, (long long)*size);
    memcpy(*text, s->window + s->begin, (size_t)*size);
    (*text)[*size] = '\0';
    return OK;
}

Status source_read_all(Arena *a, const char *path, int64_t most, SourceContent content, char **text,
                       int64_t *size)
{
    Source s = {.fd = -1, .once = most};
    Status status = source_open(&s, path, content);
    if (status == OK) status = read_all(&s, a, most, text, size);
    source_close(&s);
    return status;
}
