/* The folders of bundles, RUN/spikes/batch-N, and the config in them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/diagnose/bundle.h"
#include "train/support/precision.h"

char *bundle_path(const char *run, int64_t batch_index, char out[BUNDLE_PATH_MAX])
{
    snprintf(out, BUNDLE_PATH_MAX, "%s/spikes/batch-%08lld", run, (long long)batch_index);
    return out;
}

bool bundle_is_there(const char *folder)
{
    char path[BUNDLE_PATH_MAX + 16];
    const int length = snprintf(path, sizeof path, "%s/bundle.json", folder);
    return length < (int)sizeof path && !access(path, F_OK);
}

typedef struct Found {
    int64_t batch_index;
    const char *folder;
} Found;

static int ascending(const void *a, const void *b)
{
    const Found *x = a, *y = b;
    return (x->batch_index > y->batch_index) - (x->batch_index < y->batch_index);
}

/* The batch index in a folder's name (draw-N: of version 0.1), or -1. */
static int64_t batch_of(const char *name)
{
    static const char *const forms[] = {"batch-%08lld", "draw-%08lld"};
    char same[64];
    const char *dash = strchr(name, '-');
    const long long batch_index = dash ? strtoll(dash + 1, NULL, 10) : -1;
    for (int i = 0; i < 2 && batch_index > 0; i++) {
        snprintf(same, sizeof same, forms[i], batch_index);
        if (!strcmp(name, same)) return batch_index;
    }
    return -1;
}

/* Appends a bundle's folder to all. */
static Status append(const char *folder, int64_t batch_index, Arena *a, Found **all, int64_t *count,
                     int64_t *room)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 16;
        Found *more = arena_take(a, *room * (int64_t)sizeof *more);
        if (!more) return FAIL(E_NOMEM, "a list of %lld bundles", (long long)*room);
        if (*count) memcpy(more, *all, (size_t)*count * sizeof *more);
        *all = more;
    }
    const char *copy = arena_text(a, folder);
    if (!copy) return FAIL(E_NOMEM, "%s", folder);
    (*all)[(*count)++] = (Found){batch_index, copy};
    return OK;
}

Status bundles_list(const char *run, Arena *a, const char ***folders, int64_t *count)
{
    char path[BUNDLE_PATH_MAX];
    Found *all = NULL;
    int64_t room = 0;
    Status status = OK;
    *count = 0;
    *folders = NULL;
    snprintf(path, sizeof path, "%s/spikes", run);
    DIR *d = opendir(path);
    if (!d) return OK;
    for (struct dirent *one; status == OK && (one = readdir(d));) {
        const int64_t batch_index = batch_of(one->d_name);
        const int length = snprintf(path, sizeof path, "%s/spikes/%s", run, one->d_name);
        if (batch_index > 0 && length < (int)sizeof path && bundle_is_there(path))
            status = append(path, batch_index, a, &all, count, &room);
    }
    closedir(d);
    TRY(status);
    if (!*count) return OK;
    qsort(all, (size_t)*count, sizeof *all, ascending);
    *folders = arena_take(a, *count * (int64_t)sizeof **folders);
    if (!*folders) return FAIL(E_NOMEM, "a list of %lld bundles", (long long)*count);
    for (int64_t i = 0; i < *count; i++) (*folders)[i] = all[i].folder;
    return OK;
}

Status bundle_config_of(const CheckpointReader *r, Arena *a, const char *data, char *argv[],
                        Config **out)
{
    char path[TEXT_MAX + 16];
    const char *overrides[] = {path};
    if (data && (size_t)snprintf(path, sizeof path, "data.path=%s", data) >= sizeof path)
        return FAIL(E_ARG, "--data: the path is too long");
    TRY(precision_switch(r->info.precision, argv));
    *out = arena_zero(a, sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "a config");
    TRY(checkpoint_config(r, data != NULL, overrides, *out));
    return checkpoint_check_model(r, *out);
}

Status bundle_config(Bundle *b, const char *data, char *argv[], Config **out)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    if (snprintf(path, sizeof path, "%s/at.h5", b->folder) >= (int)sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", b->folder);
    Status status = checkpoint_open(&reader, path);
    if (status == OK) status = bundle_config_of(&reader, &b->arena, data, argv, out);
    checkpoint_close(&reader);
    return status;
}
