/* Kinds of models that other programs know, and what their files call Capstan's settings and
 * parameters. One file a kind, kind_*.c: a table of settings and a table of tensors. Import and
 * export read the same rows, for Hugging Face's files and for GGUF. */
#ifndef TRAIN_FORMATS_KINDS_H
#define TRAIN_FORMATS_KINDS_H

#include "train/config/config.h"

typedef enum ModelFormat { MODEL_huggingface, MODEL_gguf, MODEL_FORMATS } ModelFormat;

/* How a setting is stored. */
typedef struct KindSetting {
    const char *key; /* "layers", of the section model; NULL: a property that no setting has */
    /* The key in config.json, and in GGUF's metadata, where %s is the architecture. NULL: the
     * format has none. */
    const char *names[MODEL_FORMATS];
    const char *missing[MODEL_FORMATS]; /* the file's value if it has no key; NULL: an error */
    const char *value; /* where the format has no key, or where key is NULL: the only value; NULL:
                          the setting's default */
    const char *words; /* names of choices in config.json: "gelu=gelu_new relu=relu"; NULL: as in
                          Capstan */
    /* GGUF: the presence of this tensor means `if_present`, its absence `if_absent`. */
    const char *tensor, *if_present, *if_absent;
} KindSetting;

/* Rows: a key that files must have; one that they may leave out; a setting, or a property that no
 * setting has, with one value. */
#define SETTING_KEY(setting, huggingface, gguf)        \
    {                                                  \
        .key = setting, .names = { huggingface, gguf } \
    }
#define SETTING_OR(setting, huggingface, gguf, ...)                          \
    {                                                                        \
        .key = setting, .names = {huggingface, gguf}, .missing = __VA_ARGS__ \
    }
#define SETTING_ONLY(setting, only)   \
    {                                 \
        .key = setting, .value = only \
    }
#define PROPERTY(huggingface, gguf, only)                                    \
    {                                                                        \
        .names = {huggingface, gguf}, .missing = {only, only}, .value = only \
    }

enum {
    LAYOUT_TRANSPOSED = 1, /* [in, out] */
    LAYOUT_BY_HEAD = 2,    /* parts alternate head by head: q, k, v of head 0, of head 1 ... */
    LAYOUT_ROTATED = 4,    /* RoPE turns the rows of each head: see Kind.pairs */
};

/* How a parameter is stored. Rows of one tensor follow one another: it joins their rows. */
typedef struct KindTensor {
    const char *param; /* "blocks.*.attn.q.weight" */
    const char *names[MODEL_FORMATS];
    unsigned layouts[MODEL_FORMATS];
} KindTensor;

typedef struct Kind {
    const char *name;         /* "model_type" of config.json */
    const char *class_name;   /* "architectures" of config.json */
    const char *architecture; /* general.architecture of GGUF; NULL: not in GGUF */
    /* The rows for this kind alone, and those that it shares with others; each ends with {0}. */
    const KindSetting *settings[2];
    const KindTensor *tensors;
    const char *prefix;         /* of names in safetensors files; may be missing there */
    const char *const *ignored; /* tensors of old files that are no parameters; NULL at the end */
    bool always_bias;           /* files have all biases: zeros if model.bias is false */
    bool pairs;                 /* GGUF: RoPE turns columns 2 i and 2 i + 1, not i and i + half */
} Kind;

#define KIND_LIST(X) X(gpt2) X(llama) X(mistral) X(qwen2) X(qwen3) X(gpt_neox)

#define X(name) extern const Kind kind_##name;
KIND_LIST(X)
#undef X

/* The i-th kind; NULL at the end. Its name in a format; NULL: the format has none. */
const Kind *kind_at(int i);
const char *kind_name(const Kind *k, ModelFormat format);

/* The kind of a file: by "model_type" or by architecture; NULL: none. */
const Kind *kind_find(ModelFormat format, const char *name);

/* "gpt2, llama, ..." */
char *kind_names(ModelFormat format, char *out, size_t size);

/* What a file says, as text: "12", "true", "1e-05". False: it has no such key. */
typedef struct KindKeys {
    ModelFormat format;
    const char *name; /* of the file, for messages */
    const void *file;
    bool (*find)(const void *file, const char *key, char *out, size_t size);
    bool (*has_tensor)(const void *file, const char *name);
} KindKeys;

/* Fills c; it is not resolved yet, so that other settings can be changed. E_DATA names the key of
 * the file that is missing, wrong, or not supported. */
Status kind_read(const Kind *k, const KindKeys *keys, Config *c);

/* config_resolve() with E_DATA, which names the file. */
Status kind_resolve(const char *name, Config *c);

/* The key of a row in a file of this kind. */
char *kind_key(const Kind *k, ModelFormat format, const KindSetting *s, char *out, size_t size);

/* A row's value as the file says it; for a choice the file's word. */
char *kind_value(const KindSetting *s, const Config *c, char *out, size_t size);

/* The file's word for a choice, the first of several; false: there is none. */
bool kind_word(const KindSetting *s, const char *choice, char word[64]);

/* The type of a row's value: of the setting, or as a property's value looks. */
KeyType kind_value_type(const KindSetting *s);

/* The i-th row of both tables; NULL at the end. */
const KindSetting *kind_setting_at(const Kind *k, int i);

/* Whether a file must state a row: a setting that the format has a key for, or a property that
 * files without the key would have otherwise. */
bool kind_is_stated(ModelFormat format, const KindSetting *s);

/* The row of a model setting; NULL: none. */
const KindSetting *kind_setting(const Kind *k, const char *key);

/* E_ARG names the settings that a file of this kind cannot express. */
Status kind_fits(const Kind *k, ModelFormat format, const Config *c);

/* The kind that expresses c. E_ARG names what none can, for the nearest kind. */
Status kind_choose(ModelFormat format, const Config *c, const Kind **out);

/* The pattern of a name: * is a number. Sets *layer if there is one. */
bool kind_matches(const char *pattern, const char *name, int64_t *layer);

#endif
