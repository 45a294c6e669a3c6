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

#endif
