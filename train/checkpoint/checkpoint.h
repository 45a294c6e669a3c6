/* Checkpoints: all that a run needs to resume bit for bit, and all that sampling needs.
 *
 *     /model/NAME  /optim/m/NAME  /optim/v/NAME   each parameter, and AdamW's two moments of its gradient
 *     /config  /tokenizer                         text (uint8)
 *     attributes of /:      format, version, step, tokens
 *     attributes of /state: batch (its index), vocab_size, dataset, precision, core
 *     /state/NAME                                 further lists of numbers that modules keep
 *
 * Equal content gives equal bytes: the file holds no time, host, process, path or thread count. It is
 * written through data/h5.h: whole or not at all, and checked before it is used. Reading works on any format
 * of checkpoint_format.h. */
#ifndef TRAIN_CHECKPOINT_CHECKPOINT_H
#define TRAIN_CHECKPOINT_CHECKPOINT_H

#include "autograd/params.h"
#include "data/dataset.h"
#include "data/h5.h"
#include "train/config/config.h"

extern const BlockKind checkpoint_kind;

/* Larger counts in a file are refused, so that an untrusted one cannot make a counter overflow. */
#define CHECKPOINT_COUNT_MAX (INT64_C(1) << 53)

/* A list of numbers beside the parameters: what a module needs to resume. */
typedef struct CheckpointList {
    const char *name;
    NumberType type;
    int64_t count;
    const void *data;
} CheckpointList;

enum { CHECKPOINT_TEXT = 64 };

/* A checkpoint without its arrays. Config and tokenizer are not terminated; they are borrowed from whoever
 * saves, or from the reader. */
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

typedef struct Checkpoint {
    CheckpointInfo info;
    const Params *params; /* m and v NULL: saved without /optim */
    const CheckpointList *lists;
    int list_count;
} Checkpoint;

/* Writes path, or leaves it as it was: E_IO, with the reason and the bytes needed; E_NOMEM. */
Status checkpoint_save(const char *path, const Checkpoint *c);

/* Size of the file for so many parameters, but for a few thousand bytes. */
int64_t checkpoint_size(int64_t parameters, bool with_optimizer);

/* Memory that a save takes for a while, in bytes, however large the model: the structure, the names and a
 * buffer (measured at 182 million parameters). */
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

/* E_FORMAT: missing, damaged, or not a checkpoint; E_NOMEM. Close in any case. Does not check the precision:
 * checkpoint_load() does, so that the caller may switch to the other program first. */
Status checkpoint_open(CheckpointReader *r, const char *path);
void checkpoint_close(CheckpointReader *r);

/* The config in it, with overrides on top. E_FORMAT: the config in it cannot be read; E_CONFIG, E_ARG: the
 * overrides are wrong. */
Status checkpoint_config(const CheckpointReader *r, int count, const char *const overrides[],
                         Config *c);

/* E_FORMAT unless it holds a model of c in this program's precision. To be called before memory is taken for
 * the model: a small file may name a config whose model fills any memory. */
Status checkpoint_check_model(const CheckpointReader *r, const Config *c);

/* Fills value and, if asked for, m and v. E_FORMAT, before anything is changed, with the first name
 * that is only on one side, or whose shape or number type is another. */
Status checkpoint_load(const CheckpointReader *r, Params *p, bool with_optimizer);

/* A list from /state, in place; NULL and 0 if there is none of that name. E_FORMAT: another type. */
Status checkpoint_list(const CheckpointReader *r, const char *name, NumberType type, int64_t *count,
                       const void **data);

/* E_FORMAT if the checkpoint was trained with another tokenizer or vocabulary than the dataset has. */
Status checkpoint_check_dataset(const CheckpointReader *r, const Dataset *d);

#endif
