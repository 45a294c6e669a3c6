/* Attention scales by width: variance of scores, entropy of attention, and loss. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/plot/plot.h"
#include "train/study/study.h"
#include "train/support/json.h"

enum { SCALES = 3 };
static const char *const scales[SCALES] = {"sqrt", "none", "linear"};

/* X(name, description) */
#define MEASURES(X)                                                                  \
    X(first_variance, "of scaled scores, over visible pairs, before training")       \
    X(first_entropy, "of attention, relative to uniform attention, before training") \
    X(variance, "the same after training")                                           \
    X(entropy, "")                                                                   \
    X(loss, "validation loss")

#define X(name, help) double name;
typedef struct Measures {
    MEASURES(X)
} Measures;
#undef X

/* Sums over all heads and visible pairs. */
typedef struct Scores {
    double count, sum, squares;
    double entropy, even; /* over rows: of their weights; of even ones */
} Scores;

/* The keys that a row sees: [at, at + sinks) and [first, end). */
typedef struct Seen {
    int64_t at, sinks, first, end;
} Seen;

/* One row's scores with the keys that it sees, in `work`. */
static void add_row(Scores *s, const Attention *a, const real *q, const Tensor *k, int64_t column,
                    const Seen *see, double *work)
{
    const int64_t count = see->sinks + see->end - see->first;
    double max = -INFINITY, over = 0, weighted = 0;
    for (int64_t j = 0; j < count; j++) {
        const int64_t row = j < see->sinks ? see->at + j : see->first + j - see->sinks;
        const real *key = k->data + row * k->shape.dim[1] + column;
        double x = 0;
        for (int64_t i = 0; i < a->head_width; i++) x += (double)q[i] * (double)key[i];
        x *= a->scale;
        if (a->softcap > 0) x = a->softcap * tanh(x / a->softcap);
        work[j] = x;
        s->count++;
        s->sum += x;
        s->squares += x * x;
        max = fmax(max, x);
    }
    for (int64_t j = 0; j < count; j++) {
        const double e = exp(work[j] - max);
        over += e;
        weighted += e * (work[j] - max);
    }
    if (count == 0) return;
    s->entropy += log(over) - weighted / over;
    s->even += log((double)count);
}

static Status add_node(Scores *s, const Node *n)
{
    const Attention *a = n->attr;
    const AttentionRows *r = &a->rows;
    const Tensor *q = n->in[0], *k = n->in[1];
    double *work = malloc((size_t)k->shape.dim[0] * sizeof *work);
    if (!work) return FAIL(E_NOMEM, "a study");
    for (int64_t seg = 0; seg < r->segments; seg++)
        for (int64_t i = r->queries[seg]; i < r->queries[seg + 1]; i++)
            for (int64_t h = 0; h < a->heads; h++) {
                const int64_t head = h * a->kv_heads / a->heads, at = r->keys[seg],
                              own = at + i - r->queries[seg],
                              window = a->windows ? a->windows[head] : 0;
                int64_t first = at + (r->first ? r->first[i] : 0),
                        end = r->first ? at + r->end[i] : own + 1;
                if (window && first <= own - window) first = own - window + 1;
                if (window && end > own + window) end = own + window;
                Seen see = {at, 0, first, end < first ? first : end};
                if (window && see.end > first)
                    see.sinks = a->sinks < first - at ? a->sinks : first - at;
                add_row(s, a, q->data + i * q->shape.dim[1] + a->q_column + h * a->head_width, k,
                        a->k_column + head * a->head_width, &see, work);
            }
    free(work);
    return OK;
}

static Status add_scores(void *context, const Node *n)
{
    return n->op == &op_attention ? add_node(context, n) : OK;
}

static Status look(Run *r, double *variance, double *entropy)
{
    Scores s = {0};
    TRY(study_look(r, add_scores, &s));
    const double mean = s.sum / s.count;
    *variance = s.squares / s.count - mean * mean;
    *entropy = s.even > 0 ? s.entropy / s.even : 1;
    return OK;
}

static Status train(Run *r, Measures *m)
{
    TRY(look(r, &m->first_variance, &m->first_entropy));
    TRY(study_train(r, &m->loss));
    return look(r, &m->variance, &m->entropy);
}

static Status run_one(const Study *s, int scale, int width, Config *c, Measures *mean)
{
    char of_scale[64];
    const char *const more[] = {of_scale, "train.recompute=off", NULL};
    snprintf(of_scale, sizeof of_scale, "model.attention_scale=%s", scales[scale]);
    *mean = (Measures){0};
    for (int64_t seed = 0; seed < s->seeds; seed++) {
        Run r;
        Measures m = {0};
        Status status = study_open(s, more, s->widths[width], seed, &r, c);
        if (status == OK) status = train(&r, &m);
        run_close(&r);
        TRY(status);
#define X(name, help) mean->name += m.name / (double)s->seeds;
        MEASURES(X)
#undef X
    }
    if (s->progress)
        fprintf(s->progress, "%-8s width %4lld  loss %.4f\n", scales[scale],
                (long long)s->widths[width], mean->loss);
    return OK;
}

typedef struct ScoreTable {
    Measures m[SCALES][STUDY_WIDTHS_MAX];
    double head_width[STUDY_WIDTHS_MAX];
} ScoreTable;

static void print(const Study *s, const ScoreTable *t)
{
    fprintf(s->table,
            "\nscores divided by  width  of a head   at first: variance  entropy   after %lld "
            "steps: variance  entropy    loss\n",
            (long long)s->steps);
    for (int k = 0; k < SCALES; k++)
        for (int w = 0; w < s->width_count; w++) {
            const Measures *m = &t->m[k][w];
            fprintf(s->table, "%-18s %6lld %10g %20.3g %8.3f %27.3g %8.3f %7.4f\n",
                    k == 0   ? "root of head width"
                    : k == 1 ? "nothing"
                             : "head width",
                    (long long)s->widths[w], t->head_width[w], m->first_variance, m->first_entropy,
                    m->variance, m->entropy, m->loss);
        }
    fprintf(s->table, "entropy: of attention, relative to that of uniform attention\n");
}

static Status save_table(const Study *s, const ScoreTable *t)
{
    char path[STUDY_PATH_MAX];
    FileText text;
    TRY(file_text_open(&text, study_path(s, "scores.csv", path)));
    FILE *out = text.out;
    fprintf(out, "scale,width,head_width");
#define X(name, help) fprintf(out, "," #name);
    MEASURES(X)
#undef X
    for (int k = 0; k < SCALES; k++)
        for (int w = 0; w < s->width_count; w++) {
            fprintf(out, "\n%s,%lld,%g", scales[k], (long long)s->widths[w], t->head_width[w]);
#define X(name, help) fprintf(out, ",%.9g", t->m[k][w].name);
            MEASURES(X)
#undef X
        }
    fprintf(out, "\n");
    return file_text_save(&text, OK, path);
}

/* y[scale]: one number of each width. */
static Status draw(const Study *s, const char *what, const char *label, bool is_log,
                   double y[SCALES][STUDY_WIDTHS_MAX])
{
    PlotSeries series[SCALES] = {0};
    double x[STUDY_WIDTHS_MAX];
    char name[64], path[STUDY_PATH_MAX];
    static const char *const names[SCALES] = {"q k / sqrt(d)", "q k", "q k / d"};
    for (int w = 0; w < s->width_count; w++) x[w] = (double)s->widths[w];
    for (int k = 0; k < SCALES; k++)
        series[k] = (PlotSeries){
            .kind = PLOT_LINE_POINTS, .name = names[k], .x = x, .y = y[k], .count = s->width_count};
    snprintf(name, sizeof name, "scores-%s.svg", what);
    return plot_save(&(Plot){.title = label,
                             .x_label = "width",
                             .y_label = what,
                             .x_log = true,
                             .y_log = is_log,
                             .series = series,
                             .series_count = SCALES},
                     study_path(s, name, path));
}

static Status draw_all(const Study *s, const ScoreTable *t)
{
    double y[3][SCALES][STUDY_WIDTHS_MAX];
    for (int k = 0; k < SCALES; k++)
        for (int w = 0; w < s->width_count; w++) {
            y[0][k][w] = t->m[k][w].variance;
            y[1][k][w] = t->m[k][w].entropy;
            y[2][k][w] = t->m[k][w].loss;
        }
    TRY(draw(s, "variance", "Variance of scores after training", true, y[0]));
    TRY(draw(s, "entropy", "Entropy of attention, relative to uniform attention", false, y[1]));
    return draw(s, "loss", "Validation loss", false, y[2]);
}

static json_t *to_json(const Study *s, const ScoreTable *t)
{
    json_t *rows = json_array();
    for (int k = 0; k < SCALES; k++)
        for (int w = 0; w < s->width_count; w++) {
            json_t *row = json_pack("{s:s, s:I, s:f}", "attention_scale", scales[k], "width",
                                    (json_int_t)s->widths[w], "head_width", t->head_width[w]);
#define X(name, help) json_object_set_new(row, #name, json_number(t->m[k][w].name));
            MEASURES(X)
#undef X
            json_array_append_new(rows, row);
        }
    return json_pack("{s:I, s:o}", "steps", (json_int_t)s->steps, "rows", rows);
}

Status study_scores(const Study *s, json_t **result)
{
    ScoreTable *t = calloc(1, sizeof *t);
    Config *c = malloc(sizeof *c);
    Status status = t && c ? OK : FAIL(E_NOMEM, "a study");
    *result = NULL;
    for (int w = 0; w < s->width_count; w++)
        for (int k = 0; k < SCALES && status == OK; k++) {
            status = run_one(s, k, w, c, &t->m[k][w]);
            if (status == OK) t->head_width[w] = (double)gpt_head_width(&c->model);
        }
    if (status == OK) status = save_table(s, t);
    if (status == OK) status = draw_all(s, t);
    if (status == OK && s->table) print(s, t);
    if (status == OK) *result = to_json(s, t);
    free(t);
    free(c);
    return status;
}
