#include "train/commands/prepare_summary.h"

#include <stdio.h>

#include "autograd/base/text.h"
#include "train/support/json.h"

static Status print_json(const PrepareSummary *s, const char *tokenizer, const char *output,
                         double seconds)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {
        {"documents", s->documents},
        {"val_documents", s->val_documents},
        {"empty_documents", s->empty},
        {"tokens", s->tokens},
        {"val_tokens", s->val_tokens},
        {"longest", s->longest},
        {"vocab_size", s->vocab_size},
        {"bytes", s->bytes},
        {"rows_skipped", s->bad.skipped_count},
        {"rows_repaired", s->bad.repaired},
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

void bad_rows_print(const BadRows *b)
{
#define X(name, words) words,
    static const char *const words[] = {ROW_FAULT_LIST(X)};
#undef X
    if (!b->skipped_count && !b->repaired) return;
    printf("bad rows    %lld repaired, %lld left out", (long long)b->repaired,
           (long long)b->skipped_count);
    const char *before = " (";
    for (int i = 0; i < ROW_FAULTS; i++) {
        if (!b->skipped[i]) continue;
        printf("%s%lld %s", before, (long long)b->skipped[i], words[i]);
        before = ", ";
    }
    printf("%s\n", b->skipped_count ? ")" : "");
    if (b->skipped_count) {
        char shown[2048];
        printf("            the first: %s\n", text_escape(b->first, shown, sizeof shown));
    }
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
    bad_rows_print(&s->bad);
    printf("written to  %s\n", output);
    return OK;
}
