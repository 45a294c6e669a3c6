/* The schema: how settings become a struct.
 *
 * A module lists its settings in its own header, one row each (see GPT_SETTINGS in layers/gpt.h).
 * SCHEMA_FIELDS turns the rows into the fields of a struct, SCHEMA_KEYS into a table of keys.
 * Parsing, bounds, defaults, `capstan config explain`, dumping and comparing all read that table:
 * no fact about a setting is written twice.
 *
 * The kinds of rows, and the fields they make:
 *   INT   (S, name, default, min, max, help)            int64_t
 *   REAL  (S, name, default, min, max, help)            double
 *   BOOL  (S, name, default, help)                      bool
 *   TEXT  (S, name, "default", help)                    char[TEXT_MAX]
 *   CHOICE(S, name, default, Type, TYPE_CHOICES, help)  Type, an enum made by CHOICES
 *   AUTO  (S, name, min, max, help)                     int64_t; SETTING_AUTO: "auto", the default */
#ifndef AUTOGRAD_BASE_SCHEMA_H
#define AUTOGRAD_BASE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "autograd/base/error.h"

enum { TEXT_MAX = 1024 };

typedef enum KeyType { TYPE_INT, TYPE_REAL, TYPE_BOOL, TYPE_TEXT, TYPE_CHOICE, TYPE_AUTO } KeyType;

typedef struct Key {
    const char *section, *name;
    KeyType type;
    size_t offset; /* of the field in the config */
    const char *fallback;
    double min, max;
    const char *choices; /* "a|b|c", in the order of the enum; NULL: not a choice */
    const char *help;
    unsigned flags; /* of SettingFlags */
} Key;

/* Facts about a setting that its row states after the help, as in INT(..., "help",
 * SETTING_SCHEDULE). */
typedef enum SettingFlags {
    SETTING_MAY_CHANGE = 1, /* a resumed run may change it: no trained number depends on it */
    SETTING_SCHEDULE = 2,   /* only the learning rate of later steps depends on it */
    SETTING_ADDED = 4       /* later than 0.1: at its default it is no part of a sweep's ids */
} SettingFlags;

/* An AUTO setting that nobody has resolved to a number yet. */
enum { SETTING_AUTO = -1 };

/* An enum for a setting, made from its list of choices:
 *
 *     #define INIT_CHOICES(X) X(INIT, scaled) X(INIT, plain)
 *     CHOICES(Init, INIT_CHOICES, init_text)
 *
 * gives the type Init, the constants INIT_scaled = 0 and INIT_plain = 1, and init_text(), which
 * returns the choice as the user writes it. */
#define CHOICES(Type, LIST, to_text)                                                   \
    typedef enum Type { LIST(CHOICE_CONSTANT) } Type;                                  \
    _Static_assert(sizeof(Type) == sizeof(int), "schema.c stores a choice as an int"); \
    static inline const char *to_text(Type x)                                          \
    {                                                                                  \
        static const char *const texts[] = {LIST(CHOICE_WORD)};                        \
        return texts[x];                                                               \
    }
#define CHOICE_CONSTANT(PREFIX, word)    PREFIX##_##word,
#define CHOICE_WORD(PREFIX, word)        #word,
#define CHOICE_ALTERNATIVE(PREFIX, word) "|" #word

#define SCHEMA_FIELDS(rows) \
    rows(, FIELD_INT, FIELD_REAL, FIELD_BOOL, FIELD_TEXT, FIELD_CHOICE, FIELD_AUTO)
#define SCHEMA_KEYS(section, rows) \
    rows(section, KEY_INT, KEY_REAL, KEY_BOOL, KEY_TEXT, KEY_CHOICE, KEY_AUTO)

#define FIELD_INT(S, name, fallback, min, max, ...)         int64_t name;
#define FIELD_REAL(S, name, fallback, min, max, ...)        double name;
#define FIELD_BOOL(S, name, fallback, ...)                  bool name;
#define FIELD_TEXT(S, name, fallback, ...)                  char name[TEXT_MAX];
#define FIELD_CHOICE(S, name, fallback, Type, CHOICES, ...) Type name;
#define FIELD_AUTO(S, name, min, max, ...)                  int64_t name;

#define KEY_INT(S, name, fallback, least, most, ...) \
    SCHEMA_KEY(S, name, TYPE_INT, #fallback, .min = least, .max = most, .help = __VA_ARGS__)
#define KEY_REAL(S, name, fallback, least, most, ...) \
    SCHEMA_KEY(S, name, TYPE_REAL, #fallback, .min = least, .max = most, .help = __VA_ARGS__)
#define KEY_BOOL(S, name, fallback, ...) \
    SCHEMA_KEY(S, name, TYPE_BOOL, #fallback, .help = __VA_ARGS__)
#define KEY_TEXT(S, name, fallback, ...) \
    SCHEMA_KEY(S, name, TYPE_TEXT, fallback, .help = __VA_ARGS__)
#define KEY_CHOICE(S, name, fallback, Type, LIST, ...)                                        \
    SCHEMA_KEY(S, name, TYPE_CHOICE, #fallback, .choices = &("" LIST(CHOICE_ALTERNATIVE))[1], \
               .help = __VA_ARGS__)
#define KEY_AUTO(S, name, least, most, ...) \
    SCHEMA_KEY(S, name, TYPE_AUTO, "auto", .min = least, .max = most, .help = __VA_ARGS__)
#define SCHEMA_KEY(S, field, kind, text, ...) \
    {.section = #S,                           \
     .name = #field,                          \
     .type = kind,                            \
     .offset = offsetof(Config, S.field),     \
     .fallback = text,                        \
     __VA_ARGS__},

/* The key called section.name in a table of count keys; NULL if there is none. */
const Key *schema_find(const Key *keys, int count, const char *section, const char *name);

/* The key whose name is nearest to section.name, for "did you mean": the same name in another
 * section comes first, then the smallest edit distance. */
const Key *schema_nearest(const Key *keys, int count, const char *section, const char *name);

/* Sets every field to its default. */
void schema_defaults(const Key *keys, int count, void *config);

/* Parses text and stores the value. An integer is digits, also 1_000, or a form like 1e6 or 2.5e3
 * whose value is an integer of at most 2^53; a real is decimal and finite (1e-3, 0.001); a bool is
 * true or false; a text is UTF-8 of less than TEXT_MAX bytes. E_CONFIG: the field keeps its old
 * value; the message begins with `where` ("a.yaml:3:5: ", "command line: ") and says which values
 * are allowed. */
Status schema_set(const Key *k, void *config, const char *text, const char *where);

/* A value as text, which schema_set() reads back as the same value. At most TEXT_MAX bytes;
 * returns out. */
char *schema_value(const Key *k, const void *config, char *out, size_t size);

/* Bit for bit the same. */
bool schema_equal(const Key *k, const void *a, const void *b);

/* For messages and `config explain`: the kind ("int", "choice"), and the allowed values in words
 * ("a whole number from 1 to 8", "one of a, b"). */
const char *schema_type(const Key *k);
char *schema_expects(const Key *k, char *out, size_t size);

#endif
