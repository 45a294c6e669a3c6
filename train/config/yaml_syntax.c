/* What libyaml's errors mean to the author of a config. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/config/yaml_events.h"

enum { LINE_SHOWN = 60 };

/* A line of the text, counted from 0, without its end; "" if there is none. */
static const char *line_at(const Events *e, size_t line, size_t *length)
{
    const char *at = e->text, *end = e->text + e->size;
    for (; line && at < end; line--) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        at = feed ? feed + 1 : end;
    }
    const char *feed = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    *length = (size_t)((feed ? feed : end) - at);
    if (*length && at[*length - 1] == '\r') --*length;
    return *length ? at : "";
}

/* The line from a column on, which counts characters of UTF-8. */
static const char *text_at(const Events *e, size_t line, size_t column, size_t *length)
{
    const char *at = line_at(e, line, length);
    for (; column && *length; column--) do
            ++at, --*length;
        while (*length && (*at & 0xC0) == 0x80);
    return *length ? at : "";
}

static size_t indentation(const char *line, size_t length)
{
    size_t n = 0;
    while (n < length && line[n] == ' ') n++;
    return n;
}

/* The last line before `line` that has more than blanks and a comment; false: none. */
static bool line_before(const Events *e, size_t line, size_t *found)
{
    while (line-- > 0) {
        size_t length;
        const char *text = line_at(e, line, &length);
        const size_t n = indentation(text, length);
        if (n == length || text[n] == '#') continue;
        *found = line;
        return true;
    }
    return false;
}

/* A colon with a blank or the line's end after it, in the first `length` bytes. */
static bool has_key(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] == ':' && (i + 1 == length || line[i + 1] == ' ' || line[i + 1] == '\t'))
            return true;
    return false;
}

bool events_missing_space(const char *text, size_t length, size_t *colon)
{
    const char *at = memchr(text, ':', length);
    if (!at || has_key(text, length) || strspn(text, " ") == (size_t)(at - text)) return false;
    *colon = (size_t)(at - text);
    return at[1] != '/'; /* a path or an address */
}

static Status tab(Events *e, size_t line, size_t column)
{
    return FAIL(E_CONFIG, "%sa tab: YAML does not allow tabs for indentation; use spaces",
                events_position(e, line, column));
}

/* A line that is not indented as the one before it. */
static Status indented(Events *e, size_t line, size_t before)
{
    size_t length;
    const char *text = line_at(e, line, &length);
    const size_t own = indentation(text, length);
    text = line_at(e, before, &length);
    return FAIL(E_CONFIG,
                "%sthis line is indented by %zu, line %zu by %zu: the settings of a section begin "
                "at the same column",
                events_position(e, line, own), own, before + 1, indentation(text, length));
}

/* A key where none may be: the fault is before it, on this line or the one above. */
static Status misplaced_key(Events *e, size_t line, size_t column)
{
    size_t length, before, above_length, colon;
    const char *text = line_at(e, line, &length);
    if (has_key(text, column < length ? column : length))
        return FAIL(E_CONFIG,
                    "%sa second \": \" on one line: write a text that contains it in quotes, and "
                    "the settings of a section on lines of their own, indented",
                    events_position(e, line, column));
    if (!line_before(e, line, &before))
        return FAIL(E_CONFIG, "%sa colon is not expected here", events_position(e, line, column));
    const char *above = line_at(e, before, &above_length);
    char shown[LINE_SHOWN * 4 + 4];
    const size_t n = indentation(above, above_length);
    if (events_missing_space(above, above_length, &colon))
        return FAIL(E_CONFIG, "%sa space is missing after the colon",
                    events_position(e, before, colon + 1));
    if (!has_key(above, above_length)) {
        char word[LINE_SHOWN];
        snprintf(word, sizeof word, "%.*s", (int)(above_length - n), above + n);
        return FAIL(E_CONFIG, "%s%s: expected a colon after the name, as in \"model:\"",
                    events_position(e, before, n), text_escape(word, shown, sizeof shown));
    }
    return indented(e, line, before);
}

/* What follows a complete value, or a line that begins at a column of its own. */
static Status misplaced_text(Events *e, size_t line, size_t column)
{
    size_t length, rest, above;
    const char *text = line_at(e, line, &length), *at = text_at(e, line, column, &rest);
    const char *here = events_position(e, line, column);
    const size_t own = indentation(text, length);
    if ((size_t)(at - text) == own && *at == '-')
        return FAIL(E_CONFIG, "%sa list item among settings: expected \"key: value\"", here);
    if ((size_t)(at - text) == own && *at != ':' && line_before(e, line, &above))
        return indented(e, line, above);
    const char before = at > text ? at[-1] : ' ';
    if (before == '"' || before == '\'')
        return FAIL(E_CONFIG,
                    "%stext after the closing quote: within quotes write %s for a quote, or use "
                    "the other kind of quotes",
                    here, before == '"' ? "\\\"" : "''");
    if (*at == '}' || *at == ']')
        return FAIL(E_CONFIG, "%s%c closes nothing: remove it, or put the text in quotes", here,
                    *at);
    return FAIL(E_CONFIG, "%sthis does not belong to the value before it: expected the next line",
                here);
}

static Status unknown_escape(Events *e, size_t line, size_t column)
{
    size_t length;
    const char *at = text_at(e, line, column, &length);
    char word[8], shown[40];
    snprintf(word, sizeof word, "%.*s", length < 2 ? (int)length : 2, at);
    return FAIL(E_CONFIG,
                "%s%s is not an escape sequence of text in double quotes: write \\\\ for a "
                "backslash, or use single quotes, as in 'C:\\data'",
                events_position(e, line, column), text_escape(word, shown, sizeof shown));
}

/* libyaml fails at the digits, two characters after the backslash. */
static Status bad_digits(Events *e, size_t line, size_t column)
{
    size_t length;
    const size_t from = column < 2 ? 0 : column - 2;
    const char kind = text_at(e, line, from, &length)[length > 1];
    return FAIL(E_CONFIG,
                "%s\\%c: expected the %s hexadecimal digits of a character; write \\\\ for a "
                "backslash, or use single quotes",
                events_position(e, line, from), kind,
                kind == 'x'   ? "two"
                : kind == 'u' ? "four"
                              : "eight");
}

static Status not_a_value(Events *e, size_t line, size_t column)
{
    size_t length;
    const char *at = text_at(e, line, column, &length);
    if (*at == '\t') return tab(e, line, column);
    if (*at == '}' || *at == ']' || *at == ',')
        return FAIL(E_CONFIG, "%sexpected a value, not %c; put it in quotes if it is the text",
                    events_position(e, line, column), *at);
    return FAIL(E_CONFIG, "%sa text cannot begin with %c; put it in quotes",
                events_position(e, line, column), length ? *at : ' ');
}

/* Texts whose first character is an indicator; libyaml fails at the character after it. */
static Status not_a_text(Events *e, size_t line, size_t column)
{
    (void)column;
    return not_a_value(e, line, e->parser.context_mark.column);
}

static Status open_quote(Events *e, size_t line, size_t column)
{
    (void)line, (void)column;
    const yaml_mark_t *from = &e->parser.context_mark;
    size_t length;
    const char *at = text_at(e, from->line, from->column, &length);
    return FAIL(E_CONFIG, "%sthe text that begins here has no closing %c",
                events_position(e, from->line, from->column), length ? *at : '"');
}

static Status open_bracket(Events *e, size_t line, size_t column)
{
    const yaml_mark_t *from = &e->parser.context_mark;
    size_t length;
    const char open = *text_at(e, from->line, from->column, &length);
    return FAIL(E_CONFIG,
                "%sexpected \",\" or \"%c\": the %c of line %zu, column %zu is not closed",
                events_position(e, line, column), open == '[' ? ']' : '}', open == '[' ? '[' : '{',
                from->line + 1, from->column + 1);
}

static Status no_colon(Events *e, size_t line, size_t column)
{
    (void)line, (void)column;
    const yaml_mark_t *from = &e->parser.context_mark;
    size_t length, colon;
    char word[LINE_SHOWN], shown[LINE_SHOWN * 4 + 4];
    const char *at = text_at(e, from->line, from->column, &length);
    if (events_missing_space(at, length, &colon))
        return FAIL(E_CONFIG, "%sa space is missing after the colon",
                    events_position(e, from->line, from->column + colon + 1));
    snprintf(word, sizeof word, "%.*s", (int)length, at);
    return FAIL(E_CONFIG, "%s%s: expected a colon and a value after the name",
                events_position(e, from->line, from->column),
                text_escape(word, shown, sizeof shown));
}

static Status mixed_list(Events *e, size_t line, size_t column)
{
    return FAIL(E_CONFIG,
                "%sexpected another list item, \"- ...\": a list and settings cannot be mixed at "
                "one indentation",
                events_position(e, line, column));
}

static Status directive(Events *e, size_t line, size_t column)
{
    (void)column;
    return FAIL(E_CONFIG, "%sa line cannot begin with %%; put the text in quotes",
                events_position(e, line, 0));
}

static Status block_text(Events *e, size_t line, size_t column)
{
    return FAIL(E_CONFIG,
                "%safter | or > the text begins on the next line; put a text that begins with "
                "this character in quotes",
                events_position(e, line, column));
}

static Status after_end(Events *e, size_t line, size_t column)
{
    return FAIL(E_CONFIG, "%stext after the end of the document: a config is one document",
                events_position(e, line, column));
}

/* How libyaml 0.2 begins the problem and the context of an error; "": any context. */
static const struct {
    const char *problem, *context;
    Status (*explain)(Events *e, size_t line, size_t column);
} problems[] = {
    {"found a tab character", "", tab},
    {"found character that cannot start any token", "", not_a_value},
    {"did not find expected node content", "", not_a_value},
    {"found unknown escape character", "", unknown_escape},
    {"did not find expected hex", "", bad_digits},
    {"found invalid Unicode character escape", "", bad_digits},
    {"found unexpected end of stream", "while scanning a quoted", open_quote},
    {"found unexpected document indicator", "while scanning a quoted", open_quote},
    {"mapping values are not allowed", "", misplaced_key},
    {"did not find expected key", "", misplaced_text},
    {"did not find expected ',' or", "", open_bracket},
    {"could not find expected ':'", "", no_colon},
    {"did not find expected '-'", "", mixed_list},
    {"did not find expected alphabetic", "", not_a_text},
    {"did not find expected tag URI", "", not_a_text},
    {"found unknown directive", "", directive},
    {"could not find expected directive", "", directive},
    {"did not find expected comment or line break", "while scanning a block", block_text},
    {"did not find expected <document start>", "", after_end},
};

Status events_syntax_error(Events *e)
{
    const yaml_parser_t *p = &e->parser;
    const char *context = p->context ? p->context : "";
    const size_t line = p->problem_mark.line, column = p->problem_mark.column;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (!strncmp(p->problem, problems[i].problem, strlen(problems[i].problem)) &&
            !strncmp(context, problems[i].context, strlen(problems[i].context)))
            return problems[i].explain(e, line, column);
    return FAIL(E_CONFIG, "%snot YAML: %s%s%s", events_position(e, line, column), p->problem,
                *context ? " " : "", context);
}
