/* A table of file calls of which the n-th fails, or is the last that this process makes: see data/files.h. */
#ifndef TESTS_FAULTY_H
#define TESTS_FAULTY_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files.h"

/* What the n-th call does. */
typedef enum Fault {
    FAULT_ONCE,  /* it alone fails */
    FAULT_STAYS, /* it fails, and all after it, but for those that remove */
    FAULT_KILL,  /* it is not made, or half of it (a write): the process ends, with FAULTY_DIED */
    FAULT_POWER, /* likewise, and what was not flushed to the disk is gone: bytes, and new names of files */
} Fault;

enum { FAULTY_DIED = 99, FAULTY_UNSYNCED = 64 };

static Fault faulty_kind;
static int faulty_left;     /* this many more calls succeed; negative: all do */
static int faulty_errno;    /* what it fails with; 0: it does half of its work */
static int faulty_made;     /* calls so far */
static bool faulty_burnt;   /* it has failed */
static bool faulty_settled; /* a rename has succeeded */
static char faulty_log[64]; /* a letter a call, runs of writes as one */

/* What a loss of power takes: files with bytes that were not flushed, and renames. */
static struct FaultyFile {
    ino_t file;
    int fd;
    off_t size; /* that is on the disk */
} faulty_files[FAULTY_UNSYNCED];

static struct FaultyRename {
    char to[PATH_MAX], old[PATH_MAX]; /* the file that it replaced; "" if none */
} faulty_renames[FAULTY_UNSYNCED];

static int faulty_file_count, faulty_rename_count;

static ino_t faulty_inode(int fd, off_t *size)
{
    struct stat info;
    if (fstat(fd, &info)) abort();
    *size = info.st_size;
    return info.st_ino;
}

static void faulty_die(void)
{
    while (faulty_kind == FAULT_POWER && faulty_rename_count) {
        const struct FaultyRename *r = &faulty_renames[--faulty_rename_count];
        if (*r->old ? rename(r->old, r->to) : unlink(r->to)) abort();
    }
    while (faulty_kind == FAULT_POWER && faulty_file_count) {
        const struct FaultyFile *f = &faulty_files[--faulty_file_count];
        if (ftruncate(f->fd, f->size)) abort();
    }
    _exit(FAULTY_DIED);
}

/* The file's bytes will change. */
static void faulty_changes(int fd)
{
    off_t size;
    const ino_t file = faulty_inode(fd, &size);
    if (faulty_kind != FAULT_POWER) return;
    for (int i = 0; i < faulty_file_count; i++)
        if (faulty_files[i].file == file) return;
    if (faulty_file_count == FAULTY_UNSYNCED) abort();
    faulty_files[faulty_file_count++] = (struct FaultyFile){file, dup(fd), size};
}

static void faulty_flushed(int fd)
{
    off_t size;
    const ino_t file = faulty_inode(fd, &size);
    struct stat info;
    fstat(fd, &info);
    if (S_ISDIR(info.st_mode)) { /* a test has its renames in one folder at a time */
        while (faulty_rename_count) unlink(faulty_renames[--faulty_rename_count].old);
        return;
    }
    for (int i = 0; i < faulty_file_count; i++) {
        if (faulty_files[i].file != file) continue;
        close(faulty_files[i].fd);
        faulty_files[i--] = faulty_files[--faulty_file_count];
    }
}

static void faulty_renames_to(const char *to)
{
    if (faulty_kind != FAULT_POWER) return;
    if (faulty_rename_count == FAULTY_UNSYNCED) abort();
    struct FaultyRename *r = &faulty_renames[faulty_rename_count++];
    snprintf(r->to, sizeof r->to, "%s", to);
    snprintf(r->old, sizeof r->old, "/tmp/capstan-old-%ld-%d", (long)getpid(), faulty_made);
    if (linkat(AT_FDCWD, to, AT_FDCWD, r->old, 0)) *r->old = '\0';
}

static bool faulty_now(char letter)
{
    const size_t length = strlen(faulty_log);
    if (length + 1 < sizeof faulty_log &&
        (letter != 'w' || !length || faulty_log[length - 1] != 'w'))
        faulty_log[length] = letter;
    faulty_made++;
    if (faulty_left < 0 || faulty_left-- > 0) return false;
    faulty_burnt = true;
    faulty_left = faulty_kind == FAULT_STAYS ? 0 : -1;
    errno = faulty_errno;
    if (faulty_kind >= FAULT_KILL && letter != 'w') faulty_die();
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

static ssize_t faulty_half(int fd, const void *bytes, size_t size, off_t at)
{
    const bool dies = faulty_kind >= FAULT_KILL;
    ssize_t done = -1;
    if (dies || (!faulty_errno && size >= 2))
        done = at < 0 ? write(fd, bytes, size / 2) : pwrite(fd, bytes, size / 2, at);
    if (dies) faulty_die();
    return done;
}

static ssize_t faulty_write(int fd, const void *bytes, size_t size)
{
    const bool now = faulty_now('w');
    faulty_changes(fd);
    return now ? faulty_half(fd, bytes, size, -1) : write(fd, bytes, size);
}

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    const bool now = faulty_now('w');
    faulty_changes(fd);
    return now ? faulty_half(fd, bytes, size, at) : pwrite(fd, bytes, size, at);
}

static int faulty_ftruncate(int fd, off_t size)
{
    return faulty_fails('t') ? -1 : ftruncate(fd, size);
}

static int faulty_fsync(int fd)
{
    if (faulty_now('s') && faulty_errno) return -1;
    faulty_flushed(fd);
    return 0;
}

static int faulty_close(int fd)
{
    const bool fails = faulty_fails('c');
    return close(fd) || fails ? -1 : 0;
}

static int faulty_rename(const char *from, const char *to)
{
    if (faulty_fails('r')) return -1;
    faulty_renames_to(to);
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

static int faulty_mkdir(const char *path, mode_t mode)
{
    return faulty_fails('m') ? -1 : mkdir(path, mode);
}

/* These two do not fail: a clean-up that fails leaves what it leaves. */
static int faulty_unlink(const char *path)
{
    if (faulty_kind >= FAULT_KILL) faulty_now('u');
    return unlink(path);
}

static int faulty_rmdir(const char *path)
{
    if (faulty_kind >= FAULT_KILL) faulty_now('u');
    return rmdir(path);
}

static const FileCalls faulty_calls = {faulty_open,      faulty_write, faulty_pwrite,
                                       faulty_ftruncate, faulty_fsync, faulty_close,
                                       faulty_rename,    faulty_link,  faulty_symlink,
                                       faulty_unlink,    faulty_mkdir, faulty_rmdir,
                                       statvfs};

/* From here on the n-th call (from 0) suffers that fault; if it fails, with that errno, or it only does half
 * (0). Negative: none does. */
static inline void faulty_begin_as(Fault kind, int n, int error)
{
    faulty_kind = kind;
    faulty_left = n;
    faulty_errno = error;
    faulty_made = 0;
    faulty_burnt = faulty_settled = false;
    memset(faulty_log, 0, sizeof faulty_log);
    file_calls = &faulty_calls;
}

static inline void faulty_begin(int n, int error)
{
    faulty_begin_as(FAULT_ONCE, n, error);
}

static inline void faulty_end(void)
{
    file_calls = &file_calls_system;
}

#endif
