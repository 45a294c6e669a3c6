#include "train/formats/gguf_tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/formats/vocabulary.h"

static Status read_types(const Gguf *g, Arena *a, int64_t count, int32_t **types)
{
    const GgufPair *p = gguf_find(g, "tokenizer.ggml.token_type");
    *types = arena_take(a, (count + 1) * (int64_t)sizeof **types);
    if (!*types) return FAIL(E_NOMEM, "%s: %lld tokens", g->name, (long long)count);
    for (int64_t i = 0; i < count; i++) (*types)[i] = TOKEN_NORMAL;
    if (!p) return OK;
    if (p->type != GGUF_list || p->item != GGUF_i32 || p->count != count)
        return FAIL(E_DATA, "%s: tokenizer.ggml.token_type: expected %lld numbers of type i32",
                    g->name, (long long)count);
    memcpy(*types, p->value, (size_t)count * sizeof **types);
    return OK;
}

static Status parse(const Gguf *g, json_t *json, Arena *a, Tokenizer **out)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text) return FAIL(E_DATA, "%s: tokenizer.ggml.tokens: a token is not UTF-8", g->name);
    const Status status = tokenizer_parse(a, text, (int64_t)strlen(text), g->name, out);
    free(text);
    return status;
}

static Status read_bpe(const Gguf *g, Arena *a, Tokenizer **out)
{
    const char *pre = gguf_text(g, "tokenizer.ggml.pre", a), **texts, **merges;
    char shown[64];
    int32_t *types;
    int64_t count, merge_count;
    if (!pre || strcmp(pre, "gpt-2"))
        return FAIL(E_DATA, "%s: tokenizer.ggml.pre = %s is not supported; expected gpt-2", g->name,
                    text_escape(pre ? pre : "", shown, sizeof shown));
    TRY(gguf_texts(g, "tokenizer.ggml.tokens", a, &texts, &count));
    TRY(gguf_texts(g, "tokenizer.ggml.merges", a, &merges, &merge_count));
    if (!texts || !merges)
        return FAIL(E_DATA, "%s: tokenizer.ggml.tokens or .merges is missing", g->name);
    TRY(read_types(g, a, count, &types));
    const Vocabulary v = {count, texts, types, merges, merge_count, NULL, false};
    return parse(g, vocabulary_json(&v), a, out);
}

Status gguf_tokenizer(const Gguf *g, Arena *a, Tokenizer **out)
{
    char shown[64];
    const char *own = gguf_text(g, "capstan.tokenizer", a),
               *model = gguf_text(g, "tokenizer.ggml.model", a);
    *out = NULL;
    if (own) return tokenizer_parse(a, own, (int64_t)strlen(own), g->name, out);
    if (!model || !strcmp(model, "no_vocab") || !strcmp(model, "none")) return OK;
    if (!strcmp(model, "gpt2")) return read_bpe(g, a, out);
    return FAIL(E_DATA,
                "%s: tokenizer.ggml.model = %s is not supported; expected gpt2 (--tokenizer FILE "
                "names another tokenizer)",
                g->name, text_escape(model, shown, sizeof shown));
}
