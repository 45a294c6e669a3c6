/* SentencePiece-like vocabularies between their two forms: a score for each token (GGUF, llama2.c),
 * and merges of pairs (tokenizer.json). */
#ifndef TRAIN_FORMATS_VOCABULARY_SENTENCEPIECE_H
#define TRAIN_FORMATS_VOCABULARY_SENTENCEPIECE_H

#include "train/formats/vocabulary.h"

/* Fills texts, types, scores and adds_blank of v, whose lists are there. E_ARG: merges, or a rule for
 * blanks, that scores cannot express; a byte without a token. */
Status vocabulary_take_sentencepiece(Vocabulary *v, Arena *a, const Tokenizer *t);

/* The object of a tokenizer.json. E_ARG: two tokens of one score, which merges cannot express. */
Status vocabulary_sentencepiece_json(const Vocabulary *v, const Tokenizer *t, json_t **out);

#endif
