/* The best learning rate by width, and whether it transfers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/plot/plot.h"
#include "train/study/study.h"
#include "train/support/json.h"

enum { SEEDS_MAX = 16, LINE = 256 };

/* All losses; NAN: not known yet. Infinity: diverged. */
typedef struct RateGrid {
    const Study *study;
    double loss[STUDY_WAYS][STUDY_WIDTHS_MAX][STUDY_RATES_MAX][SEEDS_MAX];
    int done, count;
} RateGrid;

static double *cell_of(RateGrid *g, const char *way, long long width, double rate, long long seed)
{
    const Study *s = g->study;
    for (int k = 0; k < STUDY_WAYS; k++)
        for (int w = 0; w < s->width_count && !strcmp(way, study_ways[k]); w++)
            for (int i = 0; i < s->rate_count && s->widths[w] == width; i++)
                if (s->rates[i] == rate && seed >= 0 && seed < s->seeds)
                    return &g->loss[k][w][i][seed];
    return NULL;
}

/* Reads the results of an earlier call. Ignores truncated lines and results that are not in this
 * grid. */
static void read_cells(RateGrid *g, const char *path)
{
    char line[LINE], way[32], loss[32];
    long long width, seed;
    double rate;
    const char *why;
    FILE *f = file_open_regular(path, &why);
    while (f && fgets(line, sizeof line, f)) {
        if (!strchr(line, '\n')) break;
        if (sscanf(line, "%31[^,],%lld,%lf,%lld,%31s", way, &width, &rate, &seed, loss) != 5)
            continue;
        double *cell = cell_of(g, way, width, rate, seed);
        if (cell) *cell = strcmp(loss, "diverged") ? strtod(loss, NULL) : INFINITY;
    }
    if (f) fclose(f);
}

static void write_cells(const RateGrid *g, FILE *out)
{
    const Study *s = g->study;
    char rate[32], loss[32];
    fprintf(out, "parametrization,width,lr,seed,loss\n");
    for (int k = 0; k < STUDY_WAYS; k++)
        for (int w = 0; w < s->width_count; w++)
            for (int i = 0; i < s->rate_count; i++)
                for (int64_t seed = 0; seed < s->seeds; seed++) {
                    const double x = g->loss[k][w][i][seed];
                    if (isnan(x)) continue;
                    fprintf(out, "%s,%lld,%s,%lld,%s\n", study_ways[k], (long long)s->widths[w],
                            text_real(s->rates[i], rate), (long long)seed,
                            isinf(x) ? "diverged" : text_real(x, loss));
                }
}

static Status save_cells(const RateGrid *g, const char *path)
{
    FileText text;
    TRY(file_text_open(&text, path));
    write_cells(g, text.out);
    return file_text_save(&text, OK, path);
}

static Status run_cell(RateGrid *g, int way, int width, int rate, int64_t seed)
{
    const Study *s = g->study;
    Config *c = malloc(sizeof *c);
    char of_way[64], of_rate[64], number[32];
    const char *const more[] = {of_way, of_rate, "optim.min_lr=-1", NULL};
    Run r;
    if (!c) return FAIL(E_NOMEM, "a study");
    snprintf(of_way, sizeof of_way, "model.parametrization=%s", study_ways[way]);
    snprintf(of_rate, sizeof of_rate, "optim.lr=%s", text_real(s->rates[rate], number));
    double *loss = &g->loss[way][width][rate][seed];
    Status status = study_open(s, more, s->widths[width], seed, &r, c);
    if (status == OK) status = study_train(&r, loss);
    run_close(&r);
    free(c);
    if (status == OK && s->progress)
        fprintf(s->progress, "%d/%d  %-8s width %4lld  lr %-9s loss %.4f\n", g->done + 1, g->count,
                study_ways[way], (long long)s->widths[width], number, *loss);
    return status;
}

/* Narrow models first, which are quick. */
static Status run_cells(RateGrid *g, const char *path)
{
    const Study *s = g->study;
    for (int w = 0; w < s->width_count; w++)
        for (int k = 0; k < STUDY_WAYS; k++)
            for (int i = 0; i < s->rate_count; i++)
                for (int64_t seed = 0; seed < s->seeds; seed++, g->done++) {
                    if (!isnan(g->loss[k][w][i][seed])) continue;
                    TRY(run_cell(g, k, w, i, seed));
                    TRY(save_cells(g, path));
                }
    return OK;
}

/* Of one parametrization. */
typedef struct Transfer {
    double mean[STUDY_WIDTHS_MAX][STUDY_RATES_MAX]; /* over seeds */
    int best[STUDY_WIDTHS_MAX];                     /* which rate */
    bool at_edge;  /* a best rate is at the edge of the grid: the optimum may lie beyond */
    double moved;  /* log2 of the best rate of the widest over that of the narrowest */
    double spread; /* the same between the lowest and the highest */
} Transfer;

static Transfer transfer_of(const RateGrid *g, int way)
{
    const Study *s = g->study;
    Transfer t = {0};
    double least = INFINITY, most = 0;
    for (int w = 0; w < s->width_count; w++) {
        for (int i = 0; i < s->rate_count; i++) {
            for (int64_t seed = 0; seed < s->seeds; seed++)
                t.mean[w][i] += g->loss[way][w][i][seed] / (double)s->seeds;
            if (t.mean[w][i] < t.mean[w][t.best[w]]) t.best[w] = i;
        }
        const double rate = s->rates[t.best[w]];
        if (t.best[w] == 0 || t.best[w] == s->rate_count - 1) t.at_edge = true;
        least = fmin(least, rate);
        most = fmax(most, rate);
    }
    t.moved = log2(s->rates[t.best[s->width_count - 1]] / s->rates[t.best[0]]);
    t.spread = log2(most / least);
    return t;
}

static void print(const Study *s, int way, const Transfer *t)
{
    char text[32];
    fprintf(s->table, "\n%s: validation loss; * marks the best of each width\n%-10s",
            study_ways[way], "lr \\ width");
    for (int w = 0; w < s->width_count; w++) fprintf(s->table, " %8lld ", (long long)s->widths[w]);
    for (int i = 0; i < s->rate_count; i++) {
        fprintf(s->table, "\n%-10s", text_real(s->rates[i], text));
        for (int w = 0; w < s->width_count; w++) {
            char loss[32] = "diverged";
            if (isfinite(t->mean[w][i])) snprintf(loss, sizeof loss, "%.4f", t->mean[w][i]);
            fprintf(s->table, " %8s%s", loss, t->best[w] == i ? "*" : " ");
        }
    }
    fprintf(
        s->table,
        "\nthe best learning rate moves by a factor of 2^%.2g from the narrowest to the widest, "
        "2^%.2g at most%s\n",
        t->moved, t->spread,
        t->at_edge ? "; a best one is at the edge of the grid, and may lie beyond" : "");
}

/* way: STUDY_WAYS: both. t: [STUDY_WAYS] */
static Status draw(const Study *s, int way, const Transfer *t)
{
    PlotSeries series[STUDY_WAYS * STUDY_WIDTHS_MAX] = {0};
    char names[STUDY_WIDTHS_MAX][32], title[160], path[STUDY_PATH_MAX];
    int count = 0;
    for (int k = 0; k < STUDY_WAYS; k++)
        for (int w = 0; w < s->width_count && (k == way || way == STUDY_WAYS); w++) {
            const bool is_second = way == STUDY_WAYS && k == STUDY_STANDARD;
            snprintf(names[w], sizeof names[w], "width %lld", (long long)s->widths[w]);
            series[count++] = (PlotSeries){.kind = PLOT_LINE_POINTS,
                                           .name = is_second ? NULL : names[w],
                                           .x = s->rates,
                                           .y = t[k].mean[w],
                                           .count = s->rate_count,
                                           .color = w + 1,
                                           .is_dashed = is_second,
                                           .is_hollow = is_second};
        }
    study_plot_names(s, "Validation loss by learning rate", "lr-width", way, title, path);
    return plot_save(&(Plot){.title = title,
                             .x_label = "learning rate",
                             .y_label = "validation loss, nats per token",
                             .x_log = true,
                             .series = series,
                             .series_count = count},
                     path);
}

static json_t *to_json(const Study *s, const Transfer *t)
{
    json_t *best = json_array(), *losses = json_array();
    for (int w = 0; w < s->width_count; w++) {
        json_t *row = json_array();
        json_array_append_new(best, json_number(s->rates[t->best[w]]));
        for (int i = 0; i < s->rate_count; i++)
            json_array_append_new(row, json_number(t->mean[w][i]));
        json_array_append_new(losses, row);
    }
    return json_pack("{s:o, s:f, s:f, s:b, s:o}", "best_lr", best, "moved_steps", t->moved,
                     "spread_steps", t->spread, "at_edge", t->at_edge, "losses", losses);
}

static json_t *numbers(const Study *s, bool rates)
{
    json_t *list = json_array();
    for (int i = 0; i < (rates ? s->rate_count : s->width_count); i++)
        json_array_append_new(list, rates ? json_number(s->rates[i])
                                          : json_integer((json_int_t)s->widths[i]));
    return list;
}

Status study_lr_width(const Study *s, json_t **result)
{
    Transfer t[STUDY_WAYS];
    char path[STUDY_PATH_MAX];
    RateGrid *g = malloc(sizeof *g);
    INVARIANT(s->seeds <= SEEDS_MAX);
    *result = NULL;
    if (!g) return FAIL(E_NOMEM, "a study");
    *g = (RateGrid){.study = s};
    g->count = STUDY_WAYS * s->width_count * s->rate_count * (int)s->seeds;
    double *all = &g->loss[0][0][0][0];
    for (size_t i = 0; i < sizeof g->loss / sizeof *all; i++) all[i] = NAN;
    study_path(s, "lr-width.csv", path);
    read_cells(g, path);
    Status status = run_cells(g, path);
    for (int k = 0; k < STUDY_WAYS && status == OK; k++) {
        t[k] = transfer_of(g, k);
        if (s->table) print(s, k, &t[k]);
    }
    for (int k = 0; k <= STUDY_WAYS && status == OK; k++) status = draw(s, k, t);
    free(g);
    TRY(status);
    *result = json_pack("{s:b, s:o, s:o, s:o, s:o}", "transfers", t[STUDY_MUP].spread < 1.01,
                        "widths", numbers(s, false), "lrs", numbers(s, true), "mup",
                        to_json(s, &t[STUDY_MUP]), "standard", to_json(s, &t[STUDY_STANDARD]));
    return OK;
}
