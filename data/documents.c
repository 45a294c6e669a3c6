#include "data/documents.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"

enum { WHOLE, PROMPT, COMPLETION }; /* the fields of a row */

Status format_of_name(const char *name, Format *format)
{
#define X(name) #name,
    static const char *const names[] = {FORMAT_LIST(X)};
#undef X
    for (int i = 0; i < FORMATS; i++)
        if (!strcmp(name, names[i])) {
            *format = (Format)i;
            return OK;
        }
    return FAIL(E_ARG, "--format %s: expected text, jsonl or tsv", name);
}

Status bad_of_name(const char *name, Bad *bad)
{
#define X(name) #name,
    static const char *const names[] = {BAD_LIST(X)};
#undef X
    for (int i = 0; i < BADS; i++)
        if (!strcmp(name, names[i])) {
            *bad = (Bad)i;
            return OK;
        }
    return FAIL(E_ARG, "--bad %s: expected stop, skip or replace", name);
}

SourceContent texts_content(const Texts *t)
{
    return t->as_bytes ? SOURCE_BYTES : SOURCE_CORPUS;
}

Status texts_check(const Texts *t)
{
    const bool names_field = t->field || t->prompt_field || t->completion_field;
    if (names_field && t->format != FORMAT_jsonl)
        return FAIL(E_ARG, "--field, --prompt-field and --completion-field need --format jsonl");
    if (t->field && (t->prompt_field || t->completion_field))
        return FAIL(E_ARG, "--field is the whole text: it excludes --prompt-field and "
                           "--completion-field");
    if (t->bad != BAD_stop && t->format == FORMAT_text)
        return FAIL(E_ARG, "--bad is about rows: it needs --format jsonl or tsv");
    if (t->split_on && (t->format != FORMAT_text || !*t->split_on))
        return FAIL(E_ARG, "--split-on needs a separator and --format text");
    for (int i = 0; i < t->path_count; i++) TRY(source_check(t->paths[i], texts_content(t)));
    return OK;
}

void documents_open(Documents *d, const Texts *texts)
{
    const Texts *t = texts;
    const bool pair = t->prompt_field || t->completion_field;
    *d = (Documents){.texts = texts, .source.fd = -1, .row.repair = t->bad == BAD_replace};
    JsonField *f = d->row.field;
    if (!pair) f[WHOLE].name = t->field ? t->field : "text";
    if (!t->field) f[PROMPT].name = t->prompt_field ? t->prompt_field : "prompt";
    if (!t->field) f[COMPLETION].name = t->completion_field ? t->completion_field : "completion";
}

void documents_close(Documents *d)
{
    source_close(&d->source);
}

/* `size`, less the bytes of an incomplete character at the end. */
static int64_t whole_characters(const char *text, int64_t size)
{
    for (int64_t back = 1; back <= 3 && back <= size; back++)
        if (!text_utf8_length((const unsigned char *)text + size - back, (size_t)back))
            return size - back;
    return size;
}

/* Whether only the end of the last line is left after a separator. */
static bool is_line_end(const Source *s)
{
    const char *text = s->window + s->begin;
    const int64_t left = s->end - s->begin;
    return s->at_end && (left == 0 || (left == 1 && text[0] == '\n') ||
                         (left == 2 && text[0] == '\r' && text[1] == '\n'));
}

static Status next_text(Documents *d, TextChunk *p, bool *found)
{
    Source *s = &d->source;
    const char *split_on = d->texts->split_on;
    const int64_t separator = split_on ? (int64_t)strlen(split_on) : 0;
    TRY(source_need(s, SOURCE_WINDOW / 2 + separator));
    const bool is_start = s->place.byte == s->start;
    if (separator && is_start && s->end - s->begin >= separator &&
        !memcmp(s->window + s->begin, split_on, (size_t)separator)) {
        source_take(s, separator);
        d->separators++;
    }
    *found = d->in_document || is_start || (separator && !is_line_end(s));
    if (!*found) return OK;

    const char *text = s->window + s->begin;
    const int64_t there = s->end - s->begin;
    const char *split = separator ? memmem(text, (size_t)there, split_on, (size_t)separator) : NULL;
    int64_t size = there;
    if (split)
        size = split - text;
    else if (!s->at_end) /* the end may be the beginning of a separator */
        size = whole_characters(text, there - (separator ? separator - 1 : 0));
    *p = (TextChunk){text, size, false, split || s->at_end, s->place};
    source_take(s, size + (split ? separator : 0));
    d->separators += split != NULL;
    d->in_document = !p->ends_document;
    return OK;
}

static void set_part(Documents *d, const JsonField *f, bool is_prompt)
{
    const int i = d->part_count++;
    snprintf(d->name[i], sizeof d->name[i], "%s:%lld: \"%s\"", d->source.path,
             (long long)d->source.place.line + 1, f->name);
    d->part[i] = (TextChunk){f->text, f->size, is_prompt, !is_prompt, {.name = d->name[i]}};
}

#define ROW_FAIL(d, fault, ...) row_fail((d), (fault), __FILE__, __LINE__, __func__, __VA_ARGS__)

/* --bad stop: E_DATA with the row and the number of well-formed rows before it. Else the row is
 * counted and left out. */
__attribute__((format(printf, 6, 7))) static Status row_fail(Documents *d, RowFault fault,
                                                             const char *file, int line,
                                                             const char *func, const char *fmt, ...)
{
    char what[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    const long long row = d->source.place.line + 1;
    if (d->texts->bad == BAD_stop)
        return error_set(E_DATA, file, line, func, "%s:%lld: %s (well-formed rows before it: %lld)",
                         d->source.path, row, what, (long long)d->rows);
    if (!d->bad.skipped_count)
        snprintf(d->bad.first, sizeof d->bad.first, "%.200s:%lld: %.250s", d->source.path, row,
                 what);
    d->bad.skipped[fault]++;
    d->bad.skipped_count++;
    return OK;
}

static Status malformed(Documents *d, const char *line, int64_t length)
{
    const JsonRow *r = &d->row;
    while (length && strchr(" \t\r", *line)) line++, length--;
    if (length && *line == '[' && r->fault == ROW_FORM)
        return ROW_FAIL(d, ROW_FORM,
                        "a JSON array; expected {...}, one object on each line: jq -c '.[]' FILE > "
                        "rows.jsonl");
    if (length && *line == '{' && strstr(r->wrong, "not end on its line"))
        return ROW_FAIL(d, ROW_FORM,
                        "column %lld: %s; one object on each line: jq -c . FILE > rows.jsonl",
                        (long long)r->column, r->wrong);
    return ROW_FAIL(d, r->fault, "column %lld: %s", (long long)r->column, r->wrong);
}

/* A row that lacks its fields. Says how the rows of other programs become ours. */
static Status without_fields(Documents *d)
{
    const char *keys = d->row.keys, *hint = "";
    const JsonField *f = d->row.field;
    char expected[256];
    if (strstr(keys, "\"messages\""))
        hint = "; chat becomes prompt and completion with: jq -c '{prompt: "
               "([.messages[:-1][].content] | "
               "join(\"\\n\")), completion: .messages[-1].content}' FILE > rows.jsonl";
    else if (strstr(keys, "\"instruction\"") && strstr(keys, "\"output\""))
        hint = "; instructions become prompt and completion with: jq -c '{prompt: (.instruction + "
               "\"\\n\" + (.input // \"\") + \"\\n\"), completion: .output}' FILE > rows.jsonl";
    else if (*keys)
        hint = "; other names of fields: --field, or --prompt-field and --completion-field";
    if (!f[WHOLE].name)
        snprintf(expected, sizeof expected, "{\"%.80s\": TEXT, \"%.80s\": TEXT}", f[PROMPT].name,
                 f[COMPLETION].name);
    else if (!f[PROMPT].name)
        snprintf(expected, sizeof expected, "{\"%.80s\": TEXT}", f[WHOLE].name);
    else
        snprintf(expected, sizeof expected,
                 "{\"text\": TEXT} or {\"prompt\": TEXT, \"completion\": TEXT}");
    return ROW_FAIL(d, ROW_FIELDS, "expected %s, this row has %s%s", expected,
                    *keys ? keys : "no fields", hint);
}

static Status read_jsonl(Documents *d, const char *line, int64_t length)
{
    JsonRow *r = &d->row;
    const JsonField *f = r->field;
    if (json_row_room(length) > d->row_room) {
        d->row_room = 2 * json_row_room(length);
        r->buffer = arena_take(&d->source.arena, d->row_room);
        if (!r->buffer) return FAIL(E_NOMEM, "a row of %lld bytes", (long long)length);
    }
    if (!json_row_read(r, line, length)) return malformed(d, line, length);
    const bool has_pair = f[PROMPT].is_there || f[COMPLETION].is_there;
    const bool is_whole = f[WHOLE].is_text && !has_pair;
    if (!is_whole && (f[WHOLE].is_there || !f[PROMPT].is_text || !f[COMPLETION].is_text))
        return without_fields(d);
    if (is_whole) {
        set_part(d, &f[WHOLE], false);
    } else {
        set_part(d, &f[PROMPT], true);
        set_part(d, &f[COMPLETION], false);
    }
    d->bad.repaired += r->repaired;
    return OK;
}

static Status read_tsv(Documents *d, const char *line, int64_t length)
{
    if (length && line[length - 1] == '\r') length--;
    const char *tab = memchr(line, '\t', (size_t)length);
    if (!tab || memchr(tab + 1, '\t', (size_t)(line + length - tab - 1)))
        return ROW_FAIL(d, ROW_FORM, "expected prompt TAB completion, with one TAB; this has %s",
                        tab ? "several" : "none");
    TextPlace place = d->source.place;
    d->part[0] = (TextChunk){line, tab - line, true, false, place};
    text_place_advance(&place, line, tab + 1 - line);
    d->part[1] = (TextChunk){tab + 1, line + length - tab - 1, false, true, place};
    d->part_count = 2;
    return OK;
}

static bool is_blank(const char *line, int64_t length)
{
    return length == 0 || (length == 1 && line[0] == '\r');
}

static Status next_row(Documents *d, TextChunk *p, bool *found)
{
    Source *s = &d->source;
    while (d->next_part == d->part_count) {
        int64_t length;
        d->next_part = d->part_count = 0;
        if (d->in_document) { /* skip the line of the previous row */
            TRY(source_line(s, &length, found));
            source_take(s, length < s->end - s->begin ? length + 1 : length);
            d->in_document = false;
        }
        TRY(source_line(s, &length, found));
        if (!*found) return OK;
        d->in_document = true;
        const char *line = s->window + s->begin;
        if (is_blank(line, length)) continue;
        TRY(d->texts->format == FORMAT_jsonl ? read_jsonl(d, line, length)
                                             : read_tsv(d, line, length));
        d->rows += d->part_count > 0;
    }
    *found = true;
    *p = d->part[d->next_part++];
    return OK;
}

Status documents_next(Documents *d, TextChunk *p, bool *found)
{
    const Texts *t = d->texts;
    for (;;) {
        if (d->is_open) {
            TRY(d->texts->format == FORMAT_text ? next_text(d, p, found) : next_row(d, p, found));
            if (*found) {
                d->bytes += p->size;
                return OK;
            }
            d->is_open = false;
            d->done += d->source.consumed;
        }
        *found = false;
        if (d->next_path == t->path_count) return OK;
        TRY(source_open(&d->source, t->paths[d->next_path++], texts_content(t)));
        d->is_open = true;
        d->in_document = false;
    }
}
