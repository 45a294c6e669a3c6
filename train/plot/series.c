#include "train/plot/series.h"

#include <math.h>

#include "train/plot/html.h"

enum { MARKERS = 4 };

static int color_of(const Drawing *d, const PlotSeries *s)
{
    return s->color == PLOT_BY_POSITION ? (int)(s - d->plot->series) + 1 : s->color;
}

/* The CSS classes of an element of a series. */
static void write_class(const Drawing *d, const PlotSeries *s, const char *what)
{
    const int color = color_of(d, s), turn = color > 0 ? (color - 1) / PLOT_COLORS % 3 : 0;
    fprintf(d->out, "class=\"%s", what);
    if (color > 0)
        fprintf(d->out, " c%d", (color - 1) % PLOT_COLORS + 1);
    else
        fputs(" ink", d->out);
    if (turn) fprintf(d->out, " turn%d", turn);
    if (s->is_faint) fputs(" faint", d->out);
    if (s->is_dashed) fputs(" dashed", d->out);
    if (s->is_hollow) fputs(" hollow", d->out);
    fputc('"', d->out);
}

/* A path around the current point; the shape depends on the colour. */
static const char *marker(int color)
{
    static const char *const shapes[MARKERS] = {"m-330 0a330 330 0 1 0 660 0a330 330 0 1 0-660 0z",
                                                "m-290-290h580v580h-580z", "m0-400 390 680h-780z",
                                                "m0-420 420 420-420 420-420-420z"};
    return shapes[color > 0 ? (color - 1) % MARKERS : 0];
}

static void draw_point(const Drawing *d, const PlotSeries *s, int64_t i)
{
    long u, v, low, high, unused;
    if (!canvas_position(&d->canvas, s->x[i], s->y[i], &u, &v)) return;
    if (s->low && s->high && canvas_position(&d->canvas, s->x[i], s->low[i], &unused, &low) &&
        canvas_position(&d->canvas, s->x[i], s->high[i], &unused, &high)) {
        fputs("<path ", d->out);
        write_class(d, s, "error");
        fprintf(d->out, " d=\"M%ld %ldV%ldm-250 0h500M%ld %ldh500\"/>", u, low, high, u - 250, low);
    }
    fputs("<path ", d->out);
    write_class(d, s, "point");
    fprintf(d->out, " d=\"m%ld %ld%s\">", u, v, marker(color_of(d, s)));
    char x[TICK_LABEL], y[TICK_LABEL];
    if (s->texts)
        html_print(d->out, "<title>%s</title>", s->texts[i]);
    else
        html_print(d->out, "<title>%s%s%s, %s</title>", s->name ? s->name : "", s->name ? ": " : "",
                   axis_number(s->x[i], 4, x), axis_number(s->y[i], 4, y));
    fputs("</path>\n", d->out);
}

void draw_series(const Drawing *d, const PlotSeries *s)
{
    const bool has_line = s->kind == PLOT_LINE || s->kind == PLOT_LINE_POINTS;
    if (has_line || s->kind == PLOT_BAND) {
        fputs("<path ", d->out);
        write_class(d, s, has_line ? "line" : "band");
        if (has_line && s->name) html_print(d->out, " data-name=\"%s\"", s->name);
        fputs(" d=\"", d->out);
        if (has_line)
            curve_line(&d->canvas, s->x, s->y, s->count, d->out);
        else
            curve_band(&d->canvas, s->x, s->low, s->high, s->count, d->out);
        fputs("\"/>\n", d->out);
    }
    if (s->kind == PLOT_POINTS || s->kind == PLOT_LINE_POINTS)
        for (int64_t i = 0; i < s->count; i++) draw_point(d, s, i);
}

void draw_marks(const Drawing *d)
{
    const Plot *p = d->plot;
    for (int64_t i = 0; i < p->mark_count; i++) {
        const PlotMark *m = &p->marks[i];
        const double at = axis_position(&d->canvas.x, m->x);
        if (!(at >= 0 && at <= 1)) continue;
        const long u = lround(CANVAS_UNIT * d->canvas.width * at);
        if (m->href && !d->is_alone) html_print(d->out, "<a href=\"%s\">", m->href);
        fprintf(d->out, "<path class=\"mark\" d=\"m%ld 0m-450-600h900l-450 750z", u);
        fprintf(d->out, "M%ld 0v%d\">", u, CANVAS_UNIT * d->canvas.height);
        if (m->text) html_print(d->out, "<title>%s</title>", m->text);
        fputs(m->href && !d->is_alone ? "</path></a>\n" : "</path>\n", d->out);
    }
}

void draw_key(const Drawing *d, const PlotSeries *s)
{
    const bool has_line = s->kind == PLOT_LINE || s->kind == PLOT_LINE_POINTS;
    if (has_line || s->kind == PLOT_BAND) {
        fputs("<path ", d->out);
        write_class(d, s, has_line ? "line" : "band");
        fprintf(d->out, " d=\"%s\"/>", has_line ? "m0 500h2200" : "m0 100h2200v800h-2200z");
    }
    if (s->kind == PLOT_POINTS || s->kind == PLOT_LINE_POINTS) {
        fputs("<path ", d->out);
        write_class(d, s, "point");
        fprintf(d->out, " d=\"m1100 500%s\"/>", marker(color_of(d, s)));
    }
}
