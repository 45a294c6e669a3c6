/* A trained model: what a checkpoint makes whole again for evaluation and sampling. */
#ifndef TRAIN_GENERATE_LOADED_MODEL_H
#define TRAIN_GENERATE_LOADED_MODEL_H

#include "data/tokenizer.h"
#include "train/checkpoint/checkpoint.h"
#include "train/config/config.h"

typedef struct Trained {
    Arena arena;
    CheckpointReader checkpoint; /* open */
    Config *config;
    Params params; /* values only */
    Gpt model;
    Tokenizer *tokenizer; /* NULL: trained on a raw token file */
} Trained;

/* t is to be closed whatever this returns. If the checkpoint's numbers are of the other precision, goes
 * on in the other program: see precision_switch(), also for argv. E_FORMAT. */
Status trained_open(Trained *t, const char *path, char *argv[]);

/* Reads other data than it was trained on, or otherwise: "data.key=value" each. E_ARG for other sections:
 * what was trained is what it is. */
Status trained_data(Trained *t, int count, const char *const settings[]);
void trained_close(Trained *t);

#endif
