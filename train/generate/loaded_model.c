#include "train/generate/loaded_model.h"

#include <string.h>

#include "train/step/model.h"
#include "train/support/precision.h"

Status loaded_model_open(LoadedModel *m, const char *path, char *argv[])
{
    *m = (LoadedModel){0};
    const CheckpointInfo *info = &m->checkpoint.info;
    TRY(checkpoint_open(&m->checkpoint, path));
    TRY(precision_switch(info->precision, argv));

    m->config = arena_zero(&m->arena, sizeof *m->config);
    if (!m->config) return FAIL(E_NOMEM, "%s", path);
    TRY(checkpoint_config(&m->checkpoint, 0, NULL, m->config));
    TRY(checkpoint_check_model(&m->checkpoint, m->config));
    if (info->tokenizer_size)
        TRY(tokenizer_parse(&m->arena, info->tokenizer, info->tokenizer_size, path, &m->tokenizer));
    TRY(model_open(&m->model, &m->params, m->config, info->vocab_size, false));
    return checkpoint_load(&m->checkpoint, &m->params, false);
}

Status loaded_model_set_data(LoadedModel *m, int count, const char *const settings[])
{
    for (int i = 0; i < count; i++)
        if (strncmp(settings[i], "data.", 5))
            return FAIL(E_ARG, "%s: only data settings (data.key=value) can be changed here",
                        settings[i]);
    return checkpoint_config(&m->checkpoint, count, settings, m->config);
}

void loaded_model_close(LoadedModel *m)
{
    checkpoint_close(&m->checkpoint);
    params_free(&m->params);
    arena_free(&m->arena);
    *m = (LoadedModel){0};
}
