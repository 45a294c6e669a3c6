/* How a kind of tokenizer is trained: what tokenizer_train() and the kinds share. */
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
    const char *const *specials; /* those that are used */
    int special_count;
    Learn learn;
} Trainer;

Status train_bpe(Trainer *t, json_t **description);
Status train_wordpiece(Trainer *t, json_t **description);

/* Fills count's inputs from what was asked for. Both fill the summary. */
Status trainer_count(Trainer *t, Count *c, WordTable *words);
Status trainer_learn(Trainer *t);

/* Room for the learner's words: as many as `words` has, of at most `symbols` symbols in all. */
Status trainer_room(Trainer *t, int64_t words, int64_t symbols);

/* Adds a word of `length` symbols, in pieces of LEARN_WORD_MAX. There must be room. */
void trainer_add(Trainer *t, const int32_t *symbols, int64_t length, int64_t count);

/* The specials, numbered from `first`; NULL: memory is out. */
const Special *trainer_specials(const Trainer *t, int64_t first);

#endif
