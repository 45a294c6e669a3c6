/* For tests that write files: a folder of their own, and whole files in memory. */
#ifndef TESTS_TEMPORARY_H
#define TESTS_TEMPORARY_H

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEMPORARY_MAX = 512 };

static char temporary[TEMPORARY_MAX];

static inline void temporary_open(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(temporary, sizeof temporary, "%s/capstan.XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(temporary)) abort();
}

/* How many files are in the folder; removes them if asked to. */
static inline int temporary_files(int and_remove)
{
    char path[PATH_MAX];
    int count = 0;
    DIR *d = opendir(temporary);
    for (struct dirent *one; d && (one = readdir(d));) {
        if (!strcmp(one->d_name, ".") || !strcmp(one->d_name, "..")) continue;
        count++;
        snprintf(path, sizeof path, "%s/%s", temporary, one->d_name);
        if (and_remove) remove(path);
    }
    if (d) closedir(d);
    return count;
}

static inline int temporary_remove(const char *path, const struct stat *info, int kind,
                                   struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

/* With folders that have been made in it. */
static inline void temporary_close(void)
{
    nftw(temporary, temporary_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* Path of a file there; good for three more calls. */
static inline const char *in_temporary(const char *name)
{
    static char paths[4][PATH_MAX];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", temporary, name);
    return path;
}

/* To be freed; *size is -1 and NULL is returned if there is no such file. */
static inline unsigned char *file_bytes(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    *size = -1;
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    *size = ftell(f);
    rewind(f);
    unsigned char *bytes = malloc((size_t)*size + 1);
    if (fread(bytes, 1, (size_t)*size, f) != (size_t)*size) abort();
    fclose(f);
    return bytes;
}

static inline void file_put(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f)) abort();
}

#endif
