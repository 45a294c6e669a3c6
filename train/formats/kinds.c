#include "train/formats/kinds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

static const Kind *const kinds[] = {
#define X(name) &kind_##name,
    KIND_LIST(X)
#undef X
};

enum { KINDS = sizeof kinds / sizeof *kinds };

const char *kind_name(const Kind *k, ModelFormat format)
{
    return format == MODEL_gguf ? k->architecture : k->name;
}

const Kind *kind_at(int i)
{
    return i < KINDS ? kinds[i] : NULL;
}

const Kind *kind_find(ModelFormat format, const char *name)
{
    for (int i = 0; i < KINDS; i++) {
        const char *own = kind_name(kinds[i], format);
        if (own && !strcmp(own, name)) return kinds[i];
    }
    return NULL;
}

char *kind_names(ModelFormat format, char *out, size_t size)
{
    size_t used = 0;
    *out = '\0';
    for (int i = 0; i < KINDS && used < size; i++)
        if (kind_name(kinds[i], format))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     kind_name(kinds[i], format));
    return out;
}

const KindSetting *kind_setting_at(const Kind *k, int i)
{
    for (int table = 0; table < 2 && k->settings[table]; table++)
        for (const KindSetting *s = k->settings[table]; s->key || s->names[0] || s->names[1]; s++)
            if (!i--) return s;
    return NULL;
}

const KindSetting *kind_setting(const Kind *k, const char *key)
{
    const KindSetting *s;
    for (int i = 0; (s = kind_setting_at(k, i)); i++)
        if (s->key && !strcmp(s->key, key)) return s;
    return NULL;
}

char *kind_key(const Kind *k, ModelFormat format, const KindSetting *s, char *out, size_t size)
{
    const char *name = s->names[format], *mark = name ? strstr(name, "%s") : NULL;
    if (mark)
        snprintf(out, size, "%.*s%s%s", (int)(mark - name), name, k->architecture, mark + 2);
    else
        snprintf(out, size, "%s", name ? name : "");
    return out;
}

/* One "choice=word" of a row's words, from *at on; false at the end. */
static bool next_word(const char **at, char choice[32], char word[64])
{
    int length = 0;
    if (sscanf(*at, " %31[^= ]=%63[^ ]%n", choice, word, &length) != 2) return false;
    *at += length;
    return true;
}

/* Capstan's choice for the file's word; false: there is none. */
static bool choice_of(const KindSetting *s, const char *word, char choice[32])
{
    char own[64];
    for (const char *at = s->words; next_word(&at, choice, own);)
        if (!strcmp(own, word)) return true;
    return false;
}

bool kind_word(const KindSetting *s, const char *choice, char word[64])
{
    char own[32];
    for (const char *at = s->words; next_word(&at, own, word);)
        if (!strcmp(own, choice)) return true;
    return false;
}

bool kind_is_stated(ModelFormat format, const KindSetting *s)
{
    if (!s->names[format]) return false;
    return s->key || strcmp(s->missing[format], s->value);
}

static const Key *key_of(const KindSetting *s)
{
    return schema_find(config_keys, config_key_count, "model", s->key);
}

KeyType kind_value_type(const KindSetting *s)
{
    if (s->words && strstr(s->words, "=true")) return TYPE_BOOL;
    if (s->key) return key_of(s)->type;
    return !strcmp(s->value, "true") || !strcmp(s->value, "false") ? TYPE_BOOL : TYPE_REAL;
}

/* Hugging Face's programs multiply it by the width of a head, and truncate. */
static double fraction_of(const GptConfig *c)
{
    const double width = (double)gpt_head_width(c), count = (double)gpt_rotated(c);
    const double fraction = count / width;
    return trunc(fraction * width) < count ? nextafter(fraction, 1) : fraction;
}

char *kind_value(const KindSetting *s, const Config *c, char *out, size_t size)
{
    char word[64];
    if (!s->key) {
        snprintf(out, size, "%s", s->value);
        return out;
    }
    config_value(c, key_of(s), out, size);
    if (!strcmp(s->key, "head_width"))
        snprintf(out, size, "%lld", (long long)gpt_head_width(&c->model));
    if (!strcmp(s->key, "rope_fraction")) text_real(fraction_of(&c->model), out);
    if (s->words && kind_word(s, out, word)) snprintf(out, size, "%s", word);
    return out;
}

/* The file's value of a row: false if the file has none, and none is to be assumed. */
static bool file_value(const Kind *k, const KindKeys *f, const KindSetting *s, char *key,
                       size_t key_size, char text[TEXT_MAX])
{
    const char *missing = s->missing[f->format];
    kind_key(k, f->format, s, key, key_size);
    if (f->format == MODEL_gguf && s->tensor) {
        snprintf(key, key_size, "%s", s->tensor);
        snprintf(text, TEXT_MAX, "%s",
                 f->has_tensor(f->file, s->tensor) ? s->if_present : s->if_absent);
        return true;
    }
    if (f->find(f->file, key, text, TEXT_MAX)) return true;
    if (missing) snprintf(text, TEXT_MAX, "%s", missing);
    return missing != NULL;
}

/* A property that no setting has: it must be what Capstan's models are. */
static Status check_property(const KindKeys *f, const KindSetting *s, const char *key,
                             const char *text)
{
    char shown[128];
    char *end;
    const double number = strtod(text, &end);
    if (!strcmp(text, s->value) || (end != text && !*end && number == strtod(s->value, NULL)))
        return OK;
    return FAIL(E_DATA, "%s: %s = %s is not supported; expected %s", f->name, key,
                text_escape(text, shown, sizeof shown), s->value);
}

static Status set(const KindKeys *f, const KindSetting *s, const char *file_key, const char *text,
                  bool is_first, Config *c)
{
    char where[256], shown[128], choice[32], before[TEXT_MAX], after[TEXT_MAX], why[512];
    const Key *key = key_of(s);
    INVARIANT(key);
    text_escape(text, shown, sizeof shown);
    if (s->words) {
        if (!choice_of(s, text, choice))
            return FAIL(E_DATA, "%s: %s = %s is not supported", f->name, file_key, shown);
        text = choice;
    }
    config_value(c, key, before, sizeof before);
    snprintf(where, sizeof where, "%s: %s: ", f->name, file_key);
    if (schema_set(key, c, text, where) != OK) {
        snprintf(why, sizeof why, "%s", strchr(error_message(), ':') + 2);
        return FAIL(E_DATA, "%s", why);
    }
    if (!is_first && strcmp(before, config_value(c, key, after, sizeof after)))
        return FAIL(E_DATA, "%s: %s = %s is not supported: the model has model.%s = %s", f->name,
                    file_key, shown, s->key, before);
    return OK;
}

/* GGUF says how many columns of a head are rotated, 0: all; Hugging Face their share of a head,
 * truncated to whole columns. */
static void to_fraction(const GptConfig *c, ModelFormat format, char text[TEXT_MAX])
{
    char *end;
    const double number = strtod(text, &end);
    if (format == MODEL_huggingface && (*end || !(number > 0 && number <= 1))) return;
    if (c->heads < 1 || gpt_head_width(c) < 1) return; /* refused later */
    const double width = (double)gpt_head_width(c);
    const double count = format == MODEL_gguf ? number : trunc(number * width);
    text_real(count > 0 ? count / width : 1, text);
}

static Status read_setting(const Kind *k, const KindKeys *f, const KindSetting *s, Config *c)
{
    char key[128], text[TEXT_MAX];
    const bool in_file = s->names[f->format] || (f->format == MODEL_gguf && s->tensor);
    if (!in_file && !(s->key && s->value)) return OK;
    if (!in_file)
        snprintf(text, sizeof text, "%s", s->value);
    else if (!file_value(k, f, s, key, sizeof key, text))
        return FAIL(E_DATA, "%s: %s is missing", f->name, key);
    if (!s->key) return check_property(f, s, key, text);
    if (!strcmp(s->key, "rope_fraction")) to_fraction(&c->model, f->format, text);
    if (!in_file) return schema_set(key_of(s), c, text, "");
    return set(f, s, key, text, kind_setting(k, s->key) == s, c);
}

static const KindSetting head_width_keys[] = {
    SETTING_KEY(NULL, "head_dim", "%s.attention.key_length"),
    SETTING_KEY(NULL, NULL, "%s.attention.value_length"),
    SETTING_KEY(NULL, NULL, "%s.rope.dimension_count"),
    {0},
};

/* What a file says about the width of heads must be one number. */
static Status check_head_width(const Kind *k, const KindKeys *f, GptConfig *c)
{
    char key[128], text[TEXT_MAX], shown[128];
    if (c->heads < 1) return OK;                                 /* refused later */
    if (c->head_width * c->heads == c->width) c->head_width = 0; /* computed */
    for (const KindSetting *s = head_width_keys; s->names[0] || s->names[1]; s++) {
        if (!s->names[f->format]) continue;
        kind_key(k, f->format, s, key, sizeof key);
        if (!f->find(f->file, key, text, sizeof text)) continue;
        const int64_t wanted = strstr(key, "rope.") ? gpt_rotated(c) : gpt_head_width(c);
        if (strtod(text, NULL) == (double)wanted) continue;
        return FAIL(E_DATA, "%s: %s = %s is not supported; expected the width of a head, %lld",
                    f->name, key, text_escape(text, shown, sizeof shown), (long long)wanted);
    }
    return OK;
}

Status kind_read(const Kind *k, const KindKeys *f, Config *c)
{
    const KindSetting *s;
    TRY(config_read(c, NULL, NULL));
    for (int i = 0; (s = kind_setting_at(k, i)); i++) TRY(read_setting(k, f, s, c));
    return check_head_width(k, f, &c->model);
}

Status kind_resolve(const char *name, Config *c)
{
    char why[1024];
    if (config_resolve(c) == OK) return OK;
    snprintf(why, sizeof why, "%s", strchr(error_message(), ':') + 2);
    return FAIL(E_DATA, "%s: %s", name, why);
}

bool kind_matches(const char *pattern, const char *name, int64_t *layer)
{
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (*pattern != *name++) return false;
            continue;
        }
        char *end;
        if (*name < '0' || *name > '9') return false;
        *layer = strtoll(name, &end, 10);
        name = end;
    }
    return !*name;
}
