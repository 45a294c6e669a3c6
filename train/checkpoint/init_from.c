#include "train/checkpoint/init_from.h"

#include <stdlib.h>
#include <string.h>

#include "layers/rope.h"
#include "train/checkpoint/checkpoints.h"
#include "train/config/yaml.h"

static Status open_checkpoint(const Config *c, CheckpointReader *r)
{
    char path[CHECKPOINT_PATH_MAX];
    *r = (CheckpointReader){0};
    TRY(checkpoints_find(c->train.init_from, path));
    return checkpoint_open(r, path);
}

/* Settings of the model that training may change. */
static bool is_free(const Key *k, const Config *model)
{
    const bool has_table = model->model.positions == POSITIONS_learned;
    return !strcmp(k->name, "dropout") || !strncmp(k->name, "rope_", 5) ||
           (!strcmp(k->name, "context") && !has_table);
}

static bool is_same(const Config *a, const Config *b, const Key *k, char first[TEXT_MAX],
                    char second[TEXT_MAX])
{
    return !strcmp(config_value(a, k, first, TEXT_MAX), config_value(b, k, second, TEXT_MAX));
}

/* resolved: c with its own model, as it would be without init_from. */
static Status take(Config *c, const Config *resolved, const Config *model, const Key *k)
{
    char own[TEXT_MAX], theirs[TEXT_MAX];
    const char *origin = c->origin[k - config_keys];
    const bool is_set = strcmp(origin, "default") != 0;
    if (strcmp(k->section, "model") || (is_set && is_free(k, model))) return OK;
    if (is_same(resolved, model, k, own, theirs) && is_set) return OK;
    if (is_set)
        return FAIL(E_CONFIG,
                    "%s: model.%s = %s, but the model of train.init_from = %s has %s; leave it out",
                    origin, k->name, own, c->train.init_from, theirs);
    return config_set(c, "model", k->name, theirs, "train.init_from: ", "train.init_from");
}

static Status take_all(Config *c, const Config *model)
{
    Config *resolved = malloc(sizeof *resolved);
    if (!resolved) return FAIL(E_NOMEM, "a config");
    Status status = OK;
    *resolved = *c;
    gpt_resolve(&resolved->model);
    for (int i = 0; i < config_key_count && status == OK; i++)
        status = take(c, resolved, model, &config_keys[i]);
    free(resolved);
    if (status == OK) rope_keep_original(&c->model, &model->model);
    return status;
}

static Status take_from_file(Config *c)
{
    CheckpointReader reader;
    Config *model = malloc(sizeof *model);
    Status status = model ? open_checkpoint(c, &reader) : FAIL(E_NOMEM, "a config");
    if (status == OK) status = checkpoint_config(&reader, 0, NULL, model);
    if (status == OK) {
        model->model.vocab_size = reader.info.vocab_size;
        status = take_all(c, model);
    }
    if (model) checkpoint_close(&reader);
    free(model);
    return status;
}

Status init_from_model(Config *c, const Config *model)
{
    if (!*c->train.init_from) return OK;
    return model ? take_all(c, model) : take_from_file(c);
}

Status init_from_config(Config *c, const char *path, int count, const char *const overrides[])
{
    TRY(config_read(c, path, NULL));
    TRY(config_override(c, count, overrides));
    TRY(init_from_model(c, NULL));
    TRY(config_resolve(c));
    return config_fits_here(c);
}

Status init_from_load(const Config *c, const Dataset *d, Params *p, int64_t *step)
{
    CheckpointReader reader;
    Status status = open_checkpoint(c, &reader);
    if (status == OK) status = checkpoint_check_dataset(&reader, d);
    if (status == OK) status = checkpoint_load(&reader, p, false);
    if (status == OK) *step = reader.info.step;
    checkpoint_close(&reader);
    return status;
}
