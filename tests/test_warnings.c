/* For each rule of the tables of train/plan/warnings.h, facts under which its warning is due and no
 * other. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <string.h>

#include "train/plan/warnings.h"

#define A_CORPUS                                                                   \
    {                                                                              \
        .is_known = true, .vocab_size = 256, .tokens = 1000000, .documents = 1000, \
        .longest = 5000, .val_tokens = 100000                                      \
    }

typedef struct RunCase {
    const char *name, *settings[5]; /* on top of the defaults */
    const char *sentence;           /* a part of it */
    WarningFacts facts;             /* data: A_CORPUS unless is_known is set */
} RunCase;

/* A case without facts of its own. */
#define ON(rule, part, ...)                                               \
    {                                                                     \
        .name = rule, .sentence = part, .settings = { __VA_ARGS__, NULL } \
    }

/* clang-format off */
static const RunCase runs[] = {
    ON("width_one", "model.width = 1", "model.width=1", "model.heads=1"),
    ON("head_width_one", "expected at most 2 heads", "model.width=16", "model.heads=16"),
    ON("context_one", "model.context = 1", "model.context=1"),
    ON("rope_repeats", "within model.context = 64", "model.positions=rope", "model.rope_theta=10"),
    ON("unstretched", "is within the original context, 64", "model.positions=rope", "model.rope_scaling=ntk",
       "model.rope_factor=2", "model.rope_original_context=64"),
    ON("beyond_ramp", "expected about 2.5", "model.positions=rope", "model.rope_scaling=yarn", "model.rope_factor=2",
       "model.context=128"),
    ON("unused_rope_scaling", "model.rope_factor has no effect", "model.rope_factor=2"),
    ON("norm_eps", "model.embed_std squared, 0.0004", "model.norm_eps=0.001"),
    ON("norm_eps", "model.norm_eps = 1e-05", "model.embed_std=0.001"),
    ON("large_logits", "model.embed_std = 1 makes", "model.embed_std=1"),
    ON("large_logits", "model.head_std = 1 makes", "model.tied=false", "model.head_std=1"),
    ON("large_dropout", "model.dropout = 0.9", "model.dropout=0.9"),
    ON("unused_rope", "model.rope_theta has no effect with model.positions = learned", "model.rope_theta=5000"),
    ON("unused_base_width", "model.base_width has no effect", "model.base_width=64"),
    ON("unused_head_std", "model.head_std has no effect with model.tied = true", "model.head_std=0"),
    {"one_token", {NULL}, "a single token", {.data = {.is_known = true, .vocab_size = 1}}},
    {"large_batch", {"train.batch=100"}, "the 62 sequences",
     {.data = {.is_known = true, .vocab_size = 9, .tokens = 4000, .val_tokens = 400}}},
    {"large_batch", {"data.packing=best_fit"}, "the 3 sequences", {.sequences = 3}},
    {"long_context", {"model.context=64", "data.document_mask=true"}, "longer than any document (30 tokens)",
     {.data = {.is_known = true, .vocab_size = 9, .tokens = 9000, .documents = 400, .longest = 30}}},
    {"long_context", {"data.packing=greedy", "data.pack_depth=1"}, "data.pack_depth = 1",
     {.data = {.is_known = true, .vocab_size = 9, .tokens = 9000, .documents = 200, .longest = 60}}},
    {"one_document", {"data.document_mask=true"}, "as always with token files",
     {.data = {.is_known = true, .is_raw = true, .vocab_size = 9, .tokens = 9000, .documents = 1, .longest = 9000}}},
    ON("no_prompts", "no document of the dataset has a prompt", "data.objective=prefix", "data.packing=best_fit"),
    ON("unused_pack_depth", "data.pack_depth has no effect with data.packing = none", "data.pack_depth=2"),
    {"no_val_file", {NULL}, "there is no token file with val",
     {.lacks_val = true, .data = {.is_known = true, .is_raw = true, .vocab_size = 9, .tokens = 9000}}},
    {"short_val", {"model.context=128"}, "(99 tokens) is shorter than a window of 129",
     {.lacks_val = true, .data = {.is_known = true, .vocab_size = 9, .tokens = 9000, .val_tokens = 99}}},
    {"silent_val", {"model.context=8"}, "no token of the validation split has a loss (model.context = 8)",
     {.lacks_val = true, .val_lacks_loss = true}},
    {"silent_packs", {"model.context=8"}, "30 of 90 packs hold only prompts", {.sequences = 90, .silent = 30}},
    {"half_empty_packs", {"data.packing=spfhp"}, "2 of 200 packs hold a single document",
     {.sequences = 200, .half_empty = 2}},
    ON("lr_zero", "optim.lr = 0", "optim.lr=0"),
    ON("lr_tiny", "optim.lr = 1e-08", "optim.lr=1e-8"),
    ON("lr_huge", "optim.lr = 1:", "optim.lr=1", "optim.weight_decay=0"),
    ON("betas", "optim.beta2 = 0 averages", "optim.beta2=0"),
    ON("betas", "expected above 0.96", "optim.beta1=0.98"),
    {"tiny_updates", {"optim.eps=0.01"}, "optim.eps = 0.01", {.parameters = 1000000}},
    {"tiny_updates", {"optim.clip=1e-8"}, "optim.clip = 1e-08", {.parameters = 1000000}},
    ON("large_decay", "removes 100 % of each weight", "optim.weight_decay=10", "optim.lr=0.1"),
    ON("unguarded", "optim.clip = 0 and monitor.action = off", "optim.clip=0", "monitor.action=off"),
    ON("long_warmup", "optim.warmup = 100", "train.steps=100"),
    ON("no_plateau", "optim.decay_steps = 50 is not after", "optim.decay_steps=50", "optim.min_lr=1e-4"),
    ON("early_cooldown", "expected at most 0.95", "optim.schedule=wsd", "optim.cooldown=0.99"),
    ON("no_cooldown", "optim.cooldown = 0", "optim.schedule=wsd", "optim.cooldown=0"),
    ON("no_decay", "optim.min_lr = optim.lr = 0.001", "optim.min_lr=1e-3"),
    ON("late_decay", "optim.decay_steps = 9000", "optim.decay_steps=9000"),
    ON("early_decay", "optim.min_lr = 0 is reached", "optim.decay_steps=500", "optim.min_lr=0"),
    ON("unused_muon", "optim.muon_lr has no effect with optim.optimizer = adamw", "optim.muon_lr=0.01"),
    ON("unused_eps", "no effect with optim.optimizer = lion", "optim.optimizer=lion", "optim.eps=1e-9"),
    ON("unused_cooldown", "optim.cooldown has no effect with optim.schedule = cosine", "optim.cooldown=0.5"),
    ON("no_steps", "train.steps = 0", "train.steps=0"),
    {"past_end", {NULL}, "--stop-after 3000", {.stop_after = 3000}},
    ON("no_sample", "train.sample_every = 5000", "train.sample_every=5000"),
    {"long_sample_prompt", {NULL}, "train.sample_prompt has 65 tokens", {.prompt_tokens = 65}},
    ON("rare_log", "train.log_every = 5000", "train.log_every=5000"),
    ON("large_smoothing", "train.label_smoothing = 0.9", "train.label_smoothing=0.9"),
    ON("large_z_loss", "train.z_loss = 1", "train.z_loss=1"),
    {"slow_bfloat16", {"train.precision=bfloat16", "train.precision_fallback=true"}, "because a test",
     {.no_bfloat16 = "a test"}},
    ON("unused_monitor", "monitor.snapshot_every has no effect", "monitor.action=off", "monitor.snapshot_every=50"),
    ON("unused_monitor", "monitor.rewind_steps has no effect", "monitor.action=off", "monitor.rewind_steps=5"),
    ON("unused_rewind", "monitor.attempts has no effect", "monitor.action=skip", "monitor.attempts=2"),
    ON("unused_inject", "monitor.inject_batch has no effect", "monitor.inject_batch=5"),
    ON("late_inject", "monitor.inject_batch = 3000", "monitor.inject=random", "monitor.inject_batch=3000"),
    ON("never_judged", "before step 2001", "monitor.action=skip", "monitor.guard=2000"),
    ON("false_alarms", "monitor.loss_z = 1", "monitor.action=skip", "monitor.loss_z=1"),
    {"other_core", {NULL}, "OpenBLAS's Haswell and is now on SkylakeX", {.core_before = "Haswell"}},
};

#define OF_A_MODEL .vocab_size = 256, .context = 64, .count = 1, .temperature = 0.8, .top_p = 1
static const struct {
    const char *name, *sentence;
    SampleFacts facts;
} samples[] = {
    {"untrained_sample", "of step 0", {.is_untrained = true, .vocab_size = 9, .context = 64, .count = 1, .temperature = 0.8, .top_p = 1}},
    {"alike", "--temperature 0 always", {.vocab_size = 9, .context = 64, .count = 3, .top_p = 1}},
    {"alike", "--top-k 1 always",
     {.vocab_size = 9, .context = 64, .count = 3, .temperature = 0.8, .top_p = 1, .top_k = 1}},
    {"unused_options", "--top-k has", {.vocab_size = 9, .context = 64, .count = 1, .top_p = 1, .top_k = 5}},
    {"unused_options", "--top-p has", {.vocab_size = 9, .context = 64, .count = 1, .top_p = 0.5}},
    {"unused_temperature", "--temperature 0.5 has no effect with --top-k 1",
     {.vocab_size = 9, .context = 64, .count = 1, .temperature = 0.5, .top_p = 1, .top_k = 1}},
    {"all_of_top_k", "has 9 tokens",
     {.vocab_size = 9, .context = 64, .count = 1, .temperature = 0.8, .top_p = 1, .top_k = 9}},
    {"hot", "--temperature 50", {.vocab_size = 9, .context = 64, .count = 1, .temperature = 50, .top_p = 1}},
    {"long_prompt", "has 65 tokens",
     {.vocab_size = 9, .context = 64, .count = 1, .temperature = 0.8, .top_p = 1, .prompt_tokens = 65}},
};

static const struct {
    const char *name, *sentence;
    EvalFacts facts;
} evals[] = {
    {"untrained_eval", "of step 0", {.is_untrained = true, .is_same = true}},
    {"other_tokens", "D.h5 holds other tokens", {.is_other = true}},
    {"own_training_data", "--data D.h5: --split train", {.is_given = true, .is_train = true, .is_same = true}},
    {"no_tokenizer", "D.h5 has no tokenizer", {.is_given = true, .is_other = true, .lacks_tokenizer = true}},
    {"new_tokenizer", "tokenizer of D.h5", {.is_given = true, .is_other = true, .gains_tokenizer = true}},
};

#define MADE(...) &(const PrepareSummary){.documents = 9, .val_documents = 1, __VA_ARGS__}
static const struct {
    const char *name, *sentence;
    PrepareFacts facts;
} prepared[] = {
    {"no_separator", "\"@@@\" is nowhere in the text",
     {MADE(.tokens = 900, .val_tokens = 100, .vocab_size = 257, .bytes = 990), 0.1, "@@@", "byte"}},
    {"mostly_val", "--val 0.9", {MADE(.tokens = 90, .val_tokens = 100, .vocab_size = 257, .bytes = 180), 0.9, NULL, "byte"}},
    {"one_kind", "a single token", {MADE(.tokens = 900, .val_tokens = 100, .vocab_size = 2, .bytes = 990), 0.1, NULL, "char"}},
    {"foreign_tokenizer", "--tokenizer t.json needs 1000 tokens for 1000 bytes",
     {MADE(.tokens = 900, .val_tokens = 100, .vocab_size = 500, .bytes = 1000), 0.1, NULL, "t.json"}},
};
/* clang-format on */
enum {
    RUNS = sizeof runs / sizeof *runs,
    SAMPLES = sizeof samples / sizeof *samples,
    EVALS = sizeof evals / sizeof *evals,
    PREPARED = sizeof prepared / sizeof *prepared
};

static Config config;

static WarningFacts facts_of(const RunCase *one)
{
    WarningFacts f = one->facts;
    int count = 0;
    while (one->settings[count]) count++;
    cr_assert_eq(config_load(&config, NULL, count, one->settings), OK, "%s", error_message());
    f.config = &config;
    f.core = "SkylakeX";
    if (!f.data.is_known) f.data = (DataFacts)A_CORPUS;
    return f;
}

/* Only the named warning is due. */
static void expect_alone(const WarningRule *table, const void *facts, const char *name,
                         const char *sentence)
{
    char text[WARNING_MAX];
    bool found = false;
    for (const WarningRule *r = table; r->name; r++) {
        const bool due = r->is_due(facts, text), expected = !strcmp(r->name, name);
        cr_expect_eq(due, expected, "case %s, rule %s: %s", name, r->name, due ? text : "not due");
        if (due && expected) cr_expect(strstr(text, sentence), "%s: %s", name, text);
        found |= expected;
    }
    cr_expect(found, "%s: no such rule", name);
}

Test(warnings, of_a_run_are_due_alone)
{
    for (int i = 0; i < RUNS; i++) {
        const WarningFacts f = facts_of(&runs[i]);
        expect_alone(warnings_of_run, &f, runs[i].name, runs[i].sentence);
    }
}

Test(warnings, of_samples_are_due_alone)
{
    for (int i = 0; i < SAMPLES; i++)
        expect_alone(warnings_of_sample, &samples[i].facts, samples[i].name, samples[i].sentence);
}

Test(warnings, of_an_evaluation_are_due_alone)
{
    for (int i = 0; i < EVALS; i++) {
        EvalFacts f = evals[i].facts;
        f.path = "D.h5";
        expect_alone(warnings_of_eval, &f, evals[i].name, evals[i].sentence);
    }
}

Test(warnings, of_a_dataset_are_due_alone)
{
    for (int i = 0; i < PREPARED; i++)
        expect_alone(warnings_of_prepare, &prepared[i].facts, prepared[i].name,
                     prepared[i].sentence);
}

Test(warnings, each_rule_has_a_case)
{
    for (const WarningRule *r = warnings_of_run; r->name; r++) {
        int found = 0;
        for (int i = 0; i < RUNS; i++) found += !strcmp(runs[i].name, r->name);
        cr_expect(found, "%s", r->name);
    }
    for (const WarningRule *r = warnings_of_sample; r->name; r++) {
        int found = 0;
        for (int i = 0; i < SAMPLES; i++) found += !strcmp(samples[i].name, r->name);
        cr_expect(found, "%s", r->name);
    }
    for (const WarningRule *r = warnings_of_eval; r->name; r++) {
        int found = 0;
        for (int i = 0; i < EVALS; i++) found += !strcmp(evals[i].name, r->name);
        cr_expect(found, "%s", r->name);
    }
    for (const WarningRule *r = warnings_of_prepare; r->name; r++) {
        int found = 0;
        for (int i = 0; i < PREPARED; i++) found += !strcmp(prepared[i].name, r->name);
        cr_expect(found, "%s", r->name);
    }
}

static void complain(void *name, const char *text)
{
    cr_expect_fail("%s: %s", (const char *)name, text);
}

Test(warnings, are_not_due_by_default)
{
    char defaults[] = "the defaults";
    const WarningFacts run = facts_of(&(RunCase){.facts = {.parameters = 1000000}});
    const SampleFacts sample = {OF_A_MODEL};
    const EvalFacts eval = {.is_same = true};
    const PrepareSummary made = {
        .documents = 9, .tokens = 900, .val_tokens = 90, .vocab_size = 500, .bytes = 4000};
    const PrepareFacts prepare = {&made, 0.1, NULL, "t.json"};
    warnings_find(warnings_of_prepare, &prepare, NULL, complain, defaults);
    warnings_find(warnings_of_run, &run, NULL, complain, defaults);
    warnings_find(warnings_of_sample, &sample, NULL, complain, defaults);
    warnings_find(warnings_of_eval, &eval, NULL, complain, defaults);
}

/* Those in this folder and in the folders in it. */
static void check_configs(const char *folder, int depth, int *count)
{
    char path[512];
    DIR *all = opendir(folder);
    cr_assert(all != NULL, "%s", folder);
    for (struct dirent *one; (one = readdir(all));) {
        snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
        if (one->d_type == DT_DIR && *one->d_name != '.' && !depth) check_configs(path, 1, count);
        if (!strstr(one->d_name, ".yaml")) continue;
        cr_assert_eq(config_load_common(&config, path, 0, NULL), OK, "%s", error_message());
        const WarningFacts f = {.config = &config, .data = A_CORPUS, .parameters = 1000000};
        WarningFacts with_prompts = f;
        with_prompts.data.prompts = 10;
        warnings_find(warnings_of_run, &with_prompts, NULL, complain, path);
        ++*count;
    }
    closedir(all);
}

Test(warnings, are_not_due_for_a_config_of_ours)
{
    int count = 0;
    check_configs("configs", 0, &count);
    cr_expect_gt(count, 10);
}

static void count_one(void *count, const char *text)
{
    (void)text;
    ++*(int *)count;
}

Test(warnings, do_not_repeat_on_resume_unless_they_changed)
{
    const WarningFacts now = facts_of(&(RunCase){.facts = {.lacks_val = true}});
    WarningFacts before = now;
    int count = 0;
    warnings_find(warnings_of_run, &now, &before, count_one, &count);
    cr_expect_eq(count, 0, "the same");
    before.lacks_val = false;
    warnings_find(warnings_of_run, &now, &before, count_one, &count);
    cr_expect_eq(count, 1, "not due before");
    before.lacks_val = true;
    before.data.val_tokens = 98;
    warnings_find(warnings_of_run, &now, &before, count_one, &count);
    cr_expect_eq(count, 2, "another sentence");
}
