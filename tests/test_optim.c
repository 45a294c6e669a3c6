/* AdamW and clipping against PyTorch (tests/golden/adamw.py made the numbers), and the schedules. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "optim/schedule.h"

/* As in tests/golden/adamw.py. */
static double fill(int64_t i, int64_t a, int64_t b)
{
    return (double)((i * a + b) % 97) / 97 - 0.5;
}

static const struct {
    double norm, values[5]; /* matrix [0, 0], [2, 3], [4, 6]; vector [0], [5] */
} golden[] = {
#ifndef CAPSTAN_DOUBLE
    {5.2544784545898438,
     {-0.45860311388969421, -0.23202578723430634, -0.025448452681303024, -0.43845361471176147,
      0.10855670273303986}},
    {5.4412117004394531,
     {-0.45376163721084595, -0.23420481383800507, -0.030312806367874146, -0.43472099304199219,
      0.10375335067510605}},
    {5.6873798370361328,
     {-0.45135429501533508, -0.23651458323001862, -0.030855242162942886, -0.43445909023284912,
      0.10255778580904007}},
    {5.6998119354248047,
     {-0.45069959759712219, -0.23844954371452332, -0.030658494681119919, -0.43548169732093811,
      0.1019497886300087}},
    {5.564110279083252,
     {-0.45106130838394165, -0.23900908231735229, -0.030414333567023277, -0.43555751442909241,
      0.10123881697654724}},
#else
    {5.2544789815572335,
     {-0.45860309332285387, -0.23202577697131607, -0.025448452853159248, -0.43845360891367696,
      0.10855670178601604}},
    {5.4412118186947955,
     {-0.45376161361020134, -0.23420480816329267, -0.030312806828768715, -0.43472098925201297,
      0.10375334748384997}},
    {5.6873799578908226,
     {-0.45135425132576473, -0.23651457412042143, -0.030855242130138443, -0.43445907789158622,
      0.10255778487232316}},
    {5.6998120469540581,
     {-0.45069954172053373, -0.23844953587600229, -0.030658494322676502, -0.43548169151882266,
      0.10194979112246697}},
    {5.5641100692746468,
     {-0.45106123852754954, -0.23900906951195081, -0.030414330557141538, -0.43555751541772642,
      0.10123882103556066}},
#endif
};

Test(adamw, agrees_with_pytorch)
{
    const double near = sizeof(real) == 4 ? 6e-8 : 2e-16; /* an ulp or two of values below 0.5 */
    const OptimConfig c = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    Params p = {0};
    const Tensor *matrix = params_matrix(&p, "", "matrix", 5, 7, 0.02);
    const Tensor *vector = params_vector(&p, "", "vector", 6, 0);
    cr_assert_eq(params_alloc(&p, true), OK);
    for (int i = 0; i < 35; i++) matrix->data[i] = (real)fill(i, 7, 3);
    for (int i = 0; i < 6; i++) vector->data[i] = (real)fill(i, 11, 5);

    for (int step = 1; step <= 5; step++) {
        for (int i = 0; i < 35; i++) p.grad[i] = (real)(fill(i, 13, 17 * step) * 3);
        for (int i = 0; i < 6; i++) p.grad[35 + i] = (real)(fill(i, 29, 23 * step) * 3);
        const double norm = grad_norm(&p, NULL);
        cr_assert_float_eq(norm, golden[step - 1].norm, 20 * near);
        optim_step(&p, &c, 1e-2 / step, clip_scale(norm, 1), step, NULL);
        const double *want = golden[step - 1].values;
        const double got[] = {matrix->data[0], matrix->data[2 * 7 + 3], matrix->data[34],
                              vector->data[0], vector->data[5]};
        for (int i = 0; i < 5; i++)
            cr_assert(fabs(got[i] - want[i]) <= near, "step %d, value %d: %.17g, not %.17g", step,
                      i, got[i], want[i]);
    }
    params_free(&p);
}

/* Matrices of all sizes, so that blocks end inside one; gradients from a stream. */
static void large(Params *p)
{
    const Rng rng = rng_stream(3, "gradient");
    *p = (Params){0};
    params_matrix(p, "", "a", 300, 401, 0.02);
    params_vector(p, "", "b", 77, 1);
    params_matrix(p, "", "c", 411, 500, 0.02);
    params_vector(p, "", "d", 3, 1);
    cr_assert_eq(params_alloc(p, true), OK);
    params_init(p, 5);
    for (int64_t i = 0; i < p->count; i++) p->grad[i] = (real)rng_normal(rng, (uint64_t)i, 0);
}

Test(adamw, gives_the_same_bits_on_any_number_of_threads)
{
    const OptimConfig c = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    Params one, more;
    large(&one);
    const size_t size = (size_t)one.count * sizeof(real);
    threads_set(1);
    const double norm = grad_norm(&one, NULL);
    for (int step = 1; step <= 2; step++) optim_step(&one, &c, 1e-3, 0.5, step, NULL);
    for (int threads = 2; threads <= 4; threads++) {
        large(&more);
        threads_set(threads);
        cr_assert_eq(grad_norm(&more, NULL), norm);
        for (int step = 1; step <= 2; step++) optim_step(&more, &c, 1e-3, 0.5, step, NULL);
        cr_assert_eq(memcmp(one.value, more.value, size), 0);
        cr_assert_eq(memcmp(one.m, more.m, size), 0);
        cr_assert_eq(memcmp(one.v, more.v, size), 0);
        params_free(&more);
    }
    params_free(&one);
}

Test(adamw, decays_matrices_only)
{
    const OptimConfig c = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.5};
    Params p, before;
    large(&p);
    large(&before);
    memset(p.grad, 0, (size_t)p.count * sizeof(real));
    optim_step(&p, &c, 0.5, 1, 1, NULL);
    for (const Param *one = p.first; one; one = one->next)
        for (int64_t i = 0; i < shape_count(one->tensor.shape); i++) {
            const int64_t at = one->tensor.offset + i;
            const real want =
                one->tensor.shape.rank == 2 ? before.value[at] * (real)0.75 : before.value[at];
            cr_assert_eq(p.value[at], want, "%s", one->name);
        }
    params_free(&p);
    params_free(&before);
}

Test(norm, counts_every_number_once)
{
    for (int count = 1; count < 200; count++) {
        Params p = {0};
        params_vector(&p, "", "a", count, 0);
        cr_assert_eq(params_alloc(&p, true), OK);
        for (int i = 0; i < count; i++) {
            memset(p.grad, 0, (size_t)count * sizeof(real));
            p.grad[i] = -3;
            cr_assert_eq(grad_norm(&p, NULL), 3);
        }
        params_free(&p);
    }
}

Test(norm, is_not_finite_if_a_gradient_is_not)
{
    const real bad[] = {(real)NAN, (real)INFINITY, -(real)INFINITY};
    Params p;
    large(&p);
    cr_assert(isfinite(grad_norm(&p, NULL)));
    for (int i = 0; i < 3; i++)
        for (int64_t at = 0; at < p.count; at += p.count / 7) {
            const real good = p.grad[at];
            p.grad[at] = bad[i];
            cr_assert_not(isfinite(grad_norm(&p, NULL)));
            p.grad[at] = good;
        }
    p.grad[0] = sizeof(real) == 4 ? (real)3e38 : (real)1e150; /* its square is no float */
    cr_assert(isfinite(grad_norm(&p, NULL)));
    params_free(&p);
}

Test(clip, is_pytorchs)
{
    cr_assert_eq(clip_scale(2, 1), 1 / (2 + 1e-6));
    cr_assert_eq(clip_scale(1, 1), 1 / (1 + 1e-6));
    cr_assert_eq(clip_scale(0.5, 1), 1);
    cr_assert_eq(clip_scale(0, 1), 1);
    cr_assert_eq(clip_scale(1e9, 0), 1);
}

static OptimConfig schedule(Schedule schedule)
{
    return (OptimConfig){.lr = 1,
                         .min_lr = 0.1,
                         .schedule = schedule,
                         .warmup = 10,
                         .decay_steps = 110,
                         .cooldown = 0.2};
}

static void expect(const OptimConfig *c, int64_t step, double want)
{
    const double got = learning_rate(c, step);
    cr_assert(fabs(got - want) < 1e-15, "%s, update %lld: %.17g, not %.17g",
              schedule_text(c->schedule), (long long)step, got, want);
}

Test(schedule, warms_up_then_falls)
{
    static const struct {
        Schedule schedule;
        double at[6]; /* updates 11, 35, 60, 88, 93, 110 */
    } cases[] = {
        {SCHEDULE_constant, {1, 1, 1, 1, 1, 1}},
        {SCHEDULE_linear, {0.991, 0.775, 0.55, 0.298, 0.253, 0.1}},
        {SCHEDULE_cosine,
         {0.9997779521645792, 0.8681980515339464, 0.55, 0.2032690407508949, 0.16266608784822542,
          0.1}},
        /* the fall begins after 88; 93: t = 5/22 */
        {SCHEDULE_wsd, {1, 1, 1, 1, 0.5709418348394835, 0.1}},
    };
    static const int64_t steps[] = {11, 35, 60, 88, 93, 110};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const OptimConfig c = schedule(cases[i].schedule);
        expect(&c, 1, 0.1);
        expect(&c, 5, 0.5);
        expect(&c, 10, 1);
        for (int j = 0; j < 6; j++) expect(&c, steps[j], cases[i].at[j]);
        expect(&c, 111, i ? 0.1 : 1);
        expect(&c, 1000000, i ? 0.1 : 1);
    }
}

Test(schedule, has_odd_corners)
{
    OptimConfig c = schedule(SCHEDULE_cosine);
    c.warmup = 0;
    expect(&c, 110, 0.1);
    cr_assert_lt(learning_rate(&c, 1), 1);
    c.warmup = 200; /* longer than the run */
    expect(&c, 110, 0.55);
    expect(&c, 200, 1);
    expect(&c, 201, 0.1);
    c = schedule(SCHEDULE_wsd);
    c.cooldown = 0;
    expect(&c, 110, 1);
    c.cooldown = 1;
    expect(&c, 110, 0.1);
    expect(&c, 55, 0.1 + 0.9 * (1 - sqrt(0.5)));
}

Test(schedule, warmup_may_be_a_share)
{
    OptimConfig c = {.lr = 0.3, .min_lr = 0, .warmup = 100, .warmup_share = 0.05};
    optim_resolve(&c, 500);
    cr_assert(c.warmup == 25 && c.warmup_share == 0 && c.resolved_share == 0.05);
    optim_resolve(&c, 1000); /* once only */
    cr_assert_eq(c.warmup, 25);
    cr_assert_float_eq(learning_rate(&c, 5), 0.06, 1e-15);
}

Test(schedule, min_lr_is_a_tenth_by_default)
{
    OptimConfig c = {.lr = 0.3, .min_lr = -1};
    optim_resolve(&c, 500);
    cr_assert_eq(c.min_lr, 0.3 / 10);
    cr_assert_eq(c.decay_steps, 500);
    cr_assert_eq(optim_check(&c), OK);
    c.min_lr = 0.31;
    cr_assert_eq(optim_check(&c), E_CONFIG);
    c.min_lr = -0.5;
    cr_assert_eq(optim_check(&c), E_CONFIG);
}
