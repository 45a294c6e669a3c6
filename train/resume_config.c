/* The config of a resumed run: which settings may differ from those in its checkpoint. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "optim/schedule.h"
#include "train/checkpoint/checkpoints.h"
#include "train/checkpoint/init_from.h"
#include "train/run/folder.h"
#include "train/support/precision.h"
#include "train/train.h"

typedef struct Diff {
    const Config *old, *new;
    bool branches; /* the schedule may differ from here on */
    char text[3072];
    size_t length;
} Diff;

static void note(void *context, const Key *k)
{
    Diff *d = context;
    char old[TEXT_MAX + 16], new[TEXT_MAX + 16];
    if (config_may_change(k) || !strcmp(k->name, "path"))
        return; /* the dataset is compared later, by its digest */
    if (d->branches && k->flags & SETTING_SCHEDULE) return;
    const size_t room = sizeof d->text - d->length;
    int used = snprintf(d->text + d->length, room, "\n  %s.%s: %s in the run, %s now", k->section,
                        k->name, config_value(d->old, k, old, sizeof old),
                        config_value(d->new, k, new, sizeof new));
    d->length += (size_t)used < room ? (size_t)used : room - 1;
}

static Status check_schedule(const Config *old, const Config *new, int64_t step)
{
    const int64_t parting = schedule_parting(&old->optim, &new->optim, step);
    if (new->train.steps < step)
        return FAIL(E_CONFIG, "train.steps = %lld: the checkpoint to resume from has %lld steps",
                    (long long)new->train.steps, (long long)step);
    if (parting > step) return OK;
    return FAIL(
        E_CONFIG,
        "step %lld of the checkpoint's %lld had a learning rate of %g, but in this schedule "
        "it has %g; --allow-change continues anyway",
        (long long)parting, (long long)step, learning_rate(&old->optim, parting),
        learning_rate(&new->optim, parting));
}

/* The differences that are not allowed; free() it. NULL: out of memory. */
static Diff *differences(const Config *old, const Config *new, bool branches)
{
    Diff *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    *d = (Diff){.old = old, .new = new, .branches = branches};
    config_compare(old, new, note, d);
    return d;
}

Status train_differs(const Config *old, const Config *new, bool *differs)
{
    Diff *d = differences(old, new, false);
    if (!d) return FAIL(E_NOMEM, "a comparison");
    *differs = d->length > 0;
    free(d);
    return OK;
}

/* branch: the step of another run's checkpoint to branch off from; -1: the checkpoint is the run's
 * own. */
static Status compare(const TrainOptions *o, const char *folder, int64_t branch, const Config *old,
                      const Config *new)
{
    if (o->allow_change) return OK;
    if (branch >= 0) TRY(check_schedule(old, new, branch));
    Diff *d = differences(old, new, branch >= 0);
    if (!d) return FAIL(E_NOMEM, "a comparison");
    const Status status =
        d->length ? FAIL(E_CONFIG,
                         "%s%s was made with other settings; --allow-change continues with the "
                         "new ones:%s",
                         branch < 0 ? "the run in " : "", folder, d->text)
                  : OK;
    free(d);
    return status;
}

/* E_FORMAT if the checkpoint belongs to another run: its settings differ from config.yaml's, and
 * those asked for (NULL: none) do not. Otherwise returns `status`. */
static Status check_own(const TrainOptions *o, const char *folder, const CheckpointReader *r,
                        const Config *theirs, const Config *asked, Status status)
{
    char path[FOLDER_PATH_MAX + 16], message[4096];
    if (o->allow_change) return status;
    snprintf(path, sizeof path, "%s/config.yaml", folder);
    snprintf(message, sizeof message, "%s", error_message());
    Config *own = malloc(sizeof *own);
    if (!own) return FAIL(E_NOMEM, "a config");
    bool is_asked = true;
    Diff *d = NULL;
    Status read = access(path, R_OK) ? E_CONFIG : config_load_stored(own, path);
    if (read == OK && asked) {
        read = train_differs(own, asked, &is_asked);
        is_asked = !is_asked;
    }
    if (read == OK) {
        d = differences(own, theirs, false);
        if (!d) read = FAIL(E_NOMEM, "a comparison");
    }
    if (read == E_NOMEM)
        status = read;
    else if (read == OK && is_asked && d->length)
        status = FAIL(E_FORMAT,
                      "%s: this checkpoint belongs to another run, or the run's config.yaml was "
                      "changed; --allow-change continues with %s:%s",
                      r->path,
                      asked ? "the settings of config.yaml, which are those asked for"
                            : "the settings of the checkpoint, which differ",
                      d->text);
    else if (status != OK)
        error_adopt(status, message);
    free(d);
    free(own);
    return status;
}

/* The config of a resumed run, whose model stays that of its checkpoint. */
static Status load_again(const TrainOptions *o, const Config *old, Config *c)
{
    TRY(config_read(c, o->config, NULL));
    TRY(config_override(c, o->override_count, o->overrides));
    TRY(init_from_model(c, old));
    return config_resolve(c);
}

static Status resumed_config(const TrainOptions *o, const char *folder, const CheckpointReader *r,
                             bool branches, Config *c, Config *old)
{
    TRY(checkpoint_config(r, 0, NULL, old));
    if (!strcmp(r->info.precision, precision_here())) TRY(checkpoint_check_model(r, old));
    if (o->config)
        TRY(load_again(o, old, c));
    else
        TRY(checkpoint_config(r, o->override_count, o->overrides, c));
    TRY(config_fits_here(c));
    const Status status = compare(o, folder, branches ? r->info.step : -1, old, c);
    if (branches || (status == OK) == (o->config != NULL)) return status;
    return check_own(o, folder, r, old, o->config ? c : NULL, status);
}

static void warn(void *context, const char *message)
{
    (void)context;
    fputs("capstan: warning: ", stderr);
    text_put(stderr, message, strlen(message));
    fputc('\n', stderr);
}

Status train_config(const TrainOptions *o, Config *c)
{
    char folder[FOLDER_PATH_MAX], checkpoints[FOLDER_PATH_MAX + 16];
    CheckpointReader reader;
    bool found = false;
    TRY(folder_path(o->folder, o->config, folder));
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", folder);
    if (o->resume)
        TRY(checkpoints_open_newest(checkpoints, &reader, &found, o->fallback ? warn : NULL, NULL));
    if (!found && !o->from) {
        if (!o->config)
            return o->resume ? FAIL(E_CONFIG, "%s has no checkpoint to resume from: give a CONFIG",
                                    folder)
                             : FAIL(E_CONFIG, "give a CONFIG: only --resume works without one");
        return init_from_config(c, o->config, o->override_count, o->overrides);
    }
    Status status = found ? OK : checkpoint_open(&reader, o->from);
    Config *old = malloc(sizeof *old);
    if (!old) status = FAIL(E_NOMEM, "a config");
    if (status == OK) status = resumed_config(o, found ? folder : o->from, &reader, !found, c, old);
    free(old);
    checkpoint_close(&reader);
    return status;
}
