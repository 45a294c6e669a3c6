#include "train/config_yaml.h"

#include <string.h>
#include <yaml.h>

#include "autograd/base/text.h"

enum { SHOWN_MAX = 128 };

/* One text on its way into a config. */
typedef struct Reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand; deleted by the next */
    Config *config;     /* NULL: only the base is wanted */
    const char *name, *text;
    size_t size;
    ConfigBase *base;
    /* By key, and by a section's first key: the line where it stood first; 0: not yet. */
    int key_line[CONFIG_KEYS_MAX], section_line[CONFIG_KEYS_MAX];
    char where[CONFIG_WHERE_MAX];
} Reader;

/* "a.yaml:3:5: ", of a place counted from 0. */
static const char *place(Reader *r, size_t line, size_t column)
{
    snprintf(r->where, sizeof r->where, "%s:%zu:%zu: ", r->name, line + 1, column + 1);
    return r->where;
}

static const char *here(Reader *r)
{
    return place(r, r->event.start_mark.line, r->event.start_mark.column);
}

/* What libyaml did not like. A reader error (bytes that are no text) has an offset and no line. */
static Status complain(Reader *r)
{
    const yaml_parser_t *p = &r->parser;
    size_t line = p->problem_mark.line, column = p->problem_mark.column;
    if (p->error == YAML_MEMORY_ERROR) return FAIL(E_NOMEM, "%s: out of memory", r->name);
    if (p->error == YAML_READER_ERROR) {
        line = column = 0;
        for (size_t i = 0; i < p->problem_offset && i < r->size; i++)
            if (r->text[i] == '\n')
                line++, column = 0;
            else
                column++;
        return FAIL(E_CONFIG, "%s%s: a config is UTF-8 text without control characters",
                    place(r, line, column), p->problem);
    }
    return FAIL(E_CONFIG, "%snot YAML: %s%s%s", place(r, line, column), p->problem,
                p->context ? " " : "", p->context ? p->context : "");
}

/* On to the next event; what could make a file mean something else than it says is refused here. */
static Status next(Reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) return complain(r);
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    char shown[SHOWN_MAX];
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return FAIL(E_CONFIG, "%s*%s: aliases are not used here; write the value out", here(r),
                    (const char *)e->data.alias.anchor);
    case YAML_SCALAR_EVENT: anchor = e->data.scalar.anchor, tag = e->data.scalar.tag; break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
        break;
    default: break;
    }
    if (anchor)
        return FAIL(E_CONFIG, "%s&%s: anchors are not used here; leave it out", here(r),
                    (const char *)anchor);
    if (tag)
        return FAIL(E_CONFIG, "%s%s: tags are not used here; leave it out", here(r),
                    text_escape((const char *)tag, shown, sizeof shown));
    return OK;
}

/* The scalar at hand, which must be free of NUL. */
static Status scalar(Reader *r, const char **value, const char *what)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return FAIL(E_CONFIG, "%s%s: expected one value, not a %s", here(r), what,
                    r->event.type == YAML_SEQUENCE_START_EVENT ? "list" : "map");
    *value = (const char *)r->event.data.scalar.value;
    if (strlen(*value) != r->event.data.scalar.length)
        return FAIL(E_CONFIG, "%s%s: the text has a NUL in it", here(r), what);
    return OK;
}

static bool is_null(const yaml_event_t *e)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    const char *text = (const char *)e->data.scalar.value;
    if (e->type != YAML_SCALAR_EVENT || e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (!strcmp(text, nulls[i])) return true;
    return false;
}

static Status unknown_setting(const char *where, const char *section, const char *name)
{
    char shown[2][SHOWN_MAX];
    const Key *best = schema_nearest(config_keys, config_key_count, section, name);
    return FAIL(E_CONFIG, "%s%s.%s: there is no such setting; did you mean %s.%s?", where,
                text_escape(section, shown[0], SHOWN_MAX), text_escape(name, shown[1], SHOWN_MAX),
                best->section, best->name);
}

static Status unknown_section(Reader *r, const char *name)
{
    char shown[SHOWN_MAX];
    if (!strcmp(name, "<<"))
        return FAIL(E_CONFIG,
                    "%s<<: merge keys are not used here; name the other file as base:", here(r));
    const char *best = "base", *dot = strchr(name, '.');
    int least = text_distance(name, best);
    text_escape(name, shown, sizeof shown);
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        if (dot && !strncmp(k->section, name, (size_t)(dot - name)) && !strcmp(dot + 1, k->name))
            return FAIL(E_CONFIG, "%s%s: write \"%s:\", and below it, indented, \"%s: ...\"",
                        here(r), shown, k->section, k->name);
        if (!strcmp(name, k->name))
            return FAIL(E_CONFIG, "%s%s: there is no such section; did you mean %s.%s?", here(r),
                        shown, k->section, k->name);
        int d = text_distance(name, k->section);
        if (d < least) best = k->section, least = d;
    }
    return FAIL(E_CONFIG, "%s%s: there is no such section; did you mean %s?", here(r), shown, best);
}

Status config_set(Config *c, const char *section, const char *name, const char *value,
                  const char *where, const char *origin)
{
    const Key *k = schema_find(config_keys, config_key_count, section, name);
    if (!k) return unknown_setting(where, section, name);
    TRY(schema_set(k, c, value, where));
    snprintf(c->origin[k - config_keys], ORIGIN_MAX, "%s", origin);
    return OK;
}

/* Whether what stands here stood before; *first: the line, from 1, where it stood first. */
static Status once(Reader *r, int *first, const char *section, const char *dot, const char *name)
{
    if (*first)
        return FAIL(E_CONFIG, "%s%s%s%s stands here again; it stood on line %d already", here(r),
                    section, dot, name, *first);
    *first = (int)r->event.start_mark.line + 1;
    return OK;
}

/* The settings of a section, from its "{" to its "}". */
static Status read_section(Reader *r, const Key *section)
{
    for (;;) {
        char full[SHOWN_MAX], origin[ORIGIN_MAX];
        const char *word;
        TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) return OK;
        TRY(scalar(r, &word, section->section));
        const Key *k = schema_find(config_keys, config_key_count, section->section, word);
        if (!k) return unknown_setting(here(r), section->section, word);
        snprintf(full, sizeof full, "%s.%s", k->section, k->name);
        TRY(once(r, &r->key_line[k - config_keys], k->section, ".", k->name));
        TRY(next(r));
        TRY(scalar(r, &word, full));
        char expected[512];
        schema_expects(k, expected, sizeof expected);
        if (is_null(&r->event))
            return FAIL(E_CONFIG, "%s%s has no value: expected %s%s", here(r), full, expected,
                        k->type == TYPE_TEXT ? " (in quotes, if it is to be empty or null)" : "");
        if (k->type != TYPE_TEXT && r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
            return FAIL(E_CONFIG, "%s%s is a text in quotes: expected %s, without quotes", here(r),
                        full, expected);
        if (!r->config) continue;
        snprintf(origin, sizeof origin, "%.200s:%zu:%zu", r->name, r->event.start_mark.line + 1,
                 r->event.start_mark.column + 1);
        TRY(config_set(r->config, k->section, k->name, word, here(r), origin));
    }
}

static Status read_base(Reader *r)
{
    const char *word;
    if (*r->base->path) return FAIL(E_CONFIG, "%sbase stands here for the second time", here(r));
    TRY(next(r));
    TRY(scalar(r, &word, "base"));
    if (!*word || is_null(&r->event))
        return FAIL(E_CONFIG, "%sbase has no value: expected the path of a config", here(r));
    if (snprintf(r->base->path, PATH_MAX, "%s", word) >= PATH_MAX)
        return FAIL(E_CONFIG, "%sbase: the path is too long", here(r));
    snprintf(r->base->where, CONFIG_WHERE_MAX, "%s", here(r));
    return OK;
}

/* From the "{" of the whole to its "}". */
static Status read_sections(Reader *r)
{
    for (;;) {
        const char *word;
        TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) return OK;
        TRY(scalar(r, &word, "the name of a section"));
        if (!strcmp(word, "base")) {
            TRY(read_base(r));
            continue;
        }
        const Key *k = config_keys, *end = config_keys + config_key_count;
        while (k < end && strcmp(k->section, word)) k++;
        if (k == end) return unknown_section(r, word);
        TRY(once(r, &r->section_line[k - config_keys], k->section, "", ""));
        TRY(next(r));
        if (r->event.type != YAML_MAPPING_START_EVENT)
            return FAIL(E_CONFIG, "%s%s is a section: expected \"%s: ...\" and the like below it",
                        here(r), k->section, k->name);
        TRY(read_section(r, k));
    }
}

static Status read_stream(Reader *r)
{
    TRY(next(r)); /* the stream's begin */
    TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT) return OK; /* nothing but comments */
    TRY(next(r));
    if (r->event.type != YAML_MAPPING_START_EVENT && !is_null(&r->event))
        return FAIL(E_CONFIG, "%sexpected sections (\"model:\" and the like)", here(r));
    if (r->event.type == YAML_MAPPING_START_EVENT) TRY(read_sections(r));
    TRY(next(r)); /* the document's end */
    TRY(next(r));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return FAIL(E_CONFIG, "%sa second document begins: a config is one", here(r));
    return OK;
}

Status config_yaml_read(Config *c, ConfigBase *base, const char *text, size_t size,
                        const char *name)
{
    const size_t mark = size >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    Reader r = {.config = c, .base = base, .name = name, .text = text + mark, .size = size - mark};
    *base->path = '\0';
    if (!yaml_parser_initialize(&r.parser)) return FAIL(E_NOMEM, "%s: out of memory", name);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.size);
    Status status = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}
