#include "train/config/yaml.h"

#include <string.h>

#include "autograd/base/text.h"
#include "train/config/renamed.h"

enum { SHOWN_MAX = CONFIG_SHOWN_MAX };

/* A text that is being read. */
typedef struct Reader {
    Events events;
    Config *config; /* NULL: only the base is wanted */
    ConfigBase *base;
    ConfigTree *sweep; /* NULL: the section is an error */
    ConfigAuthor by;
    OldValues old;
    /* The line of each key, and of each section by its first key; 0: not seen yet. */
    int key_line[CONFIG_KEYS_MAX], section_line[CONFIG_KEYS_MAX], sweep_line;
    int old_line[RENAMED_COUNT];
} Reader;

static Status unknown_setting(const char *where, const char *section, const char *name)
{
    char shown[2][SHOWN_MAX];
    const int old = renamed_find(section, name);
    if (old >= 0) return renamed_refuse(old, where);
    const Key *best = schema_nearest(config_keys, config_key_count, section, name);
    return FAIL(E_CONFIG, "%s%s.%s: there is no such setting; did you mean %s.%s?", where,
                text_escape(section, shown[0], SHOWN_MAX), text_escape(name, shown[1], SHOWN_MAX),
                best->section, best->name);
}

static Status unknown_section(Reader *r, const char *name)
{
    char shown[SHOWN_MAX];
    if (!strcmp(name, "<<"))
        return FAIL(E_CONFIG, "%s<<: merge keys are not allowed; name the other file as base:",
                    events_here(&r->events));
    const char *best = "base", *dot = strchr(name, '.');
    int least = text_distance(name, best);
    text_escape(name, shown, sizeof shown);
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        if (dot && !strncmp(k->section, name, (size_t)(dot - name)) && !strcmp(dot + 1, k->name))
            return FAIL(E_CONFIG, "%s%s: write \"%s:\", and below it, indented, \"%s: ...\"",
                        events_here(&r->events), shown, k->section, k->name);
        if (!strcmp(name, k->name))
            return FAIL(E_CONFIG, "%s%s: there is no such section; did you mean %s.%s?",
                        events_here(&r->events), shown, k->section, k->name);
        int d = text_distance(name, k->section);
        if (d < least) best = k->section, least = d;
    }
    return FAIL(E_CONFIG, "%s%s: there is no such section; did you mean %s?",
                events_here(&r->events), shown, best);
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

/* E_CONFIG if the key was seen before. *first: the line, from 1, where it was first seen. */
static Status once(Reader *r, int *first, const char *section, const char *dot, const char *name)
{
    if (*first)
        return FAIL(E_CONFIG, "%sduplicate key %s%s%s; it is on line %d already",
                    events_here(&r->events), section, dot, name, *first);
    *first = (int)r->events.event.start_mark.line + 1;
    return OK;
}

/* "a.yaml:3:5" of the current event. */
static void write_origin(const Reader *r, char out[ORIGIN_MAX])
{
    const yaml_mark_t *at = &r->events.event.start_mark;
    snprintf(out, ORIGIN_MAX, "%.200s:%zu:%zu", r->events.name, at->line + 1, at->column + 1);
}

/* A setting of version 0.1, from its value on. */
static Status read_old(Reader *r, int index, const char *section, const char *name)
{
    const char *word;
    TRY(once(r, &r->old_line[index], section, ".", name));
    TRY(events_next(&r->events));
    TRY(events_scalar(&r->events, &word, name));
    snprintf(r->old.text[index], TEXT_MAX, "%s", word);
    write_origin(r, r->old.origin[index]);
    return OK;
}

/* The value of a setting, from the event after its name on. */
static Status read_value(Reader *r, const Key *k)
{
    char full[SHOWN_MAX], origin[ORIGIN_MAX], expected[512];
    const char *word;
    snprintf(full, sizeof full, "%s.%s", k->section, k->name);
    TRY(once(r, &r->key_line[k - config_keys], k->section, ".", k->name));
    TRY(events_next(&r->events));
    TRY(events_scalar(&r->events, &word, full));
    const char *here = events_here(&r->events);
    const bool plain = r->events.event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    schema_expects(k, expected, sizeof expected);
    if (events_null(&r->events))
        return FAIL(E_CONFIG, "%s%s has no value: expected %s%s", here, full, expected,
                    k->type == TYPE_TEXT ? " (in quotes if it is empty or null)" : "");
    if (!plain && (k->type == TYPE_INT || k->type == TYPE_REAL || k->type == TYPE_BOOL))
        return FAIL(E_CONFIG, "%s%s is a quoted text: expected %s, without quotes", here, full,
                    expected);
    if (!r->config) return OK;
    write_origin(r, origin);
    return config_set(r->config, k->section, k->name, word, here, origin);
}

/* The settings of a section, from its "{" to its "}". */
static Status read_section(Reader *r, const Key *section)
{
    for (;;) {
        const char *word;
        TRY(events_next(&r->events));
        if (r->events.event.type == YAML_MAPPING_END_EVENT) return OK;
        TRY(events_scalar(&r->events, &word, section->section));
        const Key *k = schema_find(config_keys, config_key_count, section->section, word);
        const int old = k ? -1 : renamed_find(section->section, word);
        if (k)
            TRY(read_value(r, k));
        else if (old >= 0 && r->by == CONFIG_BY_RUN)
            TRY(read_old(r, old, section->section, word));
        else
            return unknown_setting(events_here(&r->events), section->section, word);
    }
}

static Status read_base(Reader *r)
{
    const char *word;
    if (*r->base->path) return FAIL(E_CONFIG, "%sduplicate key base", events_here(&r->events));
    TRY(events_next(&r->events));
    TRY(events_scalar(&r->events, &word, "base"));
    if (!*word || events_null(&r->events))
        return FAIL(E_CONFIG, "%sbase has no value: expected the path of a config",
                    events_here(&r->events));
    if (snprintf(r->base->path, PATH_MAX, "%s", word) >= PATH_MAX)
        return FAIL(E_CONFIG, "%sbase: the path is too long", events_here(&r->events));
    snprintf(r->base->where, CONFIG_WHERE_MAX, "%s", events_here(&r->events));
    return OK;
}

static Status read_sweep(Reader *r)
{
    ConfigTree nobody = {.arena = {0}};
    ConfigTree *tree = r->sweep ? r->sweep : &nobody;
    char where[CONFIG_WHERE_MAX];
    snprintf(where, sizeof where, "%s", events_here(&r->events));
    TRY(once(r, &r->sweep_line, "sweep", "", ""));
    TRY(events_next(&r->events));
    Status status = config_tree_read(&r->events, tree);
    arena_free(&nobody.arena);
    if (status == OK && !r->sweep)
        status =
            FAIL(E_CONFIG, "%ssweep: this config describes many runs: use capstan sweep", where);
    return status;
}

/* The event after the name of a section is not "{". */
static Status no_section(Reader *r, const Key *k)
{
    const yaml_event_t *at = &r->events.event;
    const char *here = events_here(&r->events);
    const char *text = at->type == YAML_SCALAR_EVENT ? (const char *)at->data.scalar.value : "";
    char shown[SHOWN_MAX];
    size_t colon;
    if (events_missing_space(text, strcspn(text, " \n"), &colon))
        return FAIL(E_CONFIG, "%sa space is missing after the colon",
                    events_position(&r->events, at->start_mark.line,
                                    at->start_mark.column + colon + 1));
    if (strchr(text, '='))
        return FAIL(E_CONFIG, "%s%s: in a config write \"key: value\"", here,
                    text_escape(text, shown, SHOWN_MAX));
    return FAIL(E_CONFIG, "%s%s is a section: expected \"%s: ...\" and other settings below it",
                here, k->section, k->name);
}

/* The sections, from the "{" of the document to its "}". */
static Status read_sections(Reader *r)
{
    for (;;) {
        const char *word;
        TRY(events_next(&r->events));
        if (r->events.event.type == YAML_MAPPING_END_EVENT) return OK;
        TRY(events_scalar(&r->events, &word, "the name of a section"));
        if (!strcmp(word, "base")) {
            TRY(read_base(r));
            continue;
        }
        if (!strcmp(word, "sweep")) {
            TRY(read_sweep(r));
            continue;
        }
        const Key *k = config_keys, *end = config_keys + config_key_count;
        while (k < end && strcmp(k->section, word)) k++;
        if (k == end) return unknown_section(r, word);
        TRY(once(r, &r->section_line[k - config_keys], k->section, "", ""));
        TRY(events_next(&r->events));
        if (r->events.event.type != YAML_MAPPING_START_EVENT) return no_section(r, k);
        TRY(read_section(r, k));
    }
}

static Status read_stream(Reader *r)
{
    TRY(events_next(&r->events)); /* the stream's begin */
    TRY(events_next(&r->events));
    if (r->events.event.type == YAML_STREAM_END_EVENT) return OK; /* nothing but comments */
    TRY(events_next(&r->events));
    if (r->events.event.type != YAML_MAPPING_START_EVENT && !events_null(&r->events))
        return FAIL(E_CONFIG, "%sexpected sections, as in \"model:\", and settings below them",
                    events_here(&r->events));
    if (r->events.event.type == YAML_MAPPING_START_EVENT) TRY(read_sections(r));
    TRY(events_next(&r->events)); /* the document's end */
    TRY(events_next(&r->events));
    if (r->events.event.type != YAML_STREAM_END_EVENT)
        return FAIL(E_CONFIG, "%sa second document begins: a config is one document",
                    events_here(&r->events));
    return OK;
}

Status config_yaml_read(Config *c, ConfigBase *base, ConfigTree *sweep, ConfigAuthor by,
                        const char *text, size_t size, const char *name)
{
    Reader r = {.config = c, .base = base, .sweep = sweep, .by = by};
    *base->path = '\0';
    TRY(events_open(&r.events, text, size, name));
    Status status = read_stream(&r);
    events_close(&r.events);
    if (status == OK && c) status = renamed_apply(&r.old, c);
    return status;
}
