/* A model loaded from a checkpoint, with its config and tokenizer, for evaluation and sampling. */
#ifndef TRAIN_GENERATE_LOADED_MODEL_H
#define TRAIN_GENERATE_LOADED_MODEL_H

#include "data/tokenizer.h"
#include "train/checkpoint/checkpoint.h"
#include "train/config/config.h"

typedef struct LoadedModel {
    Arena arena;
    CheckpointReader checkpoint; /* open until loaded_model_close() */
    Config *config;
    Params params; /* without gradients */
    Gpt model;
    Tokenizer *tokenizer; /* NULL: trained on a raw token file */
} LoadedModel;

/* settings [count]: "section.key=value" of model or data, which may change no parameter's name or
 * shape, such as model.rope_scaling=yarn. Close m whatever this returns. A checkpoint in the other
 * precision makes capstan execute its other program: see precision_switch(), also for argv.
 * E_FORMAT. E_ARG, E_CONFIG: a setting. */
Status loaded_model_open(LoadedModel *m, const char *path, char *argv[], int count,
                         const char *const settings[]);

/* How the weights are kept: "trained", as they are, or "q8", rounded to 8 bits (model_round_q8()). E_ARG: neither. */
Status loaded_model_set_weights(LoadedModel *m, const char *weights);

void loaded_model_close(LoadedModel *m);

#endif
