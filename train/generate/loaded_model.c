#include "train/generate/loaded_model.h"

#include <string.h>

#include "train/step/model.h"
#include "train/support/precision.h"

Status trained_open(Trained *t, const char *path, char *argv[])
{
    *t = (Trained){0};
    const CheckpointInfo *info = &t->checkpoint.info;
    TRY(checkpoint_open(&t->checkpoint, path));
    TRY(precision_switch(info->precision, argv));

    t->config = arena_zero(&t->arena, sizeof *t->config);
    if (!t->config) return FAIL(E_NOMEM, "%s", path);
    TRY(checkpoint_config(&t->checkpoint, 0, NULL, t->config));
    TRY(checkpoint_check_model(&t->checkpoint, t->config));
    if (info->tokenizer_size)
        TRY(tokenizer_parse(&t->arena, info->tokenizer, info->tokenizer_size, path, &t->tokenizer));
    TRY(model_open(&t->model, &t->params, t->config, info->vocab_size, false));
    return checkpoint_load(&t->checkpoint, &t->params, false);
}

Status trained_data(Trained *t, int count, const char *const settings[])
{
    for (int i = 0; i < count; i++)
        if (strncmp(settings[i], "data.", 5))
            return FAIL(E_ARG, "%s: only settings of data, data.key=value, may be others here",
                        settings[i]);
    return checkpoint_config(&t->checkpoint, count, settings, t->config);
}

void trained_close(Trained *t)
{
    checkpoint_close(&t->checkpoint);
    params_free(&t->params);
    arena_free(&t->arena);
    *t = (Trained){0};
}
