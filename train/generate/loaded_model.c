#include "train/generate/loaded_model.h"

#include <stdio.h>
#include <string.h>

#include "layers/rope.h"
#include "train/step/model.h"
#include "train/support/precision.h"

/* The checkpoint's config with settings that change no parameter. */
static Status change(LoadedModel *m, int count, const char *const settings[])
{
    const GptConfig trained = m->config->model;
    for (int i = 0; i < count; i++)
        if (strncmp(settings[i], "data.", 5) && strncmp(settings[i], "model.", 6))
            return FAIL(E_ARG,
                        "%s: only model and data settings (section.key=value) can be changed here",
                        settings[i]);
    TRY(checkpoint_config(&m->checkpoint, count, settings, m->config));
    rope_keep_original(&m->config->model, &trained);
    return OK;
}

static Status check_model(LoadedModel *m, int settings)
{
    char why[512];
    const Status status = checkpoint_check_model(&m->checkpoint, m->config);
    if (status != E_FORMAT || !settings) return status;
    snprintf(why, sizeof why, "%s", error_message());
    return FAIL(E_ARG, "a setting changes the model's parameters: %s", why);
}

Status loaded_model_open(LoadedModel *m, const char *path, char *argv[], int count,
                         const char *const settings[])
{
    *m = (LoadedModel){0};
    const CheckpointInfo *info = &m->checkpoint.info;
    TRY(checkpoint_open(&m->checkpoint, path));
    TRY(precision_switch(info->precision, argv));

    m->config = arena_zero(&m->arena, sizeof *m->config);
    if (!m->config) return FAIL(E_NOMEM, "%s", path);
    TRY(checkpoint_config(&m->checkpoint, 0, NULL, m->config));
    if (count) TRY(change(m, count, settings));
    TRY(check_model(m, count));
    if (info->tokenizer_size)
        TRY(tokenizer_parse(&m->arena, info->tokenizer, info->tokenizer_size, path, &m->tokenizer));
    TRY(model_open(&m->model, &m->params, m->config, info->vocab_size, false));
    return checkpoint_load(&m->checkpoint, &m->params, false);
}

Status loaded_model_set_weights(LoadedModel *m, const char *weights)
{
    if (!strcmp(weights, "trained")) return OK;
    if (strcmp(weights, "q8")) return FAIL(E_ARG, "--weights %s: expected trained or q8", weights);
    return model_round_q8(&m->model, &m->params);
}

void loaded_model_close(LoadedModel *m)
{
    checkpoint_close(&m->checkpoint);
    params_free(&m->params);
    arena_free(&m->arena);
    *m = (LoadedModel){0};
}
