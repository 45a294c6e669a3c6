/* Which config a run goes on with: what may differ from its checkpoint's, and what may not. */
#include <stdlib.h>
#include <string.h>

#include "train/checkpoints.h"
#include "train/folder.h"
#include "train/train.h"

typedef struct Diff {
    const Config *old, *new;
    char text[3072];
    size_t length;
} Diff;

static void note(void *context, const Key *k)
{
    Diff *d = context;
    char old[TEXT_MAX + 16], new[TEXT_MAX + 16];
    if (config_may_change(k) || !strcmp(k->name, "path")) return; /* the path: by digest, later */
    const size_t room = sizeof d->text - d->length;
    int used = snprintf(d->text + d->length, room, "\n  %s.%s: %s in the run, %s now", k->section,
                        k->name, config_value(d->old, k, old, sizeof old),
                        config_value(d->new, k, new, sizeof new));
    d->length += (size_t)used < room ? (size_t)used : room - 1;
}

static Status compare(const TrainOptions *o, const char *folder, const Config *old,
                      const Config *new)
{
    Diff *d = calloc(1, sizeof *d);
    if (!d) return FAIL(E_NOMEM, "a comparison");
    *d = (Diff){.old = old, .new = new};
    config_compare(old, new, note, d);
    Status status = OK;
    if (d->length && !o->allow_change)
        status =
            FAIL(E_CONFIG,
                 "the run in %s was made with other settings; --allow-change goes on with the new "
                 "ones:%s",
                 folder, d->text);
    free(d);
    return status;
}

static Status resumed_config(const TrainOptions *o, const char *folder, const CheckpointInfo *info,
                             Config *c, Config *old)
{
    const size_t size = (size_t)info->config_size;
    TRY(config_parse(old, info->config, size, "the checkpoint's config", 0, NULL));
    if (o->config)
        TRY(config_load(c, o->config, o->override_count, o->overrides));
    else
        TRY(config_parse(c, info->config, size, "the checkpoint's config", o->override_count,
                         o->overrides));
    return compare(o, folder, old, c);
}

static void warn(void *context, const char *message)
{
    (void)context;
    fprintf(stderr, "capstan: warning: %s\n", message);
}

Status train_config(const TrainOptions *o, Config *c)
{
    char folder[FOLDER_PATH_MAX], checkpoints[FOLDER_PATH_MAX + 16];
    CheckpointReader reader;
    bool found = false;
    TRY(folder_path(o, folder));
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", folder);
    if (o->resume) TRY(checkpoints_open_newest(checkpoints, &reader, &found, warn, NULL));
    if (!found) {
        if (!o->config)
            return o->resume
                       ? FAIL(E_CONFIG, "%s has no checkpoint to go on from: give a CONFIG", folder)
                       : FAIL(E_CONFIG, "give a CONFIG: only --resume goes on without one");
        return config_load(c, o->config, o->override_count, o->overrides);
    }
    Config *old = malloc(sizeof *old);
    Status status =
        old ? resumed_config(o, folder, &reader.info, c, old) : FAIL(E_NOMEM, "a config");
    free(old);
    checkpoint_close(&reader);
    return status;
}
