/* capstan explain: what happened at a spike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/checkpoint/checkpoints.h"
#include "train/commands/commands.h"
#include "train/diagnose/explain.h"
#include "train/diagnose/rerun.h"
#include "train/run/folder.h"

typedef struct Args {
    const char *run, *data;
    int64_t step; /* 0: the first spike */
    int64_t documents, threads;
    bool no_replay, json;
    char **argv;
} Args;

/* The data found in the run. */
typedef struct Found {
    Arena arena;
    bool has_checkpoint;
    int64_t step; /* of the newest checkpoint */
    SpikeScore score;
    const char **folders; /* of bundles */
    int64_t count;
    Bundle *bundles; /* [count] */
} Found;

static void warn(void *context, const char *message)
{
    (void)context;
    fputs("capstan: warning: ", stderr);
    text_put(stderr, message, strlen(message));
    fputc('\n', stderr);
}

static Status find_score(const Args *w, Found *f)
{
    char folder[BUNDLE_PATH_MAX];
    CheckpointReader reader;
    if (snprintf(folder, sizeof folder, "%s/checkpoints", w->run) >= (int)sizeof folder)
        return FAIL(E_ARG, "%s: the path is too long", w->run);
    TRY(checkpoints_open_newest(folder, &reader, &f->has_checkpoint, warn, NULL));
    if (!f->has_checkpoint) return OK;
    const Status status = spike_score_read(&reader, &f->score);
    f->step = reader.info.step;
    checkpoint_close(&reader);
    return status;
}

/* Reads all bundles that can be read. A damaged one is a warning: the others, and other steps,
 * remain. */
static Status read_all(const Args *w, Found *f)
{
    const int64_t count = f->count;
    Status status = OK;
    f->count = 0;
    for (int64_t i = 0; i < count; i++) {
        Bundle *b = &f->bundles[f->count];
        const Status one = bundle_read(b, f->folders[i]);
        if (one == OK) {
            f->count++;
            continue;
        }
        bundle_close(b);
        status = one;
        if (one == E_NOMEM || (count == 1 && !w->step)) return one;
        warn(NULL, error_message());
    }
    return f->count || w->step ? OK : status;
}

static Status find(const Args *w, Found *f)
{
    const bool one = bundle_is_there(w->run); /* the folder of a spike, not of a run */
    if (one)
        f->count = 1;
    else {
        TRY(find_score(w, f));
        TRY(bundles_list(w->run, &f->arena, &f->folders, &f->count));
    }
    if (!f->has_checkpoint && !f->count)
        return FAIL(E_DATA, "%s: not a run: neither checkpoints nor spikes", w->run);
    f->bundles = arena_zero(&f->arena, (f->count + 1) * (int64_t)sizeof *f->bundles);
    if (!f->bundles) return FAIL(E_NOMEM, "%lld bundles", (long long)f->count);
    return one ? bundle_read(f->bundles, w->run) : read_all(w, f);
}

static json_t *list_json(const Found *f)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < f->count; i++) {
        const Bundle *b = &f->bundles[i];
        json_array_append_new(all, json_pack("{s:o, s:I, s:I, s:s}", "folder", json_text(b->folder),
                                             "step", (json_int_t)b->step, "batch",
                                             (json_int_t)b->batch_index, "flag", b->flag));
    }
    return all;
}

static void list(const Args *w, const Found *f)
{
    char shown[BUNDLE_PATH_MAX];
    if (f->count < 2) return;
    printf("%lld spikes have bundles; this is the first. For another: capstan explain %s STEP\n",
           (long long)f->count, text_escape(w->run, shown, sizeof shown));
    for (int64_t i = 0; i < f->count; i++)
        printf("  step %-8lld %s\n", (long long)f->bundles[i].step,
               text_escape(f->bundles[i].message, shown, sizeof shown));
    printf("\n");
}

/* A run without a bundle. */
static Status tell_nothing(const Args *w, const Found *f)
{
    char shown[BUNDLE_PATH_MAX];
    if (w->json)
        return json_print(json_pack("{s:o, s:[], s:o}", "run", json_text(w->run), "bundles",
                                    "spike_score", spike_score_json(&f->score)));
    text_escape(w->run, shown, sizeof shown);
    if (f->score.flagged)
        printf("%s: no spike has a bundle (monitor.bundles): capstan explain %s STEP repeats a "
               "step%s\n",
               shown, shown, f->score.rewound ? " (but not one that a rewind undid)" : "");
    else
        printf("%s: no spike\n", shown);
    spike_score_print(&f->score, stdout);
    return OK;
}

static Status tell(const Args *w, const Found *f, Bundle *b, const Config *c, bool with_replay)
{
    Explanation e;
    TRY(explain(b, c, with_replay, &f->score, &e));
    if (!w->json) {
        list(w, f);
        explain_print(&e, w->documents, stdout);
        return OK;
    }
    json_t *root = explain_json(&e);
    if (root) {
        json_object_set_new(root, "run", json_text(w->run));
        json_object_set_new(root, "bundles", list_json(f));
    }
    return json_print(root);
}

/* A step without a bundle. */
static Status tell_again(const Args *w, const Found *f)
{
    Bundle b;
    Config *c;
    Status status = rerun_step(w->run, w->step, w->data, w->argv, &b, &c);
    if (status == OK) status = tell(w, f, &b, c, false);
    bundle_close(&b);
    return status;
}

/* A run that stopped at a spike saved that state in the bundle only, not in its checkpoints. */
static Status find_newest_score(Found *f)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    const Bundle *newest = f->count ? &f->bundles[f->count - 1] : NULL;
    if (!newest || newest->step <= f->step) return OK;
    if (snprintf(path, sizeof path, "%s/at.h5", newest->folder) >= (int)sizeof path) return OK;
    Status status = checkpoint_open(&reader, path);
    if (status == OK) status = spike_score_read(&reader, &f->score);
    checkpoint_close(&reader);
    return status;
}

static Status tell_found(const Args *w, Found *f)
{
    Config *c;
    int64_t i = 0;
    TRY(find(w, f));
    if (!f->count && !w->step) return tell_nothing(w, f);
    TRY(find_newest_score(f));
    while (i < f->count && w->step && f->bundles[i].step != w->step) i++;
    if (i == f->count) return tell_again(w, f);
    TRY(bundle_config(&f->bundles[i], w->data, w->argv, &c));
    return tell(w, f, &f->bundles[i], c, !w->no_replay);
}

static Status read_step(const char *text, int64_t *step)
{
    char *end;
    *step = strtoll(text, &end, 10);
    if (!*text || *end || text[strspn(text, "0123456789")] || *step < 1 || *step > 1e15)
        return FAIL(E_ARG, "STEP %s: expected a whole number from 1: the step to explain", text);
    return OK;
}

Status command_explain(const Command *self, int argc, char *argv[])
{
    Args w = {.documents = 10, .argv = argv};
    Found f = {0};
    const char *positional[2];
    char folder[FOLDER_PATH_MAX];
    int count;
    bool helped;
    const Option options[] = {
        OPTION_USAGE("RUN|CONFIG [STEP]"),
        OPTION_INT("--documents", &w.documents, "N", 0, 1e9,
                   "most documents and layers to show (default: 10)"),
        OPTION_PATH("--data", &w.data, "D.h5", "the dataset, if it has moved since the run"),
        OPTION_FLAG("--no-replay", &w.no_replay,
                    "use only the saved measurements; do not re-run the step"),
        OPTION_THREADS(&w.threads),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, positional, 2, &count, &helped));
    if (helped) return OK;
    if (!count) return FAIL(E_ARG, "which run? give its folder, as in capstan explain runs/NAME");
    TRY(folder_find(positional[0], folder));
    w.run = folder;
    if (count == 2) TRY(read_step(positional[1], &w.step));
    threads_set((int)w.threads);
    const Status status = tell_found(&w, &f);
    for (int64_t i = 0; f.bundles && i < f.count; i++) bundle_close(&f.bundles[i]);
    arena_free(&f.arena);
    return status;
}
