#include "train/config/yaml.h"

#include <string.h>

#include "autograd/base/text.h"

enum { SHOWN_MAX = CONFIG_SHOWN_MAX };

/* One text on its way into a config. */
typedef struct Reader {
    Events events;
    Config *config; /* NULL: only the base is wanted */
    ConfigBase *base;
    ConfigTree *sweep; /* NULL: there must be none */
    /* By key, and by a section's first key: the line where it stood first; 0: not yet. */
    int key_line[CONFIG_KEYS_MAX], section_line[CONFIG_KEYS_MAX], sweep_line;
} Reader;

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
        return FAIL(E_CONFIG, "%s<<: merge keys are not used here; name the other file as base:",
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

/* Whether what stands here stood before; *first: the line, from 1, where it stood first. */
static Status once(Reader *r, int *first, const char *section, const char *dot, const char *name)
{
    if (*first)
        return FAIL(E_CONFIG, "%s%s%s%s stands here again; it stood on line %d already",
                    events_here(&r->events), section, dot, name, *first);
    *first = (int)r->events.event.start_mark.line + 1;
    return OK;
}

/* The settings of a section, from its "{" to its "}". */
static Status read_section(Reader *r, const Key *section)
{
    for (;;) {
        char full[SHOWN_MAX], origin[ORIGIN_MAX];
        const char *word;
        TRY(events_next(&r->events));
        if (r->events.event.type == YAML_MAPPING_END_EVENT) return OK;
        TRY(events_scalar(&r->events, &word, section->section));
        const Key *k = schema_find(config_keys, config_key_count, section->section, word);
        if (!k) return unknown_setting(events_here(&r->events), section->section, word);
        snprintf(full, sizeof full, "%s.%s", k->section, k->name);
        TRY(once(r, &r->key_line[k - config_keys], k->section, ".", k->name));
        TRY(events_next(&r->events));
        TRY(events_scalar(&r->events, &word, full));
        char expected[512];
        schema_expects(k, expected, sizeof expected);
        if (events_null(&r->events))
            return FAIL(E_CONFIG, "%s%s has no value: expected %s%s", events_here(&r->events), full,
                        expected,
                        k->type == TYPE_TEXT ? " (in quotes, if it is to be empty or null)" : "");
        const bool plain = r->events.event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        if (!plain && (k->type == TYPE_INT || k->type == TYPE_REAL || k->type == TYPE_BOOL))
            return FAIL(E_CONFIG, "%s%s is a text in quotes: expected %s, without quotes",
                        events_here(&r->events), full, expected);
        if (!r->config) continue;
        snprintf(origin, sizeof origin, "%.200s:%zu:%zu", r->events.name,
                 r->events.event.start_mark.line + 1, r->events.event.start_mark.column + 1);
        TRY(config_set(r->config, k->section, k->name, word, events_here(&r->events), origin));
    }
}

static Status read_base(Reader *r)
{
    const char *word;
    if (*r->base->path)
        return FAIL(E_CONFIG, "%sbase stands here for the second time", events_here(&r->events));
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
            FAIL(E_CONFIG, "%ssweep: this describes many runs; capstan sweep makes them", where);
    return status;
}

/* From the "{" of the whole to its "}". */
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
        if (r->events.event.type != YAML_MAPPING_START_EVENT)
            return FAIL(E_CONFIG, "%s%s is a section: expected \"%s: ...\" and the like below it",
                        events_here(&r->events), k->section, k->name);
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
        return FAIL(E_CONFIG, "%sexpected sections (\"model:\" and the like)",
                    events_here(&r->events));
    if (r->events.event.type == YAML_MAPPING_START_EVENT) TRY(read_sections(r));
    TRY(events_next(&r->events)); /* the document's end */
    TRY(events_next(&r->events));
    if (r->events.event.type != YAML_STREAM_END_EVENT)
        return FAIL(E_CONFIG, "%sa second document begins: a config is one",
                    events_here(&r->events));
    return OK;
}

Status config_yaml_read(Config *c, ConfigBase *base, ConfigTree *sweep, const char *text,
                        size_t size, const char *name)
{
    Reader r = {.config = c, .base = base, .sweep = sweep};
    *base->path = '\0';
    TRY(events_open(&r.events, text, size, name));
    Status status = read_stream(&r);
    events_close(&r.events);
    return status;
}
