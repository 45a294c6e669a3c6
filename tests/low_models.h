/* Models that compute in bfloat16 in tests/test_low.c, and in double in tests/gradients64.c. */
#ifndef TESTS_LOW_MODELS_H
#define TESTS_LOW_MODELS_H

#include <limits.h>
#include <stdio.h>

#include "train/run/run.h"

#define LOW_BASE                                                                              \
    "model.layers=3", "model.heads=2", "model.width=24", "model.context=33", "train.batch=6", \
        "data.packing=best_fit"
#define LOW_MASKED "data.document_mask=true", "data.objective=prefix"

static const char *const low_models[][16] = {
    {LOW_BASE, "train.lanes=1"},
    {LOW_BASE, "train.lanes=3", "model.dropout=0.2", "model.tied=false"},
    {LOW_BASE, "train.lanes=2", "model.dropout=0.2", LOW_MASKED, "model.norm_place=post"},
    {LOW_BASE, "train.lanes=6", "model.dropout=0.2", LOW_MASKED, "model.norm_place=sandwich",
     "model.norm=rmsnorm", "model.mlp=swiglu", "model.positions=rope", "model.qk_norm=true"},
    {LOW_BASE, "train.lanes=2", LOW_MASKED, "model.norm_place=sandwich", "model.positions=alibi",
     "model.kv_heads=1"},
};
enum { LOW_MODELS = sizeof low_models / sizeof *low_models };

/* For model i on the dataset at `data`. */
static inline Status low_model(Config *c, int i, const char *data, const char *precision,
                               const char *recompute)
{
    char path[PATH_MAX + 16];
    const char *all[24] = {path, recompute, precision, "train.precision_fallback=true"};
    int count = 4;
    for (; low_models[i][count - 4]; count++) all[count] = low_models[i][count - 4];
    snprintf(path, sizeof path, "data.path=%s", data);
    return config_load(c, NULL, count, all);
}

#endif
