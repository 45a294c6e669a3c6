#include "train/diagnose/rerun.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "autograd/kernels/gemm.h"
#include "train/run/run_state.h"

/* The newest step below `step` in a folder of checkpoints; -1: none. */
static Status newest_before(const char *folder, int64_t step, int64_t *found)
{
    Arena a = {0};
    int64_t *steps, count = 0;
    const Status status = checkpoints_list(folder, &a, &steps, &count);
    *found = -1;
    for (int64_t i = 0; status == OK && i < count && steps[i] < step; i++) *found = steps[i];
    arena_free(&a);
    return status;
}

/* The newest state before `step`. newest: the step of the run's newest state. */
static Status find(const char *run, int64_t step, char path[CHECKPOINT_PATH_MAX], int64_t *newest)
{
    static const char *const names[] = {"checkpoints", "snapshots"};
    char folder[2][BUNDLE_PATH_MAX];
    int64_t found[2], last;
    *newest = -1;
    for (int i = 0; i < 2; i++) {
        if (snprintf(folder[i], BUNDLE_PATH_MAX, "%s/%s", run, names[i]) >= BUNDLE_PATH_MAX)
            return FAIL(E_ARG, "%s: the path is too long", run);
        TRY(newest_before(folder[i], step, &found[i]));
        TRY(newest_before(folder[i], INT64_MAX, &last));
        if (last > *newest) *newest = last;
    }
    const int best = found[1] > found[0];
    if (found[best] < 0)
        return FAIL(E_DATA,
                    "%s: there is no checkpoint before step %lld to repeat it from (see "
                    "train.save_every)",
                    run, (long long)step);
    checkpoints_path(folder[best], found[best], path);
    return OK;
}

/* Continues up to the measurement of step `step`, without its update. */
static Status run_to(Run *r, int64_t step)
{
    for (;;) {
        TRY(run_measure(r));
        if (r->step + 1 == step) return OK;
        switch (r->monitor.judgement.verdict) {
        case VERDICT_TAKE: run_update(r); break;
        case VERDICT_STOP: return run_stop_error(r);
        default: run_skip(r);
        }
    }
}

/* A run is at most one save_every ahead of its newest state. */
static Status check_step(const Config *c, int64_t step, int64_t newest)
{
    if (step > c->train.steps)
        return FAIL(E_ARG, "STEP %lld: the run has %lld steps", (long long)step,
                    (long long)c->train.steps);
    if (c->train.save_every && step > newest + c->train.save_every)
        return FAIL(E_ARG,
                    "STEP %lld: the run has not reached it: its newest state is of step %lld, and "
                    "train.save_every = %lld",
                    (long long)step, (long long)newest, (long long)c->train.save_every);
    return OK;
}

static Status repeat(const CheckpointReader *reader, const Config *c, int64_t step, Run *r,
                     Bundle *b)
{
    enum { MANY = 200 };
    if (step - reader->info.step > MANY)
        fprintf(stderr, "capstan: the nearest state is of step %lld: repeating %lld steps\n",
                (long long)reader->info.step, (long long)(step - reader->info.step - 1));
    if (strcmp(reader->info.core, gemm_core()))
        fprintf(
            stderr,
            "capstan: warning: the run used OpenBLAS core %s, this machine uses %s: the repeated "
            "steps are equal up to rounding, not bit for bit\n",
            reader->info.core, gemm_core());
    TRY(run_open(r, c));
    TRY(run_state_restore(r, reader));
    TRY(run_to(r, step));
    return bundle_take(b, r);
}

Status rerun_step(const char *run, int64_t step, const char *data, char *argv[], Bundle *b,
                  Config **config)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    Run r = {0};
    int64_t newest;
    *b = (Bundle){.run = run, .before_step = -1};
    if (snprintf(b->folder, sizeof b->folder, "%s", run) >= (int)sizeof b->folder)
        return FAIL(E_ARG, "%s: the path is too long", run);
    TRY(find(run, step, path, &newest));
    Status status = checkpoint_open(&reader, path);
    if (status == OK) status = bundle_config_of(&reader, &b->arena, data, argv, config);
    if (status == OK) status = check_step(*config, step, newest);
    if (status == OK) status = repeat(&reader, *config, step, &r, b);
    if (status == OK)
        status = b->step == step ? OK : FAIL(E_DATA, "%s has no step %lld", run, (long long)step);
    checkpoint_close(&reader);
    run_close(&r);
    return status;
}
