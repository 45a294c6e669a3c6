/* Prompts: text to continue, as tokens that a decoder reads. */
#ifndef TRAIN_GENERATE_PROMPT_H
#define TRAIN_GENERATE_PROMPT_H

#include "data/batch.h"
#include "train/generate/decoder.h"

/* How a model was trained to read a prompt. */
typedef struct PromptForm {
    bool
        in_document; /* the prompt begins a document: read the token that begins a text before it */
    bool bidirectional; /* tokens of the prompt attend to each other */
} PromptForm;

/* Packed documents follow an end-of-text token, and under data.objective = prefix the prompt is
 * the prefix. */
PromptForm prompt_form(const DataConfig *c);

typedef struct Prompt {
    int32_t *tokens; /* [count]; tokens[-1] begins a text: tokenizer_begin_of_text(), or token 0 */
    int64_t count;
    bool begins; /* the tokenizer says that a text begins with one */
} Prompt;

/* t is NULL if the model was trained on a raw token file: text is then token numbers with spaces
 * between. Lives in a. E_ARG: a character that the tokenizer lacks. */
Status prompt_open(Prompt *p, Arena *a, const Tokenizer *t, int64_t vocab_size, const char *text);

/* The number of its tokens. E_ARG. */
Status prompt_length(const Tokenizer *t, int64_t vocab_size, const char *text, int64_t *count);

/* Reads it into stream 0 of an emptied decoder; see decoder_read(). */
Status prompt_read(const Prompt *p, Decoder *d, const PromptForm *form, const real **logits);

#endif
