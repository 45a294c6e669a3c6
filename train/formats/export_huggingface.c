/* A model as a Hugging Face folder: config.json, model.safetensors, tokenizer.json,
 * tokenizer_config.json, generation_config.json. The folder is made beside its place and renamed. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "autograd/base/text.h"
#include "train/formats/huggingface.h"
#include "train/formats/huggingface_rope.h"
#include "train/formats/huggingface_windows.h"
#include "train/formats/safetensors_write.h"
#include "train/formats/vocabulary.h"

static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json",
                                    "tokenizer_config.json", "generation_config.json"};

enum { FILES = sizeof files / sizeof *files };

static json_t *setting_value(KeyType type, const char *text)
{
    switch (type) {
    case TYPE_BOOL: return json_boolean(!strcmp(text, "true"));
    case TYPE_REAL: return json_real(strtod(text, NULL));
    case TYPE_INT: return json_integer(strtoll(text, NULL, 10));
    default: return json_string(text);
    }
}

static json_t *end_of_text(const ModelExport *e)
{
    const Tokenizer *t = e->model->tokenizer;
    return t ? json_integer(tokenizer_end_of_text(t)) : json_null();
}

static json_t *begin_of_text(const ModelExport *e)
{
    const Tokenizer *t = e->model->tokenizer;
    return t ? json_integer(tokenizer_begin_of_text(t)) : json_null();
}

static json_t *config_of(const ModelExport *e)
{
    static const char *const types[] = {"float32", "float16", "bfloat16"};
    const Config *c = e->model->config;
    const KindSetting *s;
    char text[TEXT_MAX];
    json_t *json = json_pack("{s:[s], s:s, s:s, s:I, s:o, s:o}", "architectures",
                             e->kind->class_name, "model_type", e->kind->name, "torch_dtype",
                             types[e->type], "vocab_size", (json_int_t)e->model->model.vocab_size,
                             "bos_token_id", begin_of_text(e), "eos_token_id", end_of_text(e));
    for (int i = 0; (s = kind_setting_at(e->kind, i)); i++) {
        if (!kind_is_stated(MODEL_huggingface, s)) continue;
        if (s->key && !strcmp(s->key, "windows")) {
            huggingface_put_windows(json, e->kind, &c->model);
            continue;
        }
        if (!strncmp(s->names[MODEL_huggingface], "rope_scaling", 12)) continue;
        kind_value(s, c, text, sizeof text);
        json_object_set_new(json, s->names[MODEL_huggingface],
                            setting_value(kind_value_type(s), text));
    }
    huggingface_put_rope(json, &c->model);
    return json;
}

static json_t *tokenizer_config(const ModelExport *e)
{
    const Tokenizer *t = e->model->tokenizer;
    int64_t size;
    const char *text = tokenizer_text(t, &size), *end = vocabulary_end(t);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
                  "bos_token", vocabulary_begin(t), "eos_token", end, "model_max_length",
                  (json_int_t)e->model->config->model.context, "clean_up_tokenization_spaces", 0);
    if (vocabulary_is_own(t))
        json_object_set_new(json, "capstan_tokenizer", json_stringn(text, (size_t)size));
    return json;
}

/* Takes json. */
static Status save_json(ModelExport *e, const char *folder, const char *name, json_t *json)
{
    char path[PATH_MAX];
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    if (!text) return FAIL(E_NOMEM, "%s", name);
    Status status = huggingface_path(folder, name, path);
    if (status == OK) status = file_write(path, text, (int64_t)strlen(text));
    e->size += (int64_t)strlen(text);
    free(text);
    return status;
}

static Status save_tokenizer(ModelExport *e, const char *folder)
{
    Arena arena = {0};
    char path[PATH_MAX];
    const char *text;
    int64_t size;
    Status status = vocabulary_huggingface(e->model->tokenizer, &arena, &text, &size);
    if (status == OK) status = huggingface_path(folder, "tokenizer.json", path);
    if (status == OK) status = file_write(path, text, size);
    if (status == OK) e->size += size;
    arena_free(&arena);
    return status == OK ? save_json(e, folder, "tokenizer_config.json", tokenizer_config(e))
                        : status;
}

static Status save_all(ModelExport *e, const char *folder)
{
    char path[PATH_MAX];
    TRY(huggingface_path(folder, "model.safetensors", path));
    if (e->model->tokenizer) TRY(save_tokenizer(e, folder));
    TRY(save_json(e, folder, "config.json", config_of(e)));
    TRY(save_json(e, folder, "generation_config.json",
                  json_pack("{s:b, s:o, s:o}", "_from_model_config", 1, "bos_token_id",
                            begin_of_text(e), "eos_token_id", end_of_text(e))));
    return safetensors_write(e, path);
}

/* rename() replaces an empty folder only. */
static Status check_place(const char *path)
{
    struct stat info;
    char name[PATH_MAX];
    int entries = 0;
    if (stat(path, &info)) return OK;
    DIR *d = opendir(path);
    for (struct dirent *one; d && (one = readdir(d));) entries++;
    if (d) closedir(d);
    if (d && entries <= 2) return OK;
    return FAIL(E_EXISTS, "%s: a Hugging Face model is written to a new folder",
                text_escape(path, name, sizeof name));
}

static void remove_folder(const char *folder)
{
    char path[PATH_MAX];
    for (int i = 0; i < FILES; i++)
        if (huggingface_path(folder, files[i], path) == OK) file_calls->unlink(path);
    file_calls->rmdir(folder);
}

static Status put_in_place(const char *folder, const char *path)
{
    char name[PATH_MAX];
    if (file_calls->rename(folder, path))
        return FAIL(E_IO, "%s: %s", text_escape(path, name, sizeof name), strerror(errno));
    return file_settle(path);
}

/* "out" of "out/". */
static void without_slashes(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", path);
    for (size_t end = strlen(out); end > 1 && out[end - 1] == '/'; end--) out[end - 1] = '\0';
}

Status export_huggingface(ModelExport *e)
{
    char path[PATH_MAX], folder[PATH_MAX + 32], message[1024];
    if (!dtype_safetensors(e->type))
        return FAIL(E_ARG, "--type %s: a Hugging Face model has f32, f16 or bf16",
                    dtype_name(e->type));
    TRY(export_open(e, MODEL_huggingface));
    without_slashes(e->output, path);
    TRY(check_place(path));
    TRY(file_make_folder(file_draft_name(path, folder, sizeof folder)));
    Status status = save_all(e, folder);
    if (status == OK) status = put_in_place(folder, path);
    if (status == OK) return OK;
    snprintf(message, sizeof message, "%s", error_message());
    remove_folder(folder);
    return error_adopt(status, message);
}
