/* The warnings for text from a model, and for its loss. */
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

/* RULE(name, condition, sentence ...): s and e are the facts. */
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
SAMPLE_RULES(SAMPLE_FUNCTION)
EVAL_RULES(EVAL_FUNCTION)

const WarningRule warnings_of_sample[] = {SAMPLE_RULES(AS_ROW){0}};
const WarningRule warnings_of_eval[] = {EVAL_RULES(AS_ROW){0}};
