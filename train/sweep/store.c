#include "train/sweep/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files.h"
#include "data/h5.h"

const BlockKind sweep_kind = {"CAPSSWEP", "sweep", 2, 1, 512, 8, E_DATA};

/* The arrays of /runs, one element per run; texts are concatenated, each ending with a NUL. */
/* clang-format off */
#define INT_COLUMNS(X) \
    X(state) X(held_out) X(extra) X(params) X(params_embedding) X(steps) X(tokens) \
    X(unique_tokens) X(seed)
/* clang-format on */
#define REAL_COLUMNS(X) X(budget) X(flops_per_token) X(flops) X(loss)
#define TEXT_COLUMNS(X) X(id) X(overrides) X(reason)

#define X(name) +1
enum { COLUMNS = INT_COLUMNS(X) REAL_COLUMNS(X) TEXT_COLUMNS(X) };
#undef X

const char *sweep_state_name(SweepState s)
{
#define X(name, over) #name,
    static const char *const names[] = {SWEEP_STATE_LIST(X)};
#undef X
    return names[s];
}

bool sweep_state_is_over(SweepState s)
{
#define X(name, over) over,
    static const bool overs[] = {SWEEP_STATE_LIST(X)};
#undef X
    return overs[s];
}

char *sweep_run_path(const Sweep *s, const SweepRun *r, const char *name, char out[SWEEP_PATH_MAX])
{
    const int length =
        snprintf(out, SWEEP_PATH_MAX, "%s/runs/%s%s%s", s->folder, r->id, *name ? "/" : "", name);
    INVARIANT(length < SWEEP_PATH_MAX); /* sweep_locate() leaves room */
    return out;
}

static void store_path(const char *folder, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/sweep.h5", folder);
}

Status sweep_locate(const char *path, char folder[SWEEP_PATH_MAX])
{
    enum { ROOM = 256 };
    char holder[PATH_MAX];
    struct stat info;
    if (strlen(path) + ROOM >= SWEEP_PATH_MAX)
        return FAIL(E_ARG, "%.64s...: the path is too long", path);
    file_folder(path, holder);
    if (!strcmp(file_name(path), "sweep.h5") && !stat(path, &info) && S_ISREG(info.st_mode))
        snprintf(folder, SWEEP_PATH_MAX, "%.*s", SWEEP_PATH_MAX - ROOM, holder);
    else
        strcpy(folder, path);
    return OK;
}

bool sweep_is_store(const char *path)
{
    char folder[SWEEP_PATH_MAX], file[PATH_MAX];
    struct stat info;
    if (sweep_locate(path, folder) != OK) return false;
    store_path(folder, file);
    return !stat(file, &info) && S_ISREG(info.st_mode);
}

/* An array of `count` elements of `size` bytes; never of none. */
static void *take(Arena *a, int64_t count, size_t size)
{
    return arena_zero(a, (count ? count : 1) * (int64_t)size);
}

static void put_texts(H5Writer *w, const char *path, const char *const texts[], int64_t count)
{
    int64_t size = 0, used = 0;
    for (int64_t i = 0; i < count; i++) size += (int64_t)strlen(texts[i]) + 1;
    char *all = take(&w->arena, size, 1);
    if (!all) {
        w->status = FAIL(E_NOMEM, "the texts of %lld runs", (long long)count);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        const size_t length = strlen(texts[i]) + 1;
        memcpy(all + used, texts[i], length);
        used += (int64_t)length;
    }
    h5_put(w, path, NUMBER_U8, SHAPE(size), all);
}

static Status put(H5Writer *w, const Sweep *s)
{
    const int64_t n = s->count;
    h5_put_text(w, "/", "flops", s->flops);
    h5_put_int(w, "/", "count", n);
    h5_put(w, "/config", NUMBER_U8, SHAPE((int64_t)strlen(s->config)), s->config);
    h5_put_group(w, "/runs");
#define COLUMN(type, what, column)                                  \
    {                                                               \
        type *all = take(&w->arena, n, sizeof *all);                \
        if (!all) return FAIL(E_NOMEM, "%lld runs", (long long)n);  \
        for (int64_t i = 0; i < n; i++) all[i] = s->runs[i].column; \
        h5_put(w, "/runs/" #column, what, SHAPE(n), all);           \
    }
#define X(column) COLUMN(int64_t, NUMBER_I64, column)
    INT_COLUMNS(X)
#undef X
#define X(column) COLUMN(double, NUMBER_F64, column)
    REAL_COLUMNS(X)
#undef X
#undef COLUMN
    const char **texts = take(&w->arena, n, sizeof *texts);
    if (!texts) return FAIL(E_NOMEM, "%lld runs", (long long)n);
#define X(column)                                                 \
    for (int64_t i = 0; i < n; i++) texts[i] = s->runs[i].column; \
    put_texts(w, "/runs/" #column, texts, n);
    TEXT_COLUMNS(X)
#undef X
    return OK;
}

Status sweep_store_write(const Sweep *s)
{
    char path[PATH_MAX];
    H5Writer w;
    store_path(s->folder, path);
    h5_writer_open(&w, &sweep_kind, COLUMNS + 1);
    Status status = put(&w, s);
    if (status == OK) status = h5_write(&w, path);
    h5_writer_close(&w);
    return file_saved(path, status);
}

/* The array at path, of s->count elements. */
static Status find(const H5Reader *r, const char *path, NumberType type, int64_t expected,
                   const void **data)
{
    int64_t count;
    TRY(h5_find_list(r, path, type, &count, data));
    if (count == expected) return OK;
    return FAIL(E_DATA, "%s: %s has %lld elements, not %lld", r->path, path, (long long)count,
                (long long)expected);
}

static Status get_texts(const H5Reader *r, Sweep *s, const char *path, const char *texts[])
{
    const void *data;
    int64_t size;
    TRY(h5_find_list(r, path, NUMBER_U8, &size, &data));
    char *all = take(&s->arena, size, 1);
    if (!all) return FAIL(E_NOMEM, "the texts of %lld runs", (long long)s->count);
    memcpy(all, data, (size_t)size);
    const char *at = all, *end = all + size;
    for (int64_t i = 0; i < s->count; i++) {
        const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        if (!stop) return FAIL(E_DATA, "%s: %s is cut off", r->path, path);
        texts[i] = at;
        at = stop + 1;
    }
    return OK;
}

static Status check_id(const H5Reader *r, const char *id)
{
    if (strlen(id) == SWEEP_ID && strspn(id, "0123456789abcdef") == SWEEP_ID) return OK;
    return FAIL(E_DATA, "%s: /runs/id holds a malformed id", r->path);
}

static Status get(const H5Reader *r, Sweep *s)
{
    enum { MOST = 1 << 20 };
    const void *data;
    int64_t size;
    TRY(h5_get_text(r, "/", "flops", s->flops, sizeof s->flops));
    TRY(h5_get_int(r, "/", "count", &s->count));
    if (s->count < 0 || s->count > MOST)
        return FAIL(E_DATA, "%s: impossible number of runs: %lld", r->path, (long long)s->count);
    TRY(h5_find_list(r, "/config", NUMBER_U8, &size, &data));
    char *config = take(&s->arena, size + 1, 1);
    s->runs = take(&s->arena, s->count, sizeof *s->runs);
    const char **texts = take(&s->arena, s->count, sizeof *texts);
    if (!config || !s->runs || !texts) return FAIL(E_NOMEM, "%lld runs", (long long)s->count);
    memcpy(config, data, (size_t)size);
    s->config = config;

#define X(column)                                                                   \
    TRY(find(r, "/runs/" #column, NUMBER_I64, s->count, &data));                    \
    for (int64_t i = 0; i < s->count; i++) {                                        \
        const int64_t value = ((const int64_t *)data)[i];                           \
        if (!strcmp(#column, "state") && (value < 0 || value >= SWEEP_STATES))      \
            return FAIL(E_DATA, "%s: /runs/state: there is no state %lld", r->path, \
                        (long long)value);                                          \
        s->runs[i].column = value;                                                  \
    }
    INT_COLUMNS(X)
#undef X
#define X(column)                                                \
    TRY(find(r, "/runs/" #column, NUMBER_F64, s->count, &data)); \
    for (int64_t i = 0; i < s->count; i++) s->runs[i].column = ((const double *)data)[i];
    REAL_COLUMNS(X)
#undef X
#define GET(column) TRY(get_texts(r, s, "/runs/" #column, texts));
    GET(id)
    for (int64_t i = 0; i < s->count; i++) {
        TRY(check_id(r, texts[i]));
        strcpy(s->runs[i].id, texts[i]);
    }
    GET(overrides)
    for (int64_t i = 0; i < s->count; i++) s->runs[i].overrides = texts[i];
    GET(reason)
    for (int64_t i = 0; i < s->count; i++) s->runs[i].reason = texts[i];
#undef GET
    return OK;
}

Status sweep_store_read(const char *path, Sweep *s)
{
    char file[PATH_MAX];
    H5Reader r;
    *s = (Sweep){.count = 0};
    TRY(sweep_locate(path, s->folder));
    store_path(s->folder, file);
    Status status = h5_reader_open(&r, file, &sweep_kind);
    if (status == OK) status = get(&r, s);
    h5_reader_close(&r);
    return status;
}

void sweep_close(Sweep *s)
{
    arena_free(&s->arena);
    *s = (Sweep){.count = 0};
}

Status sweep_lock(const char *folder, int *lock)
{
    char path[SWEEP_PATH_MAX];
    snprintf(path, sizeof path, "%s/sweep.lock", folder);
    TRY(file_open_own(path, O_RDWR | O_CREAT, lock));
    while (flock(*lock, LOCK_EX))
        if (errno != EINTR) {
            const int why = errno;
            sweep_unlock(*lock);
            return FAIL(E_IO, "%s: %s", path, strerror(why));
        }
    return OK;
}

void sweep_unlock(int lock)
{
    close(lock);
}
