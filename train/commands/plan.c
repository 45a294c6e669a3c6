/* capstan plan: what a config will cost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/checkpoint/init_from.h"
#include "train/commands/commands.h"
#include "train/formats/huggingface.h"
#include "train/plan/plan.h"
#include "train/plan/warnings.h"
#include "train/scaling/budget.h"
#include "train/support/clock.h"
#include "train/support/json.h"
#include "train/support/precision.h"

enum { OVERRIDES_MAX = 256 };

/* "1,234,567"; good for three more calls. */
static const char *grouped(int64_t n)
{
    static char texts[4][32];
    static int next;
    char digits[24], *out = texts[next++ % 4], *to = out;
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

static void print_bytes(const char *name, int64_t size, const char *what)
{
    printf("  %-12s %10.1f MB   %s\n", name, 1e-6 * (double)size, what);
}

/* All blocks are alike, so only the first one is printed. */
static void print_matrices(const Plan *p)
{
    const long long layers = (long long)p->config->model.layers;
    printf("%-28s %-14s %14s\n", "matrix", "shape", "parameters");
    for (const Param *one = p->params.first; one; one = one->next) {
        const char *name = one->name;
        char general[PARAM_NAME_MAX];
        bool in_block = !strncmp(name, "blocks.", 7);
        if (in_block) {
            if (strncmp(name, "blocks.0.", 9)) continue;
            snprintf(general, sizeof general, "blocks.N.%s", name + 9);
            name = general;
        }
        printf("%-28s %-14s %14s", name, shape_text(one->tensor.shape),
               grouped(shape_count(one->tensor.shape)));
        if (in_block && layers > 1) printf(" x %lld", layers);
        printf("\n");
    }
}

static const char *const optimizer_parts[] = {
    [OPTIMIZER_adamw] = "m and v",
    [OPTIMIZER_muon] = "m; v but for Muon's matrices; scratch of their products",
    [OPTIMIZER_lion] = "m",
};

static void print_text(const Plan *p)
{
    const Config *c = p->config;
    print_matrices(p);
    printf("\nparameters    %s, without embeddings and head %s\n", grouped(p->parameters),
           grouped(p->parameters_non_embedding));
    printf("per token     FLOPs, forward and backward, by convention:\n");
    for (int i = 0; i < FLOPS_COUNT; i++)
        printf("              %-18s %.4g\n", flops_name((FlopsKind)i), p->account.flops[i]);
    printf("a step        %s tokens: %lld sequences of %lld, in %lld micro-batches, %lld "
           "groups\n",
           grouped(p->tokens_per_step), (long long)c->train.batch, (long long)c->model.context,
           (long long)p->microbatches, (long long)p->groups);
    if (p->flops_optimizer > 0)
        printf("              FLOPs of Muon's products %.4g, %.3g %% of those of the model\n",
               p->flops_optimizer,
               100 * p->flops_optimizer / (p->flops_per_token * (double)p->tokens_per_step));
    printf("a run         %s steps, %s tokens, %.1f a parameter\n", grouped(c->train.steps),
           grouped(c->train.steps * p->tokens_per_step),
           (double)c->train.steps * (double)p->tokens_per_step / (double)p->parameters);
    printf("\nmemory, on %d threads\n", threads_count());
    print_bytes("parameters", p->value_size, "");
    print_bytes("gradients", p->gradient_size, "one block, and those of groups not yet summed");
    print_bytes("optimizer", p->optimizer_size, optimizer_parts[c->optim.optimizer]);
    char activations[128];
    if (config_recompute(c))
        snprintf(activations, sizeof activations,
                 "of all tapes, computing blocks again; %.1f MB with train.recompute=off",
                 1e-6 * (double)p->kept_size);
    else
        snprintf(activations, sizeof activations,
                 "of all tapes, with what backward needs; %.1f MB with train.recompute=blocks",
                 1e-6 * (double)p->recomputed_size);
    print_bytes("activations", p->activation_size, activations);
    print_bytes("save image", p->image_size, "while a checkpoint is written");
    print_bytes("total", p->total_size, "");
    if (!p->measured_sequences) return;
    printf("\ntime          %.4g s a step, %.0f tokens/s, %.1f GFLOP/s", p->seconds_per_step,
           p->tokens_per_second, 1e-9 * p->tokens_per_second * p->flops_per_token);
    if (p->measured_sequences < c->train.batch)
        printf(" (measured on %lld sequences a step)", (long long)p->measured_sequences);
    printf("\nthe run       %s, without evaluations and saving\n",
           duration_text(p->seconds_per_step * (double)c->train.steps));
}

static json_t *matrices(const Plan *p)
{
    json_t *list = json_array();
    for (const Param *one = p->params.first; one; one = one->next) {
        json_t *shape = json_array();
        for (int i = 0; i < one->tensor.shape.rank; i++)
            json_array_append_new(shape, json_integer(one->tensor.shape.dim[i]));
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:I}", "name", one->name, "shape", shape,
                                        "parameters", (json_int_t)shape_count(one->tensor.shape)));
    }
    return list;
}

static Status print_json(const Plan *p)
{
    const bool measured = p->measured_sequences > 0;
    const double steps = (double)p->config->train.steps;
    json_t *bytes =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "parameters", (json_int_t)p->value_size,
                  "gradients", (json_int_t)p->gradient_size, "optimizer",
                  (json_int_t)p->optimizer_size, "activations", (json_int_t)p->activation_size,
                  "save_image", (json_int_t)p->image_size, "total", (json_int_t)p->total_size);
    json_t *activations = json_pack("{s:I, s:I}", "off", (json_int_t)p->kept_size, "blocks",
                                    (json_int_t)p->recomputed_size);
    json_t *flops = json_object();
    for (int i = 0; i < FLOPS_COUNT; i++)
        json_object_set_new(flops, flops_name((FlopsKind)i), json_number(p->account.flops[i]));
    return json_print(
        json_pack("{s:I, s:I, s:o, s:o, s:o, s:f, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                  "parameters", (json_int_t)p->parameters, "parameters_non_embedding",
                  (json_int_t)p->parameters_non_embedding, "flops_per_token",
                  json_integer((json_int_t)p->flops_per_token), "flops_by_convention", flops,
                  "flops_optimizer_per_step", json_integer((json_int_t)p->flops_optimizer),
                  "tokens_per_parameter",
                  steps * (double)p->tokens_per_step / (double)p->parameters, "tokens_per_step",
                  (json_int_t)p->tokens_per_step, "vocab_size", (json_int_t)p->vocab_size,
                  "matrices", matrices(p), "bytes", bytes, "activations_by_recompute", activations,
                  "seconds_per_step", measured ? json_number(p->seconds_per_step) : json_null(),
                  "tokens_per_second", measured ? json_number(p->tokens_per_second) : json_null(),
                  "seconds", measured ? json_number(p->seconds_per_step * steps) : json_null(),
                  "measured_sequences", (json_int_t)p->measured_sequences));
}

/* The vocabulary of the config's dataset, if no option says it. */
static Status find_vocab(const Config *c, int64_t *vocab_size, DataFacts *facts)
{
    if (*vocab_size) return OK;
    Dataset d;
    Status status = dataset_open(&d, c->data.path);
    *vocab_size = d.vocab_size;
    if (status == OK) *facts = data_facts(&d);
    dataset_close(&d);
    if (status == OK) return OK;
    char why[512];
    snprintf(why, sizeof why, "%s", error_message() + strlen(status_text(status)) + 2);
    return FAIL(status, "%s (without the dataset, say how large its vocabulary is: --vocab N)",
                why);
}

/* f: the config, and its dataset if it is there. */
static Status plan(WarningFacts *f, int64_t vocab_size, bool measure, bool json)
{
    Plan p;
    Status status = plan_make(&p, f->config, vocab_size), probed = OK;
    if (status == OK && f->data.is_known) status = plan_data(&p);
    f->parameters = p.parameters;
    if (status == OK) warnings_print(warnings_of_run, f);
    if (status == OK && measure) probed = plan_measure(&p);
    if (probed != OK) fprintf(stderr, "capstan: not measured: %s\n", error_message());
    if (status == OK && json) status = print_json(&p);
    if (status == OK && !json) print_text(&p);
    plan_close(&p);
    return status;
}

/* The other way round: a config for a budget. */
static Status plan_budget(const char *text, const char *law_path, const char *path, int count,
                          const char *const overrides[], const char *output, bool json)
{
    static BudgetPlan p; /* large; and the only one */
    Arena arena = {0};
    FitResult law;
    Budget budget;
    const char *why;
    TRY(budget_parse(text, &budget));
    if (!law_path)
        return FAIL(E_ARG, "--budget needs --law: a sweep, a CSV of runs, or what capstan fit "
                           "--json printed");
    Status status = budget_law(law_path, &arena, &law, &why);
    if (status == OK) status = budget_plan(&law, &budget, path, count, overrides, &p);
    if (status == OK) status = budget_show(&p, &law, why, output, json);
    arena_free(&arena);
    return status;
}

/* The model of a Hugging Face folder or config.json: its vocabulary is known, its steps are not
 * measured. */
static Status plan_huggingface(const char *path, int count, const char *const overrides[],
                               int64_t vocab_size, bool json)
{
    static Config c; /* large; and the only one */
    const Kind *kind;
    int64_t own;
    TRY(huggingface_config(path, &c, &kind, &own));
    TRY(config_override(&c, count, overrides));
    TRY(config_resolve(&c));
    WarningFacts facts = config_facts(&c);
    return plan(&facts, vocab_size ? vocab_size : own, false, json);
}

Status command_plan(const Command *self, int argc, char *argv[])
{
    int64_t vocab_size = 0, threads = 0;
    bool no_measure = false, json = false, helped;
    const char *words[OVERRIDES_MAX], *budget = NULL, *law = NULL, *output = NULL;
    int count;
    const Option options[] = {
        OPTION_USAGE("[CONFIG|config.json|FOLDER] [section.key=value ...]"),
        OPTION_USAGE("[CONFIG] [section.key=value ...]"),
        OPTION_TEXT("--budget", &budget, "TIME|FLOPS",
                    "make the compute-optimal config for a budget: 90s, 30min, 2h, or 1e15 FLOPs",
                    .usage = IN_USAGE(1), .required = IN_USAGE(1)),
        OPTION_PATH("--law", &law, "FILE",
                    "scaling law: a sweep, a CSV of runs, or the output of capstan fit --json",
                    .usage = IN_USAGE(1), .required = IN_USAGE(1)),
        OPTION_PATH("--output", &output, "F.yaml", "file for that config", .usage = IN_USAGE(1)),
        OPTION_INT("--vocab", &vocab_size, "N", 1, 2147483647,
                   "vocabulary size, if the dataset does not exist yet"),
        OPTION_FLAG("--no-measure", &no_measure, "do not run steps to estimate the time",
                    .usage = IN_USAGE(0)),
        OPTION_INT("--threads", &threads, "N", 0, THREADS_MAX,
                   "CPU threads; 0: train.threads, OMP_NUM_THREADS, or one per core (default)"),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, words, OVERRIDES_MAX, &count, &helped));
    if (helped) return OK;
    const char *path = count && !strchr(words[0], '=') ? words[0] : NULL;
    if (path && !budget && huggingface_recognizes(path))
        return plan_huggingface(path, count - 1, words + 1, vocab_size, json);
    static Config c; /* large; and the only one */
    TRY((budget ? config_load_common : init_from_config)(&c, path, count - (path ? 1 : 0),
                                                         words + (path ? 1 : 0)));
    TRY(precision_switch(precision_number(c.train.precision), argv));
    threads_set((int)(threads ? threads : c.train.threads));
    if (!budget && (law || output)) return FAIL(E_ARG, "--law and --output are for --budget");
    if (budget && (vocab_size || no_measure))
        return FAIL(E_ARG,
                    "--budget measures on the config's dataset: no --vocab, no --no-measure");
    if (budget)
        return plan_budget(budget, law, path, count - (path ? 1 : 0), words + (path ? 1 : 0),
                           output, json);
    WarningFacts facts = config_facts(&c);
    TRY(find_vocab(&c, &vocab_size, &facts.data));
    return plan(&facts, vocab_size, !no_measure, json);
}
