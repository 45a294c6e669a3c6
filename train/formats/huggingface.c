#include "train/formats/huggingface.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "train/formats/safetensors.h"

bool huggingface_is_folder(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

static bool exists(const char *path)
{
    return !access(path, F_OK);
}

bool huggingface_recognizes(const char *path)
{
    const char *dot = strrchr(path, '.');
    return huggingface_is_folder(path) || (dot && !strcmp(dot, ".json"));
}

Status huggingface_path(const char *folder, const char *name, char out[PATH_MAX])
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX) return OK;
    return FAIL(E_ARG, "%s: the path is too long", folder);
}

static Status parse(const char *name, const Mapping *m, json_t **out)
{
    json_error_t error;
    char shown[128];
    TRY(weights_refuse(name, m->bytes, m->size));
    if (m->size > HUGGINGFACE_JSON_MAX)
        return FAIL(E_DATA, "%s: %lld bytes; expected at most %d", name, (long long)m->size,
                    HUGGINGFACE_JSON_MAX);
    *out = json_loadb((const char *)m->bytes, (size_t)m->size, JSON_REJECT_DUPLICATES, &error);
    if (!*out)
        return FAIL(E_DATA, "%s:%d:%d: not JSON: %s", name, error.line, error.column,
                    text_escape(error.text, shown, sizeof shown));
    if (json_is_object(*out)) return OK;
    json_decref(*out);
    *out = NULL;
    return FAIL(E_DATA, "%s: expected an object", name);
}

Status huggingface_json(const char *path, json_t **out)
{
    char name[PATH_MAX];
    Mapping m;
    *out = NULL;
    Status status = mapping_open(&m, path, E_DATA);
    if (status == OK) status = parse(text_escape(path, name, sizeof name), &m, out);
    mapping_close(&m);
    return status;
}

Status huggingface_own_tokenizer(const char *folder, Arena *a, const char **text)
{
    char path[PATH_MAX];
    json_t *json;
    *text = NULL;
    TRY(huggingface_path(folder, "tokenizer_config.json", path));
    if (!exists(path)) return OK;
    TRY(huggingface_json(path, &json));
    const char *own = json_string_value(json_object_get(json, "capstan_tokenizer"));
    if (own) *text = arena_text(a, own);
    const Status status = own && !*text ? FAIL(E_NOMEM, "%s", path) : OK;
    json_decref(json);
    return status;
}

/* A token in tokenizer_config.json: a text, or an object with one. */
static const char *token_text(const json_t *token)
{
    const char *content = json_string_value(json_object_get(token, "content"));
    return content ? content : json_string_value(token);
}

Status huggingface_end_of_text(const char *folder, Arena *a, const char **text)
{
    char path[PATH_MAX];
    json_t *json;
    *text = NULL;
    TRY(huggingface_path(folder, "tokenizer_config.json", path));
    if (!exists(path)) return OK;
    TRY(huggingface_json(path, &json));
    const char *end = token_text(json_object_get(json, "eos_token"));
    if (end) *text = arena_text(a, end);
    const Status status = end && !*text ? FAIL(E_NOMEM, "%s", path) : OK;
    json_decref(json);
    return status;
}

/* A file name without folders: an index may not lead to files elsewhere. */
static bool is_plain(const char *name)
{
    return name && *name && *name != '.' && !strchr(name, '/');
}

/* The files of an index, each once. A model has few files, an untrusted index many. */
static Status read_shards(Weights *w, const char *folder, const char *index, const json_t *map)
{
    enum { FILES_MAX = 4096 };
    const char *key, *files[FILES_MAX];
    char path[PATH_MAX], shown[128];
    json_t *value;
    int count = 0;
    json_object_foreach((json_t *)map, key, value)
    {
        const char *name = json_string_value(value);
        if (!is_plain(name))
            return FAIL(E_DATA, "%s: weight_map: \"%s\" is not the name of a file beside it", index,
                        text_escape(name ? name : "?", shown, sizeof shown));
        int i = 0;
        while (i < count && strcmp(files[i], name)) i++;
        if (i < count) continue;
        if (count == FILES_MAX)
            return FAIL(E_DATA, "%s: weight_map: more than %d files", index, FILES_MAX);
        files[count++] = name;
        TRY(huggingface_path(folder, name, path));
        TRY(safetensors_read(w, path));
    }
    return OK;
}

static Status read_index(Weights *w, const char *folder, const char *path)
{
    char name[PATH_MAX];
    json_t *json;
    TRY(huggingface_json(path, &json));
    const json_t *map = json_object_get(json, "weight_map");
    text_escape(path, name, sizeof name);
    const Status status = json_is_object(map) ? read_shards(w, folder, name, map)
                                              : FAIL(E_DATA, "%s: \"weight_map\" is missing", name);
    json_decref(json);
    return status;
}

/* Says why a folder without safetensors cannot be read. */
static Status refuse(const char *folder)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                          "consolidated.00.pth"};
    char path[PATH_MAX], name[PATH_MAX];
    text_escape(folder, name, sizeof name);
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        TRY(huggingface_path(folder, pickles[i], path));
        if (exists(path))
            return FAIL(E_DATA,
                        "%s: it has no *.safetensors, only %s: a pickle can run any code when it "
                        "is opened, so Capstan does not read it; save the model as safetensors (in "
                        "transformers: save_pretrained(folder, safe_serialization=True))",
                        name, pickles[i]);
    }
    return FAIL(E_DATA, "%s: it has neither model.safetensors nor model.safetensors.index.json",
                name);
}

Status huggingface_weights(Weights *w, const char *folder)
{
    char path[PATH_MAX];
    TRY(huggingface_path(folder, "model.safetensors", path));
    if (exists(path)) return safetensors_read(w, path);
    TRY(huggingface_path(folder, "model.safetensors.index.json", path));
    return exists(path) ? read_index(w, folder, path) : refuse(folder);
}
