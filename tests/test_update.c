/* What an update says about itself, and update clipping. tests/golden/update_clip.py made the numbers. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "optim/optim.h"

enum { NAMED = 4 };

static const OptimConfig plain = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1},
                         clipped = {.beta1 = 0.9,
                                    .beta2 = 0.95,
                                    .eps = 1e-8,
                                    .weight_decay = 0.1,
                                    .update_clip = true};

/* As in tests/golden/update_clip.py. */
static double fill(int64_t i, int64_t a, int64_t b)
{
    return (double)((i * a + b) % 97) / 97 - 0.5;
}

static void expect(double got, double want, int step, const char *what)
{
    const double near = sizeof(real) == 4 ? 2e-6 : 1e-14;
    cr_assert(fabs(got - want) <= near * fabs(want), "update %d, %s: %.17g, not %.17g", step, what,
              got, want);
}

Test(update_clip, agrees_with_the_paper)
{
    /* Of the matrix, then of the vector: RMS_t, length, length of the update, value 3. */
    static const double golden[5][2][4] = {
        {{1, 1.7010231177577655, 0.059866746088029825, -0.26232474183693016},
         {1, 0.62313597044791469, 0.024494890511775121, -0.098247423500130618}},
        {{1.2362133438224057, 1.6763480240826423, 0.018895198612541894, -0.26544832978299954},
         {0.76466102950427861, 0.62179610129309648, 0.0086611905769565234, -0.094439178072897756}},
        {{1.4904571382498273, 1.668711290189314, 0.0084681826790429134, -0.26702223288164872},
         {0.48674094500521908, 0.62111898833427825, 0.0037470621412864611, -0.092523758487930999}},
        {{1.7084099196303686, 1.6682513000845367, 0.0049718444978512086, -0.2665091051894779},
         {0.14338763753408934, 0.62017180381771264, 0.002182105529332316, -0.091384906030296725}},
        {{1.861021436961102, 1.6696339676469887, 0.0033386075363148935, -0.26584888002362989},
         {0.026739696752050908, 0.61960698500212574, 0.0015153627123846495, -0.090588726594762206}},
    };
    Params p = {0};
    UpdateStats s[2];
    params_matrix(&p, "", "matrix", 5, 7, 0.02);
    params_vector(&p, "", "vector", 6, 0);
    cr_assert_eq(params_alloc(&p, true), OK);
    for (int i = 0; i < 35; i++) p.value[i] = (real)fill(i, 7, 3);
    for (int i = 0; i < 6; i++) p.value[35 + i] = (real)fill(i, 11, 5);
    for (int step = 1; step <= 5; step++) {
        for (int i = 0; i < 35; i++) p.grad[i] = (real)(fill(i, 13, 17 * step) * pow(3, step));
        for (int i = 0; i < 6; i++) p.grad[35 + i] = (real)(fill(i, 29, 23 * step) / pow(3, step));
        optim_step(&p, &clipped, 1e-2 / step, 1, step, s);
        for (int k = 0; k < 2; k++) {
            expect(s[k].rms, golden[step - 1][k][0], step, "RMS_t");
            expect(s[k].value, golden[step - 1][k][1], step, "length");
            /* In float a change of values is rounded as they are. */
            cr_assert(fabs(s[k].update / golden[step - 1][k][2] - 1) <
                      (sizeof(real) == 4 ? 1e-4 : 1e-12));
            expect(p.value[k * 35 + 3], golden[step - 1][k][3], step, "value");
        }
    }
    params_free(&p);
}

/* Of all sizes, so that blocks end inside one, and one is many blocks. */
static void large(Params *p)
{
    *p = (Params){0};
    params_matrix(p, "", "a", 300, 401, 0.02);
    params_vector(p, "", "b", 77, 1);
    params_matrix(p, "", "c", 411, 500, 0.02);
    params_vector(p, "", "d", 3, 1);
    cr_assert_eq(params_alloc(p, true), OK);
    params_init(p, 5);
    cr_assert_eq(params_named(p), NAMED);
}

static void gradient(Params *p, int step)
{
    const Rng rng = rng_stream((uint64_t)step, "gradient");
    for (int64_t i = 0; i < p->count; i++)
        p->grad[i] = (real)(step * rng_normal(rng, (uint64_t)i, 0));
}

/* Some updates; norms and stats of the last one. */
static double train(Params *p, const OptimConfig *c, double *norms, UpdateStats *stats)
{
    double norm = 0;
    large(p);
    for (int step = 1; step <= 3; step++) {
        gradient(p, step);
        norm = grad_norm(p, norms);
        optim_step(p, c, 1e-3, 0.5, step, stats);
    }
    return norm;
}

static bool is_same(const Params *a, const Params *b)
{
    const size_t size = (size_t)a->count * sizeof(real);
    return !memcmp(a->value, b->value, size) && !memcmp(a->m, b->m, size) &&
           !memcmp(a->v, b->v, size);
}

Test(telemetry, changes_no_bit_and_depends_on_no_threads)
{
    for (int k = 0; k < 2; k++) {
        const OptimConfig *c = k ? &clipped : &plain;
        Params without, with;
        double norms[NAMED], again[NAMED];
        UpdateStats stats[NAMED] = {{0}}, other[NAMED] = {{0}};
        threads_set(1);
        const double norm = train(&without, c, NULL, NULL);
        for (int threads = 1; threads <= 4; threads++) {
            threads_set(threads);
            cr_assert_eq(train(&with, c, again, other), norm);
            cr_assert(is_same(&without, &with), "%d threads, update_clip %d", threads, k);
            if (threads == 1) {
                memcpy(norms, again, sizeof norms);
                memcpy(stats, other, sizeof stats);
            }
            cr_assert_eq(memcmp(norms, again, sizeof norms), 0);
            cr_assert_eq(memcmp(stats, other, sizeof stats), 0);
            params_free(&with);
        }
        params_free(&without);
    }
}

static void near_to(double got, double want, const char *what)
{
    cr_assert(fabs(got / want - 1) < (sizeof(real) == 4 ? 1e-4 : 1e-12), "%s: %.17g, not %.17g",
              what, got, want);
}

Test(telemetry, is_what_its_names_say)
{
    Params before, p;
    double norms[NAMED], all = 0;
    UpdateStats stats[NAMED];
    train(&before, &plain, NULL, NULL);
    train(&p, &plain, NULL, NULL);
    gradient(&p, 4);
    const double norm = grad_norm(&p, norms);
    optim_step(&p, &plain, 1e-3, 0.5, 4, stats);
    int k = 0;
    for (const Param *one = p.first; one; one = one->next, k++) {
        const int64_t first = one->tensor.offset, count = shape_count(one->tensor.shape);
        double grad = 0, value = 0, update = 0, rms = 0;
        for (int64_t i = first; i < first + count; i++) {
            const double g = p.grad[i], v = p.v[i] / (1 - pow(0.95, 4)), x = before.value[i];
            grad += g * g;
            value += x * x;
            update += (p.value[i] - x) * (p.value[i] - x);
            rms += g / 2 * (g / 2) / v;
        }
        near_to(norms[k], sqrt(grad), "gradient");
        near_to(stats[k].value, sqrt(value), "value");
        near_to(stats[k].update, sqrt(update), "update");
        near_to(stats[k].rms, sqrt(rms / (double)count), "RMS_t");
        all += grad;
    }
    near_to(norm, sqrt(all), "whole gradient");
    params_free(&p);
    params_free(&before);
}

/* No gradient ever: v is 0, and eps stands in for it. */
Test(telemetry, of_nothing_is_nothing)
{
    Params p;
    double norms[NAMED];
    UpdateStats stats[NAMED];
    large(&p);
    cr_assert_eq(grad_norm(&p, norms), 0);
    optim_step(&p, &(OptimConfig){.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8}, 1e-3, 1, 1, stats);
    for (int k = 0; k < NAMED; k++) {
        cr_assert_eq(norms[k], 0);
        cr_assert_eq(stats[k].update, 0);
        cr_assert_eq(stats[k].rms, 0);
    }
    params_free(&p);
}

static const struct {
    double beta2;
    int64_t step;
} spikes[] = {{0.95, 1000}, {0.95, 20}, {0.999, 251}, {0.999, 20000}, {0.99, 50}};

ParameterizedTestParameters(telemetry, first_huge_gradient)
{
    static int index[sizeof spikes / sizeof *spikes];
    for (int i = 0; i < (int)(sizeof spikes / sizeof *spikes); i++) index[i] = i;
    return cr_make_param_array(int, index, sizeof spikes / sizeof *spikes);
}

/* After small gradients, of either sign, a huge one: Adam's step and RMS_t are at most the formulas, and
 * within 1 % of them. Update clipping takes RMS_t out of the step. */
ParameterizedTest(int *index, telemetry, first_huge_gradient)
{
    enum { COUNT = 64 };
    const double beta1 = 0.9, beta2 = spikes[*index].beta2, t = (double)spikes[*index].step;
    const double inflated = sqrt((1 - pow(beta2, t)) / (1 - beta2)),
                 kept = (1 - beta1) / (1 - pow(beta1, t));
    for (int clip = 0; clip < 2; clip++) {
        const OptimConfig c = {.beta1 = beta1,
                               .beta2 = beta2,
                               .eps = 1e-12,
                               .update_clip = clip > 0};
        const double longest = clip ? kept : kept * inflated;
        Params p = {0};
        UpdateStats s;
        params_vector(&p, "", "a", COUNT, 0);
        cr_assert_eq(params_alloc(&p, true), OK);
        for (int64_t step = 1; step <= spikes[*index].step; step++) {
            const double size = step == spikes[*index].step ? 1000 : 1;
            for (int64_t i = 0; i < COUNT; i++) p.grad[i] = (real)((step + i) % 2 ? size : -size);
            if (size > 1) memset(p.value, 0, COUNT * sizeof(real)); /* so that a change is exact */
            optim_step(&p, &c, 0.01, 1, step, &s);
        }
        const double got = s.update / 0.01 / sqrt(COUNT);
        cr_assert(got <= longest * 1.002 && got > longest * 0.99, "%g: not %g", got, longest);
        cr_assert(s.rms <= inflated * 1.0001 && s.rms > inflated * 0.99, "%g: not %g", s.rms,
                  inflated);
        params_free(&p);
    }
}
