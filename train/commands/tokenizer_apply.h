/* The actions of capstan tokenizer that apply an existing tokenizer: encode, decode and info. */
#ifndef TRAIN_COMMANDS_TOKENIZER_APPLY_H
#define TRAIN_COMMANDS_TOKENIZER_APPLY_H

#include "data/tokenizer.h"
#include "data/tokenizer_train.h"

/* The options of all actions; NULL: not given. */
typedef struct TokenizerArgs {
    const char *tokenizer, *pattern, *end_of_text, *input, *output, *text;
    bool special, count, json;
    TokenizerTrain training;
    Arena arena;
} TokenizerArgs;

/* Opens the tokenizer that --tokenizer names, in q->arena. E_ARG, E_DATA, E_NOMEM. */
Status tokenizer_apply_open(TokenizerArgs *q, Tokenizer **t);

Status tokenizer_apply_encode(TokenizerArgs *q);
Status tokenizer_apply_decode(TokenizerArgs *q);
Status tokenizer_apply_info(TokenizerArgs *q);

#endif
