/* Checkpoints: all that a run needs to go on bit for bit, and all that sampling needs (CONTRACT 5).
 *
 *     /model/NAME  /optim/m/NAME  /optim/v/NAME   each parameter, and AdamW's two means of its gradient
 *     /config  /tokenizer                         text (uint8)
 *     attributes of /:      format, version, step, tokens
 *     attributes of /state: draw, vocab_size, dataset, precision, core
 *     /state/NAME                                 further lists of numbers that modules keep
 *
 * Equal content gives equal bytes: no time, host, process, path or thread count is in it. The file is
 * written through data/h5.h: whole or not at all, and checked before it is used. */
#ifndef TRAIN_CHECKPOINT_CHECKPOINT_H
#define TRAIN_CHECKPOINT_CHECKPOINT_H

#include "autograd/params.h"
#include "data/dataset.h"
#include "data/h5.h"
#include "train/config/config.h"

extern const BlockKind checkpoint_kind;

/* No count in a checkpoint is more: a stranger's cannot overflow when it is counted on. */
#define CHECKPOINT_COUNT_MAX (INT64_C(1) << 53)

/* A list of numbers beside the parameters: what a module needs to go on. */
typedef struct CheckpointList {
    const char *name;
    NumberType type;
    int64_t count;
    const void *data;
} CheckpointList;

enum { CHECKPOINT_TEXT = 64 };

/* What a checkpoint says beside its parameters. Texts are not terminated and are borrowed: from whoever
 * saves, or from the reader. */
typedef struct CheckpointInfo {
    int64_t step, batch_index, tokens; /* updates made, last batch (from 1), loss tokens seen */
    int64_t vocab_size;
    char dataset[CHECKPOINT_TEXT];   /* digest of the dataset; "" if none */
    char precision[CHECKPOINT_TEXT]; /* "float32", "float64": filled by checkpoint_save() */
    char core[CHECKPOINT_TEXT];      /* gemm_core(): filled by checkpoint_save() */
    const char *config, *tokenizer;
    int64_t config_size, tokenizer_size; /* a tokenizer of 0 bytes: none */
} CheckpointInfo;

typedef struct Checkpoint {
    CheckpointInfo info;
    const Params *params; /* m and v NULL: saved without /optim */
    const CheckpointList *lists;
    int list_count;
} Checkpoint;

/* Writes path, or leaves it as it was: E_IO, with the reason and the bytes needed; E_NOMEM. */
Status checkpoint_save(const char *path, const Checkpoint *c);

/* Bytes that the file of such parameters will have, but for a few thousand. */
int64_t checkpoint_size(int64_t parameters, bool with_optimizer);

/* Bytes of memory that a save takes for a while, however large the model: HDF5's structure, the names and
 * the pieces that go to the disk (measured at 182 million parameters). */
enum { CHECKPOINT_MEMORY = 4 << 20 };

/* A checkpoint being read: first what it says, then, once the model is built, its parameters. */
typedef struct CheckpointReader {
    H5Reader file;
    CheckpointInfo info;
    bool has_optimizer;
} CheckpointReader;

/* E_FORMAT: missing, damaged, or not a checkpoint. Close in any case. Says nothing of its precision:
 * that is for checkpoint_load(), so that the caller may start the other program. */
Status checkpoint_open(CheckpointReader *r, const char *path);
void checkpoint_close(CheckpointReader *r);

/* The config that is in it, with others' settings on top. E_FORMAT: what is in it is none that can be read;
 * E_CONFIG, E_ARG: the settings on top. */
Status checkpoint_config(const CheckpointReader *r, int count, const char *const overrides[],
                         Config *c);

/* E_FORMAT unless a model of c is what it holds, in this program's precision: before memory is taken for it,
 * because a small file may have a config of a model that fills any. */
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
