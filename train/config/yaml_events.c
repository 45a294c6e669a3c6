#include "train/config/yaml_events.h"

#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"

/* "a.yaml:3:5: ", of a place counted from 0. */
static const char *place(Events *e, size_t line, size_t column)
{
    snprintf(e->where, sizeof e->where, "%s:%zu:%zu: ", e->name, line + 1, column + 1);
    return e->where;
}

const char *events_here(Events *e)
{
    return place(e, e->event.start_mark.line, e->event.start_mark.column);
}

/* What libyaml did not like. A reader error (bytes that are no text) has an offset and no line. */
static Status complain(Events *e)
{
    const yaml_parser_t *p = &e->parser;
    size_t line = p->problem_mark.line, column = p->problem_mark.column;
    if (p->error == YAML_MEMORY_ERROR) return FAIL(E_NOMEM, "%s: out of memory", e->name);
    if (p->error == YAML_READER_ERROR) {
        line = column = 0;
        for (size_t i = 0; i < p->problem_offset && i < e->size; i++)
            if (e->text[i] == '\n')
                line++, column = 0;
            else
                column++;
        return FAIL(E_CONFIG, "%s%s: a config is UTF-8 text without control characters",
                    place(e, line, column), p->problem);
    }
    return FAIL(E_CONFIG, "%snot YAML: %s%s%s", place(e, line, column), p->problem,
                p->context ? " " : "", p->context ? p->context : "");
}

/* What is refused of an event that begins something. */
static Status check_marks(Events *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    char shown[CONFIG_SHOWN_MAX];
    if (anchor)
        return FAIL(E_CONFIG, "%s&%s: anchors are not used here; leave it out", events_here(e),
                    (const char *)anchor);
    if (tag)
        return FAIL(E_CONFIG, "%s%s: tags are not used here; leave it out", events_here(e),
                    text_escape((const char *)tag, shown, sizeof shown));
    return OK;
}

Status events_next(Events *e)
{
    yaml_event_delete(&e->event);
    if (!yaml_parser_parse(&e->parser, &e->event)) return complain(e);
    const yaml_event_t *at = &e->event;
    switch (at->type) {
    case YAML_ALIAS_EVENT:
        return FAIL(E_CONFIG, "%s*%s: aliases are not used here; write the value out",
                    events_here(e), (const char *)at->data.alias.anchor);
    case YAML_SCALAR_EVENT: return check_marks(e, at->data.scalar.anchor, at->data.scalar.tag);
    case YAML_MAPPING_START_EVENT:
        return check_marks(e, at->data.mapping_start.anchor, at->data.mapping_start.tag);
    case YAML_SEQUENCE_START_EVENT:
        return check_marks(e, at->data.sequence_start.anchor, at->data.sequence_start.tag);
    default: return OK;
    }
}

Status events_scalar(Events *e, const char **value, const char *what)
{
    if (e->event.type != YAML_SCALAR_EVENT)
        return FAIL(E_CONFIG, "%s%s: expected one value, not a %s", events_here(e), what,
                    e->event.type == YAML_SEQUENCE_START_EVENT ? "list" : "map");
    *value = (const char *)e->event.data.scalar.value;
    if (strlen(*value) != e->event.data.scalar.length)
        return FAIL(E_CONFIG, "%s%s: the text has a NUL in it", events_here(e), what);
    return OK;
}

bool events_null(const Events *e)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    const char *text = (const char *)e->event.data.scalar.value;
    if (e->event.type != YAML_SCALAR_EVENT || e->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (!strcmp(text, nulls[i])) return true;
    return false;
}

Status events_open(Events *e, const char *text, size_t size, const char *name)
{
    const size_t mark = size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    *e = (Events){.name = name, .text = text + mark, .size = size - mark};
    if (!yaml_parser_initialize(&e->parser)) return FAIL(E_NOMEM, "%s: out of memory", name);
    yaml_parser_set_encoding(&e->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&e->parser, (const unsigned char *)e->text, e->size);
    return OK;
}

void events_close(Events *e)
{
    yaml_event_delete(&e->event);
    yaml_parser_delete(&e->parser);
}
