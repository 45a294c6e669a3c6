#include "train/monitor/detector.h"

#include <float.h>
#include <math.h>

static const double LOSS_FLOOR = 1e-3;
static const double UNUSUAL_SHARE = 0.75, UNUSUAL_FLOOR = 1e-2, RETURN_SHARE = 0.5;

enum { RETURN_RUN = 8 };

const char *spike_class_name(SpikeClass c)
{
#define X(id, name) name,
    static const char *const names[] = {SPIKE_CLASS_LIST(X)};
#undef X
    INVARIANT((int)c >= 0 && c < SPIKE_CLASSES);
    return names[c];
}

double detector_log(double norm)
{
    return log(fmax(norm, DBL_MIN));
}

double detector_z(const Window *w, double x, double floor, int64_t guard)
{
    if (w->count < (guard < w->size ? guard : w->size)) return NAN;
    const double median = window_median(w);
    const double z = (x - median) / fmax(1.4826 * window_deviation(w, median), floor);
    return fmax(-DBL_MAX, fmin(z, DBL_MAX));
}

static double mean_of(const Window *w)
{
    double sum = 0;
    for (int64_t i = 0; i < w->count; i++) sum += window_at(w, i);
    return sum / (double)w->count;
}

/* One function per rule: is x an outlier of the series, which does not contain it yet? */
static bool olmo(const Detector *d, const Series *s, double x)
{
    const Window *w = &s->window;
    if (w->count < 2 || w->count < w->size / 2) return false;
    const double mean = mean_of(w);
    double squares = 0;
    for (int64_t i = 0; i < w->count; i++)
        squares += (window_at(w, i) - mean) * (window_at(w, i) - mean);
    return !(x - mean <= d->loss_z * sqrt(squares / (double)(w->count - 1)));
}

static bool llmc(const Detector *d, const Series *s, double x)
{
    const Window *w = &s->window;
    const double n = (double)w->size;
    if (w->count < w->size) return false;
    const double oldest = window_at(w, 0), sum = s->sum + x - oldest,
                 squares = s->squares + x * x - oldest * oldest;
    const double mean = sum / n, z = (x - mean) / sqrt(squares / n - mean * mean);
    return isfinite(z) && z > d->loss_z;
}

static bool ratio(Detector *d, const Series *s, double x)
{
    enum { PATIENCE = 4, EARLY = 200 };
    static const double FACTOR = 2, CAP = 10;
    const Window *w = &s->window;
    if (w->count < w->size) return false;
    int64_t above = 0;
    for (int64_t i = 0; i < w->count; i++) above += window_at(w, i) > CAP;
    d->high = x >= FACTOR * mean_of(w) ? d->high + 1 : 0;
    return d->high > PATIENCE || (d->judged_values >= EARLY && 2 * above >= w->size);
}

static void add(Series *s, double x)
{
    Window *w = &s->window;
    const double oldest = w->count == w->size ? window_at(w, 0) : 0;
    s->sum += x - oldest;
    s->squares += x * x - oldest * oldest;
    window_push(w, x);
}

static SpikeClass judge(Detector *d, const Finding *f, double loss, double norm)
{
    switch (d->rule) {
    case RULE_olmo:
        if (olmo(d, &d->all_loss, loss)) return SPIKE_LOSS;
        return olmo(d, &d->all_norm, norm) ? SPIKE_GRADIENT : SPIKE_NONE;
    case RULE_llmc:
        if (llmc(d, &d->all_loss, loss)) return SPIKE_LOSS;
        return llmc(d, &d->all_norm, norm) ? SPIKE_GRADIENT : SPIKE_NONE;
    case RULE_ratio: return ratio(d, &d->all_loss, loss) ? SPIKE_LOSS : SPIKE_NONE;
    case RULE_robust:
        if (f->loss_z > d->loss_z) return SPIKE_LOSS;
        return f->grad_norm_z > d->grad_norm_z ? SPIKE_GRADIENT : SPIKE_NONE;
    }
    return SPIKE_NONE;
}

/* A value that fits the baseline kept aside. */
static bool is_return(const Detector *d, double loss, double log_norm)
{
    if (!d->old_loss.count) return false;
    const double loss_z = detector_z(&d->old_loss, loss, LOSS_FLOOR, 0),
                 norm_z = detector_z(&d->old_log_norm, log_norm, d->grad_norm_floor, 0);
    return fabs(loss_z) < RETURN_SHARE * d->loss_z && fabs(norm_z) < RETURN_SHARE * d->grad_norm_z;
}

static void swap(Window *a, Window *b)
{
    const Window old = *a;
    *a = *b;
    *b = old;
}

static void forget_old(Detector *d)
{
    window_clear(&d->old_loss);
    window_clear(&d->old_log_norm);
    d->returned = 0;
}

static void take_back_old(Detector *d)
{
    swap(&d->loss, &d->old_loss);
    swap(&d->log_norm, &d->old_log_norm);
    forget_old(d);
}

static Finding robust_z(Detector *d, double loss, double log_norm)
{
    return (Finding){.loss_z = detector_z(&d->loss, loss, LOSS_FLOOR, d->guard),
                     .grad_norm_z =
                         detector_z(&d->log_norm, log_norm, d->grad_norm_floor, d->guard)};
}

static SpikeClass unusual(const Detector *d, const Finding *f, double log_norm)
{
    if (d->rule != RULE_robust || f->flag != SPIKE_NONE) return SPIKE_NONE;
    if (f->loss_z > UNUSUAL_SHARE * d->loss_z) return SPIKE_LOSS;
    const double z = detector_z(&d->log_norm, log_norm, UNUSUAL_FLOOR, d->guard);
    return z > d->grad_norm_z ? SPIKE_GRADIENT : SPIKE_NONE;
}

Finding detector_classify(Detector *d, double loss, double grad_norm, bool may_judge)
{
    const double log_norm = detector_log(grad_norm);
    Finding f = {.loss_z = NAN, .grad_norm_z = NAN};
    if (!isfinite(loss) || !isfinite(grad_norm)) {
        f.flag = SPIKE_NONFINITE;
        return f;
    }
    if (may_judge) {
        f = robust_z(d, loss, log_norm);
        f.flag = judge(d, &f, loss, grad_norm);
        if (f.flag != SPIKE_NONE && is_return(d, loss, log_norm)) {
            take_back_old(d);
            f = robust_z(d, loss, log_norm);
        }
        f.unusual = unusual(d, &f, log_norm);
    }
    d->judged_values++;
    if (d->rule != RULE_robust) {
        add(&d->all_loss, loss);
        add(&d->all_norm, grad_norm);
    }
    return f;
}

void detector_accept(Detector *d, double loss, double grad_norm)
{
    const double log_norm = detector_log(grad_norm);
    d->returned = is_return(d, loss, log_norm) ? d->returned + 1 : 0;
    if (d->returned == RETURN_RUN) take_back_old(d);
    window_push(&d->loss, loss);
    window_push(&d->log_norm, log_norm);
    if (d->loss.count == d->loss.size) forget_old(d);
}

void detector_restart(Detector *d)
{
    if (d->rule == RULE_robust && !d->old_loss.count && d->loss.count >= d->guard) {
        swap(&d->loss, &d->old_loss);
        swap(&d->log_norm, &d->old_log_norm);
    }
    d->returned = 0;
    window_clear(&d->loss);
    window_clear(&d->log_norm);
    for (Series *s = &d->all_loss;; s = &d->all_norm) {
        window_clear(&s->window);
        s->sum = s->squares = 0;
        if (s == &d->all_norm) break;
    }
    d->high = 0;
}

Status detector_open(Detector *d, Arena *a, const MonitorConfig *c, int64_t steps)
{
    *d = (Detector){.window = monitor_window(c, steps),
                    .guard = c->guard,
                    .rule = c->rule,
                    .loss_z = c->loss_z,
                    .grad_norm_z = c->grad_norm_z,
                    .grad_norm_floor = c->grad_norm_floor};
    TRY(window_open(&d->loss, a, d->window));
    TRY(window_open(&d->log_norm, a, d->window));
    TRY(window_open(&d->old_loss, a, d->window));
    TRY(window_open(&d->old_log_norm, a, d->window));
    const int64_t all = d->rule == RULE_robust ? 1 : d->window;
    TRY(window_open(&d->all_loss.window, a, all));
    return window_open(&d->all_norm.window, a, all);
}
