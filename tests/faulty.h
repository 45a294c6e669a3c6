/* A table of file calls of which the n-th fails: see data/files.h. */
#ifndef TESTS_FAULTY_H
#define TESTS_FAULTY_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/files.h"

static int faulty_left;     /* this many more calls succeed; negative: all do */
static int faulty_errno;    /* what it fails with; 0: it does half of its work */
static bool faulty_burnt;   /* it has failed */
static bool faulty_settled; /* a rename has succeeded */
static char faulty_log[64]; /* a letter a call, runs of writes as one */

static bool faulty_now(char letter)
{
    const size_t length = strlen(faulty_log);
    if (length + 1 < sizeof faulty_log &&
        (letter != 'w' || !length || faulty_log[length - 1] != 'w'))
        faulty_log[length] = letter;
    if (faulty_left < 0 || faulty_left-- > 0) return false;
    faulty_burnt = true;
    faulty_left = -1;
    errno = faulty_errno;
    return true;
}

/* Whether a call that does all or nothing, and is not interrupted, fails. */
static bool faulty_fails(char letter)
{
    return faulty_now(letter) && faulty_errno && faulty_errno != EINTR;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return faulty_fails(flags & O_DIRECTORY ? 'd' : 'o') ? -1 : open(path, flags, mode);
}

static ssize_t faulty_write(int fd, const void *bytes, size_t size)
{
    if (!faulty_now('w')) return write(fd, bytes, size);
    return faulty_errno || size < 2 ? -1 : write(fd, bytes, size / 2);
}

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    if (!faulty_now('w')) return pwrite(fd, bytes, size, at);
    return faulty_errno || size < 2 ? -1 : pwrite(fd, bytes, size / 2, at);
}

static int faulty_fsync(int fd)
{
    return faulty_now('s') && faulty_errno ? -1 : fsync(fd);
}

static int faulty_close(int fd)
{
    const int result = close(fd);
    return faulty_fails('c') ? -1 : result;
}

static int faulty_rename(const char *from, const char *to)
{
    if (faulty_fails('r')) return -1;
    faulty_settled = true;
    return rename(from, to);
}

static int faulty_link(const char *from, const char *to)
{
    return faulty_fails('l') ? -1 : link(from, to);
}

static int faulty_symlink(const char *target, const char *path)
{
    return faulty_fails('y') ? -1 : symlink(target, path);
}

/* Not failed itself: a clean-up that fails leaves what it leaves. */
static const FileCalls faulty_calls = {faulty_open,  faulty_write,   faulty_pwrite,
                                       faulty_fsync, faulty_close,   faulty_rename,
                                       faulty_link,  faulty_symlink, unlink};

/* From here on, the n-th call (from 0) fails with that errno, or only does half (0).
 * Negative: none does. */
static inline void faulty_begin(int n, int error)
{
    faulty_left = n;
    faulty_errno = error;
    faulty_burnt = faulty_settled = false;
    memset(faulty_log, 0, sizeof faulty_log);
    file_calls = &faulty_calls;
}

static inline void faulty_end(void)
{
    file_calls = &file_calls_system;
}

#endif
