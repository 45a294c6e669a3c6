#include "data/documents.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"

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

Status texts_check(const Texts *t)
{
    if (t->split_on && (t->format != FORMAT_text || !*t->split_on))
        return FAIL(E_ARG, "--split-on needs a separator and --format text");
    for (int i = 0; i < t->path_count; i++) TRY(source_check(t->paths[i], t->as_bytes));
    return OK;
}

void documents_open(Documents *d, const Texts *texts)
{
    *d = (Documents){.texts = texts, .source.fd = -1};
}

void documents_close(Documents *d)
{
    json_decref(d->row);
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

static void set_part(Documents *d, const char *key, bool is_prompt, const json_t *value)
{
    const int i = d->part_count++;
    snprintf(d->name[i], sizeof d->name[i], "%s:%lld: \"%s\"", d->source.path,
             (long long)d->source.place.line + 1, key);
    d->part[i] = (TextChunk){json_string_value(value),
                             (int64_t)json_string_length(value),
                             is_prompt,
                             !is_prompt,
                             {.name = d->name[i]}};
}

#define ROW_FAIL(d, ...) row_fail((d), __FILE__, __LINE__, __func__, __VA_ARGS__)

/* E_DATA with the row and the number of well-formed rows before it. */
__attribute__((format(printf, 5, 6))) static Status
row_fail(const Documents *d, const char *file, int line, const char *func, const char *fmt, ...)
{
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return error_set(E_DATA, file, line, func, "%s:%lld: %s (well-formed rows before it: %lld)",
                     d->source.path, (long long)d->source.place.line + 1, what, (long long)d->rows);
}

static Status read_jsonl(Documents *d, const char *line, int64_t length)
{
    json_error_t error;
    json_decref(d->row);
    d->row = json_loadb(line, (size_t)length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!d->row) {
        char shown[4 * JSON_ERROR_TEXT_LENGTH];
        return ROW_FAIL(d, "column %d: not a JSON object: %s", error.column,
                        text_escape(error.text, shown, sizeof shown));
    }
    const json_t *text = json_object_get(d->row, "text");
    const json_t *prompt = json_object_get(d->row, "prompt");
    const json_t *completion = json_object_get(d->row, "completion");
    const bool is_text = json_is_string(text) && !prompt && !completion;
    if (!is_text && (text || !json_is_string(prompt) || !json_is_string(completion)))
        return ROW_FAIL(d, "expected {\"text\": TEXT} or {\"prompt\": TEXT, \"completion\": TEXT}");
    if (is_text) {
        set_part(d, "text", false, text);
    } else {
        set_part(d, "prompt", true, prompt);
        set_part(d, "completion", false, completion);
    }
    return OK;
}

static Status read_tsv(Documents *d, const char *line, int64_t length)
{
    if (length && line[length - 1] == '\r') length--;
    const char *tab = memchr(line, '\t', (size_t)length);
    if (!tab || memchr(tab + 1, '\t', (size_t)(line + length - tab - 1)))
        return ROW_FAIL(d, "expected prompt TAB completion, with one TAB; this has %s",
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
        d->rows++;
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
        TRY(source_open(&d->source, t->paths[d->next_path++], t->as_bytes));
        d->is_open = true;
        d->in_document = false;
    }
}
