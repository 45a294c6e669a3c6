/* Models of other programs become checkpoints: capstan import. */
#ifndef TRAIN_FORMATS_IMPORT_H
#define TRAIN_FORMATS_IMPORT_H

#include "data/tokenizer.h"
#include "train/formats/kinds.h"
#include "train/formats/weights.h"

/* A model in files of another program. */
typedef struct ModelSource {
    Weights weights; /* the tensors, under their names in `format` */
    Config config;
    const Kind *kind;
    ModelFormat format;
    int64_t vocab_size;
    const char *name; /* the path, escaped */
    const char *what; /* "a Hugging Face folder" */
    /* The file that holds the tokenizer, or the tokenizer itself, in weights.arena; both NULL:
     * none. */
    const char *tokenizer_path;
    const char *tokenizer_end; /* its eos_token; NULL: the file does not say */
    Tokenizer *tokenizer;
    bool wants_tokenizer; /* nobody has given another one */
    Arena arena;          /* of the tokenizer */
} ModelSource;

/* Opens whatever is at path: the table of formats is in import_source.c. tokenizer: a file, "byte" or
 * "none"; NULL: the model's own. Close in any case. E_DATA: what is damaged, or what Capstan's
 * models do not have, by name. */
Status model_source_open(ModelSource *s, const char *path, const char *tokenizer,
                         const char *end_of_text);
void model_source_close(ModelSource *s);

/* Writes a checkpoint of step 0 with the source's parameters. *parameters: their number. E_DATA: a
 * tensor is missing, left over, or has another shape. E_IO, E_NOMEM. */
Status model_import(const ModelSource *s, const char *output, int64_t *parameters);

#endif
