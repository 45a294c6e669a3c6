/* model.windows and model.sinks: what each layer and key head sees.
 *
 *     full             every key
 *     64               the last 64 keys, the row's own included
 *     64,64,full       by layer; repeated
 *     8/full           by key head; repeated */
#ifndef LAYERS_WINDOWS_H
#define LAYERS_WINDOWS_H

#include "layers/gpt.h"

/* E_CONFIG if model.windows cannot be read, or it, model.sinks or model.windows_theta do not fit the
 * model, which is resolved. */
Status windows_check(const GptConfig *c);

/* The window of a layer's key head, in keys; 0: it sees all keys. */
int64_t windows_of(const GptConfig *c, int64_t layer, int64_t kv_head);

/* The longest window of a layer; 0: a head sees all keys. */
int64_t windows_longest(const GptConfig *c, int64_t layer);

/* Whether a key head of the layer has a window. */
bool windows_any(const GptConfig *c, int64_t layer);

#endif
