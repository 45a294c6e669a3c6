#include "train/plot/axis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double MARGIN = 0.03;
/* Numbers in this range are written with k or M. */
static const double LETTERS = 9999.5, LETTERS_END = 9.9995e8;

PlotAxis axis_make(double min, double max, bool is_log)
{
    if (!(min <= max) || (is_log && !(min > 0))) min = is_log ? 1 : 0, max = is_log ? 10 : 1;
    if (is_log) {
        const double low = log10(min), high = log10(max),
                     margin = fmax(MARGIN * (high - low), 0.01);
        return (PlotAxis){pow(10, fmax(low - margin, -307)), pow(10, fmin(high + margin, 308)),
                          true};
    }
    double margin = MARGIN * (max - min);
    if (!(margin > 1e-9 * fmax(fabs(min), fabs(max)))) margin = min == 0 ? 1 : 0.05 * fabs(min);
    return (PlotAxis){min - margin, max + margin, false};
}

double axis_position(const PlotAxis *a, double x)
{
    if (!isfinite(x) || (a->is_log && !(x > 0))) return NAN;
    if (a->is_log) return (log(x) - log(a->min)) / (log(a->max) - log(a->min));
    return (x - a->min) / (a->max - a->min);
}

double axis_value(const PlotAxis *a, double position)
{
    if (a->is_log) return exp(log(a->min) + position * (log(a->max) - log(a->min)));
    return a->min + position * (a->max - a->min);
}

/* Removes trailing zeros: "1.500e-04" becomes 1.5e-4. */
static void trim_zeros(char *s)
{
    char *e = strchr(s, 'e'), tail[TICK_LABEL] = "";
    if (e) {
        snprintf(tail, sizeof tail, "e%d", atoi(e + 1));
        *e = '\0';
    }
    if (strchr(s, '.')) {
        size_t length = strlen(s);
        while (s[length - 1] == '0') length--;
        if (s[length - 1] == '.') length--;
        s[length] = '\0';
    }
    if (!strcmp(s, "-0")) strcpy(s, "0");
    strncat(s, tail, TICK_LABEL - 1 - strlen(s));
}

static char *write_power(double x, int digits, char out[TICK_LABEL])
{
    snprintf(out, TICK_LABEL, "%.*e", digits - 1, x);
    return out;
}

char *axis_number(double x, int digits, char out[TICK_LABEL])
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e6, "M"}, {1e3, "k"}};
    const double size = fabs(x);
    if (!isfinite(x)) {
        snprintf(out, TICK_LABEL, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        return out;
    }
    if (size >= LETTERS && size < LETTERS_END) {
        int i = 0;
        while (size < units[i].unit) i++;
        snprintf(out, TICK_LABEL, "%.*g", digits > 3 ? digits : 3, x / units[i].unit);
        if (strchr(out, 'e')) snprintf(out, TICK_LABEL, "%.0f", x / units[i].unit);
        trim_zeros(out);
        strncat(out, units[i].name, TICK_LABEL - 1 - strlen(out));
        return out;
    }
    if (size != 0 && (size < 1e-3 || size >= LETTERS_END))
        write_power(x, digits, out);
    else if (size >= 1) {
        const int before = (int)floor(log10(size)) + 1;
        snprintf(out, TICK_LABEL, "%.*f", digits > before ? digits - before : 0, x);
    } else
        snprintf(out, TICK_LABEL, "%.*g", digits, x);
    trim_zeros(out);
    return out;
}

static void add(Tick *ticks, int *count, double value, bool is_major, int digits)
{
    if (*count == TICKS_MAX) return;
    Tick *t = &ticks[(*count)++];
    *t = (Tick){.value = value, .is_major = is_major};
    if (is_major) axis_number(value, digits, t->label);
}

/* The smallest round step that gives at most wanted + 1 ticks. */
static double round_step(const PlotAxis *a, int wanted)
{
    static const double steps[] = {1, 2, 2.5, 5};
    double unit = pow(10, floor(log10((a->max - a->min) / wanted)) - 1);
    for (int i = 0;; i++) {
        const double step = steps[i % 4] * unit;
        if (floor(a->max / step + 1e-9) - ceil(a->min / step - 1e-9) <= wanted) return step;
        if (i % 4 == 3) unit *= 10;
    }
}

static int linear_ticks(const PlotAxis *a, int wanted, Tick *ticks)
{
    const double step = round_step(a, wanted), first = ceil(a->min / step - 1e-9),
                 last = floor(a->max / step + 1e-9), most = fmax(fabs(first), fabs(last)) * step;
    const int digits = (int)fmin(12, fmax(1, ceil(log10(most / step) + 1.5)));
    int count = 0;
    for (double i = first; i <= last && count < TICKS_MAX; i++)
        add(ticks, &count, i * step, true, digits);
    return count;
}

/* Labels every n-th decade if there are enough decades, else 1, 2 and 5 of each. */
static int log_ticks(const PlotAxis *a, int wanted, Tick *ticks)
{
    const double first = floor(log10(a->min)), last = ceil(log10(a->max)),
                 decades = log10(a->max) - log10(a->min);
    const double every = fmax(1, ceil(decades / (1.2 * wanted)));
    const bool dense = decades * 3 <= 1.5 * wanted || decades < 1.7;
    int count = 0;
    for (double decade = first; decade <= last; decade++)
        for (int digit = 1; digit < 10 && (digit == 1 || decades < 8); digit++) {
            const double value = digit * pow(10, decade);
            if (value < a->min * (1 - 1e-9) || value > a->max * (1 + 1e-9)) continue;
            const bool is_major =
                digit == 1 ? fmod(decade, every) == 0 : dense && (digit == 2 || digit == 5);
            if (is_major || decades < TICKS_MAX / 2) add(ticks, &count, value, is_major, 2);
        }
    return count;
}

/* One notation per axis: if a label needs an exponent, none has a letter (5e8 and 1e9, not
 * 500M). */
static void unify_notation(Tick *ticks, int count)
{
    bool have_none = false;
    for (int i = 0; i < count; i++)
        have_none |= ticks[i].is_major && fabs(ticks[i].value) >= LETTERS_END;
    for (int i = 0; have_none && i < count; i++)
        if (ticks[i].is_major && fabs(ticks[i].value) >= LETTERS)
            trim_zeros(write_power(ticks[i].value, 6, ticks[i].label));
}

int axis_ticks(const PlotAxis *a, int wanted, Tick ticks[TICKS_MAX])
{
    int majors = 0, count = a->is_log ? log_ticks(a, wanted, ticks) : 0;
    for (int i = 0; i < count; i++) majors += ticks[i].is_major;
    const bool enough = majors >= 3 || (majors == 2 && a->max > 20 * a->min);
    if (!enough) count = linear_ticks(a, wanted, ticks);
    if (a->is_log) unify_notation(ticks, count);
    return count;
}
