/* Sliding windows in config.json. Mistral: sliding_window, in all layers; null: none. Qwen2, Qwen3:
 * sliding_window if use_sliding_window, in the layers that layer_types names, or else in those from
 * max_window_layers on. Both count the row's own key, as model.windows does. */
#ifndef TRAIN_FORMATS_HUGGINGFACE_WINDOWS_H
#define TRAIN_FORMATS_HUGGINGFACE_WINDOWS_H

#include <jansson.h>

#include "train/formats/kinds.h"

/* What a config.json says, as model.windows: "full", "16", "full,full,16". A layer type that is
 * neither is written as it is, so that the setting's check refuses it by name. */
void huggingface_windows(const json_t *config, char *out, size_t size);

/* Whether a kind can express the windows of c: of one length, and in all layers or, with
 * layer_types, by layer. */
bool huggingface_has_windows(const Kind *k, const GptConfig *c);

/* Adds what a config.json of this kind must say. */
void huggingface_put_windows(json_t *config, const Kind *k, const GptConfig *c);

#endif
