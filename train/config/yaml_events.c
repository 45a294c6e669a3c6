#include "train/config/yaml_events.h"

#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"

const char *events_position(Events *e, size_t line, size_t column)
{
    snprintf(e->where, sizeof e->where, "%s:%zu:%zu: ", e->name, line + 1, column + 1);
    return e->where;
}

const char *events_here(Events *e)
{
    return events_position(e, e->event.start_mark.line, e->event.start_mark.column);
}

/* Why libyaml failed. A reader error (bytes that are not text) has an offset, but no line. */
static Status parser_error(Events *e)
{
    const yaml_parser_t *p = &e->parser;
    if (p->error == YAML_MEMORY_ERROR) return FAIL(E_NOMEM, "%s: out of memory", e->name);
    if (p->error == YAML_READER_ERROR) {
        size_t line = 0, column = 0;
        for (size_t i = 0; i < p->problem_offset && i < e->size; i++)
            if (e->text[i] == '\n')
                line++, column = 0;
            else
                column++;
        return FAIL(E_CONFIG, "%s%s: a config must be UTF-8 text without control characters",
                    events_position(e, line, column), p->problem);
    }
    return events_syntax_error(e);
}

/* E_CONFIG if the event has an anchor or a tag. */
static Status check_marks(Events *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    char shown[CONFIG_SHOWN_MAX];
    if (anchor)
        return FAIL(E_CONFIG, "%s&%s: anchors are not allowed; remove it", events_here(e),
                    (const char *)anchor);
    if (tag)
        return FAIL(E_CONFIG, "%s%s: tags are not allowed; remove it", events_here(e),
                    text_escape((const char *)tag, shown, sizeof shown));
    return OK;
}

Status events_next(Events *e)
{
    yaml_event_delete(&e->event);
    if (!yaml_parser_parse(&e->parser, &e->event)) return parser_error(e);
    const yaml_event_t *at = &e->event;
    switch (at->type) {
    case YAML_ALIAS_EVENT:
        return FAIL(E_CONFIG, "%s*%s: aliases are not allowed; write the value instead",
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
        return FAIL(E_CONFIG, "%s%s: the text contains a NUL", events_here(e), what);
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

enum { DEPTH_MAX = 6 };

static Status make(Events *e, Arena *a, ConfigNode **out)
{
    *out = arena_zero(a, (int64_t)sizeof **out);
    const char *where = arena_text(a, events_here(e));
    if (!*out || !where) return FAIL(E_NOMEM, "a config");
    (*out)->where = where;
    return OK;
}

static Status check_new(Events *e, const ConfigNode *map, const char *key)
{
    for (const ConfigNode *n = map->first; n; n = n->next)
        if (!strcmp(n->key, key)) return FAIL(E_CONFIG, "%sduplicate key %s", events_here(e), key);
    return OK;
}

static Status read_node(Events *e, Arena *a, int depth, ConfigNode **out)
{
    const char *text;
    TRY(make(e, a, out));
    ConfigNode *n = *out, **tail = &n->first;
    if (e->event.type == YAML_SCALAR_EVENT) {
        TRY(events_scalar(e, &text, ""));
        n->text = arena_text(a, text);
        return n->text ? OK : FAIL(E_NOMEM, "a config");
    }
    if (depth == DEPTH_MAX)
        return FAIL(E_CONFIG, "%slists and maps are nested more than %d deep", n->where, DEPTH_MAX);
    n->kind = e->event.type == YAML_MAPPING_START_EVENT ? NODE_MAP : NODE_LIST;
    for (;; tail = &(*tail)->next) {
        const char *key = NULL;
        TRY(events_next(e));
        if (e->event.type == YAML_MAPPING_END_EVENT || e->event.type == YAML_SEQUENCE_END_EVENT)
            return OK;
        if (n->kind == NODE_MAP) {
            TRY(events_scalar(e, &text, "a key"));
            TRY(check_new(e, n, text));
            key = arena_text(a, text);
            if (!key) return FAIL(E_NOMEM, "a config");
            TRY(events_next(e));
        }
        TRY(read_node(e, a, depth + 1, tail));
        (*tail)->key = key;
    }
}

Status config_tree_read(Events *e, ConfigTree *tree)
{
    return read_node(e, &tree->arena, 0, &tree->root);
}
