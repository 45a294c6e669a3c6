/* The coordinate check: the size of activations by width, step by step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/plot/plot.h"
#include "train/study/study.h"
#include "train/support/json.h"

enum { STEPS_MAX = 64, PARTS = 4, NAME = 32 };

static const char *const part_names[PARTS] = {"qkv", "attention", "mlp", "stream"};

/* Of one parametrization; coordinates: embedding, PARTS of each block, logits. */
typedef struct Sizes {
    int coordinates;
    double *log; /* [coordinates, steps + 1, widths]: mean over seeds of log(root mean square) */
} Sizes;

static double *size_at(const Study *s, const Sizes *z, int coordinate, int64_t step)
{
    return z->log + (coordinate * (s->steps + 1) + step) * s->width_count;
}

static double log_rms(const Tensor *x)
{
    double squares = 0;
    const int64_t count = shape_count(x->shape);
    for (int64_t i = 0; i < count; i++) squares += (double)x->data[i] * (double)x->data[i];
    return log(squares / (double)count) / 2;
}

/* The part of a block that a node computes; -1: none. name: of its matrix, without "blocks.N.". */
static int part_of(const Node *n, const char *name)
{
    static const struct {
        const char *name;
        int part;
    } matrices[] = {{"attn.q.weight", 0},
                    {"mlp.up.weight", 2},
                    {"mlp.gate.weight", 2},
                    {"mlp.down.weight", 3}};
    if (n->op == &op_attention) return 1;
    if (n->op != &op_linear) return -1;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if (!strcmp(name, matrices[i].name)) return matrices[i].part;
    return -1;
}

/* The coordinate that a node computes; -1: none. */
static int coordinate_of(const Gpt *g, const Node *n)
{
    const char *name = n->op == &op_linear ? n->in[1]->name : n->scope;
    int layer = 0, length = 0;
    if (!strcmp(n->scope, "embed")) return 0;
    if (!strcmp(n->scope, "head")) return 1 + PARTS * (int)g->config->layers;
    if (sscanf(name, "blocks.%d.%n", &layer, &length) != 1) return -1;
    const int part = part_of(n, name + length);
    return part < 0 ? -1 : 1 + PARTS * layer + part;
}

/* The context of add_size(). */
typedef struct Look {
    const Study *study;
    const Run *run;
    const Sizes *sizes;
    int width;
} Look;

static Status add_size(void *context, const Node *n)
{
    const Look *l = context;
    const int k = coordinate_of(&l->run->model, n);
    if (k < 0) return OK;
    size_at(l->study, l->sizes, k, l->run->step)[l->width] +=
        log_rms(n->out) / (double)l->study->seeds;
    return OK;
}

static Status watch(const Study *s, Run *r, const Sizes *z, int width)
{
    for (;;) {
        TRY(study_look(r, add_size, &(Look){s, r, z, width}));
        if (r->step == s->steps) return OK;
        TRY(run_step(r));
    }
}

static Status measure(const Study *s, Sizes *z, int way, Config *c)
{
    char of_way[64];
    const char *const more[] = {of_way, "monitor.action=off", "train.recompute=off", NULL};
    snprintf(of_way, sizeof of_way, "model.parametrization=%s", study_ways[way]);
    for (int w = 0; w < s->width_count; w++)
        for (int64_t seed = 0; seed < s->seeds; seed++) {
            Run r;
            Status status = study_open(s, more, s->widths[w], seed, &r, c);
            if (status == OK && !z->log) {
                z->coordinates = 2 + PARTS * (int)c->model.layers;
                z->log = calloc((size_t)(z->coordinates * (s->steps + 1) * s->width_count),
                                sizeof *z->log);
                if (!z->log) status = FAIL(E_NOMEM, "a study");
            }
            if (status == OK) status = watch(s, &r, z, w);
            run_close(&r);
            TRY(status);
            if (s->progress)
                fprintf(s->progress, "%-8s width %4lld, seed %lld\n", study_ways[way],
                        (long long)s->widths[w], (long long)seed);
        }
    return OK;
}

static void name_of(const Sizes *z, int k, char out[NAME])
{
    if (!k || k == z->coordinates - 1)
        snprintf(out, NAME, "%s", k ? "logits" : "embedding");
    else
        snprintf(out, NAME, "blocks.%d.%s", (k - 1) / PARTS, part_names[(k - 1) % PARTS]);
}

/* The slope of the size after each step, and of its mean over all steps but 0. */
static double slopes_of(const Study *s, const Sizes *z, int k, double slopes[STEPS_MAX + 1])
{
    double y[STUDY_WIDTHS_MAX], mean[STUDY_WIDTHS_MAX] = {0};
    for (int64_t t = 0; t <= s->steps; t++) {
        for (int w = 0; w < s->width_count; w++) {
            const double log_size = size_at(s, z, k, t)[w];
            y[w] = exp(log_size);
            if (t) mean[w] += log_size / (double)s->steps;
        }
        slopes[t] = study_slope(s->widths, y, s->width_count);
    }
    for (int w = 0; w < s->width_count; w++) mean[w] = exp(mean[w]);
    return study_slope(s->widths, mean, s->width_count);
}

static json_t *judge(const Study *s, const Sizes *z, int way, double *worst)
{
    json_t *list = json_array();
    *worst = 0;
    if (s->table)
        fprintf(s->table, "\n%-20s %8s  slope of log size over log width after step\n%-20s %8s",
                study_ways[way], "slope", "", "of mean");
    for (int64_t t = 0; s->table && t <= s->steps; t++) fprintf(s->table, " %6lld", (long long)t);
    if (s->table) fprintf(s->table, "\n");
    for (int k = 0; k < z->coordinates; k++) {
        char name[NAME];
        double slopes[STEPS_MAX + 1];
        const double slope = slopes_of(s, z, k, slopes);
        json_t *each = json_array();
        name_of(z, k, name);
        if (!(fabs(slope) <= *worst)) *worst = fabs(slope);
        if (s->table) fprintf(s->table, "%-20s %8.3f", name, slope);
        for (int64_t t = 0; t <= s->steps; t++) {
            json_array_append_new(each, json_number(slopes[t]));
            if (s->table) fprintf(s->table, " %6.2f", slopes[t]);
        }
        if (s->table) fprintf(s->table, "\n");
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:o, s:o}", "parametrization", study_ways[way],
                                        "name", name, "slope", json_number(slope), "slopes", each));
    }
    return list;
}

static Status save_table(const Study *s, const Sizes z[STUDY_WAYS])
{
    char path[STUDY_PATH_MAX], name[NAME];
    FileText text;
    TRY(file_text_open(&text, study_path(s, "coords.csv", path)));
    fprintf(text.out, "parametrization,name,step,width,rms\n");
    for (int way = 0; way < STUDY_WAYS; way++)
        for (int k = 0; k < z[way].coordinates; k++)
            for (int64_t t = 0; t <= s->steps; t++)
                for (int w = 0; w < s->width_count; w++) {
                    name_of(&z[way], k, name);
                    fprintf(text.out, "%s,%s,%lld,%lld,%.9g\n", study_ways[way], name, (long long)t,
                            (long long)s->widths[w], exp(size_at(s, &z[way], k, t)[w]));
                }
    return file_text_save(&text, OK, path);
}

/* Plots sizes by width after the last step. way: STUDY_WAYS: both. */
static Status draw(const Study *s, const Sizes z[STUDY_WAYS], int way)
{
    enum { MOST = 32 };
    PlotSeries series[STUDY_WAYS * MOST] = {0};
    static double x[STUDY_WIDTHS_MAX], y[STUDY_WAYS][MOST][STUDY_WIDTHS_MAX];
    static char names[MOST][NAME];
    char title[160], all[64], path[STUDY_PATH_MAX];
    const int coordinates = z->coordinates < MOST ? z->coordinates : MOST;
    int count = 0;
    for (int w = 0; w < s->width_count; w++) x[w] = (double)s->widths[w];
    for (int i = 0; i < STUDY_WAYS; i++)
        for (int k = 0; k < coordinates && (i == way || way == STUDY_WAYS); k++) {
            const bool is_second = way == STUDY_WAYS && i == STUDY_STANDARD;
            for (int w = 0; w < s->width_count; w++)
                y[i][k][w] = exp(size_at(s, &z[i], k, s->steps)[w]);
            name_of(&z[i], k, names[k]);
            series[count++] = (PlotSeries){.kind = PLOT_LINE_POINTS,
                                           .name = is_second ? NULL : names[k],
                                           .x = x,
                                           .y = y[i][k],
                                           .count = s->width_count,
                                           .color = k + 1,
                                           .is_dashed = is_second,
                                           .is_hollow = is_second};
        }
    snprintf(all, sizeof all, "Size of activations after %lld steps", (long long)s->steps);
    study_plot_names(s, all, "coords", way, title, path);
    return plot_save(&(Plot){.title = title,
                             .x_label = "width",
                             .y_label = "root mean square",
                             .x_log = true,
                             .y_log = true,
                             .series = series,
                             .series_count = count},
                     path);
}

static Status tell(const Study *s, const Sizes z[STUDY_WAYS], json_t **result)
{
    double worst[STUDY_WAYS];
    TRY(save_table(s, z));
    for (int way = 0; way <= STUDY_WAYS; way++) TRY(draw(s, z, way));
    json_t *widths = json_array(), *all = json_array();
    for (int w = 0; w < s->width_count; w++)
        json_array_append_new(widths, json_integer((json_int_t)s->widths[w]));
    for (int way = 0; way < STUDY_WAYS; way++) {
        json_t *list = judge(s, &z[way], way, &worst[way]);
        json_array_extend(all, list);
        json_decref(list);
    }
    const bool flat = worst[STUDY_MUP] < COORDS_FLAT;
    if (s->table)
        fprintf(s->table, "\nsteepest: mup %.3f, standard %.3f; flat is below %.2f: %s\n",
                worst[STUDY_MUP], worst[STUDY_STANDARD], COORDS_FLAT,
                flat ? "mup is flat" : "mup is not flat");
    *result = json_pack("{s:b, s:o, s:o, s:o, s:I, s:o}", "flat", flat, "steepest_mup",
                        json_number(worst[STUDY_MUP]), "steepest_standard",
                        json_number(worst[STUDY_STANDARD]), "widths", widths, "steps",
                        (json_int_t)s->steps, "activations", all);
    return OK;
}

Status study_coords(const Study *s, json_t **result)
{
    Sizes z[STUDY_WAYS] = {0};
    Config *c = malloc(sizeof *c);
    Status status = c ? OK : FAIL(E_NOMEM, "a study");
    *result = NULL;
    INVARIANT(s->steps <= STEPS_MAX);
    for (int way = 0; way < STUDY_WAYS && status == OK; way++) status = measure(s, &z[way], way, c);
    if (status == OK) status = tell(s, z, result);
    for (int way = 0; way < STUDY_WAYS; way++) free(z[way].log);
    free(c);
    return status;
}
