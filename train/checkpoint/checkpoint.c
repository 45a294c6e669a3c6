#include "train/checkpoint/checkpoint.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "autograd/kernels/gemm.h"
#include "train/step/model.h"

enum { NAME_MAX_LONG = PARAM_NAME_MAX + 32 };

const BlockKind checkpoint_kind = {"CAPSCKPT", "checkpoint", 1, 512, 8, E_FORMAT};

static const char *const group_names[] = {"/model", "/optim/m", "/optim/v"};

enum { GROUPS = 3 };

/* The blocks of numbers that the groups are of; how many there are. */
static int blocks_of(const Params *p, bool with_optimizer, real *blocks[GROUPS])
{
    blocks[0] = p->value;
    blocks[1] = p->m;
    blocks[2] = p->v;
    return with_optimizer ? GROUPS : 1;
}

static void put_params(H5Writer *w, const Params *p)
{
    real *blocks[GROUPS];
    char name[NAME_MAX_LONG];
    const int groups = blocks_of(p, p->m != NULL, blocks);
    h5_put_group(w, "/model");
    if (groups > 1) {
        h5_put_group(w, "/optim");
        h5_put_group(w, "/optim/m");
        h5_put_group(w, "/optim/v");
    }
    for (int g = 0; g < groups; g++)
        for (const Param *one = p->first; one; one = one->next) {
            snprintf(name, sizeof name, "%s/%s", group_names[g], one->name);
            h5_put(w, name, NUMBER_REAL, one->tensor.shape, blocks[g] + one->tensor.offset);
        }
}

static void put_state(H5Writer *w, const Checkpoint *c)
{
    char name[NAME_MAX_LONG];
    const CheckpointInfo *info = &c->info;
    h5_put_group(w, "/state");
    h5_put_int(w, "/state", "draw", info->batch_index);
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

static int64_t parameters_of(const Params *p)
{
    int64_t count = 0;
    for (const Param *one = p->first; one; one = one->next) count++;
    return count;
}

Status checkpoint_save(const char *path, const Checkpoint *c)
{
    H5Writer w;
    h5_writer_open(&w, &checkpoint_kind, GROUPS * parameters_of(c->params) + c->list_count + 2);
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

int64_t checkpoint_size(int64_t parameters, bool with_optimizer)
{
    return parameters * (int64_t)sizeof(real) * (with_optimizer ? GROUPS : 1);
}

static bool is_count(int64_t value)
{
    return value >= 0 && value <= CHECKPOINT_COUNT_MAX;
}

static Status read_info(CheckpointReader *r)
{
    const H5Reader *f = &r->file;
    CheckpointInfo *i = &r->info;
    const void *config, *tokenizer;
    TRY(h5_get_int(f, "/", "step", &i->step));
    TRY(h5_get_int(f, "/", "tokens", &i->tokens));
    TRY(h5_get_int(f, "/state", "draw", &i->batch_index));
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
        return FAIL(E_FORMAT, "%s: step %lld, batch %lld, tokens %lld, vocab_size %lld cannot be",
                    f->path, (long long)i->step, (long long)i->batch_index, (long long)i->tokens,
                    (long long)i->vocab_size);
    if (strcmp(i->precision, "float32") && strcmp(i->precision, "float64"))
        return FAIL(E_FORMAT, "%s: its precision is %s, neither float32 nor float64", f->path,
                    i->precision);
    r->has_optimizer = h5_has(f, "/optim/m") && h5_has(f, "/optim/v");
    return OK;
}

Status checkpoint_open(CheckpointReader *r, const char *path)
{
    *r = (CheckpointReader){0};
    TRY(h5_reader_open(&r->file, path, &checkpoint_kind));
    return read_info(r);
}

void checkpoint_close(CheckpointReader *r)
{
    h5_reader_close(&r->file);
    *r = (CheckpointReader){0};
}

static Status find(const H5Reader *f, const char *name, const Param *p, const void **data)
{
    NumberType type;
    Shape shape;
    if (!h5_has(f, name))
        return FAIL(E_FORMAT, "%s: %s %s is in the model and not in the checkpoint", f->path, name,
                    shape_text(p->tensor.shape));
    TRY(h5_find(f, name, &type, &shape, data));
    if (!shape_equal(shape, p->tensor.shape))
        return FAIL(E_FORMAT, "%s: %s is %s in the model and %s in the checkpoint", f->path, name,
                    shape_text(p->tensor.shape), shape_text(shape));
    if (type != NUMBER_REAL)
        return FAIL(E_FORMAT, "%s: %s is %s in the model and %s in the checkpoint", f->path, name,
                    number_name(NUMBER_REAL), number_name(type));
    return OK;
}

/* The first name of a group that the model does not have. */
static Status check_surplus(const H5Reader *f, const char *group, const Params *p)
{
    int64_t count;
    TRY(h5_count(f, group, &count));
    if (count == parameters_of(p)) return OK; /* each of the model's is there */
    for (const char *name = NULL; (name = h5_next_name(f, group, name));) {
        const Param *one = p->first;
        while (one && strcmp(one->name, name)) one = one->next;
        if (!one)
            return FAIL(E_FORMAT, "%s: %s/%s is in the checkpoint and not in the model", f->path,
                        group, name);
    }
    return OK;
}

/* Visits every array: checks it, or, the second time, copies it. */
static Status each_array(const H5Reader *f, const Params *p, bool with_optimizer, bool copy)
{
    real *blocks[GROUPS];
    char name[NAME_MAX_LONG];
    const int groups = blocks_of(p, with_optimizer, blocks);
    for (int g = 0; g < groups; g++) {
        for (const Param *one = p->first; one; one = one->next) {
            const void *data;
            const Tensor *x = &one->tensor;
            snprintf(name, sizeof name, "%s/%s", group_names[g], one->name);
            TRY(find(f, name, one, &data));
            if (copy)
                memcpy(blocks[g] + x->offset, data, (size_t)shape_count(x->shape) * sizeof(real));
        }
        if (!copy) TRY(check_surplus(f, group_names[g], p));
    }
    return OK;
}

Status checkpoint_config(const CheckpointReader *r, int count, const char *const overrides[],
                         Config *c)
{
    char message[512];
    const CheckpointInfo *i = &r->info;
    const size_t size = (size_t)i->config_size;
    const Status status = config_parse(c, i->config, size, r->file.path, 0, NULL);
    if (status == E_CONFIG || status == E_ARG) {
        snprintf(message, sizeof message, "%s", error_message());
        return FAIL(E_FORMAT, "its config: %s", message);
    }
    if (status != OK || !count) return status;
    return config_parse(c, i->config, size, r->file.path, count, overrides);
}

Status checkpoint_check_model(const CheckpointReader *r, const Config *c)
{
    Gpt g;
    Params p = {0};
    GptConfig model = c->model;
    if (model.positions == POSITIONS_sinusoidal) /* they are made, not read */
        model.positions = POSITIONS_none;
    gpt_init(&g, &p, &model, r->info.vocab_size, (uint64_t)c->train.seed);
    const Status status = p.status ? p.status : each_array(&r->file, &p, false, false);
    params_free(&p);
    return status;
}

Status checkpoint_load(const CheckpointReader *r, Params *p, bool with_optimizer)
{
    const H5Reader *f = &r->file;
    if (strcmp(r->info.precision, number_name(NUMBER_REAL)))
        return FAIL(E_FORMAT, "%s: its numbers are %s, and this program's are %s", f->path,
                    r->info.precision, number_name(NUMBER_REAL));
    if (with_optimizer && !r->has_optimizer)
        return FAIL(E_FORMAT, "%s: it has no /optim: training cannot go on from it", f->path);
    TRY(each_array(f, p, with_optimizer, false));
    TRY(each_array(f, p, with_optimizer, true));
    params_update_bf16(p);
    return OK;
}

Status checkpoint_list(const CheckpointReader *r, const char *name, NumberType type, int64_t *count,
                       const void **data)
{
    char path[NAME_MAX_LONG];
    snprintf(path, sizeof path, "/state/%s", name);
    *count = 0;
    *data = NULL;
    return h5_has(&r->file, path) ? h5_find_list(&r->file, path, type, count, data) : OK;
}

Status checkpoint_check_dataset(const CheckpointReader *r, const Dataset *d)
{
    const CheckpointInfo *i = &r->info;
    char path[PATH_MAX];
    text_escape(d->path, path, sizeof path);
    /* A token file's vocabulary is a guess from the tokens that it happens to hold. */
    if (d->tokenizer ? d->vocab_size != i->vocab_size : d->vocab_size > i->vocab_size)
        return FAIL(E_FORMAT, "%s: its vocabulary is %lld tokens, and that of %s is %lld",
                    r->file.path, (long long)i->vocab_size, path, (long long)d->vocab_size);
    if (d->tokenizer && i->tokenizer_size &&
        (d->tokenizer_size != i->tokenizer_size ||
         memcmp(d->tokenizer, i->tokenizer, (size_t)i->tokenizer_size)))
        return FAIL(E_FORMAT, "%s: trained with another tokenizer than that of %s", r->file.path,
                    path);
    return OK;
}
