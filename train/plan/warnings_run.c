/* The warnings of a run. Only values within their bounds that pass the checks of several settings
 * get here; the others are errors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/packing.h"
#include "layers/rope.h"
#include "layers/width.h"
#include "train/plan/warnings_table.h"

/* Whether the value is not the default. */
static bool is_changed(const Config *c, const Key *k)
{
    char value[TEXT_MAX];
    config_value(c, k, value, sizeof value);
    if (k->type == TYPE_INT || k->type == TYPE_REAL)
        return strtod(value, NULL) != strtod(k->fallback, NULL);
    return strcmp(value, k->fallback);
}

/* The first changed setting of a section, of the names between spaces; NULL: none. */
static const char *changed(const Config *c, const char *section, const char *names)
{
    char word[TEXT_MAX + 2];
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        snprintf(word, sizeof word, " %s ", k->name);
        if (!strcmp(k->section, section) && strstr(names, word) && is_changed(c, k)) return k->name;
    }
    return NULL;
}

static bool in_windows(const Config *c)
{
    return c->data.packing == PACKING_none || c->data.packing == PACKING_concat;
}

/* The sequences of an epoch; 0: unknown. */
static int64_t sequences(const WarningFacts *f)
{
    if (f->sequences || !f->data.is_known || !in_windows(f->config)) return f->sequences;
    return (f->data.tokens - 1) / f->config->model.context;
}

/* Standard deviation of an untrained model's logits: of a normalized row times the output layer. */
static double first_logits(const GptConfig *c)
{
    const double std = c->tied ? c->embed_std : c->head_std;
    return std * sqrt((double)c->width) / width_ratio(c);
}

/* A typical entry of a gradient: that of one of norm 1, or of the norm to which it is clipped. */
static double typical_gradient(const WarningFacts *f)
{
    const double clip = f->config->optim.clip, norm = clip > 0 && clip < 1 ? clip : 1;
    return norm / sqrt((double)f->parameters);
}

static bool falls(const OptimConfig *o)
{
    return o->schedule != SCHEDULE_constant;
}

/* Whether the monitor does something about a spike. */
static bool acts(const MonitorConfig *m)
{
    return m->action == ACTION_skip || m->action == ACTION_clip || m->action == ACTION_rewind;
}

static int64_t unjudged(const Config *c)
{
    return c->monitor.guard > c->optim.warmup ? c->monitor.guard : c->optim.warmup;
}

/* RULE(name, condition, sentence ...), the sentence with printf's arguments. f: the facts; d: of the
 * dataset; g, o, t, m: the sections model, optim, train and monitor; key: for changed(). */
/* clang-format off */
#define RULES(RULE) \
    /* model */ \
    RULE(width_one, g->width == 1, \
         "model.width = 1: the normalization of a single number is a constant, so nothing can be " \
         "learned; expected at least 8") \
    RULE(head_width_one, g->width > 1 && gpt_head_width(g) == 1, \
         "model.heads = %lld leaves each head a single number of model.width = %lld; expected at " \
         "most %lld heads", N(g->heads), N(g->width), N(g->width > 8 ? g->width / 8 : 1)) \
    RULE(context_one, g->context == 1, \
         "model.context = 1: the model sees one token and no other; expected the length of the " \
         "text that should matter, such as 64") \
    RULE(rope_repeats, g->positions == POSITIONS_rope && (double)g->context > 6.28 * g->rope_theta, \
         "model.rope_theta = %g: positions repeat within model.context = %lld; expected at least " \
         "the context, usually 10000", g->rope_theta, N(g->context)) \
    RULE(unstretched, g->rope_scaling != ROPE_SCALING_none && \
         g->context <= rope_original(g), \
         "model.rope_scaling = %s: model.context = %lld is within the original context, %g; " \
         "expected about %g times as much", rope_scaling_text(g->rope_scaling), N(g->context), \
         rope_original(g), g->rope_factor) \
    RULE(beyond_ramp, g->rope_scaling == ROPE_SCALING_yarn && \
         rope_original(g) / 6.2832 < g->rope_beta_fast, \
         "model.rope_beta_fast = %g: no pair of columns turns so often within the original " \
         "context, %g; expected about %.2g, a quarter of the most turns", g->rope_beta_fast, \
         rope_original(g), rope_original(g) / 25.13) \
    RULE(norm_eps, g->norm_eps > g->embed_std * g->embed_std, \
         "model.norm_eps = %g is above the variance of the token embedding (model.embed_std " \
         "squared, %.2g), so the first norm does not normalize; expected 1e-5", \
         g->norm_eps, g->embed_std * g->embed_std) \
    RULE(large_logits, first_logits(g) > 5, \
         "model.%s_std = %g makes the logits of the untrained model large (standard deviation " \
         "%.3g), so the loss starts far above ln(vocabulary); expected 0.02%s", \
         g->tied ? "embed" : "head", g->tied ? g->embed_std : g->head_std, first_logits(g), \
         g->tied ? ", or model.tied = false" : "") \
    RULE(large_dropout, g->dropout > 0.5, \
         "model.dropout = %g drops most of what the layers compute; expected 0 to 0.2", g->dropout) \
    RULE(unused_rope, \
         g->positions != POSITIONS_rope && (key = changed(c, "model", " rope_theta ")), \
         "model.%s has no effect with model.positions = %s; it is for rope", \
         key, positions_text(g->positions)) \
    RULE(unused_rope_scaling, g->rope_scaling == ROPE_SCALING_none && \
         (key = changed(c, "model", " rope_factor rope_original_context rope_beta_fast " \
                        "rope_beta_slow rope_low_freq_factor rope_high_freq_factor " \
                        "rope_factors_short rope_factors_long ")), \
         "model.%s has no effect with model.rope_scaling = none", key) \
    RULE(unused_base_width, g->parametrization != PARAMETRIZATION_mup && \
         (key = changed(c, "model", " base_width ")), \
         "model.%s has no effect with model.parametrization = %s; it is for mup", \
         key, parametrization_text(g->parametrization)) \
    RULE(unused_head_std, g->tied && (key = changed(c, "model", " head_std ")), \
         "model.%s has no effect with model.tied = true, where the output layer is the token " \
         "embedding; set model.tied = false, or model.embed_std", key) \
    /* data */ \
    RULE(one_token, d->is_known && d->vocab_size < 2, \
         "data.path: the vocabulary has a single token, so there is nothing to predict; expected " \
         "a text of different characters") \
    RULE(large_batch, sequences(f) > 0 && sequences(f) < t->batch, \
         "train.batch = %lld is more than the %lld sequences of the training split: each step " \
         "reads some of them more than once; expected at most %lld, or a shorter model.context", \
         N(t->batch), N(sequences(f)), N(sequences(f))) \
    RULE(long_context, d->is_known && d->longest && d->longest < g->context && \
         ((c->data.document_mask && in_windows(c) && 2 * d->longest <= g->context) || \
          (!in_windows(c) && c->data.pack_depth == 1)), \
         "model.context = %lld is longer than any document (%lld tokens), and %s, so the rest of " \
         "it is never used; expected about %lld", N(g->context), N(d->longest), \
         in_windows(c) ? "data.document_mask = true" : "data.pack_depth = 1", N(d->longest)) \
    RULE(one_document, c->data.document_mask && d->is_known && d->documents == 1, \
         "data.document_mask = true has no effect: the training split is a single document%s", \
         d->is_raw ? ", as always with token files; capstan prepare keeps documents" : \
                     "; capstan prepare --split-on cuts a text into documents") \
    RULE(no_prompts, c->data.objective == OBJECTIVE_prefix && d->is_known && !d->prompts && \
         c->data.prefix_split == PREFIX_SPLIT_given, \
         "data.objective = prefix: no document of the dataset has a prompt, so this is the causal " \
         "objective; expected data with prompts, or data.prefix_split = random") \
    RULE(unused_pack_depth, in_windows(c) && (key = changed(c, "data", " pack_depth ")), \
         "data.%s has no effect with data.packing = %s; it is for packings of whole documents, " \
         "such as best_fit", key, packing_text(c->data.packing)) \
    RULE(no_val_file, t->eval_every && f->lacks_val && d->is_raw && !d->val_tokens, \
         "no evaluation: there is no token file with val instead of train in its name (val.bin) " \
         "beside data.path") \
    RULE(silent_val, t->eval_every && f->val_lacks_loss, \
         "no evaluation: no token of the validation split has a loss (model.context = %lld)", \
         N(g->context)) \
    RULE(short_val, t->eval_every && f->lacks_val && !f->val_lacks_loss && \
         (!d->is_raw || d->val_tokens), \
         "the validation split (%lld tokens) is shorter than a window of %lld: no evaluation", \
         N(d->val_tokens), N(g->context + 1)) \
    RULE(half_empty_packs, packing_is_half_empty(f->half_empty, f->sequences), \
         PACKING_HALF_EMPTY_TEXT, N(f->half_empty), N(f->sequences)) \
    RULE(silent_packs, f->silent, \
         "%lld of %lld packs hold only prompts and have no loss: model.context = %lld is too small " \
         "for them", N(f->silent), N(f->sequences), N(g->context)) \
    /* optim */ \
    RULE(lr_zero, o->lr == 0, \
         "optim.lr = 0: no parameter changes; expected a number such as 1e-3") \
    RULE(lr_tiny, o->lr > 0 && o->lr < 1e-7, \
         "optim.lr = %g is so small that hardly any parameter changes; expected a number such as " \
         "1e-3", o->lr) \
    RULE(lr_huge, o->lr >= 1, \
         "optim.lr = %g: AdamW changes each parameter by up to that much a step, and they start " \
         "near 0.02; expected a number such as 1e-3", o->lr) \
    RULE(betas, o->optimizer != OPTIMIZER_lion && o->beta1 * o->beta1 >= o->beta2, \
         "optim.beta2 = %g averages squared gradients over too few steps for optim.beta1 = %g, " \
         "which makes AdamW unstable; expected above %.3g, usually 0.95 to 0.999", \
         o->beta2, o->beta1, o->beta1 * o->beta1) \
    RULE(tiny_updates, o->optimizer != OPTIMIZER_lion && f->parameters && \
         o->eps > typical_gradient(f), \
         "optim.eps = %g is above a typical gradient entry (%.1g: %lld parameters, optim.clip = " \
         "%g), so updates are far smaller than optim.lr; expected optim.eps = 1e-8 and optim.clip " \
         "= 1", o->eps, typical_gradient(f), N(f->parameters), o->clip) \
    RULE(large_decay, o->lr * o->weight_decay >= 0.1, \
         "optim.weight_decay = %g times optim.lr = %g removes %.0f %% of each weight in each step; " \
         "expected optim.weight_decay = 0.1", o->weight_decay, o->lr, \
         100 * o->lr * o->weight_decay) \
    RULE(unguarded, o->clip == 0 && m->action == ACTION_off, \
         "optim.clip = 0 and monitor.action = off: a single bad batch can ruin the run, and " \
         "nothing reports it; expected optim.clip = 1, or monitor.action = warn") \
    RULE(long_warmup, t->steps && o->warmup >= t->steps, \
         "optim.warmup = %lld lasts to the end of the run, train.steps = %lld: the learning rate " \
         "rises to %.3g and never falls; expected about a tenth of the run", N(o->warmup), \
         N(t->steps), o->lr * (double)t->steps / (double)o->warmup) \
    RULE(no_plateau, falls(o) && o->warmup < t->steps && o->warmup >= o->decay_steps, \
         "optim.decay_steps = %lld is not after optim.warmup = %lld: the learning rate falls from " \
         "optim.lr to optim.min_lr at once; expected train.steps = %lld", N(o->decay_steps), \
         N(o->warmup), N(t->steps)) \
    RULE(early_cooldown, o->schedule == SCHEDULE_wsd && o->warmup < o->decay_steps && \
         (double)o->warmup > (1 - o->cooldown) * (double)o->decay_steps, \
         "optim.cooldown = %g of %lld steps begins before optim.warmup = %lld ends; expected at " \
         "most %.2g", o->cooldown, N(o->decay_steps), N(o->warmup), \
         1 - (double)o->warmup / (double)o->decay_steps) \
    RULE(no_cooldown, o->schedule == SCHEDULE_wsd && o->cooldown == 0, \
         "optim.cooldown = 0: optim.schedule = wsd never lowers the learning rate; expected 0.2, " \
         "or optim.schedule = constant") \
    RULE(no_decay, falls(o) && o->lr > 0 && o->min_lr == o->lr, \
         "optim.min_lr = optim.lr = %g: optim.schedule = %s never lowers the learning rate; " \
         "expected %g, or optim.schedule = constant", o->lr, schedule_text(o->schedule), o->lr / 10) \
    RULE(late_decay, falls(o) && o->decay_steps > t->steps, \
         "optim.decay_steps = %lld is past the end of the run: the learning rate does not reach " \
         "optim.min_lr; expected train.steps = %lld", N(o->decay_steps), N(t->steps)) \
    RULE(early_decay, falls(o) && o->warmup < o->decay_steps && o->decay_steps < t->steps && \
         o->min_lr == 0, \
         "optim.min_lr = 0 is reached at optim.decay_steps = %lld: the steps from there to " \
         "train.steps = %lld learn nothing; expected optim.decay_steps = %lld", \
         N(o->decay_steps), N(t->steps), N(t->steps)) \
    RULE(unused_muon, o->optimizer != OPTIMIZER_muon && \
         (key = changed(c, "optim", " muon_lr muon_momentum ")), \
         "optim.%s has no effect with optim.optimizer = %s; it is for muon", \
         key, optimizer_text(o->optimizer)) \
    RULE(unused_eps, o->optimizer == OPTIMIZER_lion && (key = changed(c, "optim", " eps ")), \
         "optim.%s has no effect with optim.optimizer = lion", key) \
    RULE(unused_cooldown, o->schedule != SCHEDULE_wsd && \
         (key = changed(c, "optim", " cooldown ")), \
         "optim.%s has no effect with optim.schedule = %s; it is for wsd", \
         key, schedule_text(o->schedule)) \
    /* train */ \
    RULE(no_steps, t->steps == 0, \
         "train.steps = 0: the model stays as it was initialized; expected at least 1") \
    RULE(past_end, f->stop_after > t->steps, \
         "--stop-after %lld has no effect: the run ends at train.steps = %lld", N(f->stop_after), \
         N(t->steps)) \
    RULE(no_sample, t->steps && t->sample_every > t->steps, \
         "train.sample_every = %lld is past the end of the run, train.steps = %lld: no sample is " \
         "printed; expected at most that, or 0", N(t->sample_every), N(t->steps)) \
    RULE(long_sample_prompt, f->prompt_tokens > g->context, \
         "train.sample_prompt has %lld tokens, and the model sees the last %lld at most " \
         "(model.context)", N(f->prompt_tokens), N(g->context)) \
    RULE(rare_log, t->steps && t->log_every > t->steps && \
         (key = changed(c, "train", " log_every ")), \
         "train.%s = %lld is past the end of the run, train.steps = %lld: metrics.jsonl and the " \
         "report have its last step alone; expected 10", key, N(t->log_every), N(t->steps)) \
    RULE(large_smoothing, t->label_smoothing >= 0.5, \
         "train.label_smoothing = %g spreads most of the target over the vocabulary; expected 0 " \
         "to 0.1", t->label_smoothing) \
    RULE(large_z_loss, d->is_known && t->z_loss * log((double)d->vocab_size + 1) > 1, \
         "train.z_loss = %g outweighs the cross-entropy at the start; expected 1e-4", t->z_loss) \
    RULE(slow_bfloat16, config_bf16(c) && f->no_bfloat16, \
         "train.precision = bfloat16 is emulated, because %s: slower than float32, which is the " \
         "better choice here", f->no_bfloat16) \
    /* monitor */ \
    RULE(unused_monitor, m->action == ACTION_off && \
         (key = changed(c, "monitor", " rule window guard loss_z grad_norm_z update_z " \
                        "attention_warn attention_severe rms_warn log_z_warn skip_run skip_share " \
                        "snapshot_every snapshots bundles rewind_steps drop_before drop_after " \
                        "attempts lower_rate ")), \
         "monitor.%s has no effect with monitor.action = off; expected warn, skip, clip or rewind", \
         key) \
    RULE(unused_rewind, m->action != ACTION_off && m->action != ACTION_rewind && \
         (key = changed(c, "monitor", " rewind_steps drop_before drop_after attempts lower_rate ")), \
         "monitor.%s has no effect with monitor.action = %s; it is for rewind", \
         key, action_text(m->action)) \
    RULE(unused_inject, m->inject == INJECT_none && \
         (key = changed(c, "monitor", " inject_batch inject_count inject_factor inject_where ")), \
         "monitor.%s has no effect with monitor.inject = none", key) \
    RULE(late_inject, m->inject != INJECT_none && t->steps && m->inject_batch > t->steps, \
         "monitor.inject_batch = %lld is past the end of the run, train.steps = %lld: nothing is " \
         "injected; expected at most that", N(m->inject_batch), N(t->steps)) \
    RULE(never_judged, acts(m) && t->steps && o->warmup < t->steps && unjudged(c) >= t->steps, \
         "monitor.action = %s does nothing: no step is judged before step %lld (monitor.guard), " \
         "and train.steps = %lld; expected monitor.guard = %lld", action_text(m->action), \
         N(unjudged(c) + 1), N(t->steps), N(t->steps > 4 ? t->steps / 4 : 2)) \
    RULE(false_alarms, acts(m) && m->rule == RULE_robust && m->loss_z < 3, \
         "monitor.loss_z = %g takes many ordinary steps for spikes; expected 6", m->loss_z) \
    /* the machine */ \
    RULE(other_core, f->core_before && strcmp(f->core_before, f->core), \
         "this run was on OpenBLAS's %s and is now on %s: it continues equal to rounding, not " \
         "bit for bit", f->core_before, f->core)
/* clang-format on */

#define RUN_FUNCTION(name, ...)                                 \
    static bool name(const void *facts, char text[WARNING_MAX]) \
    {                                                           \
        const WarningFacts *f = facts;                          \
        const DataFacts *d = &f->data;                          \
        const Config *c = f->config;                            \
        const GptConfig *g = &c->model;                         \
        const OptimConfig *o = &c->optim;                       \
        const TrainConfig *t = &c->train;                       \
        const MonitorConfig *m = &c->monitor;                   \
        const char *key = NULL;                                 \
        (void)d, (void)g, (void)o, (void)t, (void)m, (void)key; \
        SAY(__VA_ARGS__);                                       \
    }
RULES(RUN_FUNCTION)

const WarningRule warnings_of_run[] = {RULES(AS_ROW){0}};
