/* Records: structs as JSON objects, each key a row of a table, read as strictly as they are written.
 *
 * A real that is not finite is null (not a number), "inf" or "-inf". */
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

/* What the table says of record; NULL if memory is out. */
json_t *record_write(const RecordKey *keys, const void *record);

/* Fills record. where: "a.json: documents[3]", for messages. others: keys that are somebody else's, ended
 * by NULL. Texts are copied into a. E_FORMAT names the key that is missing, wrong, or unknown. */
Status record_read(const RecordKey *keys, const char *const others[], const json_t *object,
                   const char *where, Arena *a, void *record);

/* One number, and where it stands for messages. */
json_t *record_number(double x);
Status record_take_number(const json_t *value, const char *where, double *out);

/* Array `key` of object; E_FORMAT unless it has `count` elements (-1: any number). */
Status record_array(const json_t *object, const char *key, const char *where, int64_t count,
                    const json_t **out);

#endif
