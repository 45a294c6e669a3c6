#include "train/plot/curve.h"

#include <math.h>

/* Clamps points far outside, in widths of the plot: the viewer clips them, and only direction
 * matters. */
static const double FAR_OUT = 20;

static long hundredths(double position, int size)
{
    return lround(CANVAS_UNIT * size * fmin(FAR_OUT, fmax(-FAR_OUT, position)));
}

bool canvas_position(const Canvas *c, double x, double y, long *u, long *v)
{
    const double right = axis_position(&c->x, x), up = axis_position(&c->y, y);
    if (isnan(right) || isnan(up)) return false;
    *u = hundredths(right, c->width);
    *v = hundredths(1 - up, c->height);
    return true;
}

static long column_of(long u)
{
    return u < 0 ? (u + 1) / CANVAS_UNIT - 1 : u / CANVAS_UNIT;
}

typedef struct Dot {
    long u, v;
} Dot;

/* A path being written. */
typedef struct Path {
    FILE *out;
    Dot at;
    int64_t drawn; /* points since the last "m" */
    bool is_gap;   /* the next point starts a new part */
} Path;

static void end_part(Path *p)
{
    if (p->drawn == 1) fprintf(p->out, " 0 0"); /* a single point: its round line caps draw a dot */
    p->drawn = 0;
}

static void line_to(Path *p, Dot to)
{
    const long du = to.u - p->at.u, dv = to.v - p->at.v;
    if (p->is_gap) end_part(p);
    fprintf(p->out, p->is_gap ? "m%ld" : du < 0 ? "%ld" : " %ld", du);
    fprintf(p->out, dv < 0 ? "%ld" : " %ld", dv);
    p->at = to;
    p->drawn++;
    p->is_gap = false;
}

/* The points in one column of pixels: four of them, and the order in which they occurred. */
typedef struct PixelColumn {
    Dot first, least, greatest, last;
    int64_t at_least, at_greatest, count;
} PixelColumn;

static void begin_column(PixelColumn *c, Dot d)
{
    *c = (PixelColumn){.first = d, .least = d, .greatest = d, .last = d, .count = 1};
}

static void grow_column(PixelColumn *c, Dot d)
{
    if (d.v > c->least.v) c->least = d, c->at_least = c->count;
    if (d.v < c->greatest.v) c->greatest = d, c->at_greatest = c->count;
    c->last = d;
    c->count++;
}

static void write_column(Path *p, const PixelColumn *c)
{
    const bool low_first = c->at_least < c->at_greatest;
    const int64_t order[] = {low_first ? c->at_least : c->at_greatest,
                             low_first ? c->at_greatest : c->at_least};
    line_to(p, c->first);
    for (int i = 0; i < 2; i++)
        if (order[i] > 0 && order[i] < c->count - 1 && (!i || order[1] != order[0]))
            line_to(p, (i == 0) == low_first ? c->least : c->greatest);
    if (c->count > 1) line_to(p, c->last);
}

void curve_line(const Canvas *c, const double *x, const double *y, int64_t count, FILE *out)
{
    Path p = {.out = out, .is_gap = true};
    PixelColumn column = {.count = 0};
    bool gap = false;
    for (int64_t i = 0; i < count; i++) {
        Dot d;
        if (!canvas_position(c, x[i], y[i], &d.u, &d.v)) {
            gap = true;
            continue;
        }
        if (column.count && column_of(d.u) == column_of(column.last.u)) {
            grow_column(&column, d); /* a gap within a column is invisible */
        } else {
            if (column.count) write_column(&p, &column);
            p.is_gap = p.is_gap || gap;
            begin_column(&column, d);
        }
        gap = false;
    }
    if (column.count) write_column(&p, &column);
    end_part(&p);
}

/* Along the upper edge and back along the lower one. */
static void write_area(Path *p, const Dot *upper, const long *lower, int count)
{
    if (!count) return;
    p->is_gap = true;
    for (int i = 0; i < count; i++) line_to(p, upper[i]);
    for (int i = count - 1; i >= 0; i--) line_to(p, (Dot){upper[i].u, lower[i]});
    fputc('z', p->out);
    p->at = upper[0]; /* z returns to the first point */
}

void curve_band(const Canvas *c, const double *x, const double *low, const double *high,
                int64_t count, FILE *out)
{
    static _Thread_local Dot upper[CANVAS_MAX];
    static _Thread_local long lower[CANVAS_MAX];
    Path p = {.out = out, .is_gap = true};
    int used = 0;
    bool gap = false;
    for (int64_t i = 0; i < count; i++) {
        Dot d, b;
        if (!canvas_position(c, x[i], high[i], &d.u, &d.v) ||
            !canvas_position(c, x[i], low[i], &b.u, &b.v)) {
            gap = true;
            continue;
        }
        if (used && column_of(d.u) == column_of(upper[used - 1].u)) {
            if (d.v < upper[used - 1].v) upper[used - 1].v = d.v;
            if (b.v > lower[used - 1]) lower[used - 1] = b.v;
        } else {
            if (gap || used == CANVAS_MAX) {
                write_area(&p, upper, lower, used);
                used = 0;
            }
            upper[used] = d;
            lower[used++] = b.v;
        }
        gap = false;
    }
    write_area(&p, upper, lower, used);
}
