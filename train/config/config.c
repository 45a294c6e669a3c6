#include "train/config/config.h"

#include <string.h>

#include "autograd/kernels/gemm.h"
#include "train/config/yaml.h"

/* clang-format off */
const Key config_keys[] = {
    SCHEMA_KEYS(model, GPT_SETTINGS)
    SCHEMA_KEYS(data, DATA_SETTINGS)
    SCHEMA_KEYS(optim, OPTIM_SETTINGS)
    SCHEMA_KEYS(train, TRAIN_SETTINGS)
    SCHEMA_KEYS(monitor, MONITOR_SETTINGS)
};
/* clang-format on */
const int config_key_count = sizeof config_keys / sizeof *config_keys;
_Static_assert(sizeof config_keys / sizeof *config_keys <= CONFIG_KEYS_MAX,
               "raise CONFIG_KEYS_MAX");

bool config_may_change(const Key *k)
{
    return k->flags & SETTING_MAY_CHANGE;
}

int64_t config_auto_microbatches(int64_t batch, int64_t context)
{
    enum { TOKENS = 1024 };
    const int64_t fitting = batch * context / TOKENS, fewest = batch < 2 ? batch : 2;
    return fitting < fewest ? fewest : fitting < batch ? fitting : batch;
}

bool config_recompute(const Config *c)
{
    return c->train.recompute == RECOMPUTE_blocks;
}

bool config_bf16(const Config *c)
{
    return c->train.precision == PRECISION_bfloat16;
}

static Status check_precision(const Config *c)
{
    const char *missing = gemm_bf16_missing();
    if (!config_bf16(c) || c->train.precision_fallback || !missing) return OK;
    return FAIL(
        E_CONFIG,
        "train.precision = bfloat16: %s; train.precision_fallback = true emulates it slowly; "
        "train.precision = float32 is faster",
        missing);
}

/* "section.key=value" */
static Status override(Config *c, const char *text)
{
    char section[TEXT_MAX], *name;
    const char *equals = strchr(text, '=');
    const size_t length = equals ? (size_t)(equals - text) : 0;
    if (!equals || length >= sizeof section || !memchr(text, '.', length)) {
        const Key *meant = config_guess(text, (int)length);
        if (meant)
            return FAIL(E_CONFIG,
                        "command line: %s: expected section.key=value; did you mean %s.%s%s?", text,
                        meant->section, meant->name, equals);
        return FAIL(E_CONFIG, "command line: %s: expected section.key=value, as in train.steps=100",
                    text);
    }
    memcpy(section, text, length);
    section[length] = '\0';
    name = strchr(section, '.');
    *name++ = '\0';
    return config_set(c, section, name, equals + 1, "command line: ", "command line");
}

static Status resolve_microbatches(TrainConfig *t, int64_t context)
{
    enum { GROUPS = 16 };
    if (t->microbatches == SETTING_AUTO)
        t->microbatches = config_auto_microbatches(t->batch, context);
    if (t->groups == SETTING_AUTO) t->groups = t->microbatches < GROUPS ? t->microbatches : GROUPS;
    if (t->microbatches > t->batch)
        return FAIL(E_CONFIG,
                    "train.microbatches = %lld: expected at most train.batch = %lld, because each "
                    "needs a sequence",
                    (long long)t->microbatches, (long long)t->batch);
    if (t->groups > t->microbatches)
        return FAIL(E_CONFIG,
                    "train.groups = %lld: expected at most train.microbatches = %lld, because each "
                    "needs a micro-batch",
                    (long long)t->groups, (long long)t->microbatches);
    return OK;
}

/* Where a message mentions the setting, as a whole word; NULL if it does not. */
static const char *mention(const char *message, const Key *k)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", k->section, k->name);
    const size_t length = strlen(name);
    for (const char *at = strstr(message, name); at; at = strstr(at + 1, name))
        if (!strchr("abcdefghijklmnopqrstuvwxyz_0123456789", at[length]) || !at[length]) return at;
    return NULL;
}

/* Adds the origins of the settings that an error of a check mentions. */
static Status blame(const Config *c, Status status)
{
    char message[2048], rest[1024] = "";
    int first = -1;
    size_t used = 0;
    if (status != E_CONFIG) return status;
    snprintf(message, sizeof message, "%s", error_message() + strlen(status_text(status)) + 2);
    for (int i = 0; i < config_key_count; i++) {
        const char *at = mention(message, &config_keys[i]);
        if (!at || !strcmp(c->origin[i], "default")) continue;
        if (first < 0 || at < mention(message, &config_keys[first])) first = i;
    }
    for (int i = 0; i < config_key_count; i++)
        if (i != first && used < sizeof rest && mention(message, &config_keys[i]))
            used +=
                (size_t)snprintf(rest + used, sizeof rest - used, "%s%s.%s: %s", used ? "; " : " (",
                                 config_keys[i].section, config_keys[i].name, c->origin[i]);
    const char *place = first < 0 ? "" : c->origin[first];
    return FAIL(E_CONFIG, "%s%s%s%s%s", place, *place ? ": " : "", message, rest, used ? ")" : "");
}

Status config_override(Config *c, int count, const char *const overrides[])
{
    for (int i = 0; i < count; i++) TRY(override(c, overrides[i]));
    return OK;
}

static char *origin_of(Config *c, const char *section, const char *name)
{
    return c->origin[schema_find(config_keys, config_key_count, section, name) - config_keys];
}

/* The number of warm-up steps comes from one of two settings. */
static Status check_warmup(Config *c)
{
    char *steps = origin_of(c, "optim", "warmup"), *share = origin_of(c, "optim", "warmup_share");
    if (!(c->optim.warmup_share > 0)) return OK;
    if (strcmp(steps, "default"))
        return blame(c, FAIL(E_CONFIG,
                             "optim.warmup_share = %g and optim.warmup = %lld both set the "
                             "warm-up: leave one of them out",
                             c->optim.warmup_share, (long long)c->optim.warmup));
    memcpy(steps, share, ORIGIN_MAX);
    strcpy(share, "default");
    return OK;
}

Status config_resolve(Config *c)
{
    TRY(check_warmup(c));
    gpt_resolve(&c->model);
    optim_resolve(&c->optim, c->train.steps);
    Status status = gpt_check(&c->model);
    if (status == OK) status = data_check(&c->data);
    if (status == OK) status = optim_check(&c->optim);
    if (status == OK) status = resolve_microbatches(&c->train, c->model.context);
    if (status == OK) status = monitor_check(&c->monitor, c->train.steps);
    return blame(c, status);
}

Status config_fits_here(const Config *c)
{
    return blame(c, check_precision(c));
}

static void start(Config *c)
{
    memset(c, 0, sizeof *c);
    schema_defaults(config_keys, config_key_count, c);
    for (int i = 0; i < config_key_count; i++) strcpy(c->origin[i], "default");
}

Status config_read(Config *c, const char *path, ConfigTree *sweep)
{
    start(c);
    return path ? config_file_read(c, path, sweep, CONFIG_BY_USER) : OK;
}

static Status load(Config *c, const char *path, ConfigTree *sweep, int count,
                   const char *const overrides[])
{
    TRY(config_read(c, path, sweep));
    TRY(config_override(c, count, overrides));
    TRY(config_resolve(c));
    return config_fits_here(c);
}

Status config_load(Config *c, const char *path, int count, const char *const overrides[])
{
    return load(c, path, NULL, count, overrides);
}

Status config_load_common(Config *c, const char *path, int count, const char *const overrides[])
{
    ConfigTree sweep = {.root = NULL};
    const Status status = load(c, path, &sweep, count, overrides);
    arena_free(&sweep.arena);
    return status;
}

Status config_load_stored(Config *c, const char *path)
{
    start(c);
    TRY(config_file_read(c, path, NULL, CONFIG_BY_RUN));
    return config_resolve(c);
}

Status config_parse(Config *c, const char *text, size_t size, const char *name, int count,
                    const char *const overrides[])
{
    ConfigBase base;
    start(c);
    TRY(config_yaml_read(c, &base, NULL, CONFIG_BY_RUN, text, size, name));
    if (*base.path)
        return FAIL(E_CONFIG, "%sbase: the config of a checkpoint cannot have one", base.where);
    TRY(config_override(c, count, overrides));
    return config_resolve(c);
}
