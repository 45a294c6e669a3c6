#include "train/config/renamed.h"

#include <string.h>

#include "train/config/yaml.h"

typedef struct Renamed {
    const char *section, *name;
    const char *now; /* the new setting, in messages */
    /* Stores the old value at `index`, and any others it takes, as new settings. */
    Status (*translate)(const OldValues *old, int index, Config *c);
} Renamed;

static Status set(const OldValues *old, int index, Config *c, const char *section, const char *name)
{
    char where[ORIGIN_MAX + 8];
    snprintf(where, sizeof where, "%s: ", old->origin[index]);
    return config_set(c, section, name, old->text[index], where, old->origin[index]);
}

static Status inject_batch(const OldValues *old, int index, Config *c)
{
    return set(old, index, c, "monitor", "inject_batch");
}

static const Renamed renamed[RENAMED_COUNT] = {
    {"monitor", "inject_draw", "monitor.inject_batch", inject_batch},
};

int renamed_find(const char *section, const char *name)
{
    for (int i = 0; i < RENAMED_COUNT; i++)
        if (!strcmp(renamed[i].section, section) && !strcmp(renamed[i].name, name)) return i;
    return -1;
}

Status renamed_refuse(int index, const char *where)
{
    const Renamed *r = &renamed[index];
    return FAIL(E_CONFIG, "%s%s.%s was renamed in version 0.2: use %s", where, r->section, r->name,
                r->now);
}

Status renamed_apply(const OldValues *old, Config *c)
{
    for (int i = 0; i < RENAMED_COUNT; i++)
        if (*old->text[i]) TRY(renamed[i].translate(old, i, c));
    return OK;
}
