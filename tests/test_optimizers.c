/* Lion, Muon, proximal L1 and coupled L2 against PyTorch (tests/golden/optimizers.py made the
 * numbers); Muon's state, threads and FLOPs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "optim/muon.h"

enum { STEPS = 3, NUMBERS = 10 };

static const struct {
    Optimizer optimizer;
    double l1, l2;
    double values[STEPS][NUMBERS];
} golden[] = {
    /* clang-format off */
    {OPTIMIZER_adamw, 0, 0, {
        {-0.118139174678628, -0.448304124347406, -0.211427836303159, -0.438005155296802, 0.149036081911908, -0.0873195870973592, 2.68743300162832, 8.60508765265892, 5.49964949832547, 1.54639175906497},
        {-0.117022658073357, -0.443470921185671, -0.208308566190054, -0.433209154830012, 0.153668046033987, -0.0866231450736435, 2.69033048007951, 8.59954655107988, 5.50400894718067, 1.5506992117032},
        {-0.115519798590267, -0.441158713332583, -0.208878840690374, -0.431003706108061, 0.156101485363208, -0.0853911286436975, 2.69092451149763, 8.60053031970081, 5.51261461492221, 1.55431899435749},
    }},
    {OPTIMIZER_adamw, 0.5, 0, {
        {-0.113139174678628, -0.443304124347406, -0.206427836303159, -0.433005155296802, 0.144036081911908, -0.0873195870973592, 2.62743300162832, 8.43008765265892, 5.37964949832547, 1.54639175906497},
        {-0.109525158073357, -0.435973421185671, -0.200811066190054, -0.425711654830012, 0.146170546033987, -0.0866231450736435, 2.60036048007951, 8.33713405107988, 5.33289549815908, 1.5506992117032},
        {-0.106358131090267, -0.431997045832583, -0.199717173190374, -0.421842038608061, 0.146939817863208, -0.0853911286436975, 2.58098450149763, 8.27987195720081, 5.30272626325554, 1.55431899435749},
    }},
    {OPTIMIZER_adamw, 0, 0.2, {
        {-0.118139174595616, -0.448304124112996, -0.211427835856526, -0.438005155052821, 0.14903608180756, -0.0873195870973592, 2.66743299425914, 8.56508765810642, 5.49964943139305, 1.54639175906497},
        {-0.116528306561618, -0.443226861089297, -0.207050712554684, -0.432942565950723, 0.153500833008443, -0.0866231450736435, 2.65634551680618, 8.52392405150567, 5.47976800169429, 1.5506992117032},
        {-0.114729649827746, -0.44011816161926, -0.205776559149125, -0.429865921104091, 0.155407926677326, -0.0853911286436975, 2.64673314416402, 8.49610986814383, 5.46819236336523, 1.55431899435749},
    }},
    {OPTIMIZER_adamw, 0.5, 0.2, {
        {-0.113139174595616, -0.443304124112996, -0.206427835856526, -0.433005155052821, 0.14403608180756, -0.0873195870973592, 2.60743299425914, 8.39008765810643, 5.37964943139305, 1.54639175906497},
        {-0.109038522341021, -0.435732874905484, -0.19957325609026, -0.425448835060456, 0.146015500324157, -0.0866231450736435, 2.56650190711349, 8.26187969086195, 5.308946429795, 1.5506992117032},
        {-0.10558258345608, -0.430968210045286, -0.196675249313228, -0.420716936159523, 0.146288830226885, -0.0853911286436975, 2.53710814948522, 8.1763137900519, 5.25895833703626, 1.55431899435749},
    }},
    {OPTIMIZER_lion, 0, 0, {
        {-0.118139175257732, -0.44830412371134, -0.211427835051546, -0.438005154639175, 0.149036082474227, -0.087319587628866, 2.68743298969072, 8.60508762886598, 5.49964948453608, 1.54639175257732},
        {-0.113080105670103, -0.443079971649484, -0.206322121134021, -0.432786152061856, 0.15396156443299, -0.082319587628866, 2.67608927319588, 8.57578508505155, 5.49689965979382, 1.54639175257732},
        {-0.109709078968213, -0.439598944992268, -0.209586680426976, -0.429308556677835, 0.157243577244845, -0.0789862542955326, 2.67519724343814, 8.57625982335653, 5.50084286496392, 1.54639175257732},
    }},
    {OPTIMIZER_lion, 0.5, 0, {
        {-0.113139175257732, -0.44330412371134, -0.206427835051546, -0.433005154639175, 0.144036082474227, -0.087319587628866, 2.62743298969072, 8.43008762886598, 5.37964948453608, 1.54639175257732},
        {-0.105582605670103, -0.435582471649484, -0.198824621134021, -0.425288652061856, 0.14646406443299, -0.082319587628866, 2.58611927319588, 8.31337258505155, 5.32606320103093, 1.54639175257732},
        {-0.100547411468213, -0.430437277492268, -0.200425012926976, -0.420146889177835, 0.148081909744845, -0.0789862542955326, 2.56525723343814, 8.25560146085653, 5.29331098497337, 1.54639175257732},
    }},
    {OPTIMIZER_lion, 0, 0.2, {
        {-0.118139175257732, -0.44830412371134, -0.211427835051546, -0.438005154639175, 0.149036082474227, -0.087319587628866, 2.66743298969072, 8.56508762886598, 5.49964948453608, 1.54639175257732},
        {-0.113080105670103, -0.443079971649484, -0.206322121134021, -0.432786152061856, 0.15396156443299, -0.082319587628866, 2.64609927319588, 8.50580508505155, 5.47689965979382, 1.54639175257732},
        {-0.109709078968213, -0.439598944992268, -0.202920013760309, -0.429308556677835, 0.157243577244845, -0.0789862542955326, 2.63188390677148, 8.45296981668986, 5.44751619829725, 1.54639175257732},
    }},
    {OPTIMIZER_lion, 0.5, 0.2, {
        {-0.113139175257732, -0.44330412371134, -0.206427835051546, -0.433005154639175, 0.144036082474227, -0.087319587628866, 2.60743298969072, 8.39008762886598, 5.37964948453608, 1.54639175257732},
        {-0.105582605670103, -0.435582471649484, -0.198824621134021, -0.425288652061856, 0.14646406443299, -0.082319587628866, 2.55612927319588, 8.24339258505155, 5.30606320103093, 1.54639175257732},
        {-0.100547411468213, -0.430437277492268, -0.193758346260309, -0.420146889177835, 0.148081909744845, -0.0789862542955326, 2.52194389677148, 8.13231145418986, 5.24665098497337, 1.54639175257732},
    }},
    {OPTIMIZER_muon, 0, 0, {
        {-0.118139174678628, -0.455910908787383, -0.216401185709244, -0.433973476246586, 0.145309678872253, -0.0873195870973592, 2.68743300162832, 8.63727782167845, 5.50078354015932, 1.54639175906497},
        {-0.117022658073357, -0.452614267028501, -0.215760594178469, -0.429383951958999, 0.148021231651972, -0.0866231450736435, 2.69033048007951, 8.5974396143148, 5.51140055139646, 1.5506992117032},
        {-0.115519798590267, -0.45299297788095, -0.218085352156042, -0.428447007996992, 0.15021700944488, -0.0853911286436975, 2.69092451149763, 8.61674992528392, 5.53209379245658, 1.55431899435749},
    }},
    {OPTIMIZER_muon, 0.5, 0, {
        {-0.113139174678628, -0.450910908787383, -0.211401185709244, -0.428973476246586, 0.140309678872253, -0.0873195870973592, 2.62743300162832, 8.46227782167845, 5.38278168921259, 1.54639175906497},
        {-0.109525158073357, -0.445119267028501, -0.208265594178469, -0.421888951958999, 0.140526231651972, -0.0866231450736435, 2.60036048007951, 8.3351146143148, 5.33351670230068, 1.5506992117032},
        {-0.106358131090267, -0.44383630788095, -0.208928682156042, -0.419290337996992, 0.14106033944488, -0.0853911286436975, 2.58098450149763, 8.29626647528392, 5.3154471779827, 1.55431899435749},
    }},
    {OPTIMIZER_muon, 0, 0.2, {
        {-0.118139174595616, -0.452562597601305, -0.214760185537435, -0.431278447308045, 0.142936377484043, -0.0873195870973592, 2.66743299425914, 8.52718059467023, 5.44091873031761, 1.54639175906497},
        {-0.116528306561618, -0.447826206203779, -0.212362428115317, -0.424421694060308, 0.145302259142921, -0.0866231450736435, 2.65634551680618, 8.45765446032571, 5.41329414843107, 1.5506992117032},
        {-0.114729649827746, -0.444357180355173, -0.21143820174292, -0.419864017790399, 0.146252832511241, -0.0853911286436975, 2.64673314416402, 8.41131007647657, 5.38642122388433, 1.55431899435749},
    }},
    {OPTIMIZER_muon, 0.5, 0.2, {
        {-0.113139174595616, -0.447562597601305, -0.209760185537435, -0.426278447308045, 0.137936377484043, -0.0873195870973592, 2.60743299425914, 8.35218059467023, 5.32459834942249, 1.54639175906497},
        {-0.109038522341021, -0.44035208635111, -0.204887866698908, -0.416938219808889, 0.137830498780343, -0.0866231450736435, 2.56650190711349, 8.19582914716377, 5.23750133269776, 1.5506992117032},
        {-0.10558258345608, -0.435240052361501, -0.202303693227109, -0.41078481250013, 0.137181715364322, -0.0853911286436975, 2.53710814948522, 8.09431401324394, 5.17212727916217, 1.55431899435749},
    }},
    /* clang-format on */
};

static const double NEAR = sizeof(real) == 4 ? 2e-5 : 1e-12;

/* As in tests/golden/optimizers.py. */
static double fill(int64_t i, int64_t a, int64_t b)
{
    return (double)((i * a + b) % 97) / 97 - 0.5;
}

static void declare(Params *p, const OptimConfig *c)
{
    *p = (Params){0};
    params_matrix(p, "embed", "weight", 4, 3, 0.02);
    params_matrix(p, "blocks.0.attn.q", "weight", 5, 7, 0.02);
    params_matrix(p, "blocks.0.mlp.up", "weight", 8, 3, 0.02);
    params_vector(p, "blocks.0.norm1", "weight", 6, 1);
    optim_choose(c, p);
    cr_assert_eq(params_alloc(p, true), OK);
    int64_t k = 0;
    for (const Param *one = p->first; one; one = one->next, k++)
        for (int64_t i = 0; i < shape_count(one->tensor.shape); i++)
            one->tensor.data[i] = (real)fill(i, 7, 3 + k);
}

static void gradients(Params *p, int step)
{
    int64_t k = 0;
    for (const Param *one = p->first; one; one = one->next, k++)
        for (int64_t i = 0; i < shape_count(one->tensor.shape); i++)
            p->grad[one->tensor.offset + i] = (real)fill(i, 13, 17 * step + k);
}

static OptimConfig config(Optimizer optimizer)
{
    return (OptimConfig){.optimizer = optimizer,
                         .lr = 1e-2,
                         .beta1 = 0.9,
                         .beta2 = 0.95,
                         .eps = 1e-8,
                         .weight_decay = 0.1,
                         .muon_lr = 0.02,
                         .muon_momentum = 0.95};
}

static void compare(const Params *p, const double want[NUMBERS], const char *where)
{
    const real *embed = p->value, *q = embed + 12, *up = q + 35, *norm = up + 24;
    double got[NUMBERS] = {embed[5], q[0], q[31], up[0], up[22], norm[5]};
    int k = 6;
    for (const Param *one = p->first; one; one = one->next, k++)
        for (int64_t i = 0; i < shape_count(one->tensor.shape); i++)
            got[k] += fabs((double)one->tensor.data[i]);
    for (int i = 0; i < NUMBERS; i++)
        cr_expect(fabs(got[i] - want[i]) <= NEAR * (i < 6 ? 1 : 10),
                  "%s, number %d: %.15g, not %.15g", where, i, got[i], want[i]);
}

Test(optimizers, agree_with_pytorch)
{
    for (size_t g = 0; g < sizeof golden / sizeof *golden; g++)
        for (int with_stats = 0; with_stats < 2; with_stats++) {
            OptimConfig c = config(golden[g].optimizer);
            c.l1 = golden[g].l1;
            c.l2 = golden[g].l2;
            Params p;
            UpdateStats stats[4];
            declare(&p, &c);
            for (int step = 1; step <= STEPS; step++) {
                char where[64];
                snprintf(where, sizeof where, "%s, l1 %g, l2 %g, step %d",
                         optimizer_text(c.optimizer), c.l1, c.l2, step);
                gradients(&p, step);
                optim_step(&p, &c, 1e-2 / step, 0.5, step, with_stats ? stats : NULL);
                compare(&p, golden[g].values[step - 1], where);
            }
            params_free(&p);
        }
}

/* Singular values .920 and .700: not 1 by design. */
Test(muon, orthogonalizes)
{
    static const double want[] = {-.5682901101, .0577419431, .6837739964,
                                  .5633546975,  .4056128310, .2478709646};
    real wide[] = {1, 2, 3, 4, 5, 6}, tall[] = {1, 4, 2, 5, 3, 6}, scratch[6 + 2 * 4];
    cr_assert_eq(muon_matrix_scratch(2, 3), 14);
    const real *x = muon_orthogonalize(wide, 2, 3, scratch);
    for (int i = 0; i < 6; i++)
        cr_expect_float_eq((double)x[i], want[i], sizeof(real) == 4 ? 1e-6 : 1e-9);
    x = muon_orthogonalize(tall, 3, 2, scratch);
    for (int i = 0; i < 6; i++)
        cr_expect_float_eq((double)x[i % 3 * 2 + i / 3], want[i], sizeof(real) == 4 ? 1e-6 : 1e-9);
}

Test(muon, keeps_a_gradient_of_zero)
{
    real zero[12] = {0}, scratch[12 + 2 * 9];
    const real *x = muon_orthogonalize(zero, 3, 4, scratch);
    for (int i = 0; i < 12; i++) cr_expect_eq(x[i], 0);
}

Test(muon, takes_the_matrices_of_blocks)
{
    const OptimConfig c = config(OPTIMIZER_muon);
    Params p;
    declare(&p, &c);
    const bool want[] = {true, false, false, true};
    int k = 0;
    for (const Param *one = p.first; one; one = one->next) cr_expect_eq(one->has_v, want[k++]);
    cr_expect_eq(params_count_v(&p), 12 + 6);
    cr_expect_eq(optim_flops(&c, &p), 5 * (4 * 25 * 7 + 2 * 125) + 5 * (4 * 9 * 8 + 2 * 27));
    params_free(&p);
}

Test(lion, keeps_no_second_moment)
{
    const OptimConfig c = config(OPTIMIZER_lion);
    Params p;
    declare(&p, &c);
    cr_expect_null(p.v);
    cr_expect_eq(params_count_v(&p), 0);
    params_free(&p);
}

Test(lion, does_not_move_without_a_gradient)
{
    OptimConfig c = config(OPTIMIZER_lion);
    c.weight_decay = 0;
    Params p, before;
    declare(&p, &c);
    declare(&before, &c);
    optim_step(&p, &c, 1e-2, 1, 1, NULL);
    cr_expect_eq(memcmp(p.value, before.value, (size_t)p.count * sizeof(real)), 0);
    params_free(&p);
    params_free(&before);
}

/* muP: the update of a matrix of a block has the same spectral norm at every width. */
Test(muon, has_no_rate)
{
    const OptimConfig c = config(OPTIMIZER_muon);
    real first[4];
    for (int scaled = 0; scaled < 2; scaled++) {
        Params p = {0};
        Tensor *x = params_matrix(&p, "blocks.0", "w", 2, 2, 0.02);
        if (scaled) params_rate(&p, x, 0.125);
        optim_choose(&c, &p);
        cr_assert_eq(params_alloc(&p, true), OK);
        for (int i = 0; i < 4; i++) p.grad[i] = (real)fill(i, 5, 2);
        optim_step(&p, &c, 1e-2, 1, 1, NULL);
        if (scaled)
            cr_expect_eq(memcmp(first, x->data, sizeof first), 0);
        else
            memcpy(first, x->data, sizeof first);
        params_free(&p);
    }
}

/* The parameters that decay, and they alone, end at 0. */
Test(l1, ends_at_zero)
{
    for (int o = 0; o < 3; o++) {
        OptimConfig c = config((Optimizer)o);
        c.l1 = 10;
        Params p;
        declare(&p, &c);
        for (int step = 1; step <= 10; step++) optim_step(&p, &c, 1e-2, 1, step, NULL);
        for (const Param *one = p.first; one; one = one->next)
            cr_expect_eq(one->tensor.data[1] == 0, one->decay, "%s, %s",
                         optimizer_text(c.optimizer), one->name);
        params_free(&p);
    }
}

Test(l1, does_not_hide_nan)
{
    OptimConfig c = config(OPTIMIZER_adamw);
    c.l1 = 1;
    Params p;
    declare(&p, &c);
    p.value[0] = (real)NAN;
    optim_step(&p, &c, 1e-2, 1, 1, NULL);
    cr_expect(isnan(p.value[0]));
    params_free(&p);
}

/* Sizes that end inside chunks; with fewer and with more matrices than threads. */
static void large(Params *p, const OptimConfig *c, int matrices)
{
    const Rng rng = rng_stream(3, "gradient");
    char name[32];
    *p = (Params){0};
    params_matrix(p, "embed", "weight", 300, 401, 0.02);
    for (int i = 0; i < matrices; i++) {
        snprintf(name, sizeof name, "blocks.%d", i);
        params_matrix(p, name, "weight", i % 2 ? 311 : 64, i % 3 ? 500 : 64, 0.02);
        params_vector(p, name, "bias", 77, 1);
    }
    optim_choose(c, p);
    cr_assert_eq(params_alloc(p, true), OK);
    params_init(p, 5);
    for (int64_t i = 0; i < p->count; i++) p->grad[i] = (real)rng_normal(rng, (uint64_t)i, 0);
}

static void same_bits(OptimConfig *c, int matrices, int first_threads)
{
    Params one, more;
    threads_set(1);
    large(&one, c, matrices);
    for (int step = 1; step <= 2; step++) optim_step(&one, c, 1e-3, 0.5, step, NULL);
    for (int threads = 2; threads <= 4; threads++) {
        UpdateStats stats[32];
        threads_set(first_threads ? first_threads : threads);
        large(&more, c, matrices);
        threads_set(threads);
        for (int step = 1; step <= 2; step++) optim_step(&more, c, 1e-3, 0.5, step, stats);
        cr_expect_eq(memcmp(one.value, more.value, (size_t)one.count * sizeof(real)), 0);
        cr_expect_eq(memcmp(one.m, more.m, (size_t)one.count * sizeof(real)), 0);
        params_free(&more);
    }
    params_free(&one);
}

Test(optimizers, give_the_same_bits_on_any_number_of_threads)
{
    for (int o = 0; o < 3; o++)
        for (int penalties = 0; penalties < 2; penalties++) {
            OptimConfig c = config((Optimizer)o);
            c.l1 = c.l2 = penalties * 0.1;
            same_bits(&c, 5, 0);
            same_bits(&c, 1, 0);
            same_bits(&c, 3, 1); /* threads that scratch was not made for */
        }
}

/* stats are of the whole update, penalties included. */
Test(optimizers, tell_what_an_update_did)
{
    for (int o = 0; o < 3; o++) {
        OptimConfig c = config((Optimizer)o);
        c.l1 = 0.3;
        Params p, before;
        UpdateStats stats[4], *s = stats;
        declare(&p, &c);
        declare(&before, &c);
        gradients(&p, 1);
        optim_step(&p, &c, 1e-2, 1, 1, stats);
        for (const Param *one = p.first; one; one = one->next, s++) {
            double values = 0, changes = 0;
            for (int64_t i = 0; i < shape_count(one->tensor.shape); i++) {
                const double w = before.value[one->tensor.offset + i];
                values += w * w;
                changes += pow((double)one->tensor.data[i] - w, 2);
            }
            cr_expect_float_eq(s->value, sqrt(values), 1e-5);
            cr_expect_float_eq(s->update, sqrt(changes), 1e-5 * sqrt(changes));
            cr_expect_eq(isnan(s->rms), !one->has_v, "%s: %g", one->name, s->rms);
        }
        params_free(&p);
        params_free(&before);
    }
}

Test(optimizers, refuse_what_they_cannot_do)
{
    OptimConfig c = config(OPTIMIZER_lion);
    cr_expect_eq(optim_check(&c), OK);
    c.update_clip = true;
    cr_expect_eq(optim_check(&c), E_CONFIG);
    c = config(OPTIMIZER_muon);
    c.update_clip = true; /* of AdamW's parameters */
    cr_expect_eq(optim_check(&c), OK);
    c.lr = 0;
    cr_expect_eq(optim_check(&c), E_CONFIG);
}
