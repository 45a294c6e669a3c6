/* Points of a run's folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/config/config.h"
#include "train/plan/plan.h"
#include "train/run/metrics_read.h"
#include "train/scaling/points.h"

/* The evaluations of metrics.jsonl, each at the tokens of the training line at or before its
 * step. */
static Status read_metrics(Points *p, const char *folder, const Account *a, double flops_per_token,
                           int64_t run, Arena *arena)
{
    MetricsReader r;
    MetricsLine line;
    bool more = true;
    double tokens = 0;
    Status status = metrics_open(&r, folder, 0);
    while (status == OK && more) {
        status = metrics_next(&r, &line, &more);
        if (status != OK || !more || line.kind == METRICS_BROKEN) continue;
        if (line.kind == METRICS_TRAINING && line.column[COLUMN_tokens] > 0)
            tokens = line.column[COLUMN_tokens];
        if (line.kind != METRICS_EVALUATION) continue;
        if (isnan(line.val_loss)) p->diverged++;
        if (isnan(line.val_loss) || tokens <= 0) continue;
        const LawPoint one = {.params = (double)a->params,
                              .tokens = tokens,
                              .flops = flops_per_token * tokens,
                              .loss = line.val_loss,
                              .run = run};
        status = points_add(p, &one, false, arena);
    }
    metrics_close(&r);
    return status;
}

static Status read_run(Points *p, const char *folder, const Config *c, Arena *arena)
{
    Dataset d;
    Account account;
    Status status = dataset_open(&d, c->data.path);
    const int64_t vocab_size = d.vocab_size;
    dataset_close(&d);
    if (status != OK)
        return error_pass(status, __FILE__, __LINE__, "the run's dataset, for its vocabulary");
    TRY(account_model(&c->model, vocab_size, &account));
    TRY(points_count_by(p, FLOPS_6N, folder));
    int64_t run = 1;
    for (const char *s = folder; *s; s++) run = (run * 31 + (unsigned char)*s) % (1 << 30) + 1;
    const int64_t before = p->count + p->diverged;
    TRY(read_metrics(p, folder, &account, account.flops[FLOPS_6N], run, arena));
    if (p->count + p->diverged > before) return OK;
    return FAIL(E_DATA, "%s/metrics.jsonl: no evaluation (val_loss): set train.eval_every", folder);
}

Status points_read_run(Points *p, const char *folder, Arena *arena)
{
    char path[TEXT_MAX + 64];
    snprintf(path, sizeof path, "%.*s/config.yaml", TEXT_MAX, folder);
    Config *c = arena_zero(arena, (int64_t)sizeof *c);
    if (!c) return FAIL(E_NOMEM, "%s", path);
    const char *why;
    FILE *file = file_open_regular(path, &why);
    if (!file) return FAIL(E_DATA, "%s: neither a sweep nor a run: %s", path, why);
    fclose(file);
    TRY(config_load_stored(c, path));
    return read_run(p, folder, c, arena);
}
