#include "train/config/renamed.h"

#include <stdlib.h>
#include <string.h>

#include "train/config/yaml.h"

typedef struct Renamed {
    const char *section, *name;
    const char *now; /* the new setting, in messages */
    /* Stores the old value at `index`, and any others it takes, as new settings. */
    Status (*translate)(const OldValues *old, int index, Config *c);
} Renamed;

static Status set(const OldValues *old, int index, Config *c, const char *section, const char *name,
                  const char *text)
{
    char where[ORIGIN_MAX + 8];
    snprintf(where, sizeof where, "%s: ", old->origin[index]);
    return config_set(c, section, name, text, where, old->origin[index]);
}

/* Also what 0.1 had no setting for: a run that it began is judged as it was. */
static Status inject_batch(const OldValues *old, int index, Config *c)
{
    TRY(set(old, index, c, "monitor", "grad_norm_floor", "0.01"));
    return set(old, index, c, "monitor", "inject_batch", old->text[index]);
}

/* A run writes its settings resolved, so both are numbers. 0: it is none. */
static int64_t count_of(const OldValues *old, int index)
{
    enum { MOST = 1000000 };
    const char *text = old->text[index];
    if (!*text) return 1;
    if (text[strspn(text, "0123456789")] || strlen(text) > 7) return 0;
    const long long count = strtoll(text, NULL, 10);
    return count <= MOST ? count : 0;
}

/* There were as many groups as micro-batches. */
static Status microbatches(const OldValues *old, int index, Config *c)
{
    char text[32];
    const int accumulate = renamed_find("train", "accumulate"),
              lanes = renamed_find("train", "lanes");
    const int64_t count = count_of(old, accumulate) * count_of(old, lanes);
    if (!count)
        return FAIL(E_CONFIG, "%s: expected a whole number from 1 to 1000000", old->origin[index]);
    snprintf(text, sizeof text, "%lld", (long long)count);
    TRY(set(old, index, c, "train", "microbatches", text));
    return set(old, index, c, "train", "groups", text);
}

static const Renamed renamed[RENAMED_COUNT] = {
    {"monitor", "inject_draw", "monitor.inject_batch", inject_batch},
    {"train", "lanes", "train.microbatches and train.groups", microbatches},
    {"train", "accumulate", "train.microbatches and train.groups", microbatches},
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
