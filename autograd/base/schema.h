/* The schema: how settings become a struct.
 *
 * A module lists its settings in its own header, one row each (see GPT_SETTINGS in layers/gpt.h).
 * SCHEMA_FIELDS makes the struct's fields of the rows, SCHEMA_KEYS a table; and of the table come
 * parsing, checking, defaults, --help, dumping and comparing. Nothing about a setting is written twice. */
#ifndef AUTOGRAD_BASE_SCHEMA_H
#define AUTOGRAD_BASE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "autograd/base/error.h"

enum { TEXT_MAX = 1024 };

typedef enum KeyType { TYPE_INT, TYPE_REAL, TYPE_BOOL, TYPE_TEXT } KeyType;

typedef struct Key {
    const char *section, *name;
    KeyType type;
    size_t offset; /* of the field in the config */
    const char *fallback;
    double min, max;
    const char *choices; /* "a|b|c"; NULL: any text */
    const char *help;
} Key;

#define SCHEMA_FIELDS(rows)        rows(, FIELD_INT, FIELD_REAL, FIELD_BOOL, FIELD_TEXT)
#define SCHEMA_KEYS(section, rows) rows(section, KEY_INT, KEY_REAL, KEY_BOOL, KEY_TEXT)

#define FIELD_INT(S, name, fallback, min, max, help)  int64_t name;
#define FIELD_REAL(S, name, fallback, min, max, help) double name;
#define FIELD_BOOL(S, name, fallback, help)           bool name;
#define FIELD_TEXT(S, name, fallback, choices, help)  char name[TEXT_MAX];

#define KEY_INT(S, name, fallback, min, max, help) \
    {#S, #name, TYPE_INT, offsetof(Config, S.name), #fallback, min, max, NULL, help},
#define KEY_REAL(S, name, fallback, min, max, help) \
    {#S, #name, TYPE_REAL, offsetof(Config, S.name), #fallback, min, max, NULL, help},
#define KEY_BOOL(S, name, fallback, help) \
    {#S, #name, TYPE_BOOL, offsetof(Config, S.name), #fallback, 0, 1, NULL, help},
#define KEY_TEXT(S, name, fallback, choices, help) \
    {#S, #name, TYPE_TEXT, offsetof(Config, S.name), fallback, 0, 0, choices, help},

/* The key called section.name in a table of count keys; NULL if there is none. */
const Key *schema_find(const Key *keys, int count, const char *section, const char *name);

/* The key whose name is nearest to section.name, for "did you mean": the same name in another section
 * comes first, then the fewest letters to change. */
const Key *schema_nearest(const Key *keys, int count, const char *section, const char *name);

/* Every field its default. */
void schema_defaults(const Key *keys, int count, void *config);

/* Stores what text says. An integer is digits, also 1_000, or a form like 1e6 or 2.5e3 that stands for an
 * integer of at most 2^53; a real is decimal and finite (1e-3, 0.001); a bool is true or false; a text is
 * UTF-8 of less than TEXT_MAX bytes. E_CONFIG begins with `where` ("a.yaml:3:5: ", "command line: ") and
 * says what would be right; the field then keeps what it had. */
Status schema_set(const Key *k, void *config, const char *text, const char *where);

/* A value as text that schema_set() reads back as the same. At most TEXT_MAX bytes; returns out. */
char *schema_value(const Key *k, const void *config, char *out, size_t size);

/* Bit for bit the same. */
bool schema_equal(const Key *k, const void *a, const void *b);

/* "int", "a whole number from 1 to 8", "one of a, b", in words: for messages and for explain. */
const char *schema_type(const Key *k);
char *schema_expects(const Key *k, char *out, size_t size);

#endif
