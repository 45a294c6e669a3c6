#include "train/formats/huggingface_rope.h"

#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "layers/rope.h"

static const json_t *object_of(const json_t *config)
{
    const json_t *value = json_object_get(config, "rope_scaling");
    if (!json_is_object(value)) value = json_object_get(config, "rope_parameters");
    return json_is_object(value) ? value : NULL;
}

/* "llama3"; "default" is none. */
static const char *kind_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "rope_type"));
    if (!type) type = json_string_value(json_object_get(object, "type"));
    return type && strcmp(type, "default") ? type : "none";
}

/* A key that changes YaRN, of which only the usual form is here; NULL: none. */
static const char *odd_key(const json_t *object)
{
    static const char *const keys[] = {"attention_factor", "mscale", "mscale_all_dim"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(object, keys[i]);
        if (value && !json_is_null(value)) return keys[i];
    }
    return json_is_false(json_object_get(object, "truncate")) ? "truncate" : NULL;
}

bool huggingface_rope(const json_t *config, const char *key, char *out, size_t size)
{
    static const char original[] = "original_max_position_embeddings";
    const json_t *object = object_of(config), *value = NULL;
    const char *kind = kind_of(object), *odd = odd_key(object);
    if (!object) return false;
    if (!strchr(key, '.')) {
        snprintf(out, size, odd && strcmp(kind, "none") ? "%s with %s" : "%s", kind, odd);
        return true;
    }
    key = strchr(key, '.') + 1;
    if (!strcmp(kind, "none")) return false;
    value = json_object_get(object, key);
    if (!strcmp(key, original)) { /* without it, the model's context was the original one */
        if (!json_is_number(value)) value = json_object_get(config, original);
        if (!json_is_number(value)) value = json_object_get(config, "max_position_embeddings");
    }
    if (!json_is_number(value)) return false;
    text_real(json_number_value(value), out);
    return true;
}

void huggingface_put_rope(json_t *config, const GptConfig *c)
{
    if (c->rope_scaling == ROPE_SCALING_none) return;
    json_t *object = json_pack("{s:s, s:f, s:I}", "rope_type", rope_scaling_text(c->rope_scaling),
                               "factor", c->rope_factor, "original_max_position_embeddings",
                               (json_int_t)(rope_original(c) + 0.5));
    if (c->rope_scaling == ROPE_SCALING_yarn) {
        json_object_set_new(object, "beta_fast", json_real(c->rope_beta_fast));
        json_object_set_new(object, "beta_slow", json_real(c->rope_beta_slow));
    }
    if (c->rope_scaling == ROPE_SCALING_llama3) {
        json_object_set_new(object, "low_freq_factor", json_real(c->rope_low_freq_factor));
        json_object_set_new(object, "high_freq_factor", json_real(c->rope_high_freq_factor));
    }
    json_object_set_new(config, "rope_scaling", object);
}
