/* capstan import: a model of another program to a checkpoint. */
#include <stdio.h>
#include <string.h>

#include "train/commands/commands.h"
#include "train/formats/huggingface.h"
#include "train/formats/import.h"
#include "train/support/json.h"

typedef struct Args {
    const char *input, *output, *tokenizer, *end_of_text;
    bool json;
} Args;

/* Says what was left aside. */
static void warn(const Args *a, const ModelSource *s)
{
    char unknown[1024];
    if (s->format != MODEL_huggingface ||
        huggingface_unknown(a->input, s->kind, unknown, sizeof unknown) != OK || !*unknown)
        return;
    fprintf(stderr,
            "capstan: %s/config.json: nothing here knows %s: the checkpoint is right only if "
            "the model does not depend on it\n",
            s->name, unknown);
}

static Status print(const Args *a, const ModelSource *s, int64_t parameters)
{
    const char *kind = s->tokenizer ? tokenizer_kind(s->tokenizer) : NULL;
    if (a->json)
        return json_print(json_pack("{s:s, s:s, s:I, s:I, s:o, s:s%}", "kind", s->kind->name,
                                    "source", s->what, "parameters", (json_int_t)parameters,
                                    "vocab_size", (json_int_t)s->vocab_size, "tokenizer",
                                    kind ? json_string(kind) : json_null(), "output", a->output,
                                    strlen(a->output)));
    printf("model       %s, from %s\n", s->kind->name, s->what);
    printf("parameters  %lld, vocabulary %lld, context %lld\n", (long long)parameters,
           (long long)s->vocab_size, (long long)s->config.model.context);
    printf("tokenizer   %s\n", kind ? kind : "none: prompts are token numbers");
    printf("written to  %s\n", a->output);
    return OK;
}

Status command_import(const Command *c, int argc, char *argv[])
{
    static ModelSource source; /* large; and the only one */
    Args a = {0};
    int count;
    int64_t parameters;
    bool helped;
    const Option options[] = {
        OPTION_PATH(
            "--input", &a.input, "PATH",
            "a Hugging Face folder (config.json, *.safetensors, tokenizer.json), or a model file: "
            "GGUF, llama2.c, llm.c",
            .required = IN_EVERY_USAGE),
        OPTION_PATH("--output", &a.output, "F.h5", "checkpoint to write; replaced if it exists",
                    .required = IN_EVERY_USAGE),
        OPTION_PATH("--tokenizer", &a.tokenizer, "FILE",
                    "tokenizer file, byte, or none (default: the model's own)"),
        OPTION_TEXT(
            "--end-of-text", &a.end_of_text, "TOKEN",
            "text of the special token that ends a text (default: eos_token of the folder's "
            "tokenizer_config.json, else <|endoftext|>, </s> or the like)"),
        OPTION_JSON(&a.json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, NULL, 0, &count, &helped));
    if (helped) return OK;
    if (!a.input) return FAIL(E_ARG, "--input is missing: the model to import");
    if (!a.output) return FAIL(E_ARG, "--output is missing: the checkpoint to write");
    Status status = model_source_open(&source, a.input, a.tokenizer, a.end_of_text);
    if (status == OK) status = model_import(&source, a.output, &parameters);
    if (status == OK) warn(&a, &source);
    if (status == OK) status = print(&a, &source, parameters);
    model_source_close(&source);
    return status;
}
