/* capstan config explain [KEY], capstan config dump CONFIG [section.key=value ...] */
#include "train/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "train/checkpoint/init_from.h"
#include "train/commands/commands.h"
#include "train/plan/warnings.h"
#include "train/support/json.h"

enum { ARGUMENTS_MAX = 512 };

/* A value in JSON, from its text. */
static json_t *json_value(KeyType type, const char *text)
{
    switch (type) {
    case TYPE_AUTO:
        if (!strcmp(text, "auto")) return json_string(text);
        /* fallthrough */
    case TYPE_INT: return json_integer((json_int_t)strtod(text, NULL));
    case TYPE_REAL: return json_number(strtod(text, NULL));
    case TYPE_BOOL: return json_boolean(!strcmp(text, "true"));
    case TYPE_TEXT:
    case TYPE_CHOICE: return json_string(text);
    }
    return NULL;
}

static json_t *explain_json(const Key *k)
{
    json_t *o = json_object();
    json_object_set_new(o, "key", json_sprintf("%s.%s", k->section, k->name));
    json_object_set_new(o, "type", json_string(schema_type(k)));
    json_object_set_new(o, "default", json_value(k->type, k->fallback));
    if (k->type == TYPE_INT || k->type == TYPE_REAL || k->type == TYPE_AUTO) {
        json_object_set_new(o, "min", json_number(k->min));
        json_object_set_new(o, "max", json_number(k->max));
    }
    if (k->choices) {
        json_t *choices = json_array();
        for (const char *c = k->choices; *c; c += *c == '|') {
            const size_t length = strcspn(c, "|");
            json_array_append_new(choices, json_stringn(c, length));
            c += length;
        }
        json_object_set_new(o, "choices", choices);
    }
    json_object_set_new(o, "may_change", json_boolean(config_may_change(k)));
    json_object_set_new(o, "help", json_string(k->help));
    return o;
}

static const char *shown_default(const Key *k)
{
    return *k->fallback ? k->fallback : "\"\"";
}

/* "width = 128   1 to 65536", and the help below it. */
static void explain_row(const Key *k)
{
    char expected[512], head[64];
    const char *range = schema_expects(k, expected, sizeof expected);
    const char *from = strstr(range, " from ");
    if (from)
        range = from + strlen(" from ");
    else if (k->choices)
        range = k->choices;
    else if (k->type == TYPE_TEXT)
        range = "text";
    snprintf(head, sizeof head, "%s = %s", k->name, shown_default(k));
    printf("  %-28s  %s%s\n      ", head, k->type == TYPE_AUTO ? "auto, or " : "", range);
    options_put_text(k->help, 6);
}

static bool is_data_path(const Key *k)
{
    return !strcmp(k->section, "data") && !strcmp(k->name, "path");
}

static void explain_one(const Key *k)
{
    char expected[512];
    printf("%s.%s\n  ", k->section, k->name);
    options_put_text(k->help, 2);
    printf("  value    %s\n", schema_expects(k, expected, sizeof expected));
    printf("  default  %s\n", shown_default(k));
    printf("  resume   %s\n", config_may_change(k) ? "may differ"
                              : is_data_path(k) ? "may differ, if the dataset has the same digest"
                                                : "must stay the same");
}

/* wanted: "section.name", "section", or NULL for all. */
static bool is_wanted(const Key *k, const char *wanted)
{
    const size_t length = strlen(k->section);
    if (!wanted || !strcmp(wanted, k->section)) return true;
    return !strncmp(wanted, k->section, length) && wanted[length] == '.' &&
           !strcmp(wanted + length + 1, k->name);
}

static Status explain(const char *wanted, bool json)
{
    const bool one = wanted && strchr(wanted, '.');
    const char *section = "";
    json_t *list = json_array();
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        if (!is_wanted(k, wanted)) continue;
        if (json)
            json_array_append_new(list, explain_json(k));
        else if (one)
            explain_one(k);
        else {
            if (strcmp(section, k->section)) printf("%s%s:\n", *section ? "\n" : "", k->section);
            explain_row(k);
        }
        section = k->section;
    }
    json_t *root =
        one ? json_incref(json_array_get(list, 0)) : json_pack("{s:O}", "settings", list);
    json_decref(list);
    if (json) return json_print(root);
    json_decref(root);
    return OK;
}

static Status check_wanted(const char *wanted)
{
    char head[TEXT_MAX];
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (is_wanted(k, wanted)) return OK;
    const size_t length = strcspn(wanted, ".");
    if (length >= sizeof head) return FAIL(E_ARG, "there is no such setting");
    snprintf(head, sizeof head, "%.*s", (int)length, wanted);
    const Key *best = wanted[length]
                          ? schema_nearest(config_keys, config_key_count, head, wanted + length + 1)
                          : schema_nearest(config_keys, config_key_count, "", wanted);
    return FAIL(E_ARG, "there is no setting %s; did you mean %s.%s?", wanted, best->section,
                best->name);
}

static Status dump_json(const Config *c)
{
    json_t *root = json_object();
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        char value[TEXT_MAX];
        json_t *section = json_object_get(root, k->section), *o = json_object();
        if (!section) json_object_set_new(root, k->section, section = json_object());
        config_value(c, k, value, sizeof value);
        json_object_set_new(o, "value", json_value(k->type, value));
        json_object_set_new(o, "origin", json_string(c->origin[k - config_keys]));
        json_object_set_new(section, k->name, o);
    }
    return json_print(root);
}

static Status dump(int count, const char *const arguments[], bool json)
{
    static Config c;
    const bool has_path = count && !strchr(arguments[0], '=');
    TRY(init_from_config(&c, has_path ? arguments[0] : NULL, count - has_path,
                         arguments + has_path));
    const WarningFacts facts = config_facts(&c);
    warnings_print(warnings_of_run, &facts);
    return json ? dump_json(&c) : config_write(&c, true, stdout);
}

Status command_config(const Command *c, int argc, char *argv[])
{
    bool json = false, helped;
    const char *arguments[ARGUMENTS_MAX];
    int count;
    const Option options[] = {
        OPTION_USAGE("explain [SECTION | SECTION.KEY]"),
        OPTION_USAGE("dump [CONFIG] [section.key=value ...]"),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, arguments, ARGUMENTS_MAX, &count, &helped));
    if (helped) return OK;
    if (count && !strcmp(arguments[0], "dump")) return dump(count - 1, arguments + 1, json);
    if (!count || strcmp(arguments[0], "explain") || count > 2)
        return FAIL(E_ARG, "capstan config: expected explain or dump; see capstan config --help");
    if (count == 2) TRY(check_wanted(arguments[1]));
    return explain(count == 2 ? arguments[1] : NULL, json);
}
