/* The merges of a tokenizer.json. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/huggingface.h"

/* Splits "left right" or [left, right]; false: it is neither. */
static bool split_merge(const json_t *merge, char *left, char *right, size_t room)
{
    const char *a = json_string_value(json_array_get(merge, 0)),
               *b = json_string_value(json_array_get(merge, 1)), *both = json_string_value(merge);
    if (both) {
        const char *blank = strchr(both, ' ');
        if (!blank || strlen(both) >= room) return false;
        snprintf(left, room, "%.*s", (int)(blank - both), both);
        a = left;
        b = blank + 1;
    } else if (json_array_size(merge) != 2 || !a || !b || strlen(a) + strlen(b) >= room) {
        return false;
    } else {
        strcpy(left, a);
    }
    strcpy(right, b);
    return *left && *right;
}

Status huggingface_merges(Merges *m, Arena *a, const json_t *model, const char *name)
{
    enum { ROOM = 1 << 16 };
    const json_t *vocab = json_object_get(model, "vocab"), *list = json_object_get(model, "merges");
    const int64_t count = (int64_t)json_array_size(list);
    char *left = arena_take(a, ROOM), *right = arena_take(a, ROOM);
    if (!json_is_array(list)) return PART_FAIL(name, "model.merges", "expected a list");
    if (!left || !right) return FAIL(E_NOMEM, "%s: merges", name);
    TRY(merges_open(m, a, count));
    for (int64_t i = 0; i < count; i++) {
        char part[64], shown[64];
        snprintf(part, sizeof part, "model.merges[%lld]", (long long)i);
        if (!split_merge(json_array_get(list, (size_t)i), left, right, ROOM))
            return PART_FAIL(name, part, "expected two tokens, \"A B\" or [\"A\", \"B\"]");
        const json_t *l = json_object_get(vocab, left), *r = json_object_get(vocab, right);
        if (!l || !r)
            return PART_FAIL(name, part, "\"%s\" is not in model.vocab",
                             text_escape(l ? right : left, shown, sizeof shown));
        strcpy(left + strlen(left), right);
        const json_t *both = json_object_get(vocab, left);
        if (!both)
            return PART_FAIL(name, part, "its result, \"%s\", is not in model.vocab",
                             text_escape(left, shown, sizeof shown));
        merges_add(m, (int32_t)json_integer_value(l), (int32_t)json_integer_value(r), (int32_t)i,
                   (int32_t)json_integer_value(both));
    }
    return OK;
}
