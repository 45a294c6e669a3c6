#include "train/diagnose/bundle.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"

#define KEY(type, record, name, least)                             \
    {                                                              \
#name, RECORD_##type, offsetof(record, name), least, false \
    }
#define NAMED(type, key, record, name, least)                    \
    {                                                            \
        key, RECORD_##type, offsetof(record, name), least, false \
    }
#define ABSENT(record, name)                                \
    {                                                       \
#name, RECORD_TEXT, offsetof(record, name), 0, true \
    }

const RecordKey bundle_keys[] = {
    KEY(INT, Bundle, step, 1),
    NAMED(INT, "batch", Bundle, batch_index, 1),
    KEY(INT, Bundle, before_step, -1),
    KEY(TEXT, Bundle, run, 0),
    KEY(TEXT, Bundle, split, 0),
    KEY(TEXT, Bundle, dataset, 0),
    KEY(TEXT, Bundle, flag, 0),
    KEY(TEXT, Bundle, rule, 0),
    KEY(TEXT, Bundle, action, 0),
    KEY(TEXT, Bundle, message, 0),
    NAMED(REAL, "usual_loss", Bundle, baseline_loss, 0),
    KEY(INT, Bundle, sequences, 1),
    KEY(INT, Bundle, context, 1),
    {0},
};

const RecordKey bundle_document_keys[] = {
    KEY(INT, BundleDocument, document, 0),
    KEY(INT, BundleDocument, token_begin, 0),
    KEY(INT, BundleDocument, token_end, 0),
    KEY(INT, BundleDocument, byte_begin, -1),
    KEY(INT, BundleDocument, byte_end, -1),
    KEY(INT, BundleDocument, sequence, 0),
    KEY(INT, BundleDocument, row, 0),
    KEY(INT, BundleDocument, rows, 1),
    KEY(REAL, BundleDocument, loss, 0),
    KEY(REAL, BundleDocument, excess, 0),
    KEY(REAL, BundleDocument, share, 0),
    KEY(TEXT, BundleDocument, text, 0),
    {0},
};

const RecordKey bundle_finding_keys[] = {
    KEY(BOOL, TapeFinding, found, 0),
    KEY(BOOL, TapeFinding, in_backward, 0),
    ABSENT(TapeFinding, op),
    ABSENT(TapeFinding, scope),
    ABSENT(TapeFinding, parameter),
    KEY(INT, TapeFinding, place, 0),
    {0},
};

#define X(name, help) #name,
const char *const bundle_signals[] = {SIGNAL_LIST(X)};
const char *const bundle_layer_signals[] = {LAYER_SIGNAL_LIST(X)};
const char *const bundle_param_signals[] = {PARAM_SIGNAL_LIST(X)};
#undef X

static bool add(json_t *object, const char *key, json_t *value)
{
    return !json_object_set_new(object, key, value);
}

/* NULL, with all freed, if out of memory. */
static json_t *appended(json_t *all, json_t *one)
{
    if (!json_array_append_new(all, one)) return all;
    json_decref(all);
    return NULL;
}

static json_t *tokens(const int32_t *from, int64_t count)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < count; i++) all = appended(all, json_integer(from[i]));
    return all;
}

static json_t *numbers(const double *from, int64_t count)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < count; i++) all = appended(all, record_number(from[i]));
    return all;
}

static json_t *texts(const char *const *from, int64_t count)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < count; i++) all = appended(all, json_string(from[i]));
    return all;
}

static json_t *documents(const Bundle *b)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < b->documents; i++)
        all = appended(all, record_write(bundle_document_keys, &b->document[i]));
    return all;
}

static json_t *history(const Bundle *b)
{
    const History *h = &b->history;
    json_t *root = json_pack("{s:I, s:o, s:o, s:o, s:o}", "layers", (json_int_t)h->layers,
                             "signals", texts(bundle_signals, SIGNALS), "layer_signals",
                             texts(bundle_layer_signals, LAYER_SIGNALS), "param_signals",
                             texts(bundle_param_signals, PARAM_SIGNALS), "params",
                             texts(b->param_names, h->params));
    json_t *rows = json_array();
    for (int64_t i = 0; rows && i < history_rows(h); i++)
        rows = appended(rows, numbers(history_row(h, i), h->columns));
    if (!root) json_decref(rows);
    if (root && add(root, "rows", rows)) return root;
    json_decref(root);
    return NULL;
}

Status bundle_write(const Bundle *b)
{
    char path[BUNDLE_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/bundle.json", b->folder);
    json_t *root = record_write(bundle_keys, b);
    const bool whole =
        root && add(root, "format", json_string(BUNDLE_FORMAT)) &&
        add(root, "version", json_integer(BUNDLE_VERSION)) &&
        add(root, "finding", record_write(bundle_finding_keys, &b->finding)) &&
        add(root, "documents", documents(b)) && add(root, "inputs", tokens(b->inputs, b->rows)) &&
        add(root, "targets", tokens(b->targets, b->rows)) &&
        add(root, "row_loss", numbers(b->row_loss, b->rows)) && add(root, "history", history(b));
    FileText text = {0};
    Status status = whole ? file_text_open(&text, path) : FAIL(E_NOMEM, "cannot save %s", path);
    if (status == OK) {
        if (json_dumpf(root, text.out, JSON_COMPACT | JSON_REAL_PRECISION(17)) ||
            putc('\n', text.out) == EOF)
            status = FAIL(E_NOMEM, "a text");
        status = file_text_save(&text, status, path);
    }
    json_decref(root);
    return status;
}

Status bundle_params(Bundle *b, const Params *p)
{
    int64_t count = 0;
    b->param_names = arena_take(&b->arena, (b->history.params + 1) * (int64_t)sizeof(char *));
    if (!b->param_names) return FAIL(E_NOMEM, "names of parameters");
    for (const Param *one = p->first; one; one = one->next) {
        INVARIANT(count < b->history.params);
        b->param_names[count] = arena_text(&b->arena, one->name);
        if (!b->param_names[count++]) return FAIL(E_NOMEM, "names of parameters");
    }
    return OK;
}

void bundle_close(Bundle *b)
{
    arena_free(&b->arena);
    *b = (Bundle){0};
}
