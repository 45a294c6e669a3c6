/* Reads bundle.json; refuses whatever bundle_write() does not write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/diagnose/bundle.h"

typedef struct Position {
    char text[BUNDLE_PATH_MAX + 128]; /* "RUN/spikes/batch-00000251/bundle.json: documents[3]" */
} Position;

static Position at(const char *where, const char *key, int64_t i)
{
    Position p;
    snprintf(p.text, sizeof p.text, "%.*s: \"%s\"[%lld]", BUNDLE_PATH_MAX + 64, where, key,
             (long long)i);
    return p;
}

static Status read_tokens(Bundle *b, const json_t *root, const char *key, const char *where,
                          int64_t min, int32_t **out)
{
    const json_t *array;
    TRY(record_array(root, key, where, b->rows, &array));
    *out = arena_take(&b->arena, b->rows * (int64_t)sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "%s", where);
    for (int64_t i = 0; i < b->rows; i++) {
        const json_t *one = json_array_get(array, (size_t)i);
        const json_int_t token = json_integer_value(one);
        if (!json_is_integer(one) || token < min || token > INT32_MAX)
            return FAIL(E_FORMAT, "%s: expected a token", at(where, key, i).text);
        (*out)[i] = (int32_t)token;
    }
    return OK;
}

static Status read_numbers(const json_t *array, const char *key, const char *where, int64_t count,
                           double *out)
{
    for (int64_t i = 0; i < count; i++) {
        const Position p = at(where, key, i);
        TRY(record_take_number(json_array_get(array, (size_t)i), p.text, &out[i]));
    }
    return OK;
}

static Status read_batch(Bundle *b, const json_t *root, const char *where)
{
    const json_t *array;
    if (b->sequences > INT32_MAX / b->context)
        return FAIL(E_FORMAT, "%s: \"sequences\": %lld of %lld tokens are too many", where,
                    (long long)b->sequences, (long long)b->context);
    b->rows = b->sequences * b->context;
    TRY(read_tokens(b, root, "inputs", where, 0, &b->inputs));
    TRY(read_tokens(b, root, "targets", where, -1, &b->targets));
    TRY(record_array(root, "row_loss", where, b->rows, &array));
    b->row_loss = arena_take(&b->arena, b->rows * (int64_t)sizeof *b->row_loss);
    if (!b->row_loss) return FAIL(E_NOMEM, "%s", where);
    return read_numbers(array, "row_loss", where, b->rows, b->row_loss);
}

static Status read_documents(Bundle *b, const json_t *root, const char *where)
{
    const json_t *array;
    TRY(record_array(root, "documents", where, -1, &array));
    b->documents = (int64_t)json_array_size(array);
    b->document = arena_take(&b->arena, (b->documents + 1) * (int64_t)sizeof *b->document);
    if (!b->document) return FAIL(E_NOMEM, "%s", where);
    for (int64_t i = 0; i < b->documents; i++) {
        BundleDocument *d = &b->document[i];
        const Position p = at(where, "documents", i);
        *d = (BundleDocument){0};
        TRY(record_read(bundle_document_keys, NULL, json_array_get(array, (size_t)i), p.text,
                        &b->arena, d));
        if (d->row + d->rows > b->rows || d->sequence != d->row / b->context)
            return FAIL(E_FORMAT, "%s: \"row\": it is not in the batch", p.text);
        if (d->token_end - d->token_begin < d->rows)
            return FAIL(E_FORMAT, "%s: \"token_end\": fewer tokens than losses", p.text);
    }
    return OK;
}

/* The signals must be those of this program, in its order. */
static Status check_names(const json_t *object, const char *key, const char *where, int64_t count,
                          const char *const *names)
{
    const json_t *array;
    TRY(record_array(object, key, where, count, &array));
    for (int64_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(array, (size_t)i));
        if (!name || strcmp(name, names[i]))
            return FAIL(E_FORMAT, "%s: expected \"%s\"", at(where, key, i).text, names[i]);
    }
    return OK;
}

static Status read_params(Bundle *b, const json_t *object, const char *where, int64_t *count)
{
    const json_t *array;
    TRY(record_array(object, "params", where, -1, &array));
    *count = (int64_t)json_array_size(array);
    b->param_names = arena_take(&b->arena, (*count + 1) * (int64_t)sizeof(char *));
    if (!b->param_names) return FAIL(E_NOMEM, "%s", where);
    for (int64_t i = 0; i < *count; i++) {
        const char *name = json_string_value(json_array_get(array, (size_t)i));
        if (!name) return FAIL(E_FORMAT, "%s: expected a name", at(where, "params", i).text);
        b->param_names[i] = arena_text(&b->arena, name);
        if (!b->param_names[i]) return FAIL(E_NOMEM, "%s", where);
    }
    return OK;
}

static Status read_history(Bundle *b, const json_t *root, const char *file)
{
    static const RecordKey keys[] = {{"layers", RECORD_INT, 0, 0, false}, {0}};
    static const char *const others[] = {"signals", "layer_signals", "param_signals",
                                         "params",  "rows",          NULL};
    const json_t *object = json_object_get(root, "history"), *rows;
    char where[BUNDLE_PATH_MAX + 64];
    int64_t layers, params = 0;
    snprintf(where, sizeof where, "%s: \"history\"", file);
    if (!object) return FAIL(E_FORMAT, "%s is missing", where);
    TRY(record_read(keys, others, object, where, &b->arena, &layers));
    if (layers > 1 << 20) return FAIL(E_FORMAT, "%s: \"layers\": too many", where);
    TRY(check_names(object, "signals", where, SIGNALS, bundle_signals));
    TRY(check_names(object, "layer_signals", where, LAYER_SIGNALS, bundle_layer_signals));
    TRY(check_names(object, "param_signals", where, PARAM_SIGNALS, bundle_param_signals));
    TRY(read_params(b, object, where, &params));
    TRY(record_array(object, "rows", where, -1, &rows));
    const int64_t count = (int64_t)json_array_size(rows);
    if (!count) return FAIL(E_FORMAT, "%s: \"rows\": there are none", where);
    TRY(history_open(&b->history, &b->arena, count, layers, params));
    for (int64_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, (size_t)i);
        const Position p = at(where, "rows", i);
        if (!json_is_array(row) || (int64_t)json_array_size(row) != b->history.columns)
            return FAIL(E_FORMAT, "%s: expected %lld numbers", p.text,
                        (long long)b->history.columns);
        TRY(read_numbers(row, "rows", where, b->history.columns, history_add(&b->history)));
    }
    return OK;
}

/* Version 1 called a batch a draw. */
static Status translate(json_t *root, const char *path)
{
    json_t *batch = json_object_get(root, "draw"),
           *signals = json_object_get(json_object_get(root, "history"), "signals");
    const char *name = json_string_value(json_array_get(signals, SIGNAL_batch));
    if (!batch) return FAIL(E_FORMAT, "%s: \"draw\" is missing", path);
    int failed = json_object_set(root, "batch", batch) || json_object_del(root, "draw");
    if (name && !strcmp(name, "draw"))
        failed |= json_array_set_new(signals, SIGNAL_batch, json_string("batch"));
    return failed ? FAIL(E_NOMEM, "%s", path) : OK;
}

static Status read_root(Bundle *b, json_t *root, const char *path)
{
    static const char *const others[] = {"format",  "version",  "finding", "documents", "inputs",
                                         "targets", "row_loss", "history", NULL};
    const char *format = json_string_value(json_object_get(root, "format"));
    const json_t *version = json_object_get(root, "version");
    char where[BUNDLE_PATH_MAX + 64];
    if (!format || strcmp(format, BUNDLE_FORMAT))
        return FAIL(E_FORMAT, "%s: \"format\": expected \"%s\"", path, BUNDLE_FORMAT);
    if (!json_is_integer(version) || json_integer_value(version) < 1 ||
        json_integer_value(version) > BUNDLE_VERSION)
        return FAIL(E_FORMAT, "%s: \"version\": expected %d or less", path, BUNDLE_VERSION);
    if (json_integer_value(version) == 1) TRY(translate(root, path));
    TRY(record_read(bundle_keys, others, root, path, &b->arena, b));
    snprintf(where, sizeof where, "%s: \"finding\"", path);
    TRY(record_read(bundle_finding_keys, NULL, json_object_get(root, "finding"), where, &b->arena,
                    &b->finding));
    TRY(read_batch(b, root, path));
    TRY(read_documents(b, root, path));
    TRY(read_history(b, root, path));
    const double *last = history_row(&b->history, history_rows(&b->history) - 1);
    if (last[SIGNAL_batch] != (double)b->batch_index || last[SIGNAL_step] != (double)b->step)
        return FAIL(E_FORMAT, "%s: \"history\": its newest row is not step %lld on batch %lld",
                    path, (long long)b->step, (long long)b->batch_index);
    return OK;
}

Status bundle_read(Bundle *b, const char *folder)
{
    char path[BUNDLE_PATH_MAX + 16];
    json_error_t error;
    *b = (Bundle){0};
    if (strlen(folder) >= sizeof b->folder) return FAIL(E_ARG, "%s: the path is too long", folder);
    strcpy(b->folder, folder);
    snprintf(path, sizeof path, "%s/bundle.json", folder);
    const char *why;
    FILE *file = file_open_regular(path, &why);
    if (!file) return FAIL(E_FORMAT, "%s: %s", path, why);
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    fclose(file);
    if (!root) return FAIL(E_FORMAT, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    const Status status = read_root(b, root, path);
    json_decref(root);
    return status;
}

Status bundle_check_model(const Bundle *b, const Params *p, int64_t layers)
{
    int64_t i = 0;
    if (layers != b->history.layers)
        return FAIL(E_FORMAT, "%s: a bundle of another model: it has %lld blocks, this one %lld",
                    b->folder, (long long)b->history.layers, (long long)layers);
    for (const Param *one = p->first; one; one = one->next, i++)
        if (i >= b->history.params || strcmp(one->name, b->param_names[i]))
            return FAIL(E_FORMAT, "%s: a bundle of another model: it has no parameter %s",
                        b->folder, one->name);
    if (i < b->history.params)
        return FAIL(E_FORMAT, "%s: a bundle of another model: it has a parameter %s", b->folder,
                    b->param_names[i]);
    return OK;
}
