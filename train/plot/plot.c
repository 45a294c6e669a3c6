#include "train/plot/plot.h"

#include <math.h>
#include <string.h>

#include "data/files.h"
#include "train/plot/html.h"
#include "train/plot/series.h"

enum { LEFT = 60, RIGHT = 14, TOP = 24, BOTTOM = 40, HEADING = 24, ROW = 20 };

/* ---- the axes */

typedef struct DataRange {
    double min, max;
} DataRange;

static void stretch(DataRange *r, const double *x, int64_t count, bool is_log)
{
    for (int64_t i = 0; x && i < count; i++) {
        if (!isfinite(x[i]) || (is_log && !(x[i] > 0))) continue;
        if (x[i] < r->min) r->min = x[i];
        if (x[i] > r->max) r->max = x[i];
    }
}

static PlotAxis x_axis(const Plot *p)
{
    DataRange r = {INFINITY, -INFINITY};
    if (p->x_min < p->x_max) return (PlotAxis){p->x_min, p->x_max, p->x_log};
    for (int64_t i = 0; i < p->series_count; i++)
        stretch(&r, p->series[i].x, p->series[i].count, p->x_log);
    return axis_make(r.min, r.max, p->x_log);
}

static PlotAxis y_axis(const Plot *p)
{
    DataRange r = {INFINITY, -INFINITY};
    if (p->y_min < p->y_max) return (PlotAxis){p->y_min, p->y_max, p->y_log};
    for (int64_t i = 0; i < p->series_count; i++) {
        const PlotSeries *s = &p->series[i];
        stretch(&r, s->y, s->count, p->y_log);
        stretch(&r, s->low, s->count, p->y_log);
        stretch(&r, s->high, s->count, p->y_log);
    }
    if (p->from_zero && !p->y_log && r.min > 0 && r.min <= r.max) r.min = 0;
    PlotAxis a = axis_make(r.min, r.max, p->y_log);
    if (p->from_zero && !p->y_log && r.min == 0) a.min = 0;
    return a;
}

static void draw_grid(const Drawing *d)
{
    const int bottom = d->canvas.height;
    Tick ticks[TICKS_MAX];
    int count = axis_ticks(&d->canvas.y, bottom / 45, ticks);
    fputs("<g class=\"grid\">", d->out);
    for (int i = 0; i < count; i++)
        fprintf(d->out, "<path%s d=\"M%d %.1fh%d\"/>", ticks[i].is_major ? "" : " class=\"fine\"",
                LEFT, TOP + bottom * (1 - axis_position(&d->canvas.y, ticks[i].value)),
                d->canvas.width);
    for (int i = 0; i < count; i++)
        if (ticks[i].is_major)
            fprintf(d->out, "<text class=\"y\" x=\"%d\" y=\"%.1f\">%s</text>", LEFT - 7,
                    TOP + 4 + bottom * (1 - axis_position(&d->canvas.y, ticks[i].value)),
                    ticks[i].label);
    count = axis_ticks(&d->canvas.x, d->canvas.width / 80, ticks);
    for (int i = 0, labels = 0; i < count; i++) {
        const double x = LEFT + d->canvas.width * axis_position(&d->canvas.x, ticks[i].value);
        fprintf(d->out, "<path class=\"%s\" d=\"M%.1f %dv%d\"/>",
                d->canvas.x.is_log ? ticks[i].is_major ? "" : "fine" : "tick", x,
                d->canvas.x.is_log ? TOP : TOP + bottom, d->canvas.x.is_log ? bottom : 4);
        if (ticks[i].is_major)
            fprintf(d->out, "<text class=\"x%s\" x=\"%.1f\" y=\"%d\">%s</text>",
                    labels++ % 2 ? " odd" : "", x, TOP + bottom + 17, ticks[i].label);
    }
    fprintf(d->out, "<path class=\"axis\" d=\"M%d %dh%d\"/></g>\n", LEFT, TOP + bottom,
            d->canvas.width);
}

static void draw_labels(const Drawing *d)
{
    const Plot *p = d->plot;
    if (p->y_label)
        html_print(d->out, "<text class=\"label\" x=\"4\" y=\"13\">%s</text>", p->y_label);
    if (p->x_label)
        html_print(d->out, "<text class=\"label end\" x=\"%d\" y=\"%d\">%s</text>\n",
                   LEFT + d->canvas.width, TOP + d->canvas.height + 34, p->x_label);
}

/* The data are in a nested SVG in hundredths of a pixel, which clips what is outside. */
static void draw(const Drawing *d)
{
    const Canvas *c = &d->canvas;
    draw_grid(d);
    draw_labels(d);
    fprintf(d->out, "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" viewBox=\"0 %d %d %d\">\n",
            LEFT, TOP - 8, c->width, c->height + 12, -8 * CANVAS_UNIT, CANVAS_UNIT * c->width,
            CANVAS_UNIT * (c->height + 12));
    for (int64_t i = 0; i < d->plot->series_count; i++) draw_series(d, &d->plot->series[i]);
    draw_marks(d);
    fputs("</svg>\n", d->out);
}

static Drawing begin(const Plot *p, bool is_alone, FILE *out)
{
    Drawing d = {.plot = p,
                 .width = p->width ? p->width : 640,
                 .height = p->height ? p->height : 300,
                 .is_alone = is_alone,
                 .out = out};
    INVARIANT(d.width > LEFT + RIGHT && d.width <= CANVAS_MAX && d.height > TOP + BOTTOM);
    d.canvas = (Canvas){x_axis(p), y_axis(p), d.width - LEFT - RIGHT, d.height - TOP - BOTTOM};
    return d;
}

/* ---- the legend */

static bool has_legend(const Plot *p)
{
    int64_t named = 0;
    for (int64_t i = 0; i < p->series_count; i++) named += p->series[i].name != NULL;
    return named > 1;
}

void plot_figure(const Plot *p, FILE *out)
{
    const Drawing d = begin(p, false, out);
    const PlotAxis *x = &d.canvas.x, *y = &d.canvas.y;
    html_print(out, "<figure>\n<figcaption>%s</figcaption>\n", p->title);
    fprintf(out, "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\"", d.width, d.height);
    html_print(out, " aria-label=\"%s: %s over %s\"", p->title, p->y_label ? p->y_label : "y",
               p->x_label ? p->x_label : "x");
    html_print(out, " data-x=\"%s\"", p->x_label ? p->x_label : "");
    fprintf(out, " data-axes=\"%d %.9g %.9g %d %.9g %.9g\" data-box=\"%d %d %d %d\">\n", x->is_log,
            x->min, x->max, y->is_log, y->min, y->max, LEFT, TOP, d.canvas.width, d.canvas.height);
    draw(&d);
    fputs("</svg>\n", out);
    if (has_legend(p)) {
        fputs("<div class=\"legend\">", out);
        for (int64_t i = 0; i < p->series_count; i++) {
            if (!p->series[i].name) continue;
            fputs("<span><svg class=\"key\" viewBox=\"0 0 2200 1000\">", out);
            draw_key(&d, &p->series[i]);
            html_print(out, "</svg>%s</span>\n", p->series[i].name);
        }
        fputs("</div>\n", out);
    }
    fputs("</figure>\n", out);
}

/* ---- a standalone file */

/* Characters, not bytes. */
static int length_of(const char *s)
{
    int length = 0;
    for (; *s; s++) length += (*s & 0xC0) != 0x80;
    return length;
}

/* The legend below the plot, in rows. Returns the number of rows; counts_only: draws nothing. */
static int draw_legend(const Drawing *d, int top, bool counts_only)
{
    int x = LEFT, rows = 0;
    for (int64_t i = 0; has_legend(d->plot) && i < d->plot->series_count; i++) {
        const PlotSeries *s = &d->plot->series[i];
        if (!s->name) continue;
        const int width = 30 + 7 * length_of(s->name) + 14;
        if (!rows || x + width > d->width) {
            x = LEFT;
            rows++;
        }
        if (!counts_only) {
            const int y = top + ROW * (rows - 1);
            fprintf(d->out,
                    "<svg x=\"%d\" y=\"%d\" width=\"22\" height=\"10\" viewBox=\"0 0 2200 1000\">",
                    x, y);
            draw_key(d, s);
            html_print(d->out, "</svg><text x=\"%d\" y=\"%d\">%s</text>\n", x + 28, y + 9, s->name);
        }
        x += width;
    }
    return rows;
}

static void write_alone(const Plot *p, FILE *out)
{
    const Drawing d = begin(p, true, out);
    const int rows = draw_legend(&d, 0, true), height = HEADING + d.height + ROW * rows + 8;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
            "%d\">\n<style>\n",
            d.width, height, d.width, height);
    html_strings(html_plot_style, out);
    fputs("</style>\n", out);
    html_print(out, "<title>%s</title>\n<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n",
               p->title, d.width, height);
    html_print(out, "<text class=\"title\" x=\"4\" y=\"18\">%s</text>\n", p->title);
    fprintf(out, "<svg class=\"plot\" y=\"%d\" width=\"%d\" height=\"%d\">\n", HEADING, d.width,
            d.height);
    draw(&d);
    fputs("</svg>\n", out);
    draw_legend(&d, HEADING + d.height + 4, false);
    fputs("</svg>\n", out);
}

Status plot_save(const Plot *p, const char *path)
{
    FileText text;
    TRY(file_text_open(&text, path));
    write_alone(p, text.out);
    return file_text_save(&text, OK, path);
}

bool plot_wants_log(const double *x, int64_t count, double factor)
{
    DataRange r = {INFINITY, -INFINITY};
    stretch(&r, x, count, false);
    return r.min > 0 && r.max > factor * r.min;
}
