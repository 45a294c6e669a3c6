/* capstan replay: the batch of a spike and a normal one, each from the states before and at the
 * spike. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/commands/commands.h"
#include "train/diagnose/explain.h"

/* A run's folder instead of one of its spikes' is an easy mistake. */
static Status check_folder(const char *folder)
{
    Arena a = {0};
    const char **folders;
    int64_t count;
    Status status = bundles_list(folder, &a, &folders, &count);
    if (status == OK && count)
        status = FAIL(E_ARG, "%s is a run: give one of its %lld spikes, as in %s", folder,
                      (long long)count, folders[0]);
    arena_free(&a);
    return status;
}

static Status replay(const char *folder, const char *data, bool json, char *argv[])
{
    Bundle b;
    Config *c;
    Replay r;
    char shown[BUNDLE_PATH_MAX], flag[64];
    Status status = check_folder(folder);
    if (status != OK) return status;
    status = bundle_read(&b, folder);
    if (status == OK) status = bundle_config(&b, data, argv, &c);
    if (status == OK) status = replay_run(&b, c, &r);
    if (status == OK && json) {
        json_t *root = replay_json(&r);
        if (root) {
            json_object_set_new(root, "bundle", json_text(folder));
            json_object_set_new(root, "step", json_integer(b.step));
            json_object_set_new(root, "batch", json_integer(b.batch_index));
        }
        status = json_print(root);
    } else if (status == OK) {
        printf("%s: step %lld, batch %lld, flagged: %s\n", text_escape(folder, shown, sizeof shown),
               (long long)b.step, (long long)b.batch_index, text_escape(b.flag, flag, sizeof flag));
        replay_print(&r, stdout);
    }
    bundle_close(&b);
    return status;
}

Status command_replay(const Command *c, int argc, char *argv[])
{
    const char *folder = NULL, *data = NULL;
    int64_t threads = 0;
    bool json = false, helped;
    int named;
    const Option options[] = {
        OPTION_USAGE("RUN/spikes/batch-N"),
        OPTION_PATH("--data", &data, "D.h5", "the dataset, if it has moved since the run"),
        OPTION_THREADS(&threads),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, &folder, 1, &named, &helped));
    if (helped) return OK;
    if (!named)
        return FAIL(E_ARG,
                    "which bundle? give its folder, as in RUN/spikes/batch-00000251: capstan "
                    "explain RUN lists them");
    threads_set((int)threads);
    return replay(folder, data, json, argv);
}
