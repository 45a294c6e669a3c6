#include "train/plan/warnings.h"

#include <stdio.h>
#include <string.h>

DataFacts data_facts(const Dataset *d)
{
    return (DataFacts){
        .is_known = true,
        .is_raw = strcmp(d->format, "capstan"),
        .vocab_size = d->vocab_size,
        .val_tokens = d->val.count,
    };
}

/* RULE(name, condition, sentence ...): f are the facts, c the config, d the dataset; printf's
 * arguments. Whole numbers are cast to long long by N(). */
#define N(x) ((long long)(x))
/* clang-format off */
#define RULES(RULE) \
    RULE(other_core, f->core_before && strcmp(f->core_before, f->core), \
         "this run was on OpenBLAS's %s and is now on %s: it continues equal to rounding, not " \
         "bit for bit", f->core_before, f->core) \
    RULE(no_val_file, c->train.eval_every && f->lacks_val && d->is_raw && !d->val_tokens, \
         "no evaluation: there is no token file with val instead of train in its name (val.bin) " \
         "beside data.path") \
    RULE(short_val, c->train.eval_every && f->lacks_val && (!d->is_raw || d->val_tokens), \
         "the validation split (%lld tokens) is shorter than a window of %lld: no evaluation", \
         N(d->val_tokens), N(c->model.context + 1)) \
    RULE(half_empty_packs, packing_is_half_empty(f->half_empty, f->packs), \
         PACKING_HALF_EMPTY_TEXT, N(f->half_empty), N(f->packs))
/* clang-format on */

#define AS_FUNCTION(name, condition, ...)                           \
    static bool name(const WarningFacts *f, char text[WARNING_MAX]) \
    {                                                               \
        const Config *c = f->config;                                \
        const DataFacts *d = &f->data;                              \
        const bool is_due = condition;                              \
        if (is_due) snprintf(text, WARNING_MAX, __VA_ARGS__);       \
        return (void)c, (void)d, is_due;                            \
    }
RULES(AS_FUNCTION)

#define AS_ROW(name, ...) {#name, name},
const WarningRule warning_rules[] = {RULES(AS_ROW)};
const int warning_rule_count = sizeof warning_rules / sizeof *warning_rules;

void warnings_new(const WarningFacts *now, const WarningFacts *before,
                  void (*warn)(void *context, const char *text), void *context)
{
    char text[WARNING_MAX], old[WARNING_MAX];
    for (int i = 0; i < warning_rule_count; i++) {
        const WarningRule *r = &warning_rules[i];
        if (!r->is_due(now, text)) continue;
        if (!before || !r->is_due(before, old) || strcmp(text, old)) warn(context, text);
    }
}
