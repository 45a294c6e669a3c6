/* The law frontier: reference values, which budgets it uses, what it refuses, and how often its intervals hold the
 * outcome on published sweeps. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "train/scaling/backtest.h"
#include "train/scaling/frontier.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { MAX = 1024 };

static Arena arena;
static LawPoint points[MAX];
static const double truth[] = {1.69, 406.4, 410.7, 0.34, 0.28};

static FitOptions options(void)
{
    FitOptions f = FIT_DEFAULTS;
    f.bootstraps = 100, f.level = 0.9;
    return f;
}

/* One run for each budget, the best. */
static FitResult fit_best(const double *flops, const double *loss, int64_t count)
{
    FitResult r;
    const FitOptions f = options();
    for (int64_t i = 0; i < count; i++)
        points[i] =
            (LawPoint){.params = 1e3, .tokens = flops[i] / 6e3, .flops = flops[i], .loss = loss[i]};
    MUST(fit_law(LAW_FRONTIER, points, count, &f, &arena, &r));
    return r;
}

static FitValue run_at(const FitResult *r, double flops)
{
    FitPrediction p;
    MUST(fit_predict(r, &(LawPoint){.flops = flops}, &p));
    cr_assert(p.run.low < p.loss.low && p.loss.low < p.loss.value && p.loss.high < p.run.high);
    return p.run;
}

static void near(double got, double right, double most, const char *what)
{
    cr_assert(fabs(got - right) <= most, "%s: %.9g, not %.9g", what, got, right);
}

static const double budgets[] = {5e10, 1.257e11, 3.162e11, 7.953e11, 2e12};

Test(frontier, predicts_as_the_reference)
{
    static const struct {
        double loss[5], value, low, high, l;
    } rows[] = {
        {{2.132, 1.958, 1.836, 1.718, 1.628}, 1.51284, 1.47202, 1.54939, 0.12543},
        {{2.1263, 1.970, 1.8354, 1.7053, 1.6084}, 1.47149, 1.43299, 1.51032, 0.07305},
        {{2.0767, 1.9494, 1.8307, 1.7053, 1.6084}, 1.47767, 1.44071, 1.51772, 0.04867},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const FitResult r = fit_best(budgets, rows[i].loss, 5);
        const FitValue run = run_at(&r, 8e12);
        near(run.value, rows[i].value, 1e-5, "value");
        near(run.low, rows[i].low, 1e-5, "low");
        near(run.high, rows[i].high, 1e-5, "high");
        near(r.value[2].value, rows[i].l, 1e-5, "l");
        cr_assert(r.value[2].low < r.value[2].value && r.value[2].value < r.value[2].high);
    }
}

Test(frontier, follows_a_power_law)
{
    double flops[6], loss[6];
    for (int i = 0; i < 6; i++)
        flops[i] = pow(10, 15 + 0.8 * i), loss[i] = 3 * pow(flops[i] / 1e15, -0.05);
    const FitResult r = fit_best(flops, loss, 6);
    const FitValue run = run_at(&r, 1e20);
    near(run.value, 1.712, 5e-4, "value");
    near(run.low, 1.665, 5e-4, "low");
    near(run.high, 1.764, 5e-4, "high");
    near(r.value[0].value, loss[5], 1e-2, "loss at the largest budget");
    near(r.value[1].value, 0.05, 5e-3, "exponent there");
    cr_assert(r.value[1].low < r.value[1].value && r.value[1].value < r.value[1].high);
}

Test(frontier, back_tests_are_the_reference)
{
    static const double loss[] = {2.132, 1.958, 1.836, 1.718, 1.628};
    Backtest b;
    const FitOptions f = options();
    fit_best(budgets, loss, 5);
    MUST(backtest(LAW_FRONTIER, points, 5, &f, &arena, &b));
    cr_assert(b.count == 2 && b.judged == 2 && b.inside == 2 && !backtest_missed_all(&b));
    near(b.row[0].predicted.value, 1.7251, 5e-5, "up to 3.162e11");
    near(b.row[0].predicted.low, 1.6792, 5e-5, "its low end");
    near(b.row[1].predicted.high, 1.6587, 5e-5, "up to 7.953e11, its high end");
    cr_assert(b.row[1].budgets == 4 && b.row[1].outcome == loss[4]);
    MUST(backtest(LAW_COMPUTE, points, 5, &f, &arena, &b)); /* no interval from 4 points */
    cr_assert(b.count == 1 && !b.judged && !backtest_missed_all(&b));
    MUST(backtest(LAW_CHINCHILLA, points, 5, &f, &arena,
                  &b)); /* not one for a single line of sizes */
    cr_assert(!b.count && b.missing);
}

/* Sizes around the best of chinchilla's law, shifted by `shift` of the budget, in steps of 1.6. */
static int64_t sweep(int count, int sizes, const int *shift)
{
    double theta[LAW_PARAMETERS_MAX], n, d;
    int64_t all = 0;
    law_theta(LAW_CHINCHILLA, truth, theta);
    for (int b = 0; b < count; b++)
        for (int s = 0; s < sizes; s++) {
            LawPoint *p = &points[all++];
            *p = (LawPoint){.flops = 1e17 * pow(4, b)};
            law_optimum(LAW_CHINCHILLA, theta, p->flops, 6, &n, &d);
            p->params = n * pow(1.6, s - sizes / 2 + (shift ? shift[b] : 0));
            p->tokens = p->flops / 6 / p->params;
            p->loss = law_loss(LAW_CHINCHILLA, theta, p);
        }
    return all;
}

Test(frontier, other_sizes_and_the_best_size)
{
    FitResult r;
    FitPrediction best, other;
    FitValue n, d, loss;
    const FitOptions f = options();
    double theta[LAW_PARAMETERS_MAX];
    law_theta(LAW_CHINCHILLA, truth, theta);
    MUST(fit_law(LAW_FRONTIER, points, sweep(6, 5, NULL), &f, &arena, &r));
    MUST(fit_optimum(&r, 6e18, &n, &d, &loss));
    MUST(fit_predict(&r, &(LawPoint){.flops = 6e18}, &best));
    cr_assert(n.low < n.value && n.value < n.high && loss.value == best.loss.value);
    LawPoint p = {.params = 2 * n.value, .tokens = 6e18 / 12 / n.value, .flops = 6e18};
    MUST(fit_predict(&r, &p, &other));
    const double right = law_loss(LAW_CHINCHILLA, theta, &p);
    p.params = n.value, p.tokens *= 2;
    near(log(other.run.value / best.run.value), log(right / law_loss(LAW_CHINCHILLA, theta, &p)),
         2e-3, "twice the best size");
    cr_assert(other.run.high - other.run.low > best.run.high - best.run.low);
    /* The error of the best size, which comes from draws, widens the interval. */
    FitOptions none = f;
    FitPrediction sure;
    none.bootstraps = 0;
    for (int i = 0; i < 30; i++) points[i].loss *= 1 + 1e-2 * sin(7 * i);
    p.params *= 3, p.tokens /= 3;
    MUST(fit_law(LAW_FRONTIER, points, 30, &f, &arena, &r));
    MUST(fit_predict(&r, &p, &other));
    MUST(fit_law(LAW_FRONTIER, points, 30, &none, &arena, &r));
    MUST(fit_predict(&r, &p, &sure));
    cr_assert_float_eq(other.run.value, sure.run.value, 1e-2);
    cr_assert(other.run.high - other.run.low > sure.run.high - sure.run.low);
}

Test(frontier, budgets_with_the_lowest_at_the_edge_are_left_out)
{
    static const int shift[] = {0, 3, 0, 0, -3, 0};
    FitResult r;
    const FitOptions f = options();
    MUST(fit_law(LAW_FRONTIER, points, sweep(6, 5, shift), &f, &arena, &r));
    cr_assert_eq(r.budgets, 6);
    cr_assert(strstr(r.budget[1].left_out, "its smallest size") && isnan(r.budget[1].params));
    cr_assert(strstr(r.budget[4].left_out, "its largest size") && !r.budget[5].left_out);
    cr_assert_eq(fit_law(LAW_FRONTIER, points, 25, &f, &arena, &r), E_DATA);
    cr_assert(strstr(error_message(), "needs 4 budgets") &&
              strstr(error_message(), "these points have 3"));
    cr_assert(strstr(error_message(),
                     "4e+17 FLOPs (its smallest size has the lowest loss), 2.56e+19 FLOPs"),
              "%s", error_message());
}

Test(frontier, refuses_what_it_cannot_continue)
{
    static const double loss[] = {2, 1.9, 1.95, 1.8, 1.7};
    FitResult r;
    const FitOptions f = options();
    for (int i = 0; i < 5; i++)
        points[i] = (LawPoint){.params = 1e3 * (i + 1),
                               .tokens = 1e6,
                               .flops = budgets[i],
                               .loss = loss[i]};
    cr_assert_eq(fit_law(LAW_FRONTIER, points, 5, &f, &arena, &r),
                 E_DATA); /* lengths of one size, say */
    cr_assert(strstr(error_message(), "do not decrease from 1.26e+11 to 3.16e+11"), "%s",
              error_message());
    const int64_t count = sweep(6, 5, NULL);
    for (int64_t i = 0; i < count; i++) points[i].loss = 9 / points[i].loss;
    cr_assert_neq(fit_law(LAW_FRONTIER, points, count, &f, &arena, &r), OK);
}

/* The lowest of many noisy sizes is too low; the parabola of those near it is not. */
Test(frontier, a_dense_grid_has_no_bias)
{
    FitResult r;
    FitPrediction p;
    const FitOptions f = options();
    double theta[LAW_PARAMETERS_MAX], n, d, off = 0;
    const Rng rng = rng_stream(1, "dense");
    law_theta(LAW_CHINCHILLA, truth, theta);
    for (int i = 0; i < 10 * 50; i++) {
        LawPoint *one = &points[i];
        *one = (LawPoint){.flops = 1e17 * pow(3, i / 50)};
        law_optimum(LAW_CHINCHILLA, theta, one->flops, 6, &n, &d);
        one->params = n * pow(10, i % 50 / 24.5 - 1);
        one->tokens = one->flops / 6 / one->params;
        one->loss =
            law_loss(LAW_CHINCHILLA, theta, one) * exp(0.005 * rng_normal(rng, (uint64_t)i, 0));
    }
    MUST(fit_law(LAW_FRONTIER, points, 500, &f, &arena, &r));
    for (int b = 0; b < 10; b++) {
        LawPoint best = {.flops = r.budget[b].flops};
        law_optimum(LAW_CHINCHILLA, theta, best.flops, 6, &best.params, &best.tokens);
        off += log(r.budget[b].loss / law_loss(LAW_CHINCHILLA, theta, &best)) / 10;
    }
    cr_assert(fabs(off) < 3e-3, "bias %g", off);
    MUST(fit_predict(&r, &points[450], &p)); /* a tenth of the best size */
    near(log(p.loss.value / points[450].loss), 0, 0.3, "far from the best size");
}

Test(frontier, seeds_are_averaged)
{
    FitResult r;
    const FitOptions f = options();
    int64_t count = sweep(5, 3, NULL);
    MUST(fit_law(LAW_FRONTIER, points, count, &f, &arena, &r));
    const double before = r.budget[0].loss; /* of 3 sizes: no parabola */
    cr_assert_eq(before, points[1].loss);
    points[count] = points[1];
    points[count++].loss = 1.01 * before;
    MUST(fit_law(LAW_FRONTIER, points, count, &f, &arena, &r));
    near(r.budget[0].loss, 1.005 * before, 1e-12, "two seeds");
    cr_assert_eq(r.budget[0].points, 4);
}

/* ---- published sweeps: tests/data/README.md */

enum { DISTANCES = 4, SOURCES_MAX = 16 };
static const double farthest[DISTANCES] = {2.05, 5.01, 18, INFINITY};
static const char *const distance_text[] = {"2 x", "2 to 5 x", "5 to 18 x", "> 18 x"};

typedef struct Score {
    char source[64];
    int pairs, inside;
    double squares, width;
} Score;

static void count_pair(Score *s, const FitValue *run, double outcome)
{
    s->pairs++;
    s->inside += run->low <= outcome && outcome <= run->high;
    s->squares += pow(log(run->value / outcome), 2);
    s->width += (run->high - run->low) / (2 * run->value);
}

/* Fits the first k >= 4 budgets of one sweep, and judges each later one. */
static void judge_sweep(int64_t count, Score *source, Score distance[DISTANCES])
{
    FitBudget *budget;
    int64_t all;
    MUST(frontier_budgets(points, count, &arena, &budget, &all));
    const int64_t used = frontier_used(budget, all);
    for (int64_t k = FRONTIER_BUDGETS_MIN; k < used; k++) {
        Frontier f = {0};
        frontier_curves(budget, k, &f);
        for (int64_t j = k; j < used; j++) {
            const FitValue run = frontier_predict(&f, log(budget[j].flops), 0.9).run;
            int far = 0;
            while (budget[j].flops > farthest[far] * budget[k - 1].flops) far++;
            count_pair(source, &run, budget[j].loss);
            count_pair(&distance[far], &run, budget[j].loss);
        }
    }
}

static void print_score(const Score *s)
{
    printf("%-42s %4d pairs, %5.1f %% inside, rms error %.2f %%, half width %.1f %%\n", s->source,
           s->pairs, 100.0 * s->inside / s->pairs, 100 * sqrt(s->squares / s->pairs),
           100 * s->width / s->pairs);
}

/* Rows of one source are adjacent. */
static int judge_all(FILE *f, Score *source, Score distance[DISTANCES])
{
    char line[256], name[64];
    int sources = 0;
    int64_t count = 0;
    cr_assert(fgets(line, sizeof line, f));
    cr_assert_str_eq(line, "source,budget,params,tokens,loss\n");
    while (fgets(line, sizeof line, f)) {
        LawPoint p = {0};
        cr_assert_eq(sscanf(line, "%63[^,],%lf,%lf,%lf,%lf", name, &p.flops, &p.params, &p.tokens,
                            &p.loss),
                     5, "%s", line);
        if (!sources || strcmp(name, source[sources - 1].source)) {
            if (sources) judge_sweep(count, &source[sources - 1], distance);
            cr_assert(sources < SOURCES_MAX);
            strcpy(source[sources++].source, name);
            count = 0;
        }
        cr_assert(count < MAX);
        points[count++] = p;
    }
    judge_sweep(count, &source[sources - 1], distance);
    return sources;
}

Test(frontier, intervals_hold_on_published_sweeps, .timeout = 120)
{
    Score source[SOURCES_MAX] = {0}, distance[DISTANCES] = {0};
    FILE *f = fopen("tests/data/public_sweeps.csv", "r");
    cr_assert(f);
    const int sources = judge_all(f, source, distance);
    fclose(f);
    for (int i = 0; i < sources; i++) print_score(&source[i]);
    for (int i = 0; i < DISTANCES; i++) {
        strcpy(distance[i].source, distance_text[i]);
        print_score(&distance[i]);
        cr_expect(distance[i].inside >= 0.88 * distance[i].pairs, "%s: %d of %d", distance_text[i],
                  distance[i].inside, distance[i].pairs);
    }
}

/* ---- synthetic sweeps of four laws */

enum { WORLDS = 100, FITTED = 6, BEYOND = 4, SIZES = 9 };

/* How far each test budget is from the largest that is fitted. */
static const double beyond[BEYOND] = {2, 5, 15, 40};

typedef enum World { WORLD_CHINCHILLA, WORLD_KAPLAN, WORLD_EARLY, WORLD_POWER, WORLD_COUNT } World;
static const char *const world_text[] = {"chinchilla", "kaplan", "chinchilla with an early regime",
                                         "a power law of compute"};

static double between(Rng rng, uint64_t which, double low, double high)
{
    return low + (high - low) * rng_uniform(rng, which, 0);
}

/* The loss without noise; theta of the law that the world is made from. */
static double loss_of(World w, const double *theta, const LawPoint *p)
{
    if (w == WORLD_KAPLAN) return law_loss(LAW_KAPLAN, theta, p);
    if (w == WORLD_EARLY) return law_loss(LAW_CHINCHILLA, theta, p) * (1 + 1e6 / p->tokens);
    if (w == WORLD_CHINCHILLA) return law_loss(LAW_CHINCHILLA, theta, p);
    const double best = 0.1 * sqrt(p->flops), off = log(p->params / best);
    return theta[0] * pow(p->flops / 1e12, -theta[1]) * exp(0.03 * off * off);
}

static void draw_theta(World w, Rng rng, double *theta)
{
    const double chinchilla[] = {between(rng, 0, 0.8, 2), between(rng, 1, 100, 500),
                                 between(rng, 2, 100, 800), between(rng, 3, 0.25, 0.4),
                                 between(rng, 4, 0.25, 0.4)};
    const double kaplan[] = {between(rng, 0, 5e12, 2e14), between(rng, 1, 5e12, 1e14),
                             between(rng, 2, 0.05, 0.09), between(rng, 3, 0.07, 0.12)};
    if (w == WORLD_POWER)
        theta[0] = between(rng, 0, 3, 6), theta[1] = between(rng, 1, 0.03, 0.08);
    else
        law_theta(w == WORLD_KAPLAN ? LAW_KAPLAN : LAW_CHINCHILLA,
                  w == WORLD_KAPLAN ? kaplan : chinchilla, theta);
}

/* The size of lowest loss at these flops, by golden-section search. */
static double best_size(World w, const double *theta, double flops)
{
    double low = log(1e2), high = log(1e13);
    for (int i = 0; i < 80; i++) {
        const double a = high - 0.618 * (high - low), b = low + 0.618 * (high - low);
        const LawPoint p = {.params = exp(a), .tokens = flops / 6 / exp(a), .flops = flops},
                       q = {.params = exp(b), .tokens = flops / 6 / exp(b), .flops = flops};
        if (loss_of(w, theta, &p) < loss_of(w, theta, &q))
            high = b;
        else
            low = a;
    }
    return exp(0.5 * (low + high));
}

static LawPoint run_of(World w, const double *theta, double flops, double params, Rng rng,
                       uint64_t which)
{
    LawPoint p = {.params = params, .tokens = flops / 6 / params, .flops = flops};
    p.loss = loss_of(w, theta, &p) * exp(0.004 * rng_normal(rng, which, 1));
    return p;
}

static void judge_world(World w, uint64_t seed, Score distance[BEYOND])
{
    double theta[LAW_PARAMETERS_MAX];
    FitBudget *budget;
    int64_t all, count = 0;
    Frontier f = {0};
    const Rng rng = rng_stream(seed, world_text[w]);
    draw_theta(w, rng, theta);
    for (int b = 0; b < FITTED; b++)
        for (int s = 0; s < SIZES; s++, count++) {
            const double flops = 1e15 * pow(3, b),
                         n = best_size(w, theta, flops) * pow(1.5, s - SIZES / 2);
            points[count] = run_of(w, theta, flops, n, rng, 100 + (uint64_t)count);
        }
    MUST(frontier_budgets(points, count, &arena, &budget, &all));
    const int64_t used = frontier_used(budget, all);
    cr_assert(used >= 3);
    frontier_curves(budget, used, &f);
    for (int i = 0; i < BEYOND; i++) {
        const double flops = 1e15 * pow(3, FITTED - 1) * beyond[i];
        const LawPoint run =
            run_of(w, theta, flops, best_size(w, theta, flops), rng, (uint64_t)i + 50);
        const FitValue predicted = frontier_predict(&f, log(flops), 0.9).run;
        count_pair(&distance[i], &predicted, run.loss);
    }
}

Test(frontier, intervals_hold_in_worlds_of_four_laws, .timeout = 120)
{
    for (int w = 0; w < WORLD_COUNT; w++) {
        Score distance[BEYOND] = {0}, total = {0};
        for (uint64_t seed = 0; seed < WORLDS; seed++) judge_world((World)w, seed, distance);
        for (int i = 0; i < BEYOND; i++) {
            snprintf(distance[i].source, sizeof distance[i].source, "%s, %g x", world_text[w],
                     beyond[i]);
            print_score(&distance[i]);
            total.pairs += distance[i].pairs, total.inside += distance[i].inside;
            total.squares += distance[i].squares, total.width += distance[i].width;
        }
        strcpy(total.source, world_text[w]);
        print_score(&total);
        cr_expect(total.inside >= 0.88 * total.pairs, "%s: %d of %d", world_text[w], total.inside,
                  total.pairs);
    }
}
