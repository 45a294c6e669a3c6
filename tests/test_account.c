/* Accounting: published numbers, and that a step's tape counts what the formula says. */
#include "tests/support.h"

#include <criterion/parameterized.h>
#include <math.h>

#include "autograd/base/threads.h"
#include "data/dataset.h"
#include "tests/temporary.h"
#include "train/plan/account.h"
#include "train/run/run.h"

/* nanoGPT's transformer_sizing.ipynb: GPT-2 without biases, per 1024 tokens. */
Test(account, counts_gpt2_as_published)
{
    static Config c;
    const char *const overrides[] = {"model.context=1024", "model.layers=12", "model.heads=12",
                                     "model.width=768", "model.bias=false"};
    Account a;
    MUST(config_load(&c, NULL, 5, overrides));
    MUST(account_model(&c.model, 50257, &a));
    cr_expect_eq(a.params, 124337664);
    cr_expect_eq(a.params - a.params_embedding, 124337664 - (50257 + 1024) * 768);
    cr_expect_eq(a.flops[FLOPS_PRODUCTS] * 1024, 874944921600);
    cr_expect_eq(a.flops[FLOPS_PRODUCTS] * 1024 / 3, 291648307200);
    cr_expect_float_eq(a.flops[FLOPS_ATTENTION] / a.flops[FLOPS_PRODUCTS], 1.0001, 5e-5);
    cr_expect_eq(a.flops[FLOPS_6N], 6 * 124337664.0);
    cr_expect_lt(a.flops[FLOPS_EXACT], a.flops[FLOPS_PRODUCTS]);
}

Test(account, conventions_have_names)
{
    FlopsKind kind;
    for (int i = 0; i < FLOPS_COUNT; i++) {
        cr_expect(flops_find(flops_name((FlopsKind)i), &kind) && (int)kind == i);
    }
    cr_expect(!flops_find("7N", &kind));
}

/* Documents of 3 to 20 tokens, with prompts. */
static void write_documents(const char *path)
{
    DatasetWriter *w;
    int32_t tokens[32];
    MUST(dataset_writer_open(&w, path, 40));
    for (int i = 0; i < 120; i++) {
        const int64_t length = 3 + i * 7 % 18;
        for (int64_t j = 0; j < length; j++) tokens[j] = (int32_t)((i + j * j) % 39);
        tokens[length - 1] = 39;
        MUST(dataset_writer_add(w, i % 10 == 9, tokens, length, length / 3, false));
    }
    MUST(dataset_writer_finish(w, NULL, 0));
    dataset_writer_close(w);
}

static const char *const variations[][5] = {
    {"data.packing=none"},
    {"data.packing=none", "model.tied=false", "model.mlp=swiglu", "model.kv_heads=1"},
    {"data.packing=none", "data.document_mask=true"},
    {"data.packing=best_fit"},
    {"data.packing=best_fit", "data.document_mask=true", "model.dropout=0.1"},
    {"data.packing=best_fit", "data.document_mask=true", "data.objective=prefix"},
    {"data.packing=optimal", "data.objective=prefix", "data.document_mask=true",
     "train.recompute=blocks", "model.parametrization=mup"},
    {"data.packing=concat", "model.positions=alibi", "model.norm_place=sandwich"},
};

ParameterizedTestParameters(account, the_tape_counts_what_the_formula_says)
{
    static int which[] = {0, 1, 2, 3, 4, 5, 6, 7};
    return cr_make_param_array(int, which, 8);
}

ParameterizedTest(int *which, account, the_tape_counts_what_the_formula_says)
{
    static Config c;
    static Profile profile;
    char path[TEMPORARY_MAX + 64];
    const char *overrides[16] = {path,
                                 "model.layers=2",
                                 "model.heads=2",
                                 "model.width=24",
                                 "model.context=32",
                                 "train.batch=5",
                                 "train.microbatches=2"};
    int count = 7;
    Run r;
    for (int i = 0; i < 5 && variations[*which][i]; i++) overrides[count++] = variations[*which][i];
    temporary_open();
    write_documents(in_temporary("d.h5"));
    snprintf(path, sizeof path, "data.path=%s", in_temporary("d.h5"));
    MUST(config_load(&c, NULL, count, overrides));
    MUST(run_open(&r, &c));
    microbatches_profile(r.microbatches, &profile);
    double tape = 0, tokens = 0;
    for (int step = 1; step <= 3; step++) {
        profile.count = 0;
        MUST(run_step(&r));
        double formula;
        MUST(account_batch(&r.model, &r.batch, &formula));
        cr_expect_gt(formula, 0);
        cr_expect_eq(account_profile(&profile), formula, "step %d: %.17g, not %.17g", step,
                     account_profile(&profile), formula);
        tape += account_profile(&profile);
        tokens += (double)r.batch.loss_tokens;
    }
    Account a;
    MUST(account_model(&c.model, 40, &a));
    const double whole = a.flops[FLOPS_EXACT];
    MUST(account_data(&c.model, &r.train, 3, &a));
    cr_expect_float_eq(a.flops[FLOPS_EXACT], tape / tokens, 1e-9 * whole);
    if (!*which) cr_expect_float_eq(whole, tape / tokens, 1e-9 * whole);
    run_close(&r);
    temporary_close();
}
