/* Checkpoints: everything that a run needs to resume bit for bit, and that sampling needs.
 *
 *     /model/NAME  /optim/m/NAME  /optim/v/NAME   each parameter, and its moments: those that optim.optimizer keeps
 *     /config  /tokenizer                         text (uint8)
 *     attributes of /:      format, version, step, tokens
 *     attributes of /state: batch (its index), vocab_size, dataset, precision, core
 *     /state/NAME                                 lists of numbers that other modules save
 *
 * Equal content gives equal bytes: the file holds no time, host, process, path or thread count. It
 * is written atomically by data/h5.h, and verified before it is used. Other formats can be read,
 * too: checkpoint_format.h. */
#ifndef TRAIN_CHECKPOINT_CHECKPOINT_H
#define TRAIN_CHECKPOINT_CHECKPOINT_H

#include "autograd/params.h"
#include "data/dataset.h"
#include "data/h5.h"
#include "train/config/config.h"

extern const BlockKind checkpoint_kind;

/* Larger counts in a file are refused, so that an untrusted one cannot make a counter overflow. */
#define CHECKPOINT_COUNT_MAX (INT64_C(1) << 53)

/* A list of numbers that a module needs to resume, besides the parameters. */
typedef struct CheckpointList {
    const char *name;
    NumberType type;
    int64_t count;
    const void *data;
} CheckpointList;

enum { CHECKPOINT_TEXT = 64 };

/* A checkpoint without its arrays. Config and tokenizer have no terminating NUL; they are borrowed
 * from the caller when saving, and from the reader when reading. */
typedef struct CheckpointInfo {
    int64_t step, batch_index,
        tokens; /* steps made, index of the last batch, from 1; loss tokens so far */
    int64_t vocab_size;
    char dataset[CHECKPOINT_TEXT];   /* digest of the dataset; "" if none */
    char precision[CHECKPOINT_TEXT]; /* "float32", "float64": filled by checkpoint_save() */
    char core[CHECKPOINT_TEXT];      /* gemm_core(): filled by checkpoint_save() */
    const char *config, *tokenizer;
    int64_t config_size, tokenizer_size; /* 0 bytes: no tokenizer */
} CheckpointInfo;

/* Whether the parameters are the initial ones; those of an imported model, which has no dataset,
 * are not. */
static inline bool checkpoint_is_untrained(const CheckpointInfo *i)
{
    return !i->step && *i->dataset;
}

typedef struct Checkpoint {
    CheckpointInfo info;
    const Params *params; /* m and v NULL: saved without /optim */
    const CheckpointList *lists;
    int list_count;
} Checkpoint;

/* Writes path, or leaves it as it was: E_IO, with the reason and the bytes needed; E_NOMEM. */
Status checkpoint_save(const char *path, const Checkpoint *c);

/* Size of the file for this number of parameters, to within a few thousand bytes. */
int64_t checkpoint_size(int64_t parameters, bool with_optimizer);

/* Bytes of memory that a save takes for a while, whatever the size of the model: structure, names
 * and a buffer. */
enum { CHECKPOINT_MEMORY = 4 << 20 };

typedef struct CheckpointFormat CheckpointFormat;

/* An open checkpoint: its info first; its arrays once the model is built. */
typedef struct CheckpointReader {
    const CheckpointFormat *format;
    void *file;       /* the format's own */
    const char *path; /* escaped, for messages */
    CheckpointInfo info;
    bool has_optimizer;
} CheckpointReader;

/* E_FORMAT: missing, damaged, or not a checkpoint; E_NOMEM. Close in any case. Does not check the
 * precision: checkpoint_load() does, so that the caller may switch to the other program first. */
Status checkpoint_open(CheckpointReader *r, const char *path);
void checkpoint_close(CheckpointReader *r);

/* The checkpoint's config, with overrides applied. E_FORMAT: the config cannot be read. E_CONFIG,
 * E_ARG: an override is wrong. */
Status checkpoint_config(const CheckpointReader *r, int count, const char *const overrides[],
                         Config *c);

/* E_FORMAT unless it holds a model of c in this program's precision. Call it before allocating the
 * model: a small file may contain a config whose model does not fit in memory. */
Status checkpoint_check_model(const CheckpointReader *r, const Config *c);

/* Fills value and, with_optimizer, m and v. E_FORMAT names the first array that only one side has,
 * or whose shape or number type differs; nothing has changed then. */
Status checkpoint_load(const CheckpointReader *r, Params *p, bool with_optimizer);

/* A list from /state, in place; NULL and 0 if there is none of that name. E_FORMAT: another
 * type. */
Status checkpoint_list(const CheckpointReader *r, const char *name, NumberType type, int64_t *count,
                       const void **data);

/* E_FORMAT if the checkpoint was trained with another tokenizer or vocabulary than the dataset
 * has. */
Status checkpoint_check_dataset(const CheckpointReader *r, const Dataset *d);

#endif
