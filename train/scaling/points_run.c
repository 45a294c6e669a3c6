/* Points of a run's folder: see train/scaling/points.h. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/config/config.h"
#include "train/plan/plan.h"
#include "train/scaling/points.h"

/* The evaluations of metrics.jsonl, at the tokens of the training line of their step or the last before. */
static Status read_metrics(Points *p, const char *path, FILE *file, const Account *a,
                           double flops_per_token, int64_t run, Arena *arena)
{
    char *line = NULL;
    size_t size = 0;
    Status status = OK;
    double tokens = 0;
    while (status == OK && getline(&line, &size, file) > 0) {
        json_t *root = json_loads(line, 0, NULL);
        const json_t *counted = json_object_get(root, "tokens");
        const json_t *loss = json_object_get(root, "val_loss");
        if (json_is_number(counted)) tokens = json_number_value(counted);
        if (json_is_null(loss)) p->diverged++;
        if (json_is_number(loss) && tokens > 0) {
            const LawPoint one = {.params = (double)a->params,
                                  .tokens = tokens,
                                  .flops = flops_per_token * tokens,
                                  .loss = json_number_value(loss),
                                  .run = run};
            status = points_add(p, &one, false, arena);
        }
        json_decref(root);
    }
    if (status == OK && ferror(file)) status = FAIL(E_DATA, "%s: %s", path, strerror(errno));
    free(line);
    return status;
}

static Status read_run(Points *p, const char *folder, const Config *c, Arena *arena)
{
    char path[TEXT_MAX + 64];
    Dataset d;
    Account account;
    Status status = dataset_open(&d, c->data.path);
    const int64_t vocab_size = d.vocab_size;
    dataset_close(&d);
    if (status != OK)
        return error_pass(status, __FILE__, __LINE__, "the run's dataset, for its vocabulary");
    TRY(account_model(&c->model, vocab_size, &account));
    TRY(points_count_by(p, FLOPS_6N, folder));
    snprintf(path, sizeof path, "%.*s/metrics.jsonl", TEXT_MAX, folder);
    FILE *file = fopen(path, "r");
    if (!file) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
    int64_t run = 1;
    for (const char *s = folder; *s; s++) run = (run * 31 + (unsigned char)*s) % (1 << 30) + 1;
    const int64_t before = p->count + p->diverged;
    status = read_metrics(p, path, file, &account, account.flops[FLOPS_6N], run, arena);
    fclose(file);
    if (status == OK && p->count + p->diverged == before)
        return FAIL(E_DATA, "%s: no evaluation (val_loss) in it: set train.eval_every", path);
    return status;
}

Status points_read_run(Points *p, const char *folder, Arena *arena)
{
    char path[TEXT_MAX + 64];
    snprintf(path, sizeof path, "%.*s/config.yaml", TEXT_MAX, folder);
    Config *c = arena_zero(arena, (int64_t)sizeof *c);
    if (!c) return FAIL(E_NOMEM, "%s", path);
    FILE *file = fopen(path, "r");
    if (!file) return FAIL(E_DATA, "%s: not a sweep, nor a run: %s", path, strerror(errno));
    fclose(file);
    TRY(config_load_stored(c, path));
    return read_run(p, folder, c, arena);
}
