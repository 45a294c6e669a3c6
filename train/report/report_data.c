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

static bool has_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    return (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path &&
           !access(path, F_OK);
}

bool report_is_run(const char *folder)
{
    return has_file(folder, "metrics.jsonl") || has_file(folder, "config.yaml");
}

const char *report_name(Arena *a, const char *folder)
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

static Status smooth_loss(ReportData *r)
{
    const RunMetrics *j = &r->journal;
    const int64_t size = (int64_t)sizeof(double), lines = j->lines;
    double *sums = arena_take(&r->arena, 2 * (lines + 1) * size);
    r->smooth_loss = arena_take(&r->arena, (lines + 1) * size);
    if (!sums || !r->smooth_loss) return FAIL(E_NOMEM, "%s", r->folder);
    if (lines) smooth(j->column[COLUMN_loss], lines, smooth_reach(lines), sums, r->smooth_loss);
    return OK;
}

/* Reads the metadata of the checkpoint `name`. */
static Status read_checkpoint(ReportData *r, const char *name)
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

static Status find_checkpoint(ReportData *r)
{
    static const char *const names[] = {"best.h5", "latest.h5", "step-00000000.h5"};
    char folder[PATH_MAX];
    if ((size_t)snprintf(folder, sizeof folder, "%s/checkpoints", r->folder) >= sizeof folder)
        return FAIL(E_ARG, "%s: the path is too long", r->folder);
    for (int i = 0; i < 3 && !r->has_checkpoint; i++)
        if (has_file(folder, names[i]) && read_checkpoint(r, names[i]) == E_NOMEM) return E_NOMEM;
    return OK;
}

static Status count_parameters(ReportData *r)
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

/* ---- config.yaml with its origins */

/* The comment after the value, without "# "; "" if there is none. A quoted text may contain "#". */
static const char *comment(const char *value)
{
    bool quoted = false;
    for (const char *c = value; *c; c++) {
        if (*c == '\\' && quoted && c[1])
            c++;
        else if (*c == '"')
            quoted = !quoted;
        else if (*c == '#' && !quoted && c > value && c[-1] == ' ')
            return c[1] == ' ' ? c + 2 : c + 1;
    }
    return "";
}

/* "  width: 64     # a.yaml:3:10" below "model:". */
static void take_line(Config *c, char *line, char section[64])
{
    line[strcspn(line, "\r\n")] = '\0';
    char *name = line + strspn(line, " "), *colon = strchr(name, ':');
    if (!colon || !*name || *name == '#') return;
    *colon = '\0';
    if (name == line) {
        snprintf(section, 64, "%s", name);
        return;
    }
    const Key *k = schema_find(config_keys, config_key_count, section, name);
    if (k) snprintf(c->origin[k - config_keys], ORIGIN_MAX, "%s", comment(colon + 1));
}

static void read_origins(Config *c, FILE *file)
{
    char *line = NULL, section[64] = "";
    size_t room = 0;
    while (getline(&line, &room, file) > 0) take_line(c, line, section);
    free(line);
}

static Status read_config(ReportData *r)
{
    char path[PATH_MAX];
    Config *c = arena_zero(&r->arena, sizeof *c), *defaults = arena_zero(&r->arena, sizeof *c);
    if (!c || !defaults) return FAIL(E_NOMEM, "a config");
    if ((size_t)snprintf(path, sizeof path, "%s/config.yaml", r->folder) >= sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", r->folder);
    const Status status = config_load_stored(c, path);
    if (status != OK) {
        r->no_config = arena_text(&r->arena, error_message());
        return r->no_config && status != E_NOMEM ? OK : FAIL(E_NOMEM, "a config");
    }
    TRY(config_load(defaults, NULL, 0, NULL));
    const char *why;
    FILE *file = file_open_regular(path, &why);
    if (file) {
        read_origins(c, file);
        fclose(file);
    }
    r->config = c;
    r->defaults = defaults;
    return OK;
}

/* ---- spikes and their bundles */

/* Flagged by the monitor. (Flag "none" with a bundle: attention logits were too large.) */
static bool is_flagged(const RunEvent *e)
{
    return *e->flag && strcmp(e->flag, "none") && strcmp(e->kind, "budget") &&
           strcmp(e->kind, "unusual");
}

static bool is_spike(const RunEvent *e)
{
    return is_flagged(e) || *e->bundle;
}

/* A damaged bundle does not prevent the report: why_not says what is wrong. */
static Status read_bundle(ReportData *r, ReportSpike *s)
{
    char path[PATH_MAX];
    Bundle *b = arena_zero(&r->arena, sizeof *b);
    Explanation *e = arena_zero(&r->arena, sizeof *e);
    if (!b || !e) return FAIL(E_NOMEM, "a bundle");
    if ((size_t)snprintf(path, sizeof path, "%s/%s", r->folder, s->event->bundle) >= sizeof path)
        return OK;
    Status status = bundle_read(b, path);
    if (status == OK) status = explain(b, r->config, false, NULL, e);
    if (status == OK) {
        s->bundle = b;
        s->explanation = e;
        return OK;
    }
    bundle_close(b);
    s->why_not = arena_text(&r->arena, error_message());
    return status == E_NOMEM || !s->why_not ? FAIL(E_NOMEM, "a bundle") : OK;
}

/* An untrusted journal may name a bundle outside the run's folder: such paths are ignored. */
static bool is_inside(const char *path)
{
    return !strncmp(path, "spikes/", 7) && !strstr(path, "..");
}

static Status read_spikes(ReportData *r)
{
    const RunMetrics *j = &r->journal;
    r->spikes = arena_zero(&r->arena, (j->event_count + 1) * (int64_t)sizeof *r->spikes);
    if (!r->spikes) return FAIL(E_NOMEM, "%lld events", (long long)j->event_count);
    for (int64_t i = 0; i < j->event_count; i++) {
        if (!is_spike(&j->events[i])) continue;
        ReportSpike *s = &r->spikes[r->spike_count++];
        *s = (ReportSpike){.event = &j->events[i], .why_not = ""};
        r->spikes_flagged += is_flagged(s->event);
        if (r->config && is_inside(s->event->bundle)) TRY(read_bundle(r, s));
    }
    return OK;
}

Status report_data_read(ReportData *r, const char *folder, const ReportOptions *o)
{
    *r = (ReportData){.no_config = "", .no_samples = ""};
    if (!report_is_run(folder))
        return FAIL(E_DATA, "%s: not a run: neither metrics.jsonl nor config.yaml", folder);
    r->folder = arena_text(&r->arena, folder);
    r->name = report_name(&r->arena, folder);
    if (!r->folder || !r->name) return FAIL(E_NOMEM, "%s", folder);
    TRY(metrics_read(folder, &r->arena, &r->journal));
    TRY(smooth_loss(r));
    TRY(read_config(r));
    TRY(find_checkpoint(r));
    TRY(count_parameters(r));
    TRY(read_spikes(r));
    return report_samples(r, o);
}

void report_data_close(ReportData *r)
{
    for (int64_t i = 0; r->spikes && i < r->spike_count; i++)
        if (r->spikes[i].bundle) bundle_close(r->spikes[i].bundle);
    arena_free(&r->arena);
    *r = (ReportData){0};
}
