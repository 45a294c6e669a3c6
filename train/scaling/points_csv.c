/* Points of a CSV file. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "autograd/base/text.h"
#include "data/source.h"
#include "train/scaling/points.h"

typedef enum CsvColumn {
    PARAMS,
    TOKENS,
    FLOPS,
    LOSS,
    UNIQUE,
    RUN,
    STATE,
    HELD_OUT,
    COLUMNS
} CsvColumn;

enum { FIELDS_MAX = 256, LINE_MAX_BYTES = 65536 };

static const char *const names[COLUMNS][4] = {
    {"params", "parameters", "Model Size", "N"},
    {"tokens", "Training Tokens", "D"},
    {"flops", "Training FLOP", "Training FLOPs", "C"},
    {"loss"},
    {"unique_tokens", "unique"},
    {"run"},
    {"state"},
    {"held_out"},
};

typedef struct CsvTable {
    const char *path;
    int64_t line;
    int column[COLUMNS]; /* index of each column, or -1 */
    int fields;
} CsvTable;

/* Splits a line at commas, in place, and removes quotes. Returns the number of fields; -1: too
 * many. */
static int split(char *line, char *field[FIELDS_MAX])
{
    int count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *at = line; at; count++) {
        if (count == FIELDS_MAX) return -1;
        at += strspn(at, " \t");
        char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        char *comma = strchr(end ? end : at, ',');
        if (comma) *comma = '\0';
        if (end) *end = '\0', at++;
        for (size_t n = strlen(at); n && strchr(" \t", at[n - 1]); n--) at[n - 1] = '\0';
        field[count] = at;
        at = comma ? comma + 1 : NULL;
    }
    return count;
}

static Status read_header(CsvTable *t, char *line)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* byte order mark */
    char *field[FIELDS_MAX];
    t->fields = split(line + (strncmp(line, mark, 3) ? 0 : 3), field);
    if (t->fields < 0) return FAIL(E_DATA, "%s:1: more than %d columns", t->path, (int)FIELDS_MAX);
    for (int c = 0; c < COLUMNS; c++) {
        t->column[c] = -1;
        for (int k = 0; k < 4 && names[c][k]; k++)
            for (int i = 0; i < t->fields && t->column[c] < 0; i++)
                if (!strcasecmp(field[i], names[c][k])) t->column[c] = i;
    }
    char missing[64] = "";
    const bool sized = t->column[PARAMS] >= 0;
    if (t->column[LOSS] < 0) strcat(missing, " loss");
    if (!sized && t->column[FLOPS] < 0) strcat(missing, " params");
    if (t->column[TOKENS] < 0 && t->column[FLOPS] < 0) strcat(missing, " tokens");
    if (!*missing) return OK;
    char shown[64];
    return FAIL(E_DATA,
                "%s:1: no column%s; the header must have params,tokens,loss (optional: flops, "
                "unique_tokens, run), this one starts with \"%s\"",
                t->path, missing, text_escape(field[0], shown, sizeof shown));
}

/* A positive number. */
static Status read_number(const CsvTable *t, char *const *field, CsvColumn c, double *out)
{
    const char *text = field[t->column[c]];
    char *end, shown[64];
    *out = strtod(text, &end);
    if (end == text || *end)
        return FAIL(E_DATA, "%s:%lld: %s \"%s\": expected a number", t->path, (long long)t->line,
                    names[c][0], text_escape(text, shown, sizeof shown));
    if (!(*out > 0) || !isfinite(*out))
        return FAIL(E_DATA, "%s:%lld: %s %s: expected a positive number", t->path,
                    (long long)t->line, names[c][0], text_escape(text, shown, sizeof shown));
    return OK;
}

/* Empty, null, or not finite ("-nan", "inf"). */
static bool is_missing(const char *text)
{
    char *end;
    const double x = strtod(text, &end);
    return !*text || !strcasecmp(text, "null") || !strcasecmp(text, "none") ||
           (!*end && !isfinite(x));
}

/* Whether the column exists and has this value. */
static bool field_is(const CsvTable *t, char *const *field, CsvColumn c, const char *word)
{
    return t->column[c] >= 0 && !strcasecmp(field[t->column[c]], word);
}

/* A number for the name of a run: its hash. */
static int64_t hash_name(const char *name)
{
    uint64_t hash = 1;
    for (; *name; name++) hash = hash * 31 + (unsigned char)*name;
    return (int64_t)(hash >> 1);
}

static Status read_row(Points *p, const CsvTable *t, char *const *field, Arena *arena)
{
    LawPoint one = {.params = NAN, .tokens = NAN, .flops = NAN, .path = t->path, .line = t->line};
    if (field_is(t, field, STATE, "diverged")) {
        p->diverged++;
        return OK;
    }
    if (t->column[STATE] >= 0 && !field_is(t, field, STATE, "done")) {
        p->unfinished++;
        return OK;
    }
    if (t->column[PARAMS] >= 0) TRY(read_number(t, field, PARAMS, &one.params));
    if (t->column[TOKENS] >= 0) TRY(read_number(t, field, TOKENS, &one.tokens));
    if (t->column[FLOPS] >= 0) TRY(read_number(t, field, FLOPS, &one.flops));
    if (t->column[UNIQUE] >= 0 && !is_missing(field[t->column[UNIQUE]]))
        TRY(read_number(t, field, UNIQUE, &one.unique));
    if (is_missing(field[t->column[LOSS]])) {
        p->diverged++;
        return OK;
    }
    TRY(read_number(t, field, LOSS, &one.loss));
    if (isnan(one.flops)) one.flops = 6 * one.params * one.tokens;
    if (isnan(one.tokens)) one.tokens = one.flops / 6 / one.params;
    if (isinf(one.flops) || isinf(one.tokens) || one.flops == 0 || one.tokens == 0)
        return FAIL(E_DATA, "%s:%lld: %g parameters and %g tokens are %g flops: out of range",
                    t->path, (long long)t->line, one.params, one.tokens, one.flops);
    if (t->column[RUN] >= 0) one.run = hash_name(field[t->column[RUN]]);
    return points_add(p, &one,
                      field_is(t, field, HELD_OUT, "1") || field_is(t, field, HELD_OUT, "true"),
                      arena);
}

static Status read_rows(Points *p, const char *path, FILE *file, char *line, Arena *arena)
{
    CsvTable t = {.path = path, .line = 1};
    char *field[FIELDS_MAX];
    if (!fgets(line, LINE_MAX_BYTES, file))
        return FAIL(E_DATA, "%s: %s", path, ferror(file) ? strerror(errno) : "is empty");
    TRY(read_header(&t, line));
    while (fgets(line, LINE_MAX_BYTES, file)) {
        t.line++;
        if (!line[strspn(line, " \t\r\n")] || *line == '#') continue;
        const int count = split(line, field);
        if (count != t.fields)
            return FAIL(E_DATA, "%s:%lld: %d fields, but the header has %d", path,
                        (long long)t.line, count < 0 ? (int)FIELDS_MAX + 1 : count, t.fields);
        TRY(read_row(p, &t, field, arena));
    }
    return ferror(file) ? FAIL(E_DATA, "%s: %s", path, strerror(errno)) : OK;
}

enum { CSV_MAX_BYTES = 1 << 28 };

Status points_read_csv(Points *p, const char *path, Arena *arena)
{
    char *line = arena_take(arena, LINE_MAX_BYTES), *text;
    int64_t size;
    TRY(source_read_all(arena, path, CSV_MAX_BYTES, SOURCE_TEXT, &text, &size)); /* may be gzip */
    FILE *file = size ? fmemopen(text, (size_t)size, "r") : NULL;
    if (!file) return size ? FAIL(E_NOMEM, "%s", path) : FAIL(E_DATA, "%s: is empty", path);
    const Status status = line ? read_rows(p, path, file, line, arena) : FAIL(E_NOMEM, "%s", path);
    fclose(file);
    return status;
}
