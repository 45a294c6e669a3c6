#include "train/plan/warnings.h"

#include <stdio.h>
#include <string.h>

#include "autograd/kernels/gemm.h"

DataFacts data_facts(const Dataset *d)
{
    const Split *s = &d->train;
    DataFacts f = {
        .is_known = true,
        .is_raw = !d->tokenizer,
        .vocab_size = d->vocab_size - (d->tokenizer != NULL),
        .tokens = s->count,
        .documents = s->documents,
        .val_tokens = d->val.count,
    };
    for (int64_t i = 0; i < s->documents; i++) {
        const int64_t length = (int64_t)(s->offsets[i + 1] - s->offsets[i]);
        if (length > f.longest) f.longest = length;
        f.prompts += s->prefixes && s->prefixes[i];
    }
    return f;
}

WarningFacts config_facts(const Config *c)
{
    return (WarningFacts){.config = c, .no_bfloat16 = gemm_bf16_missing()};
}

void warnings_find(const WarningRule *table, const void *now, const void *before,
                   void (*warn)(void *context, const char *text), void *context)
{
    char text[WARNING_MAX], old[WARNING_MAX];
    for (const WarningRule *r = table; r->name; r++) {
        if (!r->is_due(now, text)) continue;
        if (!before || !r->is_due(before, old) || strcmp(text, old)) warn(context, text);
    }
}

static void print(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "capstan: warning: %s\n", text);
}

void warnings_print(const WarningRule *table, const void *facts)
{
    warnings_find(table, facts, NULL, print, NULL);
}
