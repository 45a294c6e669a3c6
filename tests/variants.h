/* Eight small models that between them use most settings of a model, for tests that train one of each:
 * test_recompute.c, test_bf16.c and, in double, gradients64.c. */
#ifndef TESTS_VARIANTS_H
#define TESTS_VARIANTS_H

#include <limits.h>
#include <stdio.h>

#include "train/run/run.h"

#define VARIANT_BASE                                                                          \
    "model.layers=3", "model.heads=2", "model.width=24", "model.context=33", "train.batch=6", \
        "data.packing=best_fit"
#define VARIANT_MASKED "data.document_mask=true", "data.objective=prefix"

static const char *const variants[][20] = {
    {VARIANT_BASE, "train.microbatches=1"},
    {VARIANT_BASE, "train.microbatches=3", "model.dropout=0.2", "model.tied=false"},
    {VARIANT_BASE, "train.microbatches=2", "model.dropout=0.2", VARIANT_MASKED,
     "model.norm_place=post"},
    {VARIANT_BASE, "train.microbatches=6", "model.dropout=0.2", VARIANT_MASKED,
     "model.norm_place=sandwich", "model.norm=rmsnorm", "model.mlp=swiglu", "model.positions=rope",
     "model.qk_norm=true", "model.head_width=16", "model.bias=false", "model.qkv_bias=true",
     "model.qk_norm_weight=true"},
    {VARIANT_BASE, "train.microbatches=2", VARIANT_MASKED, "model.norm_place=sandwich",
     "model.positions=alibi", "model.kv_heads=1"},
    {VARIANT_BASE, "train.microbatches=2", VARIANT_MASKED, "model.block=parallel2",
     "model.dropout=0.1", "model.mlp=gelu_exact", "model.positions=rope",
     "model.rope_fraction=0.5"},
    {VARIANT_BASE, "train.microbatches=3", "model.block=parallel"},
    {VARIANT_BASE, "train.microbatches=2", VARIANT_MASKED, "model.positions=rope",
     "model.rope_scaling=dynamic", "model.rope_factor=4", "model.qk_norm=true"},
    {VARIANT_BASE, "train.microbatches=2", VARIANT_MASKED, "model.positions=rope",
     "model.windows=7,3/full", "model.windows_theta=100", "model.sinks=2",
     "model.learned_sink=true", "model.score_softcap=0.5", "model.logit_softcap=3",
     "model.dropout=0.1"},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* Model i with the dataset at `data`. */
static inline Status variant_load(Config *c, int i, const char *data, const char *precision,
                                  const char *recompute)
{
    char path[PATH_MAX + 16];
    const char *all[28] = {path, recompute, precision, "train.precision_fallback=true"};
    int count = 4;
    for (; variants[i][count - 4]; count++) all[count] = variants[i][count - 4];
    snprintf(path, sizeof path, "data.path=%s", data);
    return config_load(c, NULL, count, all);
}

#endif
