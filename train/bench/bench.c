#include "train/bench/bench.h"

#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"
#include "train/plan/account.h"
#include "train/plan/probe.h"
#include "train/support/quantile.h"

enum { REPEATS_MAX = 100, STEPS_MAX = 1000 };

/* Characters, small and medium; GPT-2's vocabulary; GPT-2 small; long sequences of bytes. */
const BenchCase bench_cases[] = {
    {"c1",
     "4 x 4 x 128, context 64, batch 12",
     {"model.layers=4", "model.heads=4", "model.width=128", "model.context=64", "train.batch=12"},
     65,
     true},
    {"c2",
     "6 x 6 x 384, context 256, batch 16",
     {"model.layers=6", "model.heads=6", "model.width=384", "model.context=256", "train.batch=16"},
     65,
     true},
    {"c3",
     "6 x 8 x 512, context 512, batch 4",
     {"model.layers=6", "model.heads=8", "model.width=512", "model.context=512", "train.batch=4"},
     50257,
     false},
    {"c4",
     "12 x 12 x 768, context 1024, batch 1",
     {"model.layers=12", "model.heads=12", "model.width=768", "model.context=1024",
      "train.batch=1"},
     50257,
     false},
    {"c5",
     "6 x 6 x 384, context 2048, batch 2",
     {"model.layers=6", "model.heads=6", "model.width=384", "model.context=2048", "train.batch=2"},
     256,
     false},
};
const int bench_case_count = sizeof bench_cases / sizeof *bench_cases;

/* Takes steps and products in turns, so that a machine that is busy for a while slows both. */
static Status measure(Probe *p, const GemmBound *b, const BenchOptions *o, BenchResult *out)
{
    double steps[REPEATS_MAX], bounds[REPEATS_MAX], linears[REPEATS_MAX], attentions[REPEATS_MAX];
    double once;
    INVARIANT(o->repeats > 0 && o->repeats <= REPEATS_MAX);
    TRY(probe_step(p, &once));
    TRY(probe_median(p, 1, 2, &once));
    out->steps = o->steps ? o->steps : once > 1 ? 1 : (int64_t)(1 / once);
    if (out->steps > STEPS_MAX) out->steps = STEPS_MAX;
    for (int64_t i = 0; i < o->repeats; i++) {
        double linear[STEPS_MAX], attention[STEPS_MAX];
        const int64_t runs = (out->steps + 1) / 2;
        TRY(probe_median(p, out->steps > 5 ? 1 : 0, out->steps, &steps[i]));
        gemm_bound_run(b, &linear[0], &attention[0]);
        for (int64_t j = 0; j < runs; j++) gemm_bound_run(b, &linear[j], &attention[j]);
        linears[i] = median(linear, runs);
        attentions[i] = median(attention, runs);
        bounds[i] = linears[i] + attentions[i];
    }
    out->seconds = median(steps, o->repeats); /* sorts them */
    out->fastest = steps[0];
    out->slowest = steps[o->repeats - 1];
    out->bound_seconds = median(bounds, o->repeats);
    out->linear_rate = b->linear_flops / median(linears, o->repeats);
    out->attention_rate = b->attention_flops / median(attentions, o->repeats);
    return OK;
}

Status bench_run(const Config *c, int64_t vocab_size, const BenchOptions *o, BenchResult *out)
{
    Probe probe;
    GemmBound bound = {0};
    Account account = {0};
    *out = (BenchResult){.tokens = c->train.batch * c->model.context,
                         .core = config_bf16(c) ? gemm_bf16_core() : gemm_core()};
    Status status = probe_open(&probe, c, vocab_size);
    if (status == OK) status = account_params(&probe.model, &probe.params, &account);
    if (status == OK)
        status = gemm_bound_open(&bound, &probe.model, c->train.batch, threads_count());
    if (status == OK) status = measure(&probe, &bound, o, out);
    out->flops = account.flops[FLOPS_PRODUCTS];
    out->product_count = bound.product_count;
    for (int i = 0; i < bound.product_count; i++) out->products[i] = bound.products[i];
    gemm_bound_close(&bound);
    probe_close(&probe);
    return status;
}
