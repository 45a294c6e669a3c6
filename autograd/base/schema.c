#include "autograd/base/schema.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

static const char *const type_texts[] = {"int", "real", "bool", "text", "choice", "auto"};

const Key *schema_find(const Key *keys, int count, const char *section, const char *name)
{
    for (const Key *k = keys; k < keys + count; k++)
        if (!strcmp(k->section, section) && !strcmp(k->name, name)) return k;
    return NULL;
}

const Key *schema_nearest(const Key *keys, int count, const char *section, const char *name)
{
    const Key *best = NULL;
    int least = INT_MAX;
    for (const Key *k = keys; k < keys + count; k++) {
        int d = text_distance(section, k->section) + text_distance(name, k->name);
        if (!strcmp(name, k->name) && d > 1) d = 1;
        if (d < least) best = k, least = d;
    }
    return best;
}

const char *schema_type(const Key *k)
{
    return type_texts[k->type];
}

/* Whole numbers of this size are written in full, larger ones as powers. */
static char *bound(double x, char out[32])
{
    if (fabs(x) < 1e7 && x == floor(x))
        snprintf(out, 32, "%.0f", x);
    else
        text_real(x, out);
    return out;
}

/* "one of a, b, c" */
static void expects_choice(const char *choices, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "one of ");
    for (const char *c = choices; *c && used + 3 < size; c++) {
        out[used++] = *c == '|' ? ',' : *c;
        if (*c == '|') out[used++] = ' ';
        out[used] = '\0';
    }
}

char *schema_expects(const Key *k, char *out, size_t size)
{
    char low[32], high[32];
    switch (k->type) {
    case TYPE_INT:
    case TYPE_REAL:
    case TYPE_AUTO:
        snprintf(out, size, "%sa%s number from %s to %s", k->type == TYPE_AUTO ? "auto or " : "",
                 k->type == TYPE_REAL ? "" : " whole", bound(k->min, low), bound(k->max, high));
        break;
    case TYPE_BOOL: snprintf(out, size, "true or false"); break;
    case TYPE_TEXT: snprintf(out, size, "a text of at most %d bytes", TEXT_MAX - 1); break;
    case TYPE_CHOICE: expects_choice(k->choices, out, size); break;
    }
    return out;
}

/* The choice at `index`, and its length; NULL if there are fewer. */
static const char *choice_at(const char *choices, int index, size_t *length)
{
    const char *c = choices;
    for (; c && index; index--) c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL;
    if (c) *length = strcspn(c, "|");
    return c;
}

/* The index of a choice; -1 if there is none of this name. */
static int choice_find(const char *choices, const char *value)
{
    size_t length;
    const char *c;
    for (int i = 0; (c = choice_at(choices, i, &length)); i++)
        if (strlen(value) == length && !strncmp(c, value, length)) return i;
    return -1;
}

/* strtod() alone would also take "0x1p3", "nan", "inf" and leading blanks. */
static bool read_real(const char *text, double *x)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789+-.eE")]) return false;
    *x = strtod(text, &end);
    return !*end && end != text && isfinite(*x);
}

static bool read_int(const char *text, int64_t *x)
{
    char digits[64], *end;
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        bool between = c > text && isdigit((unsigned char)c[-1]) && isdigit((unsigned char)c[1]);
        if (used + 1 == sizeof digits || (*c == '_' && !between)) return false;
        if (*c != '_') digits[used++] = *c;
    }
    digits[used] = '\0';

    double real;
    if (!read_real(digits, &real)) return false;
    errno = 0;
    *x = strtoll(digits, &end, 10);
    if (!*end) return !errno;
    if (real != floor(real) || fabs(real) > 0x1p53 || strlen(digits) != strlen(text)) return false;
    *x = (int64_t)real;
    return true;
}

static bool is_utf8(const char *s)
{
    size_t left = strlen(s);
    while (left) {
        int length = text_utf8_length((const unsigned char *)s, left);
        if (length <= 0) return false;
        s += length;
        left -= (size_t)length;
    }
    return true;
}

static bool store_int(const Key *k, char *field, const char *text)
{
    int64_t whole;
    if (!read_int(text, &whole) || (double)whole < k->min || (double)whole > k->max) return false;
    memcpy(field, &whole, sizeof whole);
    return true;
}

static bool store_real(const Key *k, char *field, const char *text)
{
    double number;
    if (!read_real(text, &number) || number < k->min || number > k->max) return false;
    memcpy(field, &number, sizeof number);
    return true;
}

static bool store_choice(const char *choices, char *field, const char *text)
{
    const int index = choice_find(choices, text);
    if (index < 0) return false;
    memcpy(field, &index, sizeof index);
    return true;
}

static bool store_text(char *field, const char *text)
{
    if (strlen(text) >= TEXT_MAX || !is_utf8(text)) return false;
    memset(field, 0, TEXT_MAX);
    memcpy(field, text, strlen(text));
    return true;
}

static bool store(const Key *k, char *field, const char *text)
{
    switch (k->type) {
    case TYPE_INT: return store_int(k, field, text);
    case TYPE_REAL: return store_real(k, field, text);
    case TYPE_BOOL: {
        const int is_true = choice_find("false|true", text);
        if (is_true >= 0) *(bool *)field = is_true;
        return is_true >= 0;
    }
    case TYPE_TEXT: return store_text(field, text);
    case TYPE_CHOICE: return store_choice(k->choices, field, text);
    case TYPE_AUTO:
        if (strcmp(text, "auto")) return store_int(k, field, text);
        memcpy(field, &(int64_t){SETTING_AUTO}, sizeof(int64_t));
        return true;
    }
    return false;
}

void schema_defaults(const Key *keys, int count, void *config)
{
    for (const Key *k = keys; k < keys + count; k++)
        INVARIANT(store(k, (char *)config + k->offset, k->fallback));
}

Status schema_set(const Key *k, void *config, const char *text, const char *where)
{
    char shown[256], expected[512];
    if (store(k, (char *)config + k->offset, text)) return OK;
    return FAIL(E_CONFIG, "%s%s.%s = %s: expected %s", where, k->section, k->name,
                text_escape(text, shown, sizeof shown),
                schema_expects(k, expected, sizeof expected));
}

/* 10000 and not 1e+04; 1.0e-08 and not 1e-08, which YAML 1.1 reads as a string. */
static void write_real(double x, char *out, size_t size)
{
    char number[32];
    if (x == floor(x) && fabs(x) < 1e15) {
        snprintf(out, size, "%.0f", x);
        return;
    }
    const char *e = strchr(text_real(x, number), 'e');
    if (e && !strchr(number, '.'))
        snprintf(out, size, "%.*s.0%s", (int)(e - number), number, e);
    else
        snprintf(out, size, "%s", number);
}

static int choice_of(const void *field)
{
    int index;
    memcpy(&index, field, sizeof index);
    return index;
}

char *schema_value(const Key *k, const void *config, char *out, size_t size)
{
    const char *field = (const char *)config + k->offset;
    const int64_t *whole = (const int64_t *)field;
    size_t length = 0;
    switch (k->type) {
    case TYPE_REAL: write_real(*(const double *)field, out, size); break;
    case TYPE_BOOL: snprintf(out, size, "%s", *(const bool *)field ? "true" : "false"); break;
    case TYPE_TEXT: snprintf(out, size, "%s", field); break;
    case TYPE_CHOICE: {
        const char *choice = choice_at(k->choices, choice_of(field), &length);
        snprintf(out, size, "%.*s", (int)length, choice ? choice : "");
        break;
    }
    case TYPE_AUTO:
        if (*whole == SETTING_AUTO) {
            snprintf(out, size, "auto");
            break;
        }
        /* fallthrough */
    case TYPE_INT: snprintf(out, size, "%lld", (long long)*whole); break;
    }
    return out;
}

bool schema_equal(const Key *k, const void *a, const void *b)
{
    const char *left = (const char *)a + k->offset, *right = (const char *)b + k->offset;
    switch (k->type) {
    case TYPE_INT:
    case TYPE_AUTO: return *(const int64_t *)left == *(const int64_t *)right;
    case TYPE_REAL: return !memcmp(left, right, sizeof(double));
    case TYPE_BOOL: return *(const bool *)left == *(const bool *)right;
    case TYPE_TEXT: return !strcmp(left, right);
    case TYPE_CHOICE: return choice_of(left) == choice_of(right);
    }
    return false;
}
