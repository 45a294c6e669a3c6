#include "train/commands/inspect_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/dataset.h"
#include "data/tokenizer.h"
#include "train/checkpoint/checkpoint.h"
#include "train/diagnose/bundle.h"
#include "train/support/json.h"
#include "train/sweep/store.h"

/* Checks beyond the user block, the structure and the shapes. */
static Status check_checkpoint(const char *path, json_t *out)
{
    CheckpointReader r;
    (void)out;
    const Status status = checkpoint_open(&r, path);
    checkpoint_close(&r);
    return status;
}

static Status check_split(const Dataset *d, const Split *s, json_t *out)
{
    json_object_set_new(out, s->name,
                        json_pack("{s:I, s:I, s:s}", "tokens", (json_int_t)s->count, "documents",
                                  (json_int_t)s->documents, "type",
                                  s->token_size == 2 ? "uint16" : "uint32"));
    return dataset_touch(d, s, 0, s->count);
}

static Status check_dataset(const char *path, json_t *out)
{
    Dataset d;
    Status status = dataset_open(&d, path);
    if (status == OK) {
        if (!d.tokenizer) { /* a raw token file has no tokenizer */
            json_object_set_new(out, "format", json_string(d.format));
            json_object_set_new(out, "vocab_size", json_integer(d.vocab_size));
        }
        status = check_split(&d, &d.train, out);
    }
    if (status == OK) status = check_split(&d, &d.val, out);
    dataset_close(&d);
    return status;
}

static Status check_sweep(const char *path, json_t *out)
{
    Sweep s;
    (void)out;
    const Status status = sweep_store_read(path, &s);
    sweep_close(&s);
    return status;
}

static const struct Kind {
    const BlockKind *block;
    Status (*check)(const char *path, json_t *out);
} kinds[] = {{&checkpoint_kind, check_checkpoint},
             {&dataset_kind, check_dataset},
             {&sweep_kind, check_sweep},
             {NULL, NULL}};

/* Texts in files may contain anything and need not be UTF-8. */
static json_t *text_of(const char *bytes, int64_t size)
{
    json_t *text = json_stringn(bytes, (size_t)size);
    char *copy = text ? NULL : strndup(bytes, (size_t)size);
    if (copy) text = json_text(copy);
    free(copy);
    return text;
}

static json_t *tokenizer_of(const char *bytes, int64_t size, const char *path)
{
    Arena a = {0};
    Tokenizer *t;
    json_t *out = tokenizer_parse(&a, bytes, size, path, &t) != OK
                      ? json_pack("{s:o}", "fault", json_text(error_message()))
                      : json_pack("{s:s, s:I, s:i}", "kind", tokenizer_kind(t), "vocab_size",
                                  (json_int_t)tokenizer_vocab_size(t), "end_of_text",
                                  (int)tokenizer_end_of_text(t));
    arena_free(&a);
    return out;
}

static void tell_attributes(const H5Reader *r, json_t *out)
{
    H5Value v;
    for (int64_t i = 0; h5_attribute(r, i, &v); i++) {
        json_object_set_new(out, v.name, v.text ? json_text(v.text) : json_integer(v.number));
    }
}

static void tell_arrays(const H5Reader *r, json_t *out)
{
    json_t *arrays = json_array();
    json_object_set_new(out, "arrays", arrays);
    for (const char *name = NULL; (name = h5_next_array(r, name));) {
        NumberType type;
        Shape shape;
        const void *data;
        if (h5_find(r, name, &type, &shape, &data) != OK)
            continue; /* cannot happen: the array exists */
        const int64_t size = shape_count(shape) * number_size(type);
        json_t *dims = json_array();
        for (int k = 0; k < shape.rank; k++)
            json_array_append_new(dims, json_integer(shape.dim[k]));
        json_array_append_new(arrays, json_pack("{s:s, s:s, s:o, s:I}", "name", name, "type",
                                                number_name(type), "shape", dims, "bytes",
                                                (json_int_t)size));
        if (type != NUMBER_U8 || shape.rank != 1) continue;
        if (!strcmp(name, "/config")) json_object_set_new(out, "config", text_of(data, size));
        if (!strcmp(name, "/tokenizer") && size)
            json_object_set_new(out, "tokenizer", tokenizer_of(data, size, r->path));
    }
}

/* Called last, so that an attribute cannot replace the keys set here. */
static void tell_file(json_t *out, const char *path, const char *kind, int64_t size)
{
    json_object_set_new(out, "file", json_text(path));
    json_object_set_new(out, "kind", json_string(kind));
    json_object_set_new(out, "bytes", json_integer(size));
}

/* Sets sound and fault from the status; keeps the error message. */
static Status conclude(json_t *out, Status status)
{
    json_object_set_new(out, "sound", json_boolean(status == OK));
    json_object_del(out, "fault"); /* an attribute may have any name */
    if (status != OK) json_object_set_new(out, "fault", json_text(error_message()));
    return status;
}

static Status inspect_h5(const struct Kind *k, const char *path, int64_t size, json_t *out)
{
    H5Reader r;
    char message[1024];
    Status status = h5_reader_open(&r, path, k->block);
    if (status != OK) {
        snprintf(message, sizeof message, "%s", error_message());
        h5_reader_close(&r);
        if (h5_reader_look(&r, path, k->block) == OK)
            tell_attributes(&r, out), tell_arrays(&r, out);
        status = error_adopt(status, message);
    } else {
        tell_attributes(&r, out);
        tell_arrays(&r, out);
    }
    h5_reader_close(&r);
    tell_file(out, path, k->block->noun, size);
    if (status == OK) status = k->check(path, out);
    const char *fault =
        json_string_value(json_object_get(json_object_get(out, "tokenizer"), "fault"));
    if (status == OK && fault) status = error_adopt(k->block->code, fault);
    return conclude(out, status);
}

/* The kind, from the first bytes; NULL: unknown. */
static Status find_kind(const char *path, const struct Kind **kind, const struct Kind *all)
{
    char magic[8] = "";
    *kind = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
    const ssize_t length = read(fd, magic, sizeof magic);
    close(fd);
    for (const struct Kind *k = all; k->block; k++)
        if (length == sizeof magic && !memcmp(magic, k->block->magic, sizeof magic)) *kind = k;
    if (*kind || length < 4 || memcmp(magic, "\211HDF", 4)) return OK;
    return FAIL(E_DATA, "%s: an HDF5 file that capstan did not write: it has no user block", path);
}

static Status inspect_file(const char *path, int64_t size, json_t *out)
{
    const struct Kind *kind;
    const char *dot = strrchr(path, '.');
    TRY(find_kind(path, &kind, kinds));
    if (kind) return inspect_h5(kind, path, size, out);
    if (!dot || strcmp(dot, ".bin"))
        return FAIL(E_DATA,
                    "%s: neither a checkpoint, a dataset, a sweep's store nor a token file (*.bin)",
                    path);
    tell_file(out, path, "token file", size);
    return conclude(out, check_dataset(path, out));
}

/* A checkpoint of a bundle, as `key`. */
static Status inspect_part(const char *folder, const char *key, json_t *out)
{
    char path[PATH_MAX];
    json_t *part;
    snprintf(path, sizeof path, "%s/%s.h5", folder, key);
    const Status status = inspect(path, &part);
    if (part) json_object_set_new(out, key, part);
    return status;
}

static Status inspect_bundle(const char *folder, json_t *out)
{
    Bundle b;
    Status status = bundle_read(&b, folder);
    json_object_set_new(out, "file", json_text(folder));
    json_object_set_new(out, "kind", json_string("bundle"));
    if (status == OK) {
        const json_int_t documents = b.documents, sequences = b.sequences, context = b.context;
        json_object_set_new(out, "step", json_integer(b.step));
        json_object_set_new(out, "batch", json_integer(b.batch_index));
        json_object_set_new(out, "flag", json_text(b.flag));
        json_object_set_new(out, "action", json_text(b.action));
        json_object_set_new(out, "message", json_text(b.message));
        json_object_set_new(out, "dataset", json_text(b.dataset));
        json_object_set_new(out, "documents", json_integer(documents));
        json_object_set_new(out, "sequences", json_integer(sequences));
        json_object_set_new(out, "context", json_integer(context));
        json_object_set_new(out, "history", json_integer(history_rows(&b.history)));
        status = inspect_part(folder, "at", out);
    }
    if (status == OK && b.before_step >= 0) status = inspect_part(folder, "before", out);
    bundle_close(&b);
    return conclude(out, status);
}

static Status inspect_into(const char *path, json_t *out)
{
    struct stat info;
    if (stat(path, &info)) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode)) return inspect_file(path, info.st_size, out);
    if (bundle_is_there(path)) return inspect_bundle(path, out);
    return FAIL(E_ARG, "%s: a folder without bundle.json: give a file, or the folder of a bundle",
                path);
}

Status inspect(const char *path, json_t **out)
{
    *out = json_object();
    if (!*out) return FAIL(E_NOMEM, "JSON");
    const Status status = inspect_into(path, *out);
    if (json_object_size(*out)) return status;
    json_decref(*out);
    *out = NULL;
    return status;
}
