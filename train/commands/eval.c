/* capstan eval: the loss of a checkpoint on a whole split. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "autograd/base/threads.h"
#include "train/commands/commands.h"
#include "train/generate/choices.h"
#include "train/generate/loaded_model.h"
#include "train/plan/warnings.h"
#include "train/run/evaluate.h"
#include "train/support/clock.h"
#include "train/support/interrupt.h"
#include "train/support/json.h"

/* Choices that share a pass over their context. */
enum { CHOICE_STREAMS = 8 };

typedef struct Args {
    const char *checkpoint, *data, *split, *weights;
    const char *choices;
    int64_t stride;
    bool by_position, by_document, by_token, json;
} Args;

/* [from, to, tokens, loss] of the positions that have tokens. */
static json_t *json_positions(const PositionLoss *positions)
{
    json_t *all = json_array();
    for (int i = 0; all && i < POSITION_BINS; i++)
        if (positions[i].tokens)
            json_array_append_new(all, json_pack("[I, I, I, f]", (json_int_t)positions[i].from,
                                                 (json_int_t)positions[i].to,
                                                 (json_int_t)positions[i].tokens,
                                                 positions[i].sum / (double)positions[i].tokens));
    return all;
}

/* [document, tokens, loss] of the documents that have a loss. */
static json_t *json_documents(const DocumentLoss *documents, int64_t count)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < count; i++)
        if (documents[i].tokens)
            json_array_append_new(all, json_pack("[I, I, f]", (json_int_t)i,
                                                 (json_int_t)documents[i].tokens,
                                                 documents[i].sum / (double)documents[i].tokens));
    return all;
}

/* [document, position in it, token, loss] of the tokens that have a loss. */
static json_t *json_tokens(const real *losses, const Split *s)
{
    json_t *all = json_array();
    for (int64_t i = 0; all && i < s->count; i++) {
        if (isnan(losses[i])) continue;
        const int64_t document = split_document(s, i);
        json_array_append_new(all, json_pack("[I, I, I, f]", (json_int_t)document,
                                             (json_int_t)(i - (int64_t)s->offsets[document]),
                                             (json_int_t)split_token(s, i), (double)losses[i]));
    }
    return all;
}

static Status print_json(const Args *w, const char *path, long long step, const Evaluation *e,
                         const EvaluateOptions *o, const Split *split)
{
    json_t *root = json_pack("{s:o, s:o, s:o, s:I, s:o, s:s, s:I, s:o}", "loss",
                             json_number(e->loss), "perplexity", json_number(e->perplexity),
                             "bits_per_byte", json_number(e->bits_per_byte), "tokens",
                             (json_int_t)e->tokens, "data", json_text(path), "split", w->split,
                             "step", (json_int_t)step, "seconds", json_number(e->seconds));
    if (root && o->positions)
        json_object_set_new(root, "by_position", json_positions(o->positions));
    if (root && o->documents)
        json_object_set_new(root, "by_document", json_documents(o->documents, split->documents));
    if (root && o->tokens) json_object_set_new(root, "by_token", json_tokens(o->tokens, split));
    return json_print(root);
}

static Status print(const Args *w, const LoadedModel *t, const Evaluation *e,
                    const EvaluateOptions *o, const Split *split)
{
    const int64_t documents = split->documents;
    const char *path = w->data ? w->data : t->config->data.path;
    const long long step = (long long)t->checkpoint.info.step;
    char shown[PATH_MAX];
    if (w->json) return print_json(w, path, step, e, o, split);
    printf("%s of %s, after step %lld: %lld tokens in %.1f s\n", w->split,
           text_escape(path, shown, sizeof shown), step, (long long)e->tokens, e->seconds);
    printf("loss           %.6f nats per token\nperplexity     %.4f\n", e->loss, e->perplexity);
    if (e->bytes)
        printf("bits per byte  %.6f\n", e->bits_per_byte);
    else
        printf("bits per byte  unknown: there is no tokenizer\n");
    if (o->positions) printf("position in document tokens      loss\n");
    for (int i = 0; o->positions && i < POSITION_BINS; i++)
        if (o->positions[i].tokens)
            printf("%8lld .. %8lld %9lld  %.6f\n", (long long)o->positions[i].from,
                   (long long)o->positions[i].to - 1, (long long)o->positions[i].tokens,
                   o->positions[i].sum / (double)o->positions[i].tokens);
    if (o->documents) printf("document    tokens      loss\n");
    for (int64_t i = 0; o->documents && i < documents; i++)
        if (o->documents[i].tokens)
            printf("%8lld %9lld  %.6f\n", (long long)i, (long long)o->documents[i].tokens,
                   o->documents[i].sum / (double)o->documents[i].tokens);
    return OK;
}

static void warn(const Args *w, const LoadedModel *t, const Dataset *d)
{
    const CheckpointInfo *info = &t->checkpoint.info;
    char path[PATH_MAX];
    const bool is_same = !strcmp(d->digest, info->dataset);
    const EvalFacts f = {.is_untrained =
                             checkpoint_is_untrained(info) && !*t->config->train.init_from,
                         .path = text_escape(d->path, path, sizeof path),
                         .is_given = w->data,
                         .is_train = !strcmp(w->split, "train"),
                         .is_same = is_same,
                         .is_other = *info->dataset && !is_same,
                         .lacks_tokenizer = !d->tokenizer && info->tokenizer_size,
                         .gains_tokenizer = d->tokenizer && !info->tokenizer_size};
    warnings_print(warnings_of_eval, &f);
}

static Status print_choices(const Args *w, const LoadedModel *t, const Choices *c, double seconds)
{
    const double count = (double)c->questions;
    double range[2], norm[2];
    choices_interval(c->right, c->questions, range);
    choices_interval(c->right_norm, c->questions, norm);
    if (w->json)
        return json_print(
            json_pack("{s:f, s:[f, f], s:f, s:[f, f], s:f, s:I, s:o, s:I, s:f}", "accuracy",
                      (double)c->right / count, "accuracy_interval", range[0], range[1],
                      "accuracy_norm", (double)c->right_norm / count, "accuracy_norm_interval",
                      norm[0], norm[1], "chance", c->chance, "questions", (json_int_t)c->questions,
                      "choices", json_text(w->choices), "step", (json_int_t)t->checkpoint.info.step,
                      "seconds", seconds));
    printf("accuracy       %.4f  [%.4f, %.4f]\naccuracy_norm  %.4f  [%.4f, %.4f]\n"
           "chance         %.4f; %lld questions, 95 %% intervals\n",
           (double)c->right / count, range[0], range[1], (double)c->right_norm / count, norm[0],
           norm[1], c->chance, (long long)c->questions);
    return OK;
}

static Status eval_choices(const Args *w, const LoadedModel *t)
{
    const double begin = clock_seconds();
    const PromptForm form = prompt_form(&t->config->data);
    Decoder d;
    Choices c;
    Status status = decoder_open(&d, &t->model, CHOICE_STREAMS);
    if (status == OK)
        status =
            choices_judge(&d, t->tokenizer, &form, w->choices, interrupt_watch(NULL, false), &c);
    decoder_close(&d);
    return status == OK ? print_choices(w, t, &c, clock_seconds() - begin) : status;
}

static Status eval_on(const Args *w, LoadedModel *t, Dataset *d)
{
    EvaluateOptions o = {.stride = w->stride,
                         .progress = isatty(STDERR_FILENO) ? stderr : NULL,
                         .stop = interrupt_watch(NULL, false)};
    Evaluation e;
    TRY(dataset_open(d, w->data ? w->data : t->config->data.path));
    TRY(checkpoint_check_dataset(&t->checkpoint, d));
    warn(w, t, d);
    const Split *split = strcmp(w->split, "train") ? &d->val : &d->train;
    if (w->by_position)
        o.positions = arena_take(&t->arena, POSITION_BINS * (int64_t)sizeof *o.positions);
    if (w->by_document)
        o.documents = arena_take(&t->arena, split->documents * (int64_t)sizeof *o.documents);
    if (w->by_token) o.tokens = arena_take(&t->arena, split->count * (int64_t)sizeof *o.tokens);
    if ((w->by_token && !o.tokens) || (w->by_position && !o.positions) ||
        (w->by_document && !o.documents))
        return FAIL(E_NOMEM, "losses of %lld documents", (long long)split->documents);
    TRY(evaluate(&t->model, &t->params, t->config, d, split, &o, &e));
    return print(w, t, &e, &o, split);
}

Status command_eval(const Command *self, int argc, char *argv[])
{
    Args w = {.split = "val", .weights = "trained"};
    int64_t threads = 0;
    bool helped;
    enum { SETTINGS = 64 };
    const char *settings[SETTINGS];
    int count;
    const Option options[] = {
        OPTION_USAGE("[section.key=value ...]"),
        OPTION_PATH("--checkpoint", &w.checkpoint, "F.h5|RUN",
                    "checkpoint to evaluate; of a run's folder, its best.h5 or latest.h5",
                    .required = IN_EVERY_USAGE),
        OPTION_PATH("--data", &w.data, "D.h5",
                    "dataset or token file (default: the one it was trained on)"),
        OPTION_TEXT("--split", &w.split, "val|train", "split to evaluate (default: val)"),
        OPTION_FLAG("--by-position", &w.by_position,
                    "also print the loss by position in the document"),
        OPTION_FLAG("--by-document", &w.by_document, "also print the loss of each document"),
        OPTION_FLAG("--by-token", &w.by_token, "with --json: also the loss of each token"),
        OPTION_INT("--stride", &w.stride, "N", 1, 1e9,
                   "windows overlap: each token has at least context - N tokens before it, but for "
                   "the first (default: windows side by side)"),
        OPTION_PATH("--choices", &w.choices, "FILE",
                    "multiple choice instead of loss: rows {\"context\": TEXT, \"choices\": [TEXT, "
                    "...], \"answer\": INDEX}"),
        OPTION_WEIGHTS(&w.weights),
        OPTION_THREADS(&threads),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, settings, SETTINGS, &count, &helped));
    if (helped) return OK;
    if (!w.checkpoint) return FAIL(E_ARG, "capstan eval needs --checkpoint F");
    if (strcmp(w.split, "val") && strcmp(w.split, "train"))
        return FAIL(E_ARG, "--split %s: expected val or train", w.split);
    if (w.choices && (w.data || w.stride || w.by_position || w.by_document || w.by_token))
        return FAIL(E_ARG, "--choices goes with none of --data, --stride, --by-position, "
                           "--by-document and --by-token");
    if (w.by_token && !w.json) return FAIL(E_ARG, "--by-token needs --json");
    threads_set((int)threads);

    LoadedModel t;
    char found[CHECKPOINT_PATH_MAX];
    TRY(options_find_checkpoint(&w.checkpoint, found));
    Dataset d = {0};
    Status status = loaded_model_open(&t, w.checkpoint, argv, count, settings);
    if (status == OK) status = loaded_model_set_weights(&t, w.weights);
    if (status == OK) {
        status = w.choices ? eval_choices(&w, &t) : eval_on(&w, &t, &d);
        dataset_close(&d);
    }
    loaded_model_close(&t);
    return status;
}
