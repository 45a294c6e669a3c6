/* Reads the texts of a few fields of a JSON object, on one line, and steps over all other fields,
 * whatever they hold: numbers of any size, NaN, lone surrogates, nested objects. */
#ifndef DATA_JSON_ROW_H
#define DATA_JSON_ROW_H

#include <stdbool.h>
#include <stdint.h>

enum { JSON_ROW_FIELDS = 3 };

/* What can be wrong with a row: its name in counts. The last two can be repaired. */
#define ROW_FAULT_LIST(X)           \
    X(FORM, "malformed")            \
    X(FIELDS, "without the fields") \
    X(SURROGATE, "lone surrogates") \
    X(UTF8, "bytes that are not UTF-8")

#define X(name, words) ROW_##name,
typedef enum RowFault { ROW_FAULT_LIST(X) ROW_FAULTS } RowFault;
#undef X

typedef struct JsonField {
    const char *name; /* NULL: not wanted */
    bool is_there, is_text;
    const char *text; /* in the buffer */
    int64_t size;
} JsonField;

typedef struct JsonRow {
    JsonField field[JSON_ROW_FIELDS];
    char *buffer; /* of json_row_room() bytes */
    bool repair;  /* U+FFFD takes the place of a lone surrogate or a byte that is not UTF-8 */
    bool repaired;
    char keys[256]; /* the names of the first fields, quoted, with commas */
    RowFault fault; /* if json_row_read() is false: what is wrong, and the column, from 1 */
    const char *wrong;
    int64_t column;
} JsonRow;

int64_t json_row_room(int64_t length); /* for a line of that length */

/* Sets the fields of r from a line; false: it is not a JSON object, or a wanted text is faulty. */
bool json_row_read(JsonRow *r, const char *line, int64_t length);

#endif
