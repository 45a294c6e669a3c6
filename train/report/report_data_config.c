/* The config of a run with its origins, which config.yaml tells as comments. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/report/report_data_parts.h"

/* What stands behind "# " after the value; "" if nothing does. A text in quotes may hold a "#". */
static const char *comment(const char *value)
{
    bool quoted = false;
    for (const char *c = value; *c; c++) {
        if (*c == '\\' && quoted && c[1])
            c++;
        else if (*c == '"')
            quoted = !quoted;
        else if (*c == '#' && !quoted && c > value && c[-1] == ' ')
            return c[1] == ' ' ? c + 2 : c + 1;
    }
    return "";
}

/* "  width: 64     # a.yaml:3:10" below "model:". */
static void take_line(Config *c, char *line, char section[64])
{
    line[strcspn(line, "\r\n")] = '\0';
    char *name = line + strspn(line, " "), *colon = strchr(name, ':');
    if (!colon || !*name || *name == '#') return;
    *colon = '\0';
    if (name == line) {
        snprintf(section, 64, "%s", name);
        return;
    }
    const Key *k = schema_find(config_keys, config_key_count, section, name);
    if (k) snprintf(c->origin[k - config_keys], ORIGIN_MAX, "%s", comment(colon + 1));
}

static void read_origins(Config *c, FILE *file)
{
    char *line = NULL, section[64] = "";
    size_t room = 0;
    while (getline(&line, &room, file) > 0) take_line(c, line, section);
    free(line);
}

Status reported_config(Reported *r)
{
    char path[PATH_MAX];
    Config *c = arena_zero(&r->arena, sizeof *c), *defaults = arena_zero(&r->arena, sizeof *c);
    if (!c || !defaults) return FAIL(E_NOMEM, "a config");
    if ((size_t)snprintf(path, sizeof path, "%s/config.yaml", r->folder) >= sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", r->folder);
    const Status status = config_load(c, path, 0, NULL);
    if (status != OK) {
        r->no_config = arena_text(&r->arena, error_message());
        return r->no_config && status != E_NOMEM ? OK : FAIL(E_NOMEM, "a config");
    }
    TRY(config_load(defaults, NULL, 0, NULL));
    FILE *file = fopen(path, "r");
    if (file) {
        read_origins(c, file);
        fclose(file);
    }
    r->config = c;
    r->defaults = defaults;
    return OK;
}
