/* capstan export: a checkpoint to a file of another program. */
#include <stdio.h>
#include <string.h>

#include "train/commands/commands.h"
#include "train/formats/export.h"
#include "train/support/json.h"

typedef struct Args {
    const char *checkpoint, *format, *type, *output;
    bool json;
} Args;

static Status print(const Args *a, const ModelExport *e)
{
    const int64_t parameters = e->model->params.count;
    if (a->json)
        return json_print(json_pack("{s:s, s:s, s:s, s:I, s:I, s:s%}", "format", a->format, "kind",
                                    e->kind->name, "type", dtype_name(e->type), "parameters",
                                    (json_int_t)parameters, "bytes", (json_int_t)e->size, "output",
                                    a->output, strlen(a->output)));
    printf("model       %s, step %lld\n", e->kind->name, (long long)e->model->checkpoint.info.step);
    printf("parameters  %lld, as %s\n", (long long)parameters, dtype_name(e->type));
    printf("written to  %s: %.1f MB\n", a->output, 1e-6 * (double)e->size);
    return OK;
}

static Status export(const Args *a, LoadedModel *m, char *argv[])
{
    static ModelExport e; /* large; and the only one */
    e = (ModelExport){.model = m, .output = a->output, .type = dtype_of_name(a->type)};
    if (e.type == DTYPE_unknown)
        return FAIL(E_ARG, "--type %s: expected f32, f16, bf16 or q8_0", a->type);
    TRY(loaded_model_open(m, a->checkpoint, argv, 0, NULL));
    TRY(file_make_parents(a->output));
    Status status = model_export(&e, a->format);
    if (status == OK && e.note) fprintf(stderr, "capstan: %s\n", e.note);
    if (status == OK) status = print(a, &e);
    model_export_close(&e);
    return status;
}

Status command_export(const Command *c, int argc, char *argv[])
{
    Args a = {.type = "f32"};
    char found[CHECKPOINT_PATH_MAX];
    int count;
    bool helped;
    const Option options[] = {
        OPTION_PATH("--checkpoint", &a.checkpoint, "F.h5|RUN",
                    "checkpoint to export; of a run's folder, its best.h5 or latest.h5",
                    .required = IN_EVERY_USAGE),
        OPTION_TEXT(
            "--format", &a.format, "FORMAT",
            "gguf: a file for llama.cpp; huggingface: a folder; llama2c: a file for llama2.c",
            .required = IN_EVERY_USAGE),
        OPTION_PATH("--output", &a.output, "PATH",
                    "file to write, replaced if it exists, or folder, which must be new",
                    .required = IN_EVERY_USAGE),
        OPTION_TEXT(
            "--type", &a.type, "TYPE",
            "numbers of matrices: f32 (default), f16, bf16, or q8_0, 8 bits in blocks of 32"),
        OPTION_JSON(&a.json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, NULL, 0, &count, &helped));
    if (helped) return OK;
    if (!a.checkpoint) return FAIL(E_ARG, "--checkpoint is missing: the model to export");
    if (!a.format) return FAIL(E_ARG, "--format is missing: gguf, huggingface or llama2c");
    if (!a.output) return FAIL(E_ARG, "--output is missing: the file or folder to write");
    TRY(options_find_checkpoint(&a.checkpoint, found));
    LoadedModel m = {0};
    const Status status = export(&a, &m, argv);
    loaded_model_close(&m);
    return status;
}
