#include "train/generate/prompt.h"

#include <stdlib.h>
#include <string.h>

PromptForm prompt_form(const DataConfig *c)
{
    return (PromptForm){.in_document = packer_of(c->packing) != NULL,
                        .bidirectional = c->objective == OBJECTIVE_prefix &&
                                         c->prefix_attention == PREFIX_ATTENTION_bidirectional};
}

/* "12 7 9" */
static Status read_numbers(const char *text, int64_t vocab_size, int32_t *out, int64_t *count)
{
    for (const char *at = text; at += strspn(at, " \t\r\n"), *at;) {
        char *end;
        long token = strtol(at, &end, 10);
        if (end == at || token < 0 || token >= vocab_size)
            return FAIL(E_ARG,
                        "prompt \"%s\": this model has no tokenizer; expected token numbers from 0 "
                        "to %lld, separated by spaces",
                        text, (long long)vocab_size - 1);
        out[(*count)++] = (int32_t)token;
        at = end;
    }
    return OK;
}

static Status encode(const Tokenizer *t, const char *prompt, int64_t vocab_size, int32_t *out,
                     int64_t *count)
{
    const int64_t size = (int64_t)strlen(prompt);
    *count = 0;
    if (!t) TRY(read_numbers(prompt, vocab_size, out, count));
    const int64_t room = t ? tokenizer_room(t, size) : 0;
    if (t && size && tokenizer_encode(t, prompt, size, out, room, count) != OK) {
        char why[512];
        snprintf(why, sizeof why, "%s", error_message());
        return FAIL(E_ARG, "cannot encode the prompt: %s", why);
    }
    return OK;
}

Status prompt_open(Prompt *p, Arena *a, const Tokenizer *t, int64_t vocab_size, const char *text)
{
    const int64_t size = (int64_t)strlen(text), room = t ? tokenizer_room(t, size) : size;
    int32_t *tokens = arena_take(a, (room + 1) * (int64_t)sizeof *tokens);
    if (!tokens) return FAIL(E_NOMEM, "a prompt");
    *tokens = t ? tokenizer_begin_of_text(t) : 0;
    p->tokens = tokens + 1;
    p->begins = t && tokenizer_begins(t);
    return encode(t, text, vocab_size, p->tokens, &p->count);
}

Status prompt_length(const Tokenizer *t, int64_t vocab_size, const char *text, int64_t *count)
{
    Arena a = {0};
    Prompt p = {0};
    const Status status = prompt_open(&p, &a, t, vocab_size, text);
    *count = p.count;
    arena_free(&a);
    return status;
}

Status prompt_read(const Prompt *p, Decoder *d, const PromptForm *form, const real **logits)
{
    const bool begins = form->in_document || p->begins || !p->count;
    const int32_t *tokens = p->tokens - begins;
    const int64_t count = p->count + begins;
    decoder_restart(d);
    return form->bidirectional ? decoder_read_prompt(d, tokens, count, logits)
                               : decoder_read(d, tokens, count, logits);
}
