/* Which kind can express a config. */
#include <stdio.h>
#include <string.h>

#include "train/formats/huggingface_windows.h"
#include "train/formats/kinds.h"

/* Settings that change no number of a trained model, or that its tensors show. */
static bool is_for_training(const char *key)
{
    static const char *const keys[] = {"init",     "base_width", "embed_std",
                                       "head_std", "dropout",    "vocab_size"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strcmp(keys[i], key)) return true;
    return false;
}

static bool can_say(const Kind *k, ModelFormat format, const Key *key, const Config *c)
{
    const KindSetting *s = kind_setting(k, key->name);
    char text[TEXT_MAX], word[64];
    config_value(c, key, text, sizeof text);
    if (s && format == MODEL_gguf && s->tensor) return true;
    if (s && s->names[format] && !strcmp(key->name, "windows"))
        return huggingface_has_windows(k, &c->model);
    if (s && s->names[format]) return !s->words || kind_word(s, text, word);
    if (!strcmp(key->name, "kv_heads")) return c->model.kv_heads == c->model.heads;
    if (!strcmp(key->name, "attention_scale") && !strcmp(text, "sqrt")) return true;
    return !strcmp(text, s && s->value ? s->value : key->fallback);
}

/* Appends the settings that do not fit; returns their number. */
static int misfits(const Kind *k, ModelFormat format, const Config *c, char *out, size_t size)
{
    char text[TEXT_MAX];
    int count = 0;
    size_t used = 0;
    for (const Key *key = config_keys; key < config_keys + config_key_count; key++) {
        if (strcmp(key->section, "model") || is_for_training(key->name)) continue;
        if (can_say(k, format, key, c)) continue;
        config_value(c, key, text, sizeof text);
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%smodel.%s = %s", used ? ", " : "",
                                     key->name, text);
        count++;
    }
    return count;
}

static Status refuse(const Kind *k, ModelFormat format, const char *what)
{
    return FAIL(E_ARG, "%s of kind %s has no way to express %s",
                format == MODEL_gguf ? "a GGUF file" : "a Hugging Face model", kind_name(k, format),
                what);
}

Status kind_fits(const Kind *k, ModelFormat format, const Config *c)
{
    char what[1024];
    return misfits(k, format, c, what, sizeof what) ? refuse(k, format, what) : OK;
}

Status kind_choose(ModelFormat format, const Config *c, const Kind **out)
{
    char what[1024];
    int fewest = CONFIG_KEYS_MAX;
    const Kind *k;
    for (int i = 0; (k = kind_at(i)); i++) {
        if (!kind_name(k, format)) continue;
        const int count = misfits(k, format, c, what, sizeof what);
        if (count < fewest) *out = k;
        if (count < fewest) fewest = count;
    }
    return fewest ? kind_fits(*out, format, c) : OK;
}
