/* Scaling laws and their fits: reference values, exact recovery, what is refused, and that threads do not matter. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "tests/temporary.h"
#include "train/scaling/compare.h"
#include "train/scaling/fit.h"
#include "train/scaling/isoflop.h"
#include "train/scaling/points.h"
#include "train/scaling/varpro.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { MAX = 512 };

static const char *const epoch = "../shared/data/chinchilla_svg_extracted_data.csv";
static const double truth[] = {1.69, 406.4, 410.7, 0.34, 0.28};
static Arena arena;
static LawPoint points[MAX];

static FitOptions options(int64_t bootstraps)
{
    FitOptions f = FIT_DEFAULTS;
    f.bootstraps = bootstraps;
    return f;
}

/* Runs at `budgets` x `sizes` around the optimum of the law `truth`, with noise; returns how many. */
static int64_t sweep(int budgets, int sizes, double noise)
{
    double theta[LAW_PARAMETERS_MAX], n, d;
    int64_t count = 0;
    const Rng rng = rng_stream(1, "noise");
    law_theta(LAW_CHINCHILLA, truth, theta);
    for (int b = 0; b < budgets; b++)
        for (int s = 0; s < sizes; s++) {
            const double flops = 1e17 * pow(1e5, b / (budgets - 1.0));
            law_optimum(LAW_CHINCHILLA, theta, flops, 6, &n, &d);
            LawPoint *p = &points[count];
            *p = (LawPoint){.params = n * pow(10, 2.0 * s / (sizes - 1) - 1), .flops = flops};
            p->tokens = flops / 6 / p->params;
            p->loss = law_loss(LAW_CHINCHILLA, theta, p) *
                      exp(noise * rng_normal(rng, (uint64_t)count++, 0));
        }
    return count;
}

static void near(double got, double right, double share, const char *what)
{
    cr_assert(fabs(got - right) <= share * fabs(right), "%s: %.17g, not %.17g", what, got, right);
}

/* Epoch's 240 points; false, saying so, if they are not there. */
static bool read_epoch(Points *p)
{
    *p = (Points){0};
    if (access(epoch, R_OK)) {
        fprintf(stderr, "not tested: there is no %s\n", epoch);
        return false;
    }
    MUST(points_read(p, epoch, &arena));
    cr_assert_eq(p->count, 245);
    points_drop(p, 5);
    cr_assert_eq(p->count, 240);
    return true;
}

Test(fit, chinchilla_reaches_the_reference_from_every_start)
{
    static const double right[] = {1.81722, 477.826, 2143.42, 0.347311, 0.367172};
    Points p;
    FitResult r;
    const FitOptions f = options(0);
    if (!read_epoch(&p)) return;
    MUST(fit_law(LAW_CHINCHILLA, p.point, p.count, &f, &arena, &r));
    cr_assert(r.objective <= 0.00101827401790, "%.17g", r.objective);
    for (int i = 0; i < 5; i++) near(r.value[i].value, right[i], 3e-6, law_parameter(r.law, i));
    cr_assert(r.starts == 4500 && r.finite > 4400);
    cr_assert((double)r.converged >= 0.99 * (double)r.finite, "%lld", (long long)r.converged);
}

Test(fit, intervals_are_the_published_ones)
{
    static const double low[] = {1.769, 285.2, 1042, 0.317, 0.331},
                        high[] = {1.871, 743.6, 5810, 0.373, 0.415};
    Points p;
    FitResult r;
    FitOptions f = options(4000);
    f.starts = 45;
    if (!read_epoch(&p)) return;
    MUST(fit_law(LAW_CHINCHILLA, p.point, p.count, &f, &arena, &r));
    for (int i = 0; i < 5; i++) {
        const double share = i == 2 ? 0.15 : 0.05; /* B's ends come of few draws */
        near(r.value[i].low, low[i], share, law_parameter(r.law, i));
        near(r.value[i].high, high[i], share, law_parameter(r.law, i));
    }
}

Test(fit, given_parameters_are_tested_by_likelihood)
{
    /* Hoffmann et al.'s own; Besiroglu et al. find 84.00 against a fit of the scale as well. */
    static const double given[] = {1.69337368, 406.401018, 410.722827, 0.33917084, 0.2849083};
    Points p;
    FitResult r;
    Ratio ratio;
    FitOptions f = options(0);
    f.starts = 45;
    if (!read_epoch(&p)) return;
    MUST(fit_law(LAW_CHINCHILLA, p.point, p.count, &f, &arena, &r));
    MUST(compare_given(&r, p.point, &f, 31, given, &ratio));
    cr_assert(fabs(ratio.statistic - 83.57) < 0.05, "%g", ratio.statistic);
    cr_assert(ratio.degrees == 5 && ratio.p > 1e-16 && ratio.p < 2e-16);
    /* One given at its best costs nothing, and elsewhere something. */
    MUST(compare_given(&r, p.point, &f, 8, (double[]){0, 0, 0, r.value[3].value, 0}, &ratio));
    cr_assert(fabs(ratio.statistic) < 1e-6 && ratio.degrees == 1);
    MUST(compare_given(&r, p.point, &f, 8, (double[]){0, 0, 0, 0.3, 0}, &ratio));
    cr_assert(ratio.statistic > 1 && ratio.objective > r.objective);
}

Test(fit, repeated_tokens_are_worth_what_is_published)
{
    const LawPoint a = {.params = 6.34e9, .tokens = 242e9, .unique = 25e9},
                   b = {.params = 8.67e9, .tokens = 178e9, .unique = 25e9};
    const double theta[] = {0.6254804, 6.255414,       7.3049974,    0.3526596,
                            0.3526596, log(15.387756), log(5.309743)};
    near(law_loss(LAW_REPEATED, theta, &a), 2.2256440889984477, 1e-12, "6.34e9");
    near(law_loss(LAW_REPEATED, theta, &b), 2.2269634075087867, 1e-12, "8.67e9");
}

static const double somewhere[LAW_FORMS][LAW_PARAMETERS_MAX] = {
    [LAW_CHINCHILLA] = {0.5, 6, 7, 0.35, 0.3},
    [LAW_KAPLAN] = {20, 22, 0.7, 0.1},
    [LAW_COMPUTE] = {0.5, 9, 0.2},
    [LAW_REPEATED] = {0.5, 6, 7, 0.35, 0.3, 2.7, 1.6},
};

Test(fit, derivatives_of_laws_are_right)
{
    const LawPoint all[] = {{.params = 3e8, .tokens = 9e9, .flops = 1.6e19, .unique = 1e9},
                            {.params = 9e9, .tokens = 9e9, .flops = 5e20, .unique = 1e9}};
    double g[7], h[49], above[7], below[7], none[49], theta[7];
    for (int law = 0; law < LAW_FORMS; law++)
        for (int which = 0; which < 2; which++) {
            const int count = law_parameters((LawKind)law);
            memcpy(theta, somewhere[law], sizeof theta);
            law_log_loss((LawKind)law, theta, &all[which], g, h);
            for (int i = 0; i < count; i++) {
                const double at = theta[i], step = 1e-5;
                theta[i] = at + step;
                double up = law_log_loss((LawKind)law, theta, &all[which], above, none);
                theta[i] = at - step;
                double down = law_log_loss((LawKind)law, theta, &all[which], below, none);
                theta[i] = at;
                cr_assert(fabs((up - down) / 2 / step - g[i]) < 1e-6);
                for (int j = 0; j < count; j++)
                    cr_assert(fabs((above[j] - below[j]) / 2 / step - h[i * count + j]) < 3e-5,
                              "law %d, %d %d", law, i, j);
            }
        }
}

Test(fit, values_and_theta_are_inverse)
{
    double values[7], theta[7];
    for (int law = 0; law < LAW_FORMS; law++) {
        law_values((LawKind)law, somewhere[law], values);
        law_theta((LawKind)law, values, theta);
        for (int i = 0; i < law_parameters((LawKind)law); i++)
            near(theta[i], somewhere[law][i], 1e-12, law_parameter((LawKind)law, i));
    }
}

/* Each law is found again from losses that it made. */
Test(fit, every_law_is_recovered)
{
    const int64_t count = sweep(6, 6, 0);
    FitOptions f = options(0);
    f.starts = 100;
    for (int law = 0; law < LAW_FORMS; law++) {
        FitResult r;
        for (int64_t i = 0; i < count; i++) {
            points[i].unique = i % 3 ? 0 : points[i].tokens / 20;
            points[i].loss = law_loss((LawKind)law, somewhere[law], &points[i]);
        }
        MUST(fit_law((LawKind)law, points, count, &f, &arena, &r));
        for (int i = 0; i < r.count; i++)
            cr_assert(fabs(r.theta[i] - somewhere[law][i]) < 1e-6, "%s %s: %.12g", law_name(r.law),
                      law_parameter(r.law, i), r.theta[i]);
    }
}

Test(fit, projection_is_exact)
{
    const int64_t count = sweep(8, 16, 0);
    for (int robust = 0; robust < 2; robust++) {
        Varpro v;
        MUST(varpro_fit(points, count, robust ? 1e-3 : INFINITY, &v));
        for (int i = 0; i < 5; i++)
            near(v.values[i], truth[i], 1e-9, law_parameter(LAW_CHINCHILLA, i));
    }
}

Test(fit, projection_is_never_negative)
{
    Varpro v;
    const int64_t count = sweep(5, 6, 0);
    for (int64_t i = 0; i < count; i++) /* as if E were -1 */
        points[i].loss = 50 * pow(points[i].params, -0.2) + 50 * pow(points[i].tokens, -0.2) - 0.2;
    MUST(varpro_fit(points, count, INFINITY, &v));
    cr_assert(v.values[0] >= 0 && v.values[1] >= 0 && v.values[2] >= 0);
    cr_assert(v.objective > 0);
}

Test(fit, projection_and_grid_agree)
{
    Varpro v;
    FitResult r;
    const FitOptions f = options(0);
    const int64_t count = sweep(6, 8, 1e-4); /* so small that log(1 + r) is r */
    MUST(fit_law(LAW_CHINCHILLA, points, count, &f, &arena, &r));
    MUST(varpro_fit(points, count, f.huber, &v));
    for (int i = 0; i < 5; i++) near(v.values[i], r.value[i].value, 2e-3, law_parameter(r.law, i));
}

Test(fit, threads_and_reruns_change_nothing)
{
    const int64_t count = sweep(5, 6, 0.004);
    FitResult r[3];
    FitOptions f = options(200);
    f.starts = 100;
    for (int i = 0; i < 3; i++) {
        threads_set(i == 1 ? 1 : 3);
        MUST(fit_law(LAW_CHINCHILLA, points, count, &f, &arena, &r[i]));
        cr_assert_eq(r[i].draws, r[0].draws);
        cr_assert(!memcmp(r[i].theta, r[0].theta, 5 * sizeof(double)));
        cr_assert(!memcmp(r[i].value, r[0].value, 5 * sizeof(FitValue)));
        cr_assert(!memcmp(r[i].draw, r[0].draw, (size_t)r[0].draws * 5 * sizeof(double)));
    }
    f.seed = 1;
    MUST(fit_law(LAW_CHINCHILLA, points, count, &f, &arena, &r[1]));
    cr_assert(memcmp(r[1].value, r[0].value, 5 * sizeof(FitValue)));
}

Test(fit, predictions_hold_what_they_predict)
{
    const int64_t count = sweep(6, 8, 0.002);
    double theta[LAW_PARAMETERS_MAX], n, d;
    FitResult r;
    FitPrediction at, best;
    FitValue params, tokens, loss;
    FitOptions f = options(400);
    f.starts = 100;
    MUST(fit_law(LAW_CHINCHILLA, points, count, &f, &arena, &r));
    law_theta(LAW_CHINCHILLA, truth, theta);
    law_optimum(LAW_CHINCHILLA, theta, 1e23, 6, &n, &d);
    const LawPoint there = {.params = n, .tokens = d}, flops = {.flops = 1e23};
    MUST(fit_predict(&r, &there, &at));
    MUST(fit_predict(&r, &flops, &best));
    MUST(fit_optimum(&r, 1e23, &params, &tokens, &loss));
    const double right = law_loss(LAW_CHINCHILLA, theta, &there);
    cr_assert(at.loss.low < right && right < at.loss.high);
    cr_assert(at.run.low < at.loss.low && at.loss.high < at.run.high);
    cr_assert(params.low < n && n < params.high && tokens.low < d && d < tokens.high);
    cr_assert(fabs(params.value * tokens.value * 6 / 1e23 - 1) < 1e-9);
    near(best.loss.value, loss.value, 1e-12, "loss at flops");
    cr_assert(best.loss.value <= at.loss.value); /* it is the least */
    cr_assert_eq(fit_predict(&r, &(LawPoint){.params = 1}, &at), E_ARG);
}

Test(fit, approach2_knows_its_own_error)
{
    const int64_t count = sweep(6, 7, 0);
    FitResult r;
    double a, params, theta[LAW_PARAMETERS_MAX];
    FitOptions f = options(0);
    law_theta(LAW_CHINCHILLA, truth, theta);
    MUST(fit_law(LAW_APPROACH2, points, count, &f, &arena, &r));
    MUST(isoflop_bias(points, count, &f, theta, 6, &a, &params));
    cr_assert_eq(r.budgets, 6);
    /* Without noise its error is all there is. */
    near(r.value[1].value - a, 0.28 / 0.62, 1e-9, "a");
    near(r.value[1].value + r.value[3].value, 1, 1e-9, "a + b");
    cr_assert(params > 1.01 && params < 1.2, "%g", params);
    f.minima = FIT_AKIMA;
    MUST(isoflop_bias(points, count, &f, theta, 6, &a, &params));
    cr_assert(fabs(params - 1) < 0.02, "%g", params); /* a curve, not a parabola: less */
}

Test(fit, akima_goes_through_its_knots)
{
    static const double x[] = {0, 1, 2.5, 3, 4.25}, y[] = {1, 0.5, 0.25, 0.5, 2};
    for (int i = 0; i < 5; i++) cr_assert(fabs(isoflop_akima(x, y, 5, x[i]) - y[i]) < 1e-12);
    static const double line[] = {1, 3, 6, 7, 9.5};
    cr_assert(fabs(isoflop_akima(x, line, 5, 2) - 5) < 1e-12); /* 1 + 2 x */
}

Test(fit, minima_at_the_edge_are_refused)
{
    int64_t count = sweep(4, 7, 0), kept = 0;
    FitResult r;
    const FitOptions f = options(0);
    for (int64_t i = 0; i < count; i++) /* only sizes below the optimum */
        if (i % 7 < 3) points[kept++] = points[i];
    cr_assert_eq(fit_law(LAW_APPROACH2, points, kept, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "at the edge"), "%s", error_message());
    count = sweep(2, 7, 0);
    cr_assert_eq(fit_law(LAW_APPROACH2, points, count, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "needs 3 budgets"), "%s", error_message());
}

Test(fit, a_chain_of_budgets_is_not_one)
{
    double theta[LAW_PARAMETERS_MAX], n, d;
    FitResult r;
    const FitOptions f = options(0);
    law_theta(LAW_CHINCHILLA, truth, theta);
    for (int i = 0; i < 24;
         i++) { /* a little more compute each; below, above and at the best size */
        const double c = 1e17 * pow(1.12, i);
        law_optimum(LAW_CHINCHILLA, theta, c, 6, &n, &d);
        n *= pow(3, i % 3 - 1);
        points[i] = (LawPoint){.params = n, .tokens = c / 6 / n, .flops = c};
        points[i].loss = law_loss(LAW_CHINCHILLA, theta, &points[i]);
    }
    MUST(fit_law(LAW_APPROACH2, points, 24, &f, &arena, &r));
    cr_assert_eq(r.budgets, 8);
    for (int64_t i = 0; i < r.budgets; i++) cr_assert_eq(r.budget[i].points, 3);
}

Test(fit, approach1_follows_the_envelope)
{
    double theta[LAW_PARAMETERS_MAX];
    int64_t count = 0;
    FitResult r;
    const FitOptions f = options(100);
    law_theta(LAW_CHINCHILLA, truth, theta);
    for (int s = 0; s < 16; s++) /* a curve each */
        for (int k = 0; k < 30; k++) {
            LawPoint *p = &points[count++];
            *p = (LawPoint){.params = 1e7 * pow(10, s / 5.0)};
            p->tokens = p->params * pow(10, k / 10.0);
            p->flops = 6 * p->params * p->tokens;
            p->loss = law_loss(LAW_CHINCHILLA, theta, p);
        }
    MUST(fit_law(LAW_APPROACH1, points, count, &f, &arena, &r));
    cr_assert(fabs(r.value[1].value - 0.28 / 0.62) < 0.02, "%g", r.value[1].value);
    cr_assert(r.value[1].low < r.value[1].value && r.value[1].value < r.value[1].high);
    cr_assert_eq(fit_law(LAW_APPROACH1, points, 60, &f, &arena, &r), E_DATA); /* two curves */
    cr_assert(strstr(error_message(), "training curves"));
}

Test(fit, the_law_that_made_the_points_predicts_best)
{
    Comparison all[LAW_LOSSES];
    FitOptions f = options(0);
    f.starts = 200;
    const int64_t count = sweep(6, 7, 0.003);
    MUST(compare_laws(points, count, NULL, 0, &f, all));
    cr_assert(all[LAW_CHINCHILLA].is_fitted && all[LAW_KAPLAN].is_fitted);
    cr_assert(!all[LAW_REPEATED].is_fitted); /* no token is */
    cr_assert_eq(all[LAW_CHINCHILLA].judged, 7);
    for (int k = 0; k < LAW_REPEATED; k++) {
        if (k == LAW_CHINCHILLA) continue;
        cr_assert(all[k].aic > all[LAW_CHINCHILLA].aic, "%s", law_name((LawKind)k));
        cr_assert(all[k].error > all[LAW_CHINCHILLA].error, "%s", law_name((LawKind)k));
    }
}

Test(fit, chances_are_those_of_tables)
{
    near(compare_p_value(3.841458820694124, 1), 0.05, 1e-10, "1");
    near(compare_p_value(5.991464547107979, 2), 0.05, 1e-10, "2");
    near(compare_p_value(7.814727903251179, 3), 0.05, 1e-10, "3");
    near(compare_p_value(11.070497693516351, 5), 0.05, 1e-10, "5");
    cr_assert_eq(compare_p_value(0, 3), 1);
}

Test(fit, no_law_comes_from_too_little)
{
    FitResult r;
    FitOptions f = options(50);
    f.starts = 20;
    sweep(5, 6, 0.001);
    cr_assert_eq(fit_law(LAW_CHINCHILLA, points, 5, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "5 points are too few"), "%s", error_message());
    cr_assert_eq(fit_law(LAW_CHINCHILLA, points, 0, &f, &arena, &r), E_DATA);
    LawPoint same[20];
    for (int i = 0; i < 20; i++) same[i] = points[3];
    cr_assert_eq(fit_law(LAW_CHINCHILLA, same, 20, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "the same"), "%s", error_message());
    cr_assert_eq(fit_law(LAW_CHINCHILLA, points, 6, &f, &arena, &r), E_DATA); /* one budget */
    cr_assert(strstr(error_message(), "tied"), "%s", error_message());
    LawPoint few[24]; /* two sizes, of any lengths and seeds */
    for (int i = 0; i < 24; i++) {
        few[i] = points[i / 4];
        few[i].params = points[i % 2].params;
        few[i].flops = 6 * few[i].params * few[i].tokens;
    }
    cr_assert_eq(fit_law(LAW_CHINCHILLA, few, 24, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "2 different params"), "%s", error_message());
    for (int i = 0; i < 24; i++) few[i].flops = 1e15 * (1 + i % 2 + 1e-4 * i);
    cr_assert_eq(fit_law(LAW_COMPUTE, few, 24, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "2 different flops"), "%s", error_message());
    points[2].loss = -1;
    cr_assert_eq(fit_law(LAW_CHINCHILLA, points, 30, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "point 3"), "%s", error_message());
    /* Enough for a law, not for intervals. */
    sweep(5, 6, 0.001);
    for (int i = 0; i < 8; i++) points[i] = points[i * 3 + 1];
    MUST(fit_law(LAW_CHINCHILLA, points, 8, &f, &arena, &r));
    cr_assert(r.draws == 0 && isnan(r.value[0].low));
}

/* What a CSV holds, what becomes of it, and what the message must say. */
static const struct {
    const char *text;
    Status status;
    const char *words;
    int64_t count, diverged;
} tables[] = {
    {"params,tokens,loss\n1e6,2e7,4.5\n2e6,4e7,4.25\n", OK, "", 2, 0},
    {"\xEF\xBB\xBFloss, tokens ,\"params\"\r\n4.5,2e7,1e6\r\n\r\n", OK, "", 1, 0},
    {"Model Size,Training FLOP,loss\n1e6,1.2e14,4.5\n", OK, "", 1, 0},
    {"params,tokens,loss\n1e6,2e7,nan\n2e6,4e7,\n3e6,4e7,3\n", OK, "", 1, 2},
    {"state,params,tokens,loss\ndiverged,1e6,2e7,\nplanned,1,1,\ndone,3e6,4e7,3\n", OK, "", 1, 1},
    {"", E_DATA, "is empty", 0, 0},
    {"params,loss\n1,2\n", E_DATA, ":1: no column tokens", 0, 0},
    {"a,b\n1,2\n", E_DATA, "params,tokens,loss", 0, 0},
    {"params,tokens,loss\n1e6,2e7\n", E_DATA, ":2: 2 fields, but the header has 3", 0, 0},
    {"params,tokens,loss\n1e6,2e7,4\n1e6,many,4\n", E_DATA,
     ":3: tokens \"many\": expected a number", 0, 0},
    {"params,tokens,loss\n-1e6,2e7,4\n", E_DATA, ":2: params -1e6: expected a positive", 0, 0},
    {"params,tokens,loss\n1e6,2e7,0\n", E_DATA, ":2: loss 0: expected a positive", 0, 0},
    {"params,tokens,loss\n1e6,2e7,4x\n", E_DATA, "expected a number", 0, 0},
};

Test(fit, tables_are_read_or_refused_by_line)
{
    temporary_open();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        Points p = {0};
        file_put(in_temporary("t.csv"), tables[i].text, strlen(tables[i].text));
        const Status status = points_read(&p, in_temporary("t.csv"), &arena);
        cr_assert_eq(status, tables[i].status, "table %zu: %s", i, error_message());
        if (status != OK)
            cr_assert(strstr(error_message(), tables[i].words), "table %zu: %s", i,
                      error_message());
        else
            cr_assert(p.count == tables[i].count && p.diverged == tables[i].diverged, "table %zu",
                      i);
        if (status == OK && p.point[0].tokens > 1e7 && p.point[0].params == 1e6)
            near(p.point[0].flops, 1.2e14, 1e-12, "flops");
    }
    Points p = {0};
    cr_assert_eq(points_read(&p, in_temporary("missing.csv"), &arena), E_DATA);
    temporary_close();
}
