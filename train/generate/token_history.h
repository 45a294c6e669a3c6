/* The tokens of one text so far, for the stages that look back at them. */
#ifndef TRAIN_GENERATE_TOKEN_HISTORY_H
#define TRAIN_GENERATE_TOKEN_HISTORY_H

#include <stdbool.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"

typedef struct TokenHistory {
    Arena *arena;
    int64_t vocab_size;
    int32_t end_of_text; /* -1: there is none */
    int32_t *tokens;     /* [room]: prompt, then new text */
    int64_t count, prompt, room;
    bool *seen;          /* [vocab_size]: in the text, its prompt included */
    int32_t *generated;  /* [vocab_size]: how often in the new text */
    int64_t left;        /* tokens that the new text may still have; the caller sets it at first */
    int32_t regex_state; /* of the new text; see logit_stages_add() */
} TokenHistory;

/* prompt [count] without end-of-text. Lives in a. */
Status token_history_open(TokenHistory *h, Arena *a, int64_t vocab_size, int32_t end_of_text,
                          const int32_t *prompt, int64_t count);
Status token_history_add(TokenHistory *h, int32_t token);

/* to: opened with the same prompt. */
Status token_history_copy(TokenHistory *to, const TokenHistory *from);

#endif
