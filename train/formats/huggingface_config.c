/* config.json: which kind of model, and its settings. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/formats/huggingface.h"
#include "train/formats/huggingface_rope.h"
#include "train/formats/huggingface_windows.h"

/* The text that all items of a list are; NULL: they differ, or are no texts. */
static const char *same_of(const json_t *list)
{
    const char *first = json_string_value(json_array_get(list, 0));
    for (size_t i = 1; first && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || strcmp(text, first)) return NULL;
    }
    return first;
}

static bool show(const json_t *value, char *out, size_t size)
{
    const char *same = same_of(value);
    if (json_is_boolean(value))
        snprintf(out, size, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        snprintf(out, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        text_real(json_real_value(value), out);
    else if (json_is_string(value) || same)
        snprintf(out, size, "%s", same ? same : json_string_value(value));
    else
        snprintf(out, size, json_is_array(value) ? "[...]" : "{...}");
    return true;
}

/* Newer versions of transformers have rope_theta and the kind of scaling in rope_parameters. */
static bool find(const void *file, const char *key, char *out, size_t size)
{
    const json_t *value = json_object_get(file, key),
                 *rope = json_object_get(file, "rope_parameters");
    if (!strncmp(key, "rope_scaling", 12)) return huggingface_rope(file, key, out, size);
    if (!strcmp(key, "sliding_window")) {
        huggingface_windows(file, out, size);
        return true;
    }
    if (!value || json_is_null(value)) value = json_object_get(rope, key);
    return value && !json_is_null(value) && show(value, out, size);
}

static Status read_config(const json_t *json, const char *name, Config *c, const Kind **kind,
                          int64_t *vocab_size)
{
    char known[256], shown[128];
    const char *type = json_string_value(json_object_get(json, "model_type"));
    const json_t *vocab = json_object_get(json, "vocab_size");
    const KindKeys keys = {MODEL_huggingface, name, json, find, NULL};
    if (!type)
        return FAIL(E_DATA, "%s: \"model_type\" is missing: not the config.json of a model", name);
    *kind = kind_find(MODEL_huggingface, type);
    if (!*kind)
        return FAIL(E_DATA, "%s: model_type = %s is not supported; expected one of %s", name,
                    text_escape(type, shown, sizeof shown),
                    kind_names(MODEL_huggingface, known, sizeof known));
    TRY(kind_read(*kind, &keys, c));
    *vocab_size = json_integer_value(vocab);
    if (json_is_integer(vocab) && *vocab_size > 0 && *vocab_size <= INT32_MAX) return OK;
    return FAIL(E_DATA, "%s: vocab_size: expected a whole number from 1 to %d", name, INT32_MAX);
}

static Status config_path(const char *path, char out[PATH_MAX])
{
    if (huggingface_is_folder(path)) return huggingface_path(path, "config.json", out);
    snprintf(out, PATH_MAX, "%s", path);
    return OK;
}

static Status load_config(const char *path, json_t **json)
{
    char file[PATH_MAX];
    TRY(config_path(path, file));
    return huggingface_json(file, json);
}

/* Keys that do not change what a model computes. */
static bool is_known(const Kind *kind, const char *key)
{
    static const char *const keys[] = {"architectures",
                                       "model_type",
                                       "vocab_size",
                                       "torch_dtype",
                                       "dtype",
                                       "transformers_version",
                                       "use_cache",
                                       "initializer_range",
                                       "pretraining_tp",
                                       "attn_pdrop",
                                       "embd_pdrop",
                                       "resid_pdrop",
                                       "attention_dropout",
                                       "hidden_dropout",
                                       "classifier_dropout",
                                       "n_ctx",
                                       "reorder_and_upcast_attn",
                                       "task_specific_params",
                                       "head_dim",
                                       "rope_parameters",
                                       "is_llama_config",
                                       "tokenizer_class",
                                       "max_window_layers",
                                       "use_sliding_window",
                                       "layer_types",
                                       "id2label",
                                       "label2id"};
    const KindSetting *s;
    if (*key == '_' || strstr(key, "_token_id") || !strncmp(key, "summary_", 8)) return true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i], key)) return true;
    for (int i = 0; (s = kind_setting_at(kind, i)); i++)
        if (s->names[MODEL_huggingface] && !strcmp(s->names[MODEL_huggingface], key)) return true;
    return false;
}

Status huggingface_unknown(const char *path, const Kind *kind, char *out, size_t size)
{
    char shown[128];
    size_t used = 0;
    const char *key;
    json_t *json, *value;
    *out = '\0';
    TRY(load_config(path, &json));
    json_object_foreach(json, key, value)
    {
        if (json_is_null(value) || json_is_false(value) || is_known(kind, key)) continue;
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     text_escape(key, shown, sizeof shown));
    }
    json_decref(json);
    return OK;
}

Status huggingface_config(const char *path, Config *c, const Kind **kind, int64_t *vocab_size)
{
    char file[PATH_MAX], name[PATH_MAX];
    json_t *json;
    TRY(config_path(path, file));
    TRY(huggingface_json(file, &json));
    const Status status =
        read_config(json, text_escape(file, name, sizeof name), c, kind, vocab_size);
    json_decref(json);
    return status;
}
