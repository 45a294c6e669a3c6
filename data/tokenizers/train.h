/* Shared by data/tokenizer_train.c and the trainers of each kind. */
#ifndef DATA_TOKENIZERS_TRAIN_H
#define DATA_TOKENIZERS_TRAIN_H

#include <jansson.h>

#include "data/tokenizer_train.h"
#include "data/tokenizers/count.h"
#include "data/tokenizers/kind.h"
#include "data/tokenizers/learn.h"

typedef struct Trainer {
    const TokenizerTrain *p;
    Arena *arena;
    TokenizerTrainSummary *summary;
    const char *const *specials; /* special tokens: the given ones, or the defaults */
    int special_count;
    Learn learn;
} Trainer;

Status train_bpe(Trainer *t, json_t **description);
Status train_wordpiece(Trainer *t, json_t **description);

/* Fills count's inputs from the options. Both fill the summary. */
Status trainer_count(Trainer *t, Count *c, WordTable *words);
Status trainer_learn(Trainer *t);

/* Allocates the learner's words: as many as in `words`, with at most `symbols` symbols in total. */
Status trainer_room(Trainer *t, int64_t words, int64_t symbols);

/* Adds a word of `length` symbols, cut at LEARN_WORD_MAX. There must be room. */
void trainer_add(Trainer *t, const int32_t *symbols, int64_t length, int64_t count);

/* The special tokens, numbered from `first`; NULL: out of memory. */
const Special *trainer_specials(const Trainer *t, int64_t first);

#endif
