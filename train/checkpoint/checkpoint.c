#include "train/checkpoint/checkpoint.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "train/checkpoint/checkpoint_format.h"

enum { NAME_MAX_LONG = PARAM_NAME_MAX + 32, HEAD = 64 };

const char *const checkpoint_groups[GROUPS] = {"/model", "/optim/m", "/optim/v"};

/* The first one that recognizes a file reads it; the last one reads, or refuses, the rest. */
static const CheckpointFormat *const formats[] = {&checkpoint_h5};

static const CheckpointFormat *format_of(const char *path)
{
    unsigned char head[HEAD];
    const size_t count = sizeof formats / sizeof *formats;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t size = file < 0 ? 0 : read(file, head, sizeof head);
    if (file >= 0) close(file);
    for (size_t i = 0; i + 1 < count; i++)
        if (size > 0 && formats[i]->recognizes(head, size)) return formats[i];
    return formats[count - 1];
}

Status checkpoint_open_as(CheckpointReader *r, const CheckpointFormat *format, const char *path)
{
    *r = (CheckpointReader){.format = format, .path = ""};
    return format->open(r, path);
}

Status checkpoint_open(CheckpointReader *r, const char *path)
{
    return checkpoint_open_as(r, format_of(path), path);
}

void checkpoint_close(CheckpointReader *r)
{
    if (r->format) r->format->close(r);
    *r = (CheckpointReader){0};
}

int64_t checkpoint_size(int64_t parameters, bool with_optimizer)
{
    return parameters * (int64_t)sizeof(real) * (with_optimizer ? GROUPS : 1);
}

real *checkpoint_numbers(const Params *p, const Param *one, int group)
{
    if (group == GROUP_V) return one->has_v ? p->v + one->v_offset : NULL;
    return (group == GROUP_M ? p->m : p->value) + one->tensor.offset;
}

static bool has_array(const Param *one, int group)
{
    return group != GROUP_V || one->has_v;
}

/* Moments that only one side has. */
#define OTHER_OPTIMIZER                                                                      \
    ", whose optim.optimizer is another one: resume with that one, or begin a run from its " \
    "parameters with train.init_from"

static Status find(const CheckpointReader *r, const char *name, const Param *p,
                   CheckpointArray *out)
{
    bool found;
    TRY(r->format->find(r, name, &found, out));
    if (!found)
        return FAIL(E_FORMAT, "%s: %s %s is in the model and not in the checkpoint%s", r->path,
                    name, shape_text(p->tensor.shape),
                    strncmp(name, "/optim/", 7) ? "" : OTHER_OPTIMIZER);
    if (!shape_equal(out->shape, p->tensor.shape))
        return FAIL(E_FORMAT, "%s: %s is %s in the model and %s in the checkpoint", r->path, name,
                    shape_text(p->tensor.shape), shape_text(out->shape));
    if (out->type != NUMBER_REAL)
        return FAIL(E_FORMAT, "%s: %s is %s in the model and %s in the checkpoint", r->path, name,
                    number_name(NUMBER_REAL), number_name(out->type));
    return OK;
}

/* E_FORMAT with the first array of a group that the model does not have. */
static Status check_surplus(const CheckpointReader *r, int group, const Params *p)
{
    const CheckpointFormat *format = r->format;
    const char *prefix = checkpoint_groups[group];
    int64_t count = 0;
    for (const char *name = NULL; (name = format->next(r, prefix, name));) count++;
    for (const Param *one = p->first; one; one = one->next) count -= has_array(one, group);
    if (count == 0) return OK; /* all of the model's are there: none is left over */
    for (const char *name = NULL; (name = format->next(r, prefix, name));) {
        const Param *one = p->first;
        while (one && strcmp(one->name, name)) one = one->next;
        if (!one)
            return FAIL(E_FORMAT, "%s: %s/%s is in the checkpoint and not in the model", r->path,
                        prefix, name);
        if (!has_array(one, group))
            return FAIL(E_FORMAT, "%s: %s/%s is in the checkpoint%s", r->path, prefix, name,
                        OTHER_OPTIMIZER);
    }
    return OK;
}

static Status copy_array(const CheckpointReader *r, const char *name, const CheckpointArray *from,
                         real *to)
{
    const int64_t count = shape_count(from->shape);
    if (!from->data) return r->format->read(r, name, to, count);
    memcpy(to, from->data, (size_t)count * sizeof *to);
    if (r->format->release) r->format->release(r, from, count * (int64_t)sizeof *to);
    return OK;
}

/* Visits every array: checks it or copies it. */
static Status each_array(const CheckpointReader *r, const Params *p, bool with_optimizer, bool copy)
{
    char name[NAME_MAX_LONG];
    for (int g = 0; g < (with_optimizer ? GROUPS : 1); g++) {
        for (const Param *one = p->first; one; one = one->next) {
            CheckpointArray array = {0};
            if (!has_array(one, g)) continue;
            snprintf(name, sizeof name, "%s/%s", checkpoint_groups[g], one->name);
            TRY(find(r, name, one, &array));
            if (copy) TRY(copy_array(r, name, &array, checkpoint_numbers(p, one, g)));
        }
        if (!copy) TRY(check_surplus(r, g, p));
    }
    return OK;
}

Status checkpoint_config(const CheckpointReader *r, int count, const char *const overrides[],
                         Config *c)
{
    char message[512];
    const CheckpointInfo *i = &r->info;
    const size_t size = (size_t)i->config_size;
    const Status status = config_parse(c, i->config, size, r->path, 0, NULL);
    if (status == E_CONFIG || status == E_ARG) {
        snprintf(message, sizeof message, "%s", error_message());
        return FAIL(E_FORMAT, "its config: %s", message);
    }
    if (status != OK || !count) return status;
    return config_parse(c, i->config, size, r->path, count, overrides);
}

Status checkpoint_check_model(const CheckpointReader *r, const Config *c)
{
    Gpt g;
    Params p = {0};
    GptConfig model = c->model;
    if (model.positions == POSITIONS_sinusoidal) /* they are computed, not read */
        model.positions = POSITIONS_none;
    gpt_init(&g, &p, &model, r->info.vocab_size, (uint64_t)c->train.seed);
    const Status status = p.status ? p.status : each_array(r, &p, false, false);
    params_free(&p);
    return status;
}

Status checkpoint_load(const CheckpointReader *r, Params *p, bool with_optimizer)
{
    if (strcmp(r->info.precision, number_name(NUMBER_REAL)))
        return FAIL(E_FORMAT, "%s: its numbers are %s, but this program's are %s", r->path,
                    r->info.precision, number_name(NUMBER_REAL));
    if (with_optimizer && !r->has_optimizer)
        return FAIL(E_FORMAT, "%s: it has no /optim: training cannot resume from it", r->path);
    TRY(each_array(r, p, with_optimizer, false));
    TRY(each_array(r, p, with_optimizer, true));
    params_update_bf16(p);
    return OK;
}

Status checkpoint_list(const CheckpointReader *r, const char *name, NumberType type, int64_t *count,
                       const void **data)
{
    char path[NAME_MAX_LONG];
    CheckpointArray array = {0};
    bool found;
    *count = 0;
    *data = NULL;
    snprintf(path, sizeof path, "/state/%s", name);
    TRY(r->format->find(r, path, &found, &array));
    if (!found) return OK;
    if (array.type != type || array.shape.rank != 1)
        return FAIL(E_FORMAT, "%s: %s is %s %s and should be a list of %s", r->path, path,
                    number_name(array.type), shape_text(array.shape), number_name(type));
    *count = array.shape.dim[0];
    *data = array.data;
    return OK;
}

Status checkpoint_check_dataset(const CheckpointReader *r, const Dataset *d)
{
    const CheckpointInfo *i = &r->info;
    char path[PATH_MAX];
    text_escape(d->path, path, sizeof path);
    /* The vocabulary size of a raw token file is estimated from the tokens in it; an imported
     * model may have more than its tokenizer. */
    const bool may_be_fewer = !d->tokenizer || i->tokenizer_size;
    if (may_be_fewer ? d->vocab_size > i->vocab_size : d->vocab_size != i->vocab_size)
        return FAIL(E_FORMAT, "%s: its vocabulary has %lld tokens, but that of %s has %lld",
                    r->path, (long long)i->vocab_size, path, (long long)d->vocab_size);
    if (d->tokenizer && i->tokenizer_size &&
        (d->tokenizer_size != i->tokenizer_size ||
         memcmp(d->tokenizer, i->tokenizer, (size_t)i->tokenizer_size)))
        return FAIL(E_FORMAT, "%s: it was trained with another tokenizer than that of %s", r->path,
                    path);
    return OK;
}
