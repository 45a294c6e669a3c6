#include "train/study/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const study_ways[STUDY_WAYS] = {"mup", "standard"};

Status study_open(const Study *s, const char *const more[], int64_t width, int64_t which, Run *r,
                  Config *c)
{
    char of_width[64], of_seed[64];
    const char *settings[STUDY_SETTINGS_MAX + 16];
    int count = 0;
    *r = (Run){0};
    for (; count < s->setting_count; count++) settings[count] = s->settings[count];
    for (int i = 0; more[i]; i++) settings[count++] = more[i];
    snprintf(of_width, sizeof of_width, "model.width=%lld", (long long)width);
    settings[count++] = of_width;
    TRY(config_load(c, s->config, count, settings));
    snprintf(of_seed, sizeof of_seed, "train.seed=%lld", (long long)(c->train.seed + which));
    settings[count++] = of_seed;
    TRY(config_load(c, s->config, count, settings));
    return run_open(r, c);
}

Status study_train(Run *r, double *loss)
{
    while (r->step < r->config->train.steps) {
        const Status status = run_step(r);
        if (status == E_NUMERIC) {
            *loss = INFINITY;
            return OK;
        }
        TRY(status);
    }
    if (!r->has_val)
        return FAIL(E_CONFIG, "data.path = %s: its validation split %s", r->config->data.path,
                    r->val_lacks_loss ? "has no token with a loss" : "is too short");
    TRY(run_val_loss(r, loss));
    if (!isfinite(*loss)) *loss = INFINITY;
    return OK;
}

/* A recording tape keeps all activations. */
Status study_look(Run *r, Status (*each)(void *context, const Node *n), void *context)
{
    const int64_t far = INT64_C(1) << 40; /* a batch index that training never reaches */
    const Batch *b = &r->batch;
    TRY(batches_fill(&r->train, far, &r->batch));
    const GptInput in = {.rows = b->sequences * b->context,
                         .tokens = b->inputs,
                         .positions = b->positions,
                         .attention = {.segments = b->segment_index[b->sequences],
                                       .queries = b->segment_starts,
                                       .keys = b->segment_starts,
                                       .first = b->has_intervals ? b->first : NULL,
                                       .end = b->has_intervals ? b->end : NULL}};
    bool *written = calloc((size_t)r->params.tensors, sizeof *written);
    Tape t = {0};
    if (!written) return FAIL(E_NOMEM, "a study");
    tape_reset(&t);
    tape_record(&t, r->params.grad, written);
    Gpt g = r->model;
    g.bf16 = false; /* so that all activations are of type real */
    Tensor *x = gpt_forward(&g, &t, &in);
    tape_scope(&t, "head");
    ag_linear(&t, x, r->model.head, NULL, NULL);
    Status status = t.status;
    for (const Node *n = t.last; n && status == OK; n = n->before) status = each(context, n);
    tape_free(&t);
    free(written);
    return status;
}

double study_slope(const int64_t *x, const double *y, int count)
{
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
    for (int i = 0; i < count; i++) {
        if (!(y[i] > 0)) return NAN;
        mean_x += log((double)x[i]) / count;
        mean_y += log(y[i]) / count;
    }
    for (int i = 0; i < count; i++) {
        const double dx = log((double)x[i]) - mean_x;
        xx += dx * dx;
        xy += dx * (log(y[i]) - mean_y);
    }
    return xy / xx;
}

char *study_path(const Study *s, const char *name, char out[STUDY_PATH_MAX])
{
    snprintf(out, STUDY_PATH_MAX, "%s/%s", s->folder, name);
    return out;
}

void study_plot_names(const Study *s, const char *title, const char *name, int way, char full[160],
                      char path[STUDY_PATH_MAX])
{
    char file[64];
    if (way < STUDY_WAYS) {
        snprintf(full, 160, "%s, %s", title, study_ways[way]);
        snprintf(file, sizeof file, "%s-%s.svg", name, study_ways[way]);
    } else {
        snprintf(full, 160, "%s: filled %s, hollow %s", title, study_ways[STUDY_MUP],
                 study_ways[STUDY_STANDARD]);
        snprintf(file, sizeof file, "%s.svg", name);
    }
    study_path(s, file, path);
}
