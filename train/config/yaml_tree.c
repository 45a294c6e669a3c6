#include "train/config/yaml_tree.h"

#include <string.h>

enum { DEPTH_MAX = 6 };

static Status make(Events *e, Arena *a, ConfigNode **out)
{
    *out = arena_zero(a, (int64_t)sizeof **out);
    const char *where = arena_text(a, events_here(e));
    if (!*out || !where) return FAIL(E_NOMEM, "a config");
    (*out)->where = where;
    return OK;
}

static Status check_new(Events *e, const ConfigNode *map, const char *key)
{
    for (const ConfigNode *n = map->first; n; n = n->next)
        if (!strcmp(n->key, key))
            return FAIL(E_CONFIG, "%s%s stands here again", events_here(e), key);
    return OK;
}

static Status read_node(Events *e, Arena *a, int depth, ConfigNode **out)
{
    const char *text;
    TRY(make(e, a, out));
    ConfigNode *n = *out, **tail = &n->first;
    if (e->event.type == YAML_SCALAR_EVENT) {
        TRY(events_scalar(e, &text, ""));
        n->text = arena_text(a, text);
        return n->text ? OK : FAIL(E_NOMEM, "a config");
    }
    if (depth == DEPTH_MAX)
        return FAIL(E_CONFIG, "%slists or maps in another, more than %d deep", n->where, DEPTH_MAX);
    n->kind = e->event.type == YAML_MAPPING_START_EVENT ? NODE_MAP : NODE_LIST;
    for (;; tail = &(*tail)->next) {
        const char *key = NULL;
        TRY(events_next(e));
        if (e->event.type == YAML_MAPPING_END_EVENT || e->event.type == YAML_SEQUENCE_END_EVENT)
            return OK;
        if (n->kind == NODE_MAP) {
            TRY(events_scalar(e, &text, "a key"));
            TRY(check_new(e, n, text));
            key = arena_text(a, text);
            if (!key) return FAIL(E_NOMEM, "a config");
            TRY(events_next(e));
        }
        TRY(read_node(e, a, depth + 1, tail));
        (*tail)->key = key;
    }
}

Status config_tree_read(Events *e, ConfigTree *tree)
{
    return read_node(e, &tree->arena, 0, &tree->root);
}
