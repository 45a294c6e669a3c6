/* Checkpoints become files that other programs read: capstan export. */
#ifndef TRAIN_FORMATS_EXPORT_H
#define TRAIN_FORMATS_EXPORT_H

#include "data/files.h"
#include "train/formats/dtype.h"
#include "train/formats/file_tensors.h"
#include "train/generate/loaded_model.h"

typedef struct ModelExport {
    const LoadedModel *model;
    const char *output;
    Dtype type; /* of matrices */
    const Kind *kind;
    FileTensors tensors;
    int64_t size;     /* bytes written */
    const char *note; /* what a reader of the file does otherwise; NULL: nothing */
} ModelExport;

/* Writes the model to a path, completely or not at all. format: "gguf", "huggingface" or "llama2c".
 * E_ARG: what the format cannot express, by name; a number that is not finite. E_EXISTS: the folder
 * exists. E_IO, E_NOMEM. Close in any case. */
Status model_export(ModelExport *e, const char *format);
void model_export_close(ModelExport *e);

/* The formats: one file each, export_NAME.c. Each chooses e->kind, then opens e->tensors. */
Status export_gguf(ModelExport *e);
Status export_huggingface(ModelExport *e);
Status export_llama2c(ModelExport *e);

/* For them: */

Status export_open(ModelExport *e, ModelFormat format);

/* The type in the file: matrices have e->type where its blocks divide their rows, else float16. */
Dtype export_type(const ModelExport *e, const FileTensor *t);

/* Appends a tensor's numbers. E_ARG: a number is not finite, or too large for the type. */
Status export_tensor(Draft *d, const FileTensor *t, Dtype type);

#endif
