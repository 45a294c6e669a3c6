/* capstan config explain [KEY], capstan config dump CONFIG [section.key=value ...] */
#include "train/config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "train/commands.h"

enum { ARGUMENTS_MAX = 512 };

/* A number as it is written in a config, anything else as JSON has it. */
static void print_json(KeyType type, const char *text)
{
    if (type != TYPE_TEXT) {
        fputs(text, stdout);
        return;
    }
    json_t *string = json_string(text);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    fputs(quoted ? quoted : "null", stdout);
    free(quoted);
    json_decref(string);
}

static void explain_json(const Key *k)
{
    printf("{\"key\": \"%s.%s\", \"type\": \"%s\", \"default\": ", k->section, k->name,
           schema_type(k));
    print_json(k->type, k->fallback);
    if (k->type == TYPE_INT || k->type == TYPE_REAL)
        printf(", \"min\": %.17g, \"max\": %.17g", k->min, k->max);
    if (k->choices) {
        printf(", \"choices\": [");
        for (const char *c = k->choices; *c; c += *c == '|') {
            const int length = (int)strcspn(c, "|");
            printf("%s\"%.*s\"", c == k->choices ? "" : ", ", length, c);
            c += length;
        }
        printf("]");
    }
    printf(", \"may_change\": %s, \"help\": ", config_may_change(k) ? "true" : "false");
    print_json(TYPE_TEXT, k->help);
    printf("}");
}

static const char *shown_default(const Key *k)
{
    return *k->fallback ? k->fallback : "\"\"";
}

static void explain_row(const Key *k)
{
    char expected[512];
    const char *range = schema_expects(k, expected, sizeof expected);
    const char *from = strstr(range, " from ");
    if (k->type != TYPE_TEXT && from)
        range = from + strlen(" from ");
    else if (k->choices)
        range = k->choices;
    else
        range = "";
    printf("  %-15s %-4s  %-14s  %-34s  %s\n", k->name, schema_type(k), shown_default(k), range,
           k->help);
}

static bool is_data_path(const Key *k)
{
    return !strcmp(k->section, "data") && !strcmp(k->name, "path");
}

static void explain_one(const Key *k)
{
    char expected[512];
    printf("%s.%s: %s\n", k->section, k->name, k->help);
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
    const char *section = "";
    int found = 0;
    if (json && !(wanted && strchr(wanted, '.'))) printf("{\"settings\": [");
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        if (!is_wanted(k, wanted)) continue;
        if (json) {
            if (found) printf(",\n");
            explain_json(k);
        } else if (wanted && strchr(wanted, '.'))
            explain_one(k);
        else {
            if (strcmp(section, k->section)) printf("%s%s:\n", found ? "\n" : "", k->section);
            explain_row(k);
        }
        section = k->section;
        found++;
    }
    if (json) printf(wanted && strchr(wanted, '.') ? "\n" : "]}\n");
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
    const char *section = "";
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        char value[TEXT_MAX];
        const bool same = !strcmp(section, k->section);
        if (!same) printf("%s\"%s\": {\n", *section ? "},\n " : "{", k->section);
        section = k->section;
        printf("%s  \"%s\": {\"value\": ", same ? ",\n" : "", k->name);
        print_json(k->type, config_value(c, k, value, sizeof value));
        printf(", \"origin\": ");
        print_json(TYPE_TEXT, c->origin[k - config_keys]);
        printf("}");
    }
    printf("}}\n");
    return OK;
}

static Status dump(int count, const char *const arguments[], bool json)
{
    static Config c;
    const bool has_path = count && !strchr(arguments[0], '=');
    TRY(config_load(&c, has_path ? arguments[0] : NULL, count - has_path, arguments + has_path));
    return json ? dump_json(&c) : config_write(&c, true, stdout);
}

Status command_config(const Command *c, int argc, char *argv[])
{
    bool json = false, helped;
    const char *arguments[ARGUMENTS_MAX];
    int count;
    const Option options[] = {
        {.name = "--json", .type = OPTION_FLAG, .value = &json, .help = "one JSON object"},
        {0},
    };
    TRY(options_read(c, options, argc, argv, arguments, ARGUMENTS_MAX, &count, &helped));
    if (helped) return OK;
    if (count && !strcmp(arguments[0], "dump")) return dump(count - 1, arguments + 1, json);
    if (!count || strcmp(arguments[0], "explain") || count > 2)
        return FAIL(E_ARG, "expected capstan %s %s", c->name, c->usage);
    if (count == 2) TRY(check_wanted(arguments[1]));
    return explain(count == 2 ? arguments[1] : NULL, json);
}
