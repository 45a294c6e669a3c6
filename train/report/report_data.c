#include "train/report/report_data.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/files.h"
#include "train/checkpoint/checkpoints.h"
#include "train/plan/plan.h"
#include "train/plot/smooth.h"
#include "train/report/report_data_parts.h"

static bool is_there(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path &&
           !access(path, F_OK);
}

bool reported_is_there(const char *folder)
{
    return is_there(folder, "metrics.jsonl") || is_there(folder, "config.yaml");
}

const char *reported_name(Arena *a, const char *folder)
{
    char whole[PATH_MAX];
    char *name = arena_text(a, folder);
    if (!name) return NULL;
    size_t length = strlen(name);
    while (length > 1 && name[length - 1] == '/') name[--length] = '\0';
    const bool is_relative = !strcmp(file_name(name), ".") || !strcmp(file_name(name), "..");
    if (is_relative && realpath(name, whole)) name = arena_text(a, whole);
    return name && *file_name(name) ? file_name(name) : name;
}

static Status smooth_loss(Reported *r)
{
    const Journal *j = &r->journal;
    const int64_t size = (int64_t)sizeof(double), lines = j->lines;
    double *sums = arena_take(&r->arena, 2 * (lines + 1) * size);
    r->smooth_loss = arena_take(&r->arena, (lines + 1) * size);
    if (!sums || !r->smooth_loss) return FAIL(E_NOMEM, "%s", r->folder);
    if (lines) smooth(j->column[COLUMN_loss], lines, smooth_reach(lines), sums, r->smooth_loss);
    return OK;
}

/* Marks of the newest whole checkpoint, or of the best. */
static Status read_checkpoint(Reported *r, const char *name)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    if (snprintf(path, sizeof path, "%s/checkpoints/%s", r->folder, name) >= (int)sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", r->folder);
    const Status status = checkpoint_open(&reader, path);
    if (status == OK) {
        const CheckpointInfo *info = &reader.info;
        r->has_checkpoint = true;
        r->checkpoint_step = info->step;
        r->vocab_size = info->vocab_size;
        snprintf(r->checkpoint, sizeof r->checkpoint, "%s", name);
        snprintf(r->core, sizeof r->core, "%s", info->core);
        snprintf(r->precision, sizeof r->precision, "%s", info->precision);
        snprintf(r->dataset, sizeof r->dataset, "%s", info->dataset);
    }
    checkpoint_close(&reader);
    return status;
}

static Status find_checkpoint(Reported *r)
{
    static const char *const names[] = {"best.h5", "latest.h5", "step-00000000.h5"};
    char folder[PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%s/checkpoints", r->folder) >= sizeof folder)
        return FAIL(E_ARG, "%s: the path is too long", r->folder);
    for (int i = 0; i < 3 && !r->has_checkpoint; i++)
        if (is_there(folder, names[i]) && read_checkpoint(r, names[i]) == E_NOMEM) return E_NOMEM;
    return OK;
}

static Status count_parameters(Reported *r)
{
    Plan plan;
    if (!r->config || r->vocab_size < 1) return OK;
    const Status status = plan_make(&plan, r->config, r->vocab_size);
    if (status == OK) {
        r->parameters = plan.parameters;
        r->parameters_non_embedding = plan.parameters_non_embedding;
        r->flops_per_token = plan.flops_per_token;
    }
    plan_close(&plan);
    return status == E_NOMEM ? status : OK;
}

Status reported_read(Reported *r, const char *folder, const ReportedOptions *o)
{
    *r = (Reported){.no_config = "", .no_samples = ""};
    if (!reported_is_there(folder))
        return FAIL(E_DATA, "%s: there is no run: neither metrics.jsonl nor config.yaml", folder);
    r->folder = arena_text(&r->arena, folder);
    r->name = reported_name(&r->arena, folder);
    if (!r->folder || !r->name) return FAIL(E_NOMEM, "%s", folder);
    TRY(journal_read(folder, &r->arena, &r->journal));
    TRY(smooth_loss(r));
    TRY(reported_config(r));
    TRY(find_checkpoint(r));
    TRY(count_parameters(r));
    TRY(reported_spikes(r));
    return reported_samples(r, o);
}

void reported_close(Reported *r)
{
    for (int64_t i = 0; r->spikes && i < r->spike_count; i++)
        if (r->spikes[i].bundle) bundle_close(r->spikes[i].bundle);
    arena_free(&r->arena);
    *r = (Reported){0};
}

double reported_at(const Reported *r, int column, double step)
{
    const Journal *j = &r->journal;
    const double *x = j->column[COLUMN_step], *y = j->column[column];
    int64_t low = 0, high = j->lines - 1;
    if (high < 0) return NAN;
    if (step <= x[0]) return y[0] * step / x[0];
    if (step >= x[high]) return y[high];
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (x[middle] <= step)
            low = middle;
        else
            high = middle;
    }
    return y[low] + (y[high] - y[low]) * (step - x[low]) / (x[high] - x[low]);
}

static const char *state_of(const Journal *j, const ReportedSummary *s)
{
    const char *last = j->event_count ? j->events[j->event_count - 1].kind : "";
    if (s->steps && s->step >= s->steps) return "finished";
    if (!strcmp(last, "stopped")) return "stopped by the monitor";
    if (!strcmp(last, "signal")) return "interrupted";
    return s->steps ? "not finished" : "";
}

ReportedSummary reported_summary(const Reported *r)
{
    const Journal *j = &r->journal;
    ReportedSummary s = {.step = -1,
                         .best_step = -1,
                         .steps = r->config ? r->config->train.steps : 0,
                         .loss = NAN,
                         .val_loss = NAN,
                         .best_val_loss = NAN,
                         .tokens = NAN,
                         .seconds = NAN,
                         .tokens_per_second = NAN};
    const int64_t last = j->lines - 1;
    if (last >= 0) {
        s.step = (int64_t)j->column[COLUMN_step][last];
        s.loss = smooth_end(j->column[COLUMN_loss], j->lines);
        s.tokens = j->column[COLUMN_tokens][last];
        s.seconds = j->column[COLUMN_seconds][last];
        if (s.seconds > 0) s.tokens_per_second = s.tokens / s.seconds;
    }
    for (int64_t i = 0; i < j->vals; i++)
        if (isfinite(j->val_loss[i]) && !(j->val_loss[i] >= s.best_val_loss)) {
            s.best_val_loss = j->val_loss[i];
            s.best_step = (int64_t)j->val_step[i];
        }
    if (j->vals) s.val_loss = j->val_loss[j->vals - 1];
    s.state = state_of(j, &s);
    return s;
}
