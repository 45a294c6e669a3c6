/* Checkpoints as HDF5 files: written, and read in place. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/checkpoint/checkpoint_format.h"
#include "train/step/model.h"

enum { NAME_MAX_LONG = PARAM_NAME_MAX + 32 };

/* Version 1, of capstan 0.1, called the batch index "draw". */
const BlockKind checkpoint_kind = {"CAPSCKPT", "checkpoint", 2, 1, 512, 8, E_FORMAT};

static void put_group(H5Writer *w, int group, const Params *p)
{
    char name[NAME_MAX_LONG];
    h5_put_group(w, checkpoint_groups[group]);
    for (const Param *one = p->first; one; one = one->next) {
        const real *numbers = checkpoint_numbers(p, one, group);
        if (!numbers) continue;
        snprintf(name, sizeof name, "%s/%s", checkpoint_groups[group], one->name);
        h5_put(w, name, NUMBER_REAL, one->tensor.shape, numbers);
    }
}

static void put_params(H5Writer *w, const Params *p)
{
    put_group(w, GROUP_MODEL, p);
    if (!p->m) return;
    h5_put_group(w, "/optim");
    put_group(w, GROUP_M, p);
    put_group(w, GROUP_V, p);
}

static void put_state(H5Writer *w, const Checkpoint *c)
{
    char name[NAME_MAX_LONG];
    const CheckpointInfo *info = &c->info;
    h5_put_group(w, "/state");
    h5_put_int(w, "/state", "batch", info->batch_index);
    h5_put_int(w, "/state", "vocab_size", info->vocab_size);
    h5_put_text(w, "/state", "dataset", info->dataset);
    h5_put_text(w, "/state", "precision", number_name(NUMBER_REAL));
    h5_put_text(w, "/state", "core", model_core(c->params));
    for (int i = 0; i < c->list_count; i++) {
        const CheckpointList *list = &c->lists[i];
        snprintf(name, sizeof name, "/state/%s", list->name);
        h5_put(w, name, list->type, SHAPE(list->count), list->data);
    }
}

Status checkpoint_save(const char *path, const Checkpoint *c)
{
    H5Writer w;
    h5_writer_open(&w, &checkpoint_kind, GROUPS * params_named(c->params) + c->list_count + 2);
    h5_put_int(&w, "/", "step", c->info.step);
    h5_put_int(&w, "/", "tokens", c->info.tokens);
    h5_put(&w, "/config", NUMBER_U8, SHAPE(c->info.config_size), c->info.config);
    h5_put(&w, "/tokenizer", NUMBER_U8, SHAPE(c->info.tokenizer_size), c->info.tokenizer);
    put_state(&w, c);
    put_params(&w, c->params);
    Status status = h5_write(&w, path);
    h5_writer_close(&w);
    return status;
}

static bool is_count(int64_t value)
{
    return value >= 0 && value <= CHECKPOINT_COUNT_MAX;
}

static Status read_info(CheckpointReader *r, const H5Reader *f)
{
    CheckpointInfo *i = &r->info;
    const void *config, *tokenizer;
    TRY(h5_get_int(f, "/", "step", &i->step));
    TRY(h5_get_int(f, "/", "tokens", &i->tokens));
    TRY(h5_get_int(f, "/state", f->version == 1 ? "draw" : "batch", &i->batch_index));
    TRY(h5_get_int(f, "/state", "vocab_size", &i->vocab_size));
    TRY(h5_get_text(f, "/state", "dataset", i->dataset, sizeof i->dataset));
    TRY(h5_get_text(f, "/state", "precision", i->precision, sizeof i->precision));
    TRY(h5_get_text(f, "/state", "core", i->core, sizeof i->core));
    TRY(h5_find_list(f, "/config", NUMBER_U8, &i->config_size, &config));
    TRY(h5_find_list(f, "/tokenizer", NUMBER_U8, &i->tokenizer_size, &tokenizer));
    i->config = config;
    i->tokenizer = tokenizer;
    if (!is_count(i->step) || !is_count(i->batch_index) || !is_count(i->tokens) ||
        i->vocab_size < 0 || i->vocab_size > INT32_MAX)
        return FAIL(E_FORMAT,
                    "%s: impossible values: step %lld, batch %lld, tokens %lld, vocab_size %lld",
                    f->path, (long long)i->step, (long long)i->batch_index, (long long)i->tokens,
                    (long long)i->vocab_size);
    if (strcmp(i->precision, "float32") && strcmp(i->precision, "float64"))
        return FAIL(E_FORMAT, "%s: its precision is %s, neither float32 nor float64", f->path,
                    i->precision);
    r->has_optimizer = h5_has(f, "/optim/m") && h5_has(f, "/optim/v");
    return OK;
}

static Status open_file(CheckpointReader *r, const char *path)
{
    H5Reader *f = calloc(1, sizeof *f);
    if (!f) return FAIL(E_NOMEM, "%s", path);
    r->file = f;
    const Status status = h5_reader_open(f, path, &checkpoint_kind);
    if (f->path) r->path = f->path;
    return status == OK ? read_info(r, f) : status;
}

static void close_file(CheckpointReader *r)
{
    if (r->file) h5_reader_close(r->file);
    free(r->file);
}

static Status find(const CheckpointReader *r, const char *name, bool *found, CheckpointArray *out)
{
    *found = h5_has(r->file, name);
    return *found ? h5_find(r->file, name, &out->type, &out->shape, &out->data) : OK;
}

static const char *next(const CheckpointReader *r, const char *group, const char *last)
{
    return h5_next_name(r->file, group, last);
}

static void release(const CheckpointReader *r, const CheckpointArray *array, int64_t size)
{
    const H5Reader *f = r->file;
    mapping_release(&f->file, array->data, size);
}

const CheckpointFormat checkpoint_h5 = {.name = "HDF5",
                                        .open = open_file,
                                        .close = close_file,
                                        .find = find,
                                        .next = next,
                                        .release = release};
