#include "data/lengths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/source.h"

/* The limit of packing_make(). */
static const int64_t CHUNKS_MAX = INT64_MAX / PACK_CAPACITY_MAX / 2;

Status lengths_init(LengthCounts *l, Arena *a, int64_t capacity)
{
    if (capacity < 1 || capacity > PACK_CAPACITY_MAX)
        return FAIL(E_ARG, "packs of %lld slots: expected 1 to %d", (long long)capacity,
                    PACK_CAPACITY_MAX);
    *l = (LengthCounts){.capacity = capacity};
    l->counts = arena_zero(a, (capacity + 1) * (int64_t)sizeof *l->counts);
    return l->counts ? OK : FAIL(E_NOMEM, "%lld lengths", (long long)capacity);
}

void lengths_add(LengthCounts *l, int64_t length, int64_t times)
{
    const int64_t windows = length / l->capacity, rest = length % l->capacity;
    if (!length) {
        l->empty += times;
        return;
    }
    l->documents += times;
    l->tokens += times * length;
    l->chunks += times * (windows + (rest > 0));
    if (length > l->capacity) l->cut += times;
    if (length > l->longest && times) l->longest = length;
    l->counts[l->capacity] += times * windows;
    l->squares += (double)times * (double)windows * (double)l->capacity * (double)l->capacity;
    if (rest) {
        l->counts[rest] += times;
        l->squares += (double)times * (double)rest * (double)rest;
    }
}

static bool is_header(const char *line)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some programs begin a CSV with it */
    return !strcmp(line + (strncmp(line, mark, 3) ? 0 : 3), "length,count");
}

/* "12,3" */
static bool read_row(const char *text, int64_t *length, int64_t *count)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9') return false;
    *length = strtoll(text, &end, 10);
    if (errno || *end != ',' || end[1] < '0' || end[1] > '9') return false;
    *count = strtoll(end + 1, &end, 10);
    return !errno && !end[strspn(end, "\r\n")];
}

static Status read_rows(LengthCounts *l, const char *path, FILE *file)
{
    bool begun = false;
    char line[128];
    for (int64_t number = 1; fgets(line, sizeof line, file); number++) {
        int64_t length, count;
        if (number == 1) {
            line[strcspn(line, "\r\n")] = '\0';
            if (!is_header(line)) break;
            begun = true;
            continue;
        }
        if (!line[strspn(line, " \t\r\n")]) continue;
        if (!read_row(line, &length, &count))
            return FAIL(E_DATA, "%s:%lld: expected a length and a count, as in 128,40", path,
                        (long long)number);
        const bool fits = !count || length <= INT64_MAX / 1024 / count;
        if (fits) lengths_add(l, length, count);
        if (!fits || l->tokens > INT64_MAX / 1024 || l->chunks > CHUNKS_MAX)
            return FAIL(E_DATA, "%s:%lld: %lld documents of length %lld are too many", path,
                        (long long)number, (long long)count, (long long)length);
    }
    if (ferror(file)) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
    if (!begun) return FAIL(E_DATA, "%s:1: a histogram begins with the line length,count", path);
    return OK;
}

static Status read_file(LengthCounts *l, const char *path, Arena *arena)
{
    enum { MOST = 1 << 28 };
    char *text;
    int64_t size;
    TRY(source_read_all(arena, path, MOST, SOURCE_TEXT, &text, &size)); /* may be gzip */
    FILE *file = size ? fmemopen(text, (size_t)size, "r") : NULL;
    if (!file) return size ? FAIL(E_NOMEM, "%s", path) : FAIL(E_DATA, "%s: empty", path);
    const Status status = read_rows(l, path, file);
    fclose(file);
    return status;
}

Status lengths_read(LengthCounts *l, const char *path)
{
    Arena arena = {0};
    const Status status = read_file(l, path, &arena);
    arena_free(&arena);
    if (status == OK && !l->documents) return FAIL(E_DATA, "%s: all documents are empty", path);
    return status;
}

void lengths_of_split(LengthCounts *l, const Split *s)
{
    for (int64_t i = 0; i < s->documents; i++)
        lengths_add(l, (int64_t)(s->offsets[i + 1] - s->offsets[i]), 1);
}
