/* The family of curves of the law `frontier`, and their mixture. */
#include <math.h>

#include "train/scaling/frontier.h"

/* The grid of l, even in the logarithm, and the prior of log l: normal. */
static const double L_LEAST = 0.004, L_MOST = 0.6, L_MIDDLE = 0.1, L_WIDTH = 0.7;

/* The prior of the noise: as if NOISE_VALUES residuals of size NOISE were known. */
static const double NOISE = 0.004;
enum { NOISE_VALUES = 3, HALVINGS = 64 };

/* The error of the form, as a share of the improvement beyond the budgets. */
static const double FORM_ERROR = 0.12;

/* A mixture of Student t distributions. */
typedef struct Mixture {
    double weight[FRONTIER_CURVES], middle[FRONTIER_CURVES], width[FRONTIER_CURVES];
    int degrees;
} Mixture;

/* The distribution function of Student's t: Abramowitz & Stegun 1964, 26.7.3 and 26.7.4. */
static double student(double t, int degrees)
{
    const double angle = atan(t / sqrt(degrees)), c2 = cos(angle) * cos(angle);
    const bool odd = degrees % 2;
    double term = odd ? cos(angle) : 1, sum = degrees > 1 ? term : 0;
    for (int k = odd ? 3 : 2; k < degrees - 1; k += 2) sum += term *= c2 * (k - 1) / k;
    const double inside = odd ? 2 / acos(-1) * (angle + sin(angle) * sum) : sin(angle) * sum;
    return 0.5 + 0.5 * inside;
}

static double chance_below(const Mixture *m, double x)
{
    double sum = 0;
    for (int i = 0; i < FRONTIER_CURVES; i++)
        sum += m->weight[i] * student((x - m->middle[i]) / m->width[i], m->degrees);
    return sum;
}

static double mixture_quantile(const Mixture *m, double share)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < FRONTIER_CURVES; i++) {
        low = fmin(low, m->middle[i] - 100 * m->width[i]);
        high = fmax(high, m->middle[i] + 100 * m->width[i]);
    }
    for (int i = 0; i < HALVINGS; i++) {
        const double half = 0.5 * (low + high);
        *(chance_below(m, half) < share ? &low : &high) = half;
    }
    return 0.5 * (low + high);
}

static FitValue mixture_value(const Mixture *m, double level)
{
    return (FitValue){mixture_quantile(m, 0.5), mixture_quantile(m, 0.5 - 0.5 * level),
                      mixture_quantile(m, 0.5 + 0.5 * level)};
}

static double phi(double l, double x)
{
    return -expm1(-l * x) / l;
}

/* Least squares for one l; returns the logarithm of its weight, not normalized. */
static double fit_curve(const FitBudget *budget, int64_t count, double l, FrontierCurve *c)
{
    const double last = log(budget[count - 1].flops), n = (double)count;
    double p = 0, pp = 0, sum = 0, py = 0, rss = 0;
    for (int64_t i = 0; i < count; i++) {
        const double f = phi(l, log(budget[i].flops) - last), y = log(budget[i].loss);
        p += f, pp += f * f, sum += y, py += f * y;
    }
    const double det = n * pp - p * p, nu = NOISE_VALUES + n - 2,
                 off = (log(l) - log(L_MIDDLE)) / L_WIDTH;
    *c = (FrontierCurve){.l = l,
                         .a = (pp * sum - p * py) / det,
                         .slope = (n * py - p * sum) / det,
                         .inverse = {pp / det, -p / det, n / det}};
    for (int64_t i = 0; i < count; i++)
        rss += pow(log(budget[i].loss) - c->a - c->slope * phi(l, log(budget[i].flops) - last), 2);
    const double squares = NOISE_VALUES * NOISE * NOISE + rss;
    c->noise = squares / nu;
    return -0.5 * log(det) - 0.5 * nu * log(squares) - 0.5 * off * off;
}

/* Curvatures of the parabolas: their mean, and the variance between budgets. */
static void find_curvature(const FitBudget *budget, int64_t count, Frontier *f)
{
    double sum = 0, squares = 0, known = 0;
    f->curvature = f->curvature_variance = NAN;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(budget[i].curvature)) sum += budget[i].curvature, known++;
    if (known < 2) return;
    f->curvature = sum / known;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(budget[i].curvature)) squares += pow(budget[i].curvature - f->curvature, 2);
    f->curvature_variance = squares / (known - 1);
}

static void normalize_weights(const double *log_weight, Frontier *f)
{
    double most = -INFINITY, sum = 0;
    for (int i = 0; i < FRONTIER_CURVES; i++) most = fmax(most, log_weight[i]);
    for (int i = 0; i < FRONTIER_CURVES; i++) sum += f->curve[i].weight = exp(log_weight[i] - most);
    for (int i = 0; i < FRONTIER_CURVES; i++) f->curve[i].weight /= sum;
}

void frontier_curves(const FitBudget *budget, int64_t count, Frontier *f)
{
    double log_weight[FRONTIER_CURVES];
    const double step = log(L_MOST / L_LEAST) / (FRONTIER_CURVES - 1);
    for (int i = 0; i < FRONTIER_CURVES; i++)
        log_weight[i] = fit_curve(budget, count, L_LEAST * exp(step * i), &f->curve[i]);
    normalize_weights(log_weight, f);
    f->degrees = NOISE_VALUES + (int)count - 2;
    f->first = log(budget[0].flops), f->last = log(budget[count - 1].flops);
    find_curvature(budget, count, f);
}

/* Adds the loss of another than the best size, s = off^2 / 2 times the curvature c. Its variance is
 * that of the product of c and s, for normal off with variance e. */
static void add_size(const Frontier *f, double log_c, double off, Mixture *m)
{
    const double *v = f->size_covariance, x = log_c - f->last,
                 e = fmax(0, v[0] + 2 * x * v[1] + x * x * v[2]);
    const double c = f->curvature, s = 0.5 * off * off;
    const double s_variance = off * off * e + 0.5 * e * e,
                 variance = c * c * s_variance + f->curvature_variance * (s * s + s_variance);
    for (int i = 0; i < FRONTIER_CURVES; i++) {
        m->middle[i] += c * s;
        m->width[i] = sqrt(m->width[i] * m->width[i] + variance);
    }
}

/* share: of a run's noise, 0 or 1. */
static Mixture mixture_at(const Frontier *f, double log_c, double share)
{
    Mixture m = {.degrees = f->degrees};
    const double end = fmax(f->first, fmin(f->last, log_c));
    for (int i = 0; i < FRONTIER_CURVES; i++) {
        const FrontierCurve *c = &f->curve[i];
        const double r = phi(c->l, log_c - f->last), beyond = r - phi(c->l, end - f->last),
                     form = FORM_ERROR * c->slope * beyond;
        const double law = c->inverse[0] + 2 * r * c->inverse[1] + r * r * c->inverse[2];
        m.weight[i] = c->weight, m.middle[i] = c->a + c->slope * r;
        m.width[i] = sqrt(c->noise * (share + law) + form * form);
    }
    return m;
}

static FitValue exponential(FitValue v)
{
    return (FitValue){exp(v.value), exp(v.low), exp(v.high)};
}

static FitPrediction predict(const Mixture *law, const Mixture *run, double level)
{
    FitPrediction p = {exponential(mixture_value(law, level)),
                       exponential(mixture_value(run, level))};
    p.loss.value = p.run.value;
    return p;
}

FitPrediction frontier_predict(const Frontier *f, double log_c, double level)
{
    const Mixture law = mixture_at(f, log_c, 0), run = mixture_at(f, log_c, 1);
    return predict(&law, &run, level);
}

FitPrediction frontier_predict_size(const Frontier *f, double log_c, double off, double level)
{
    Mixture law = mixture_at(f, log_c, 0), run = mixture_at(f, log_c, 1);
    add_size(f, log_c, off, &law);
    add_size(f, log_c, off, &run);
    return predict(&law, &run, level);
}

/* The smallest l of the grid up to which the weights add up to share. */
static double quantile_of_l(const Frontier *f, double share)
{
    double sum = 0;
    for (int i = 0; i < FRONTIER_CURVES; i++)
        if ((sum += f->curve[i].weight) >= share) return f->curve[i].l;
    return L_MOST;
}

void frontier_values(const Frontier *f, double level, FitValue value[3])
{
    Mixture exponent = {.degrees = f->degrees};
    double mean_l = 0;
    for (int i = 0; i < FRONTIER_CURVES; i++) {
        const FrontierCurve *c = &f->curve[i];
        exponent.weight[i] = c->weight, exponent.middle[i] = -c->slope;
        exponent.width[i] = sqrt(c->noise * c->inverse[2]);
        mean_l += c->weight * c->l;
    }
    value[0] = frontier_predict(f, f->last, level).loss;
    value[1] = mixture_value(&exponent, level);
    value[2] = (FitValue){mean_l, quantile_of_l(f, 0.5 - 0.5 * level),
                          quantile_of_l(f, 0.5 + 0.5 * level)};
}
