/* Folders of Hugging Face: config.json, *.safetensors, tokenizer.json. */
#ifndef TRAIN_FORMATS_HUGGINGFACE_H
#define TRAIN_FORMATS_HUGGINGFACE_H

#include <jansson.h>
#include <limits.h>

#include "train/formats/kinds.h"
#include "train/formats/weights.h"

enum { HUGGINGFACE_JSON_MAX = 16 << 20 };

/* Reads a config.json (path: it, or its folder) into c, not resolved. E_DATA names the key that is
 * missing, wrong or not supported. */
Status huggingface_config(const char *path, Config *c, const Kind **kind, int64_t *vocab_size);

/* The keys of a config.json that are set and that nothing here knows, "a, b"; "" if there are none.
 * Whether the model depends on them is for the user to say. E_DATA. */
Status huggingface_unknown(const char *path, const Kind *kind, char *out, size_t size);

/* Adds the tensors of a folder's safetensors files. E_DATA. */
Status huggingface_weights(Weights *w, const char *folder);

/* The tokenizer that export has put into tokenizer_config.json as Capstan describes it, where
 * tokenizer.json says it otherwise: copied to a; NULL: there is none. E_DATA. */
Status huggingface_own_tokenizer(const char *folder, Arena *a, const char **text);

/* The text of eos_token in a folder's tokenizer_config.json, in a; NULL: there is none. */
Status huggingface_end_of_text(const char *folder, Arena *a, const char **text);

/* Whether path is a folder, or a config.json. */
bool huggingface_recognizes(const char *path);

/* A JSON object in a file; release it with json_decref(). E_DATA: nothing, or something else, is
 * there. */
Status huggingface_json(const char *path, json_t **out);

bool huggingface_is_folder(const char *path);

/* FOLDER/NAME; E_ARG: too long. */
Status huggingface_path(const char *folder, const char *name, char out[PATH_MAX]);

#endif
