#include "train/formats/huggingface_windows.h"

#include <stdio.h>
#include <string.h>

#include "layers/windows.h"

/* Defaults of transformers, for keys that are missing. */
enum { SLIDING_WINDOW = 4096, MAX_WINDOW_LAYERS = 28, LAYERS_MAX = 1024 };

#define SLIDING "sliding_attention"
#define FULL    "full_attention"

static bool is_mistral(const json_t *config)
{
    const char *type = json_string_value(json_object_get(config, "model_type"));
    return type && !strcmp(type, "mistral");
}

static int64_t number_of(const json_t *config, const char *key, int64_t missing)
{
    const json_t *value = json_object_get(config, key);
    return value ? json_integer_value(value) : missing;
}

/* 0: no layer has a window. */
static int64_t window_of(const json_t *config)
{
    const bool used =
        is_mistral(config) || json_is_true(json_object_get(config, "use_sliding_window"));
    const int64_t window = number_of(config, "sliding_window", SLIDING_WINDOW),
                  context = number_of(config, "max_position_embeddings", INT64_MAX);
    return used && window > 0 && window < context ? window : 0;
}

/* "sliding_attention", "full_attention", or what else layer_types says. */
static const char *layer_type(const json_t *config, int64_t layer)
{
    const json_t *types = json_object_get(config, "layer_types");
    const int64_t full =
        is_mistral(config) ? 0 : number_of(config, "max_window_layers", MAX_WINDOW_LAYERS);
    const char *type = json_string_value(json_array_get(types, (size_t)layer));
    if (json_is_array(types)) return type ? type : "layer_types";
    return layer >= full ? SLIDING : FULL;
}

/* The number of layers after which their types repeat. */
static int64_t period_of(const json_t *config, int64_t layers)
{
    for (int64_t period = 1; period < layers; period++) {
        int64_t i = period;
        while (i < layers && !strcmp(layer_type(config, i), layer_type(config, i % period))) i++;
        if (i == layers) return period;
    }
    return layers;
}

void huggingface_windows(const json_t *config, char *out, size_t size)
{
    const int64_t window = window_of(config), layers = number_of(config, "num_hidden_layers", 1),
                  period = period_of(config, layers < LAYERS_MAX ? layers : LAYERS_MAX);
    size_t used = 0;
    *out = '\0';
    for (int64_t i = 0; i < period && used < size; i++) {
        const char *type = layer_type(config, i);
        const bool slides = !strcmp(type, SLIDING);
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)window);
        if (!strcmp(type, FULL) || (slides && !window)) type = "full";
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "," : "",
                                 slides && window ? number : type);
    }
}

bool huggingface_has_windows(const Kind *k, const GptConfig *c)
{
    int64_t window = 0, windowed = 0;
    for (int64_t i = 0; i < c->layers; i++) {
        const int64_t longest = windows_longest(c, i);
        for (int64_t h = 0; h < c->kv_heads; h++)
            if (windows_of(c, i, h) != longest) return false;
        if (!longest) continue;
        if (window && longest != window) return false;
        window = longest;
        windowed++;
    }
    return !windowed || windowed == c->layers || k != &kind_mistral;
}

static json_t *layer_types(const GptConfig *c, int64_t *first, int64_t *window)
{
    json_t *types = json_array();
    *first = c->layers;
    for (int64_t i = 0; i < c->layers; i++) {
        const int64_t longest = windows_longest(c, i);
        if (longest) *window = longest;
        if (longest && i < *first) *first = i;
        json_array_append_new(types, json_string(longest ? SLIDING : FULL));
    }
    return types;
}

void huggingface_put_windows(json_t *config, const Kind *k, const GptConfig *c)
{
    int64_t first, window = 0;
    json_t *types = layer_types(c, &first, &window);
    json_object_set_new(config, "sliding_window", window ? json_integer(window) : json_null());
    if (k != &kind_mistral && window) {
        json_object_set_new(config, "use_sliding_window", json_true());
        json_object_set_new(config, "max_window_layers", json_integer(first));
        json_object_set(config, "layer_types", types);
    }
    json_decref(types);
}
