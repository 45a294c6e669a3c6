#include "train/start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/bench/cores.h"
#include "train/checkpoint/checkpoints.h"
#include "train/checkpoint/init_from.h"
#include "train/plan/warnings.h"
#include "train/run/run_state.h"
#include "train/snapshots.h"
#include "train/step/model.h"

/* Restores the run from a checkpoint. */
static Status restore_from(Session *s, const CheckpointReader *reader)
{
    Run *r = &s->run;
    const CheckpointInfo *info = &reader->info;
    TRY(checkpoint_check_dataset(reader, &r->dataset));
    if (strcmp(info->dataset, r->dataset.digest) && !s->options->allow_change)
        return FAIL(
            E_CONFIG,
            "%s holds other tokens than the run was trained on; --allow-change resumes anyway",
            s->config->data.path);
    TRY(run_state_restore(r, reader));
    s->saved = r->step;
    snprintf(s->core, sizeof s->core, "%s", info->core);
    return OK;
}

static void ignore(void *context, const char *message)
{
    (void)context; /* train_config() has printed it */
    (void)message;
}

static Status restore(Session *s)
{
    CheckpointReader reader;
    bool found;
    TRY(checkpoints_open_newest(s->checkpoints, &reader, &found,
                                s->options->fallback ? ignore : NULL, NULL));
    if (!found) return OK;
    s->before = malloc(sizeof *s->before);
    Status status = s->before ? restore_from(s, &reader) : FAIL(E_NOMEM, "a config");
    if (status == OK) status = checkpoint_config(&reader, 0, NULL, s->before);
    if (status == OK) status = train_differs(s->before, s->config, &s->outdated);
    checkpoint_close(&reader);
    return status;
}

/* Continues from another run's checkpoint, as if its steps had been taken here. */
static Status branch_off(Session *s)
{
    CheckpointReader reader;
    Status status = checkpoint_open(&reader, s->options->from);
    if (status == OK) status = restore_from(s, &reader);
    checkpoint_close(&reader);
    s->saved = -1; /* this folder has no checkpoint yet */
    return status;
}

/* Restores the run if there is something to restore. *branches: it continues another run. */
static Status open_state(Session *s, bool *branches)
{
    if (s->options->resume) TRY(restore(s));
    *branches = s->saved < 0 && s->options->from;
    if (s->saved < 0 && !*branches && *s->config->train.init_from)
        return init_from_load(s->config, &s->run.dataset, &s->run.params, &s->init_step);
    return *branches ? branch_off(s) : OK;
}

static void print_summary(Session *s)
{
    const Run *r = &s->run;
    const Config *c = s->config;
    session_print(s,
                  "%s: %lld parameters, vocabulary %lld, %lld training tokens; %lld sequences of "
                  "%lld in %lld micro-batches (%lld groups) on %d threads (%s, %s)",
                  s->folder, (long long)r->params.count, (long long)r->model.vocab_size,
                  (long long)r->dataset.train.count, (long long)c->train.batch,
                  (long long)c->model.context, (long long)c->train.microbatches,
                  (long long)c->train.groups, threads_count(), model_core(&r->params),
                  precision_text(c->train.precision));
    if (cores_warning()) session_print(s, "warning: %s", cores_warning());
    if (!r->step && s->init_step < 0)
        session_print(s, "an untrained model starts near a loss of ln(vocabulary) = %.3f",
                      log((double)r->model.vocab_size));
}

/* Notes a previous process that did not shut down cleanly. */
static void report_lock(Session *s)
{
    const Lock *l = &s->lock;
    char text[LOCK_TEXT_MAX + 256];
    if (l->missing)
        session_warn(s, "warning",
                     "this file system has no locks: make sure that no other process trains in "
                     "this folder");
    if (!*l->before) return;
    const bool here = lock_is_here(l->before);
    snprintf(text, sizeof text, "the previous process (%s) did not shut down cleanly%s", l->before,
             here ? ""
                  : "; if it is still running on that host, whose locks may not reach this one, "
                    "stop one of them");
    if (!here) {
        session_warn(s, "warning", text);
        return;
    }
    session_print(s, "%s", text);
    session_event(s, "taken over", text);
}

static void warn(void *session, const char *text)
{
    session_warn_stderr(session, "warning", text);
}

static WarningFacts facts(const Session *s, const Config *c)
{
    const Run *r = &s->run;
    WarningFacts f = config_facts(c);
    f.data = data_facts(&r->dataset);
    f.sequences = r->train.windows;
    f.half_empty = r->train.packs.notes.half_empty;
    f.parameters = r->params.count;
    f.silent = batches_without_loss(&r->train);
    f.lacks_val = !r->has_val;
    f.val_lacks_loss = r->val_lacks_loss;
    if (c->train.sample_every) /* the prompt is checked already */
        prompt_length(s->tokenizer, r->dataset.vocab_size, c->train.sample_prompt,
                      &f.prompt_tokens);
    return f;
}

/* Warnings at the start: none of them stops the run. A resumed run does not repeat those of its
 * settings before. */
static void warn_at_start(Session *s)
{
    WarningFacts now = facts(s, s->config), before = facts(s, s->before ? s->before : s->config);
    if (*s->core) now.core_before = s->core;
    now.core = model_core(&s->run.params);
    now.stop_after = s->options->stop_after;
    warnings_find(warnings_of_run, &now, s->before ? &before : NULL, warn, s);
    free(s->before);
    s->before = NULL;
}

/* A resumed run's folder, brought up to date with its checkpoint and settings. */
static Status resume(Session *s)
{
    const TrainOptions *o = s->options;
    session_finish_save(s);
    session_print(s, "resumed at step %lld", (long long)s->run.step);
    if (s->outdated)
        session_save_due(s, false); /* before config.yaml, which would not match the checkpoint */
    if (o->config || o->override_count || o->allow_change) TRY(session_write_config(s));
    session_event(s, "resumed", "from a checkpoint");
    return OK;
}

Status start(Session *s, int64_t end)
{
    const TrainOptions *o = s->options;
    Run *r = &s->run;
    bool branches = false;
    TRY(open_state(s, &branches));
    if (*s->stop) return FAIL(E_INTERRUPTED, "before anything was changed");
    TRY(session_open_folder(s, branches));
    s->logged_tokens = r->tokens;
    s->logged_seconds = s->log.seconds;

    session_begin_progress(s, end);
    print_summary(s);
    report_lock(s);
    warn_at_start(s);
    if (snapshots_begin(s) != OK) session_warn(s, "warning", error_message());
    if (s->saved >= 0)
        TRY(resume(s));
    else if (s->config->train.save_every)
        TRY(session_save(s, false));
    if (s->init_step >= 0) {
        session_print(s, "starts from the parameters of %s, of step %lld",
                      s->config->train.init_from, (long long)s->init_step);
        session_event(s, "initialized", s->config->train.init_from);
    }
    if (branches) {
        session_print(s, "continues %s from step %lld", o->from, (long long)r->step);
        session_event(s, "branched", "from another run's checkpoint");
    }
    if (!r->step && snapshots_step(s) != OK) session_warn(s, "no snapshot", error_message());
    return OK;
}
