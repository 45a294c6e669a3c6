/* The warnings for text from a model, for its loss, and for a dataset that is made. */
#include <string.h>

#include "train/plan/warnings_table.h"

static const double SAMPLE_TEMPERATURE = 0.8;

static bool is_greedy(const SampleFacts *s)
{
    return s->temperature == 0 || s->top_k == 1;
}

static const char *greedy_option(const SampleFacts *s)
{
    return s->temperature == 0 ? "--temperature 0" : "--top-k 1";
}

/* Whether a tokenizer with merges finds hardly any of them in the text: byte and char have none. */
static bool is_foreign(const PrepareFacts *p)
{
    const PrepareSummary *m = p->made;
    const int64_t tokens = m->tokens + m->val_tokens - m->documents;
    return strcmp(p->tokenizer, "byte") && strcmp(p->tokenizer, "char") &&
           (double)m->bytes < 1.2 * (double)tokens;
}

/* RULE(name, condition, sentence ...): s, e and p are the facts. */
/* clang-format off */
#define SAMPLE_RULES(RULE) \
    RULE(untrained_sample, s->is_untrained, \
         "the checkpoint is of step 0: an untrained model writes random tokens") \
    RULE(alike, s->count > 1 && is_greedy(s), \
         "--count %lld: all samples are alike, because %s always takes the likeliest token; " \
         "expected --temperature 0.8 and no --top-k 1", N(s->count), greedy_option(s)) \
    RULE(unused_options, s->temperature == 0 && (s->top_k > 1 || s->top_p < 1), \
         "--%s has no effect with --temperature 0, which always takes the likeliest token", \
         s->top_k > 1 ? "top-k" : "top-p") \
    RULE(unused_temperature, s->temperature != 0 && s->temperature != SAMPLE_TEMPERATURE && \
         is_greedy(s), \
         "--temperature %g has no effect with %s, which always takes the likeliest token", \
         s->temperature, greedy_option(s)) \
    RULE(all_of_top_k, s->top_k >= s->vocab_size, \
         "--top-k %lld has no effect: the vocabulary has %lld tokens", N(s->top_k), \
         N(s->vocab_size)) \
    RULE(hot, s->temperature > 2 && !is_greedy(s), \
         "--temperature %g makes all tokens almost equally likely; expected 0.5 to 1", \
         s->temperature) \
    RULE(long_prompt, s->prompt_tokens > s->context, \
         "the prompt has %lld tokens, and the model sees the last %lld at most (model.context)", \
         N(s->prompt_tokens), N(s->context))

#define EVAL_RULES(RULE) \
    RULE(untrained_eval, e->is_untrained, \
         "the checkpoint is of step 0: this is the loss of an untrained model") \
    RULE(other_tokens, !e->is_given && e->is_other, \
         "%s holds other tokens than the model was trained on: it was made anew since; --data " \
         "names a dataset to evaluate on", e->path) \
    RULE(own_training_data, e->is_given && e->is_train && e->is_same, \
         "--data %s: --split train is the text that the model was trained on; expected --split " \
         "val, or other data", e->path) \
    RULE(no_tokenizer, e->lacks_tokenizer, \
         "%s has no tokenizer: the loss means something only if its tokens are those of the " \
         "model's tokenizer", e->path) \
    RULE(new_tokenizer, e->gains_tokenizer, \
         "the model was trained on token files without a tokenizer: the loss means something only " \
         "if their tokens are those of the tokenizer of %s", e->path)

#define PREPARE_RULES(RULE) \
    RULE(no_separator, p->split_on && !p->made->separators, \
         "--split-on \"%s\" is nowhere in the text: each file is one document", p->split_on) \
    RULE(mostly_val, p->made->val_tokens > p->made->tokens, \
         "--val %g: the validation split has %lld tokens, the training split %lld; expected --val " \
         "0.1", p->val, N(p->made->val_tokens), N(p->made->tokens)) \
    RULE(one_kind, p->made->vocab_size <= 2, \
         "the text consists of a single token, repeated: there is nothing to predict") \
    RULE(foreign_tokenizer, is_foreign(p), \
         "--tokenizer %s needs %lld tokens for %lld bytes: it was made for other text; expected one " \
         "that capstan tokenizer train makes from this text", p->tokenizer, \
         N(p->made->tokens + p->made->val_tokens), N(p->made->bytes))
/* clang-format on */

#define SAMPLE_FUNCTION(name, ...)                              \
    static bool name(const void *facts, char text[WARNING_MAX]) \
    {                                                           \
        const SampleFacts *s = facts;                           \
        SAY(__VA_ARGS__);                                       \
    }
#define EVAL_FUNCTION(name, ...)                                \
    static bool name(const void *facts, char text[WARNING_MAX]) \
    {                                                           \
        const EvalFacts *e = facts;                             \
        SAY(__VA_ARGS__);                                       \
    }
#define PREPARE_FUNCTION(name, ...)                             \
    static bool name(const void *facts, char text[WARNING_MAX]) \
    {                                                           \
        const PrepareFacts *p = facts;                          \
        SAY(__VA_ARGS__);                                       \
    }
SAMPLE_RULES(SAMPLE_FUNCTION)
EVAL_RULES(EVAL_FUNCTION)
PREPARE_RULES(PREPARE_FUNCTION)

const WarningRule warnings_of_sample[] = {SAMPLE_RULES(AS_ROW){0}};
const WarningRule warnings_of_eval[] = {EVAL_RULES(AS_ROW){0}};
const WarningRule warnings_of_prepare[] = {PREPARE_RULES(AS_ROW){0}};
