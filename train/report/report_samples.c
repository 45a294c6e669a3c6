#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/checkpoint/checkpoints.h"
#include "train/generate/loaded_model.h"
#include "train/generate/sample.h"
#include "train/report/report_data.h"
#include "train/support/precision.h"

static Status give_reason(ReportData *r, const char *why)
{
    r->no_samples = arena_text(&r->arena, why);
    return r->no_samples ? OK : FAIL(E_NOMEM, "a report");
}

static Status write_texts(ReportData *r, const LoadedModel *t, const ReportOptions *o,
                          const char *prompt, char *text[])
{
    FILE *out[DECODER_STREAMS_MAX];
    size_t size[DECODER_STREAMS_MAX];
    Decoder d = {0};
    Sampling sampling = {.sampler = {.temperature = 0.8, .top_p = 1},
                         .tokens = o->tokens,
                         .seed = 1};
    int64_t open = 0;
    sampling.form = prompt_form(&t->config->data);
    Status status = decoder_open(&d, &t->model, o->samples);
    for (; open < o->samples && status == OK; open++) {
        out[open] = open_memstream(&text[open], &size[open]);
        if (!out[open]) {
            status = FAIL(E_NOMEM, "samples");
            break;
        }
    }
    if (status == OK)
        status = sample_write(&d, t->tokenizer, &sampling, prompt, 0, o->samples, out, NULL);
    while (open--)
        if (!text_close(out[open], &text[open]) && status == OK) status = FAIL(E_NOMEM, "samples");
    decoder_close(&d);
    if (status != OK) return status;
    r->samples = arena_zero(&r->arena, o->samples * (int64_t)sizeof *r->samples);
    if (!r->samples) return FAIL(E_NOMEM, "samples");
    for (int64_t i = 0; i < o->samples; i++) {
        r->samples[i].prompt = arena_text(&r->arena, prompt);
        r->samples[i].text = arena_text(&r->arena, text[i]);
        if (!r->samples[i].prompt || !r->samples[i].text) return FAIL(E_NOMEM, "samples");
    }
    r->sample_count = o->samples;
    return OK;
}

static Status sample_of(ReportData *r, const ReportOptions *o, const char *path)
{
    char *text[DECODER_STREAMS_MAX] = {NULL};
    LoadedModel t;
    Status status = loaded_model_open(&t, path, NULL, 0, NULL);
    if (status == OK)
        status = write_texts(r, &t, o, o->prompt ? o->prompt : t.config->train.sample_prompt, text);
    for (int i = 0; i < DECODER_STREAMS_MAX; i++) free(text[i]);
    loaded_model_close(&t);
    return status;
}

Status report_samples(ReportData *r, const ReportOptions *o)
{
    char path[CHECKPOINT_PATH_MAX], why[512];
    if (!o->samples) return OK;
    if (!r->has_checkpoint) return give_reason(r, "there is no checkpoint");
    if (strcmp(r->precision, precision_here())) {
        snprintf(why, sizeof why,
                 "the checkpoint is in %s precision, which this program does not support",
                 r->precision);
        return give_reason(r, why);
    }
    if (o->parameters_max && r->parameters > o->parameters_max)
        return give_reason(r, "generation is slow for a model of this size; run capstan report");
    if (snprintf(path, sizeof path, "%s/checkpoints/%s", r->folder, r->checkpoint) >=
        (int)sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", r->folder);
    const Status status = sample_of(r, o, path);
    return status == OK || status == E_NOMEM ? status : give_reason(r, error_message());
}
