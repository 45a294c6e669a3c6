/* capstan eval: the loss of a checkpoint on all of a split. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "train/commands.h"
#include "train/evaluate.h"
#include "train/interrupt.h"
#include "train/json.h"
#include "train/trained.h"

typedef struct Wish {
    const char *checkpoint, *data, *split;
    bool json;
} Wish;

static Status print(const Wish *w, const Trained *t, const Evaluation *e)
{
    const char *path = w->data ? w->data : t->config->data.path;
    const long long step = (long long)t->checkpoint.info.step;
    if (w->json)
        return json_print(json_pack("{s:o, s:o, s:o, s:I, s:s, s:s, s:I, s:o}", "loss",
                                    json_number(e->loss), "perplexity", json_number(e->perplexity),
                                    "bits_per_byte", json_number(e->bits_per_byte), "tokens",
                                    (json_int_t)e->tokens, "data", path, "split", w->split, "step",
                                    (json_int_t)step, "seconds", json_number(e->seconds)));
    printf("%s of %s, after update %lld: %lld tokens in %.1f s\n", w->split, path, step,
           (long long)e->tokens, e->seconds);
    printf("loss           %.6f nats a token\nperplexity     %.4f\n", e->loss, e->perplexity);
    if (e->bytes)
        printf("bits a byte    %.6f\n", e->bits_per_byte);
    else
        printf("bits a byte    unknown: there is no tokenizer\n");
    return OK;
}

static Status eval_on(const Wish *w, Trained *t, Dataset *d)
{
    const EvaluateOptions o = {.progress = isatty(STDERR_FILENO) ? stderr : NULL,
                               .stop = interrupt_watch()};
    Evaluation e;
    TRY(dataset_open(d, w->data ? w->data : t->config->data.path));
    TRY(checkpoint_check_dataset(&t->checkpoint, d));
    TRY(evaluate(&t->model, &t->params, t->config, d,
                 strcmp(w->split, "train") ? &d->val : &d->train, &o, &e));
    return print(w, t, &e);
}

Status command_eval(const Command *self, int argc, char *argv[])
{
    Wish w = {.split = "val"};
    int64_t threads = 0;
    bool helped;
    int count;
    const Option options[] = {
        {.name = "--checkpoint", OPTION_TEXT, &w.checkpoint, "F", "what to evaluate"},
        {.name = "--data",
         OPTION_TEXT,
         &w.data,
         "D.h5",
         "dataset or token file; default: the one it was trained on"},
        {.name = "--split", OPTION_TEXT, &w.split, "val|train", "which half; default: val"},
        {.name = "--threads",
         OPTION_INT,
         &threads,
         "N",
         "0: one a core",
         .min = 0,
         .max = THREADS_MAX},
        {.name = "--json", OPTION_FLAG, &w.json, .help = "one object on stdout"},
        {0},
    };
    TRY(options_read(self, options, argc, argv, NULL, 0, &count, &helped));
    if (helped) return OK;
    if (!w.checkpoint) return FAIL(E_ARG, "capstan eval needs --checkpoint F");
    if (strcmp(w.split, "val") && strcmp(w.split, "train"))
        return FAIL(E_ARG, "--split %s: expected val or train", w.split);
    threads_set((int)threads);

    Trained t;
    Dataset d = {0};
    Status status = trained_open(&t, w.checkpoint, argv);
    if (status == OK) {
        status = eval_on(&w, &t, &d);
        dataset_close(&d);
    }
    trained_close(&t);
    return status;
}
