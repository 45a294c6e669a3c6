/* The whole configuration of a run: filled once, then constant. */
#ifndef TRAIN_CONFIG_CONFIG_H
#define TRAIN_CONFIG_CONFIG_H

#include "data/batch.h"
#include "layers/gpt.h"
#include "optim/optim.h"
#include "train/config/monitor_settings.h"
#include "train/support/precision.h"

#define RECOMPUTE_CHOICES(X) X(RECOMPUTE, off) X(RECOMPUTE, blocks)
CHOICES(Recompute, RECOMPUTE_CHOICES, recompute_text)

/* clang-format off */
/* [train] name, default, min, max, help */
#define TRAIN_SETTINGS(S, INT, REAL, BOOL, TEXT, CHOICE, AUTO) \
    INT (S, steps,            2000,     0,    1e12, "optimizer steps", SETTING_SCHEDULE) \
    INT (S, batch,              12,     1,     1e6, "batch size: sequences per optimizer step") \
    AUTO(S, microbatches, 1, 1e6, \
         "micro-batches per step, computed in parallel or one after the other (gradient " \
         "accumulation); auto: one per 1024 tokens, but at least 2 if there are two sequences") \
    AUTO(S, groups, 1, 1e6, \
         "groups of micro-batches whose gradients are summed independently, each on one thread; " \
         "at least as many as threads keep all busy; auto: microbatches, at most 16") \
    TEXT(S, init_from,       "", \
         "checkpoint, or run's folder, whose model and parameters a fresh run starts from, at step " \
         "0 and with a new optimizer state; the section model is its", SETTING_ADDED) \
    INT (S, seed,             1337,     0, 4294967295, "seed of all random streams") \
    INT (S, eval_every,        250,     0,    1e12, \
         "steps between evaluations; 0: never", SETTING_MAY_CHANGE) \
    INT (S, eval_batches,       20,     1,     1e9, \
         "batches of the validation split per evaluation", SETTING_MAY_CHANGE) \
    INT (S, save_every,        500,     0,    1e12, \
         "steps between checkpoints; 0: only at the end", SETTING_MAY_CHANGE) \
    INT (S, keep,                3,     1,     1e6, \
         "newest checkpoints to keep, besides step 0 and the best one", SETTING_MAY_CHANGE) \
    INT (S, log_every,          10,     1,    1e12, \
         "steps between lines of metrics.jsonl", SETTING_MAY_CHANGE) \
    INT (S, sample_every,        0,     0,    1e12, \
         "steps between printed samples; 0: never", SETTING_MAY_CHANGE) \
    INT (S, sample_tokens,     200,     1,     1e6, \
         "length of a printed sample, in tokens", SETTING_MAY_CHANGE) \
    TEXT(S, sample_prompt,   "", "prompt of a printed sample", SETTING_MAY_CHANGE) \
    INT (S, threads,             0,     0,     256, \
         "CPU threads; 0: OMP_NUM_THREADS, or one per core; changes no result", SETTING_MAY_CHANGE) \
    CHOICE(S, recompute, off, Recompute, RECOMPUTE_CHOICES, \
         "activation checkpointing; blocks: the backward pass recomputes each block, which " \
         "takes less memory and more time; changes no bit of the result", SETTING_MAY_CHANGE) \
    CHOICE(S, precision, float32, Precision, PRECISION_CHOICES, \
         "number type; bfloat16: mixed precision, where matrix products and their inputs are " \
         "bfloat16, and sums, parameters and optimizer state stay float32") \
    BOOL(S, precision_fallback, false, \
         "emulate bfloat16 where the CPU or the build lacks it: same result, but slow", \
         SETTING_MAY_CHANGE) \
    REAL(S, z_loss,              0,     0,       1, \
         "z-loss: weight of log(Z)^2, added to the training loss") \
    REAL(S, label_smoothing,     0,     0,   0.999, \
         "label smoothing: share of the target that is spread over the vocabulary")
/* clang-format on */

typedef struct TrainConfig {
    SCHEMA_FIELDS(TRAIN_SETTINGS)
} TrainConfig;

enum { CONFIG_KEYS_MAX = 128, ORIGIN_MAX = 256 };

typedef struct Config {
    GptConfig model;
    DataConfig data;
    OptimConfig optim;
    TrainConfig train;
    MonitorConfig monitor;
    char origin[CONFIG_KEYS_MAX][ORIGIN_MAX]; /* by key: "default", "a.yaml:3:9", "command line" */
} Config;

/* The table of all keys. */
extern const Key config_keys[];
extern const int config_key_count;

/* The setting that a name of `length` bytes without its section means ("steps", "batch-size"), or
 * that other trainers call so ("learning_rate"), or section.key itself; NULL: none. */
const Key *config_guess(const char *name, int length);

/* Sets the defaults, then what the file and its bases say (path may be NULL), then each override
 * "section.key=value"; then resolves settings that are -1, 0 or auto (min_lr, kv_heads,
 * microbatches ...) and checks. E_CONFIG with file:line:column and, for an unknown name, the
 * nearest right one. */
Status config_load(Config *c, const char *path, int count, const char *const overrides[]);

/* The same, but a section `sweep` is allowed and ignored: the settings that all runs of a sweep
 * share. */
Status config_load_common(Config *c, const char *path, int count, const char *const overrides[]);

/* The steps of config_load(), for many configs made from one file. The config of config_read() is
 * not resolved: if lr changes, min_lr follows. sweep: receives the file's section `sweep`
 * (train/config/yaml_events.h); NULL: the section is an error. */
typedef struct ConfigTree ConfigTree;
Status config_read(Config *c, const char *path, ConfigTree *sweep);
Status config_override(Config *c, int count, const char *const overrides[]);
Status config_resolve(Config *c);

/* A config that a run wrote, maybe on another machine or by version 0.1: old names of settings are
 * translated, and config_fits_here() is not checked. config_load_stored(): a run's config.yaml.
 * config_parse(): the config in a checkpoint; name: of the checkpoint, for messages. */
Status config_load_stored(Config *c, const char *path);
Status config_parse(Config *c, const char *text, size_t size, const char *name, int count,
                    const char *const overrides[]);

/* E_CONFIG if train.precision is bfloat16, this machine or this build lacks it, and
 * train.precision_fallback is off. */
Status config_fits_here(const Config *c);

/* YAML that reads back as the same config. with_origin: each value's origin as a comment. */
Status config_write(const Config *c, bool with_origin, FILE *out);

/* Calls differs() for each key whose values differ, in the order of the table; returns their
 * number. */
int config_compare(const Config *a, const Config *b, void (*differs)(void *context, const Key *k),
                   void *context);

/* One value as text, as in a config file. Writes at most size bytes, returns out. */
char *config_value(const Config *c, const Key *k, char *out, size_t size);

/* Whether a resumed run may change this setting: it affects what is printed, saved or measured,
 * but not what is trained. (data.path may change if the digest of the dataset is the same; the
 * caller checks it.) */
bool config_may_change(const Key *k);

/* The value of train.microbatches = auto: one micro-batch per 1024 tokens, but at least 2 if there
 * are two sequences, and at most one per sequence. Depends on nothing else. */
int64_t config_auto_microbatches(int64_t batch, int64_t context);

bool config_recompute(const Config *c); /* whether train.recompute says so */
bool config_bf16(const Config *c);      /* whether train.precision is bfloat16 */

#endif
