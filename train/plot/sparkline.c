#include "train/plot/sparkline.h"

#include <math.h>
#include <string.h>

#include "autograd/base/error.h"
#include "train/plot/axis.h"

/* The bits of a Braille character, [column][row], in Unicode's order. */
static const unsigned char dots[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

typedef struct DotGrid {
    unsigned char cell[SPARKLINE_ROWS_MAX][SPARKLINE_WIDTH_MAX];
    int width, rows;
    double min, max;
} DotGrid;

/* The row of dots of a number, 0 at the top. */
static int level(const DotGrid *s, double y)
{
    const int last = 4 * s->rows - 1;
    return s->max > s->min ? (int)lround(last * (s->max - y) / (s->max - s->min)) : last / 2;
}

static void fill(DotGrid *s, int column, int from, int to)
{
    for (int i = from < to ? from : to; i <= (from < to ? to : from); i++)
        s->cell[i / 4][column / 2] |= dots[column % 2][i % 4];
}

static void draw(DotGrid *s, const double *y, int64_t count)
{
    const int columns = 2 * s->width;
    int before = -1;
    for (int c = 0; c < columns; c++) {
        const int64_t begin = count * c / columns, past = count * (c + 1) / columns;
        double min = INFINITY, max = -INFINITY;
        for (int64_t i = begin; i < (past > begin ? past : begin + 1); i++) {
            if (!isfinite(y[i])) continue;
            if (y[i] < min) min = y[i];
            if (y[i] > max) max = y[i];
        }
        if (min > max) {
            before = -1;
            continue;
        }
        const int top = level(s, max), bottom = level(s, min);
        fill(s, c, top, bottom);
        if (before >= 0 && before < top - 1) fill(s, c, before + 1, top);
        if (before > bottom + 1) fill(s, c, bottom, before - 1);
        before = bottom;
    }
}

static void print_row(const DotGrid *s, int row, FILE *out)
{
    for (int i = 0; i < s->width; i++) { /* U+2800 + bits, in UTF-8 */
        const unsigned char bits = s->cell[row][i];
        fprintf(out, "\xE2%c%c", 0xA0 | bits >> 6, 0x80 | (bits & 0x3F));
    }
}

void sparkline_print(const char *indent, const double *y, int64_t count, int width, int rows,
                     FILE *out)
{
    static _Thread_local DotGrid s;
    char number[TICK_LABEL];
    INVARIANT(width > 0 && width <= SPARKLINE_WIDTH_MAX && rows > 0 && rows <= SPARKLINE_ROWS_MAX);
    memset(&s, 0, sizeof s);
    s.width = width;
    s.rows = rows;
    s.min = INFINITY;
    s.max = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(y[i]) && y[i] < s.min) s.min = y[i];
        if (isfinite(y[i]) && y[i] > s.max) s.max = y[i];
    }
    if (s.min > s.max) return;
    draw(&s, y, count);
    for (int i = 0; i < rows; i++) {
        fputs(indent, out);
        print_row(&s, i, out);
        if (i == 0) fprintf(out, " %s", axis_number(s.max, 4, number));
        if (i == rows - 1)
            fprintf(out, " %s%s", rows == 1 ? "to " : "", axis_number(s.min, 4, number));
        fputc('\n', out);
    }
}
