/* Crash states, enumerated (Pillai et al. 2014, "All file systems are not created equal", ALICE): a table of file
 * calls (data/files.h) records what a writer does below a folder; then every state is made in which a loss of power
 * may leave the folder.
 *
 * After each recorded call, what an fsync() has covered is on the disk. Of the rest any part may be, in any order: the
 * bytes of a file count only for an fsync of that file, a name only for one of its folder. A write may be cut in half.
 * Up to CRASH_OPEN calls that are not covered all subsets are tried, of more: each prefix, each alone, all but
 * each, and some drawn at random. */
#ifndef TESTS_CRASH_STATES_H
#define TESTS_CRASH_STATES_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "data/files.h"

enum {
    CRASH_EVENTS = 512,
    CRASH_NAMES = 128,
    CRASH_FILES = 128,
    CRASH_OPEN = 10,
    CRASH_DRAWN = 512
};

typedef enum CrashKind {
    CRASH_BIND,        /* name is a file, a folder (file -1) or a symbolic link (file -2) */
    CRASH_UNBIND,      /* name is gone */
    CRASH_RENAME,      /* other is now called name */
    CRASH_WRITE,       /* bytes of a file */
    CRASH_SIZE,        /* of a file */
    CRASH_SYNC_FILE,   /* its bytes are on the disk */
    CRASH_SYNC_FOLDER, /* the names in it are */
} CrashKind;

typedef struct CrashEvent {
    CrashKind kind;
    char name[PATH_MAX], other[PATH_MAX]; /* other: a link's target, or the name before */
    int file;
    int64_t at, size;
    unsigned char *bytes;
} CrashEvent;

typedef struct CrashName {
    char name[PATH_MAX], target[PATH_MAX];
    int file; /* -1: a folder; -2: a symbolic link to target */
} CrashName;

typedef struct CrashFile {
    unsigned char *bytes;
    int64_t size;
} CrashFile;

typedef struct CrashDisk {
    CrashName names[CRASH_NAMES];
    CrashFile files[CRASH_FILES];
    int name_count, file_count;
} CrashDisk;

static CrashEvent crash_events[CRASH_EVENTS];
static int crash_count;
static ino_t
    crash_inodes[CRASH_FILES]; /* of file i; each is kept open, so that no number comes again */
static CrashDisk crash_base, crash_disk;
static const char *crash_folder;
static bool crash_forgets; /* fsync() is recorded as if it had not been called */
static int crash_pace = 1; /* each so many states is made and looked at */

static int crash_file_of(ino_t inode)
{
    for (int i = 0; i < crash_base.file_count; i++)
        if (crash_inodes[i] == inode) return i;
    return -1;
}

static int crash_file_new(int keep_open, ino_t inode)
{
    if (keep_open < 0 || crash_base.file_count == CRASH_FILES) abort();
    crash_inodes[crash_base.file_count] = inode;
    crash_base.files[crash_base.file_count] = (CrashFile){0};
    return crash_base.file_count++;
}

static CrashEvent *crash_event(CrashKind kind, const char *name, int file)
{
    if (crash_count == CRASH_EVENTS) abort();
    CrashEvent *e = &crash_events[crash_count++];
    *e = (CrashEvent){.kind = kind, .file = file};
    snprintf(e->name, sizeof e->name, "%s", name);
    return e;
}

static int crash_fd_file(int fd)
{
    struct stat info;
    if (fstat(fd, &info)) abort();
    return S_ISREG(info.st_mode) ? crash_file_of(info.st_ino) : -1;
}

static int crash_open(const char *path, int flags, mode_t mode)
{
    struct stat info;
    const bool is_new = lstat(path, &info) && flags & O_CREAT;
    const int fd = open(path, flags, mode);
    if (fd < 0 || strncmp(path, crash_folder, strlen(crash_folder)) != 0) return fd;
    if (is_new) {
        if (fstat(fd, &info)) abort();
        crash_event(CRASH_BIND, path, crash_file_new(dup(fd), info.st_ino));
    } else if (flags & O_TRUNC) {
        crash_event(CRASH_SIZE, path, crash_fd_file(fd));
    }
    return fd;
}

static void crash_wrote(int fd, const void *bytes, int64_t size, int64_t at)
{
    const int file = crash_fd_file(fd);
    for (int half = 0; file >= 0 && half < 2; half++) { /* it may be cut */
        const int64_t begin = half * (size / 2), count = half ? size - size / 2 : size / 2;
        if (!count) continue;
        CrashEvent *e = crash_event(CRASH_WRITE, "", file);
        e->at = at + begin;
        e->size = count;
        e->bytes = malloc((size_t)count);
        if (!e->bytes) abort();
        memcpy(e->bytes, (const unsigned char *)bytes + begin, (size_t)count);
    }
}

static ssize_t crash_write(int fd, const void *bytes, size_t size)
{
    struct stat info;
    if (fstat(fd, &info)) abort();
    const off_t at = fcntl(fd, F_GETFL) & O_APPEND ? info.st_size : lseek(fd, 0, SEEK_CUR);
    const ssize_t done = write(fd, bytes, size);
    if (done > 0) crash_wrote(fd, bytes, done, at);
    return done;
}

static ssize_t crash_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    const ssize_t done = pwrite(fd, bytes, size, at);
    if (done > 0) crash_wrote(fd, bytes, done, at);
    return done;
}

static int crash_ftruncate(int fd, off_t size)
{
    const int file = crash_fd_file(fd), result = ftruncate(fd, size);
    if (!result && file >= 0) crash_event(CRASH_SIZE, "", file)->size = size;
    return result;
}

static int crash_fsync(int fd)
{
    char link[64], path[PATH_MAX] = "";
    const int file = crash_fd_file(fd), result = fsync(fd);
    if (result || crash_forgets) return result;
    if (file >= 0) {
        crash_event(CRASH_SYNC_FILE, "", file);
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0) abort();
    crash_event(CRASH_SYNC_FOLDER, path, -1);
    return 0;
}

static int crash_rename(const char *from, const char *to)
{
    const int result = rename(from, to);
    if (!result) strcpy(crash_event(CRASH_RENAME, to, -1)->other, from);
    return result;
}

static int crash_link(const char *from, const char *to)
{
    struct stat info;
    const int result = link(from, to);
    if (!result && stat(from, &info)) abort();
    if (!result) crash_event(CRASH_BIND, to, crash_file_of(info.st_ino));
    return result;
}

static int crash_symlink(const char *target, const char *path)
{
    const int result = symlink(target, path);
    if (!result) strcpy(crash_event(CRASH_BIND, path, -2)->other, target);
    return result;
}

static int crash_unlink(const char *path)
{
    const int result = unlink(path);
    if (!result) crash_event(CRASH_UNBIND, path, -1);
    return result;
}

static int crash_mkdir(const char *path, mode_t mode)
{
    const int result = mkdir(path, mode);
    if (!result) crash_event(CRASH_BIND, path, -1);
    return result;
}

static int crash_rmdir(const char *path)
{
    const int result = rmdir(path);
    if (!result) crash_event(CRASH_UNBIND, path, -1);
    return result;
}

static const FileCalls crash_calls = {crash_open,    crash_write,  crash_pwrite, crash_ftruncate,
                                      crash_fsync,   close,        crash_rename, crash_link,
                                      crash_symlink, crash_unlink, crash_mkdir,  crash_rmdir,
                                      statvfs};

static int crash_find(const CrashDisk *d, const char *name)
{
    for (int i = 0; i < d->name_count; i++)
        if (!strcmp(d->names[i].name, name)) return i;
    return -1;
}

static CrashName *crash_bind(CrashDisk *d, const char *name, int file)
{
    int i = crash_find(d, name);
    if (i < 0) i = d->name_count++;
    if (i == CRASH_NAMES) abort();
    d->names[i].file = file;
    snprintf(d->names[i].name, PATH_MAX, "%s", name);
    return &d->names[i];
}

static int crash_load(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)at;
    if (kind == FTW_D) {
        if (strcmp(path, crash_folder) != 0) crash_bind(&crash_base, path, -1);
    } else if (kind == FTW_SL) {
        CrashName *n = crash_bind(&crash_base, path, -2);
        const ssize_t length = readlink(path, n->target, sizeof n->target - 1);
        n->target[length < 0 ? 0 : length] = '\0';
    } else {
        int file = crash_file_of(info->st_ino);
        if (file < 0) {
            const int fd = open(path, O_RDONLY);
            file = crash_file_new(fd, info->st_ino);
            CrashFile *f = &crash_base.files[file];
            f->bytes = malloc((size_t)info->st_size + 1);
            f->size = info->st_size;
            if (!f->bytes || pread(fd, f->bytes, (size_t)f->size, 0) != f->size) abort();
        }
        crash_bind(&crash_base, path, file);
    }
    return 0;
}

/* From here on, what is done to files below folder is recorded. */
static void crash_record(const char *folder, bool forgets)
{
    crash_folder = folder;
    crash_forgets = forgets;
    if (nftw(folder, crash_load, 16, FTW_PHYS)) abort();
    file_calls = &crash_calls;
}

static void crash_resize(CrashFile *f, int64_t size)
{
    f->bytes = realloc(f->bytes, (size_t)size + 1);
    if (!f->bytes) abort();
    if (size > f->size) memset(f->bytes + f->size, 0, (size_t)(size - f->size));
    f->size = size;
}

/* A folder goes with what is in it: it was empty when it was removed. */
static void crash_unbind(CrashDisk *d, const char *name)
{
    const size_t length = strlen(name);
    for (int i = 0; i < d->name_count; i++) {
        const char *is = d->names[i].name;
        if (!strncmp(is, name, length) && (!is[length] || is[length] == '/'))
            d->names[i--] = d->names[--d->name_count];
    }
}

static void crash_apply(CrashDisk *d, const CrashEvent *e)
{
    CrashFile *f = e->file >= 0 ? &d->files[e->file] : NULL;
    const int from = e->kind == CRASH_RENAME ? crash_find(d, e->other) : -1;
    switch (e->kind) {
    case CRASH_BIND:
        snprintf(crash_bind(d, e->name, e->file)->target, PATH_MAX, "%s", e->other);
        break;
    case CRASH_RENAME:
        if (from < 0) break; /* it was never there */
        {
            const CrashName old = d->names[from];
            d->names[from] = d->names[--d->name_count];
            snprintf(crash_bind(d, e->name, old.file)->target, PATH_MAX, "%s", old.target);
        }
        break;
    case CRASH_UNBIND: crash_unbind(d, e->name); break;
    case CRASH_WRITE:
        if (e->at + e->size > f->size) crash_resize(f, e->at + e->size);
        memcpy(f->bytes + e->at, e->bytes, (size_t)e->size);
        break;
    case CRASH_SIZE: crash_resize(f, e->size); break;
    default: break;
    }
}

static bool crash_is_change(const CrashEvent *e)
{
    return e->kind < CRASH_SYNC_FILE;
}

static bool crash_covers(const CrashEvent *sync, const CrashEvent *e)
{
    char folder[PATH_MAX];
    if (e->kind == CRASH_WRITE || e->kind == CRASH_SIZE)
        return sync->kind == CRASH_SYNC_FILE && sync->file == e->file;
    file_folder(e->name, folder);
    return sync->kind == CRASH_SYNC_FOLDER && !strcmp(sync->name, folder);
}

/* The changes among the first `end` events that no fsync among them covers. Returns how many. */
static int crash_uncovered(int end, int open[CRASH_EVENTS])
{
    int count = 0;
    for (int i = 0; i < end; i++) {
        bool covered = !crash_is_change(&crash_events[i]);
        for (int k = i + 1; k < end && !covered; k++)
            covered = crash_covers(&crash_events[k], &crash_events[i]);
        if (!covered) open[count++] = i;
    }
    return count;
}

/* The disk after the first `end` events, without those that lost[] says. */
static void crash_build(int end, const bool lost[CRASH_EVENTS])
{
    for (int i = 0; i < crash_base.file_count; i++) free(crash_disk.files[i].bytes);
    crash_disk = crash_base;
    for (int i = 0; i < crash_base.file_count; i++) {
        CrashFile *f = &crash_disk.files[i];
        *f = (CrashFile){0};
        crash_resize(f, crash_base.files[i].size);
        if (f->size) memcpy(f->bytes, crash_base.files[i].bytes, (size_t)f->size);
    }
    for (int i = 0; i < end; i++)
        if (!lost[i]) crash_apply(&crash_disk, &crash_events[i]);
}

static int crash_by_name(const void *a, const void *b)
{
    return strcmp(((const CrashName *)a)->name, ((const CrashName *)b)->name);
}

/* What tells one disk from another: names, and bytes but those of drafts, which nobody reads. Sorts the names. */
static uint64_t crash_hash(CrashDisk *d)
{
    uint64_t hash = 0;
    qsort(d->names, (size_t)d->name_count, sizeof *d->names, crash_by_name);
    for (int i = 0; i < d->name_count; i++) {
        const CrashName *n = &d->names[i];
        hash = XXH3_64bits_withSeed(n->name, strlen(n->name), hash);
        hash = XXH3_64bits_withSeed(n->target, strlen(n->target), hash + (uint64_t)(n->file < 0));
        if (n->file >= 0 && !strstr(n->name, ".tmp."))
            hash =
                XXH3_64bits_withSeed(d->files[n->file].bytes, (size_t)d->files[n->file].size, hash);
    }
    return hash;
}

static int crash_remove(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind;
    return at->level ? remove(path) : 0;
}

/* Makes the folder what the disk holds. A name whose folder was lost is lost with it. */
static void crash_make(const CrashDisk *d)
{
    nftw(crash_folder, crash_remove, 16, FTW_DEPTH | FTW_PHYS);
    for (int i = 0; i < d->name_count; i++) { /* sorted: a folder comes before what is in it */
        const CrashName *n = &d->names[i];
        int first = 0;
        while (n->file >= 0 && d->names[first].file != n->file) first++;
        if (n->file == -1) mkdir(n->name, 0777);
        if (n->file == -2 && symlink(n->target, n->name) && errno != ENOENT) abort();
        if (n->file < 0) continue;
        if (first < i && !link(d->names[first].name, n->name)) continue;
        const int fd = open(n->name, O_WRONLY | O_CREAT, 0666);
        const CrashFile *f = &d->files[n->file];
        if (fd < 0) continue;
        if (write(fd, f->bytes, (size_t)f->size) != f->size) abort();
        close(fd);
    }
}

/* Calls look() in every state, until it returns false, with end the number of events before the crash; states that were
 * seen with the same meaning of `end` (before the last event, or after it) are made once. Returns how many. */
static int crash_explore(bool (*look)(bool is_done, int end, void *context), void *context)
{
    static uint64_t seen[1 << 16];
    static int open[CRASH_EVENTS];
    static bool lost[CRASH_EVENTS];
    int states = 0;
    uint64_t random = 1;
    file_calls = &file_calls_system;
    for (int end = 0; end <= crash_count; end++) {
        const int count = crash_uncovered(end, open);
        const bool is_done = end == crash_count;
        if (end && !is_done && !crash_is_change(&crash_events[end - 1]))
            continue; /* fewer states */
        const int tries = count <= CRASH_OPEN ? 1 << count : 3 * count + CRASH_DRAWN;
        for (int n = 0; n < tries; n++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            for (int i = 0; i < count; i++)
                lost[open[i]] = count <= CRASH_OPEN ? n >> i & 1
                                : n < count         ? i >= n
                                : n < 2 * count     ? i != n - count
                                : n < 3 * count     ? i == n - 2 * count
                                                    : random >> (i % 60) & 1;
            crash_build(end, lost);
            for (int i = 0; i < count; i++) lost[open[i]] = false;
            const uint64_t hash = crash_hash(&crash_disk) + is_done;
            uint64_t at = hash % (1 << 16);
            while (seen[at] && seen[at] != hash) at = (at + 1) % (1 << 16);
            if (seen[at]) continue;
            if (++states > 50000) abort();
            seen[at] = hash;
            if (states % crash_pace) continue;
            crash_make(&crash_disk);
            if (!look(is_done, end, context)) return states;
        }
    }
    return states;
}

#endif
