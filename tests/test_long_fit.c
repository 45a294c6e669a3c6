/* Whether intervals hold what they say: 1,000 sweeps of a known law with known noise; of 90 % intervals, 87 to 93 % must
 * hold the truth, for each parameter and for the optimal size at ten times the largest budget. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "autograd/base/rng.h"
#include "train/scaling/fit.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { SWEEPS = 1000, BUDGETS = 8, SIZES = 8, COUNT = BUDGETS * SIZES, ASKED = 6 };

static const double truth[] = {1.69, 406.4, 410.7, 0.34, 0.28};

static void make(uint64_t seed, const double *theta, LawPoint *points)
{
    const Rng rng = rng_stream(seed, "noise");
    for (int i = 0; i < COUNT; i++) {
        LawPoint *p = &points[i];
        double n, d;
        *p = (LawPoint){.flops = 1e18 * pow(1e3, i / SIZES / (BUDGETS - 1.0))};
        law_optimum(LAW_CHINCHILLA, theta, p->flops, 6, &n, &d);
        p->params = n * exp2(0.75 * (i % SIZES - 0.5 * (SIZES - 1)));
        p->tokens = p->flops / 6 / p->params;
        p->loss = law_loss(LAW_CHINCHILLA, theta, p) * exp(0.005 * rng_normal(rng, (uint64_t)i, 0));
    }
}

Test(long_fit, intervals_hold_the_truth, .timeout = 1700)
{
    double theta[LAW_PARAMETERS_MAX], right[ASKED], tokens;
    int held[ASKED] = {0};
    law_theta(LAW_CHINCHILLA, truth, theta);
    for (int i = 0; i < 5; i++) right[i] = truth[i];
    law_optimum(LAW_CHINCHILLA, theta, 1e22, 6, &right[5], &tokens);
    for (int s = 0; s < SWEEPS; s++) {
        Arena arena = {0};
        LawPoint points[COUNT];
        FitResult r;
        FitValue value[ASKED], d, loss;
        FitOptions f = FIT_DEFAULTS;
        f.starts = 12, f.bootstraps = 400, f.level = 0.9, f.seed = (uint64_t)s;
        make((uint64_t)s, theta, points);
        MUST(fit_law(LAW_CHINCHILLA, points, COUNT, &f, &arena, &r));
        MUST(fit_optimum(&r, 1e22, &value[5], &d, &loss));
        for (int i = 0; i < ASKED; i++) {
            if (i < 5) value[i] = r.value[i];
            held[i] += value[i].low <= right[i] && right[i] <= value[i].high;
        }
        arena_free(&arena);
    }
    for (int i = 0; i < ASKED; i++) {
        const char *name = i < 5 ? law_parameter(LAW_CHINCHILLA, i) : "optimal params";
        printf("%-15s %.1f %% of %d\n", name, 100.0 * held[i] / SWEEPS, (int)SWEEPS);
        cr_expect(held[i] >= 0.87 * SWEEPS && held[i] <= 0.93 * SWEEPS, "%s: %d of %d", name,
                  held[i], (int)SWEEPS);
    }
}
