#include "train/generate/token_history.h"

#include <string.h>

static Status reserve(TokenHistory *h, int64_t count)
{
    if (count <= h->room) return OK;
    const int64_t room = count > 2 * h->room ? count + 64 : 2 * h->room;
    int32_t *tokens = arena_take(h->arena, room * (int64_t)sizeof *tokens);
    if (!tokens) return FAIL(E_NOMEM, "a text of %lld tokens", (long long)count);
    if (h->count) memcpy(tokens, h->tokens, (size_t)h->count * sizeof *tokens);
    h->tokens = tokens;
    h->room = room;
    return OK;
}

Status token_history_open(TokenHistory *h, Arena *a, int64_t vocab_size, int32_t end_of_text,
                          const int32_t *prompt, int64_t count)
{
    *h = (TokenHistory){.arena = a,
                        .vocab_size = vocab_size,
                        .end_of_text = end_of_text,
                        .seen = arena_zero(a, vocab_size * (int64_t)sizeof *h->seen),
                        .generated = arena_zero(a, vocab_size * (int64_t)sizeof *h->generated)};
    if (!h->seen || !h->generated)
        return FAIL(E_NOMEM, "counts of %lld tokens", (long long)vocab_size);
    TRY(reserve(h, count + 1));
    for (int64_t i = 0; i < count; i++) {
        h->tokens[i] = prompt[i];
        h->seen[prompt[i]] = true;
    }
    h->count = h->prompt = count;
    return OK;
}

Status token_history_add(TokenHistory *h, int32_t token)
{
    TRY(reserve(h, h->count + 1));
    h->tokens[h->count++] = token;
    h->seen[token] = true;
    h->generated[token]++;
    h->left--;
    return OK;
}

Status token_history_copy(TokenHistory *to, const TokenHistory *from)
{
    TRY(reserve(to, from->count));
    memcpy(to->tokens, from->tokens, (size_t)from->count * sizeof *to->tokens);
    memcpy(to->seen, from->seen, (size_t)from->vocab_size * sizeof *to->seen);
    memcpy(to->generated, from->generated, (size_t)from->vocab_size * sizeof *to->generated);
    to->count = from->count;
    to->left = from->left;
    to->regex_state = from->regex_state;
    return OK;
}
