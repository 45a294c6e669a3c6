#include "train/diagnose/record.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "train/support/json.h"

json_t *record_number(double x)
{
    if (isfinite(x)) return json_real(x);
    return isnan(x) ? json_null() : json_string(x < 0 ? "-inf" : "inf");
}

static json_t *value_of(const RecordKey *k, const void *record)
{
    const char *at = (const char *)record + k->offset;
    const char *text;
    switch (k->type) {
    case RECORD_INT: return json_integer(*(const int64_t *)at);
    case RECORD_REAL: return record_number(*(const double *)at);
    case RECORD_BOOL: return json_boolean(*(const bool *)at);
    case RECORD_TEXT: break;
    }
    text = *(const char *const *)at;
    return text ? json_text(text) : json_null();
}

json_t *record_write(const RecordKey *keys, const void *record)
{
    json_t *object = json_object();
    for (const RecordKey *k = keys; object && k->name; k++)
        if (json_object_set_new(object, k->name, value_of(k, record))) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

Status record_take_number(const json_t *value, const char *where, double *out)
{
    const char *text = json_string_value(value);
    if (json_is_number(value))
        *out = json_number_value(value);
    else if (json_is_null(value))
        *out = NAN;
    else if (text && (!strcmp(text, "inf") || !strcmp(text, "-inf")))
        *out = *text == '-' ? -INFINITY : INFINITY;
    else
        return FAIL(E_FORMAT, "%s: expected a number, null, \"inf\" or \"-inf\"", where);
    return OK;
}

static Status take(const RecordKey *k, const json_t *value, const char *where, Arena *a,
                   void *record)
{
    char *at = (char *)record + k->offset, here[4400];
    snprintf(here, sizeof here, "%s: \"%s\"", where, k->name);
    if (!value) return FAIL(E_FORMAT, "%s is missing", here);
    if (k->type == RECORD_REAL) return record_take_number(value, here, (double *)at);
    if (k->type == RECORD_INT) {
        if (!json_is_integer(value) || json_integer_value(value) < k->min)
            return FAIL(E_FORMAT, "%s: expected a whole number, %lld or more", here,
                        (long long)k->min);
        *(int64_t *)at = json_integer_value(value);
        return OK;
    }
    if (k->type == RECORD_BOOL) {
        if (!json_is_boolean(value)) return FAIL(E_FORMAT, "%s: expected true or false", here);
        *(bool *)at = json_is_true(value);
        return OK;
    }
    const char **text = (const char **)at;
    *text = NULL;
    if (k->may_be_missing && json_is_null(value)) return OK;
    if (!json_is_string(value)) return FAIL(E_FORMAT, "%s: expected a text", here);
    *text = arena_text(a, json_string_value(value));
    return *text ? OK : FAIL(E_NOMEM, "%s", here);
}

static bool is_known(const RecordKey *keys, const char *const others[], const char *name)
{
    for (const RecordKey *k = keys; k->name; k++)
        if (!strcmp(k->name, name)) return true;
    for (int i = 0; others && others[i]; i++)
        if (!strcmp(others[i], name)) return true;
    return false;
}

Status record_read(const RecordKey *keys, const char *const others[], const json_t *object,
                   const char *where, Arena *a, void *record)
{
    if (!json_is_object(object)) return FAIL(E_FORMAT, "%s: expected an object", where);
    for (const RecordKey *k = keys; k->name; k++)
        TRY(take(k, json_object_get(object, k->name), where, a, record));
    for (void *i = json_object_iter((json_t *)object); i;
         i = json_object_iter_next((json_t *)object, i))
        if (!is_known(keys, others, json_object_iter_key(i)))
            return FAIL(E_FORMAT, "%s: there is no key \"%.64s\"", where, json_object_iter_key(i));
    return OK;
}

Status record_array(const json_t *object, const char *key, const char *where, int64_t count,
                    const json_t **out)
{
    const json_t *array = json_object_get(object, key);
    *out = array;
    if (!array) return FAIL(E_FORMAT, "%s: \"%s\" is missing", where, key);
    if (!json_is_array(array)) return FAIL(E_FORMAT, "%s: \"%s\": expected an array", where, key);
    if (count >= 0 && (int64_t)json_array_size(array) != count)
        return FAIL(E_FORMAT, "%s: \"%s\" has %lld elements; expected %lld", where, key,
                    (long long)json_array_size(array), (long long)count);
    return OK;
}
