#include "train/commands/prepare_summary.h"

#include <stdio.h>

#include "train/support/json.h"

static Status print_json(const PrepareSummary *s, const char *tokenizer, const char *output,
                         double seconds)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {
        {"documents", s->documents},   {"val_documents", s->val_documents},
        {"empty_documents", s->empty}, {"tokens", s->tokens},
        {"val_tokens", s->val_tokens}, {"longest", s->longest},
        {"vocab_size", s->vocab_size}, {"bytes", s->bytes},
    };
    json_t *o = json_object();
    int failed = !o;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        failed |= json_object_set_new(o, numbers[i].key, json_integer(numbers[i].value));
    failed |= json_object_set_new(o, "seconds", json_real(seconds));
    failed |= json_object_set_new(o, "tokenizer", json_text(tokenizer));
    failed |= json_object_set_new(o, "output", json_text(output));
    if (!failed) return json_print(o);
    json_decref(o);
    return FAIL(E_NOMEM, "JSON");
}

Status prepared_print(const PrepareSummary *s, const char *tokenizer, const char *output,
                      double seconds, bool json)
{
    if (json) return print_json(s, tokenizer, output, seconds);
    const long long documents = s->documents, held = s->val_documents, tokens = s->tokens,
                    held_tokens = s->val_tokens;
    printf("documents   %lld for training, %lld for validation", documents - held, held);
    if (s->empty) printf("; %lld empty: only end-of-text", (long long)s->empty);
    printf(
        "\ntokens      %lld for training, %lld for validation (%.1f %%); longest document %lld\n",
        tokens - held_tokens, held_tokens, 100.0 * (double)held_tokens / (double)tokens,
        (long long)s->longest);
    printf("vocabulary  %lld (%s)\n", (long long)s->vocab_size, tokenizer);
    printf("text        %lld bytes, in %.1f s\n", (long long)s->bytes, seconds);
    printf("written to  %s\n", output);
    return OK;
}
