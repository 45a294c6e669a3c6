#include "layers/windows.h"

#include <stdlib.h>
#include <string.h>

/* An entry of a list: [text, text + length). */
typedef struct Entry {
    const char *text;
    int64_t length;
} Entry;

static int64_t count_of(Entry list, char separator)
{
    int64_t count = 1;
    for (int64_t i = 0; i < list.length; i++) count += list.text[i] == separator;
    return count;
}

/* Entry i of a list that repeats; without spaces around it. */
static Entry entry_of(Entry list, char separator, int64_t i)
{
    const char *at = list.text, *stop = at + list.length;
    for (i %= count_of(list, separator); i > 0; at++) i -= *at == separator;
    const char *end = memchr(at, separator, (size_t)(stop - at));
    if (!end) end = stop;
    while (at < end && *at == ' ') at++;
    while (at < end && end[-1] == ' ') end--;
    return (Entry){at, end - at};
}

static bool is_full(Entry e)
{
    return e.length == 4 && !memcmp(e.text, "full", 4);
}

static Entry all_layers(const GptConfig *c)
{
    const char *text = *c->windows ? c->windows : "full";
    return (Entry){text, (int64_t)strlen(text)};
}

static Status check_window(const GptConfig *c, Entry e)
{
    int64_t keys = 0;
    if (is_full(e)) return OK;
    for (int64_t i = 0; i < e.length; i++) {
        if (e.text[i] < '0' || e.text[i] > '9') keys = INT32_MAX;
        if (keys <= c->context) keys = 10 * keys + (e.text[i] - '0');
    }
    if (keys >= 1 && keys <= c->context) return OK;
    return FAIL(E_CONFIG,
                "model.windows = %s: \"%.*s\" should be full or 1 to %lld keys (model.context). "
                "Commas separate layers, slashes key heads: 64, \"64,64,full\", \"8/full\"",
                c->windows, (int)e.length, e.text, (long long)c->context);
}

static Status check_layer(const GptConfig *c, Entry layer)
{
    const int64_t heads = count_of(layer, '/');
    if (c->kv_heads % heads)
        return FAIL(E_CONFIG,
                    "model.windows = %s: the %lld windows of \"%.*s\" do not divide the %lld key "
                    "heads (model.kv_heads)",
                    c->windows, (long long)heads, (int)layer.length, layer.text,
                    (long long)c->kv_heads);
    for (int64_t h = 0; h < heads; h++) TRY(check_window(c, entry_of(layer, '/', h)));
    return OK;
}

static Status check_sinks(const GptConfig *c)
{
    for (int64_t i = 0; c->sinks && i < c->layers; i++)
        for (int64_t h = 0; h < c->kv_heads; h++) {
            const int64_t window = windows_of(c, i, h);
            if (window && window < c->sinks)
                return FAIL(E_CONFIG,
                            "model.sinks = %lld is more than the window of %lld keys in layer %lld "
                            "(model.windows = %s)",
                            (long long)c->sinks, (long long)window, (long long)i, c->windows);
        }
    return OK;
}

Status windows_check(const GptConfig *c)
{
    const Entry layers = all_layers(c);
    bool any = false;
    for (int64_t i = 0; i < count_of(layers, ','); i++)
        TRY(check_layer(c, entry_of(layers, ',', i)));
    for (int64_t i = 0; i < c->layers; i++) any |= windows_any(c, i);
    if (c->sinks && !any)
        return FAIL(E_CONFIG, "model.sinks = %lld needs a layer with a window (model.windows)",
                    (long long)c->sinks);
    TRY(check_sinks(c));
    if (c->windows_theta > 0 && (!any || c->positions != POSITIONS_rope))
        return FAIL(E_CONFIG, "model.windows_theta = %g needs %s", c->windows_theta,
                    any ? "model.positions = rope" : "a layer with a window (model.windows)");
    return OK;
}

int64_t windows_of(const GptConfig *c, int64_t layer, int64_t kv_head)
{
    if (is_full(all_layers(c))) return 0; /* the usual case, quickly */
    const Entry e = entry_of(entry_of(all_layers(c), ',', layer), '/', kv_head);
    return is_full(e) ? 0 : strtoll(e.text, NULL, 10);
}

int64_t windows_longest(const GptConfig *c, int64_t layer)
{
    int64_t longest = 0;
    for (int64_t h = 0; h < c->kv_heads; h++) {
        const int64_t window = windows_of(c, layer, h);
        if (!window) return 0;
        if (window > longest) longest = window;
    }
    return longest;
}

bool windows_any(const GptConfig *c, int64_t layer)
{
    for (int64_t h = 0; h < c->kv_heads; h++)
        if (windows_of(c, layer, h)) return true;
    return false;
}
