/* Records: structs as JSON objects by a table with a row per key. Reading refuses whatever writing
 * does not produce.
 *
 * NaN is null; an infinity is "inf" or "-inf". */
#ifndef TRAIN_DIAGNOSE_RECORD_H
#define TRAIN_DIAGNOSE_RECORD_H

#include <jansson.h>
#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef enum RecordType { RECORD_INT, RECORD_REAL, RECORD_BOOL, RECORD_TEXT } RecordType;

typedef struct RecordKey {
    const char *name; /* NULL ends the table */
    RecordType type;
    size_t offset;       /* of int64_t, double, bool, const char * (NULL: null) */
    int64_t min;         /* of an integer */
    bool may_be_missing; /* a text: null */
} RecordKey;

/* The record as an object; NULL: out of memory. */
json_t *record_write(const RecordKey *keys, const void *record);

/* Fills record. where: "a.json: documents[3]", for messages. others: further keys that are allowed,
 * ended by NULL. Texts are copied into a. E_FORMAT names the key that is missing, wrong, or
 * unknown. */
Status record_read(const RecordKey *keys, const char *const others[], const json_t *object,
                   const char *where, Arena *a, void *record);

/* One number; where: its position, for messages. */
json_t *record_number(double x);
Status record_take_number(const json_t *value, const char *where, double *out);

/* Array `key` of object; E_FORMAT unless it has `count` elements (-1: any number). */
Status record_array(const json_t *object, const char *key, const char *where, int64_t count,
                    const json_t **out);

#endif
