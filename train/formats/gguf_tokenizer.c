#include "train/formats/gguf_tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/huggingface.h"
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
    if (!text)
        return FAIL(E_DATA,
                    "%s: tokenizer.ggml.tokens: a token is not UTF-8, or a score not finite",
                    g->name);
    const Status status = tokenizer_parse(a, text, (int64_t)strlen(text), g->name, out);
    free(text);
    return status;
}

static bool flag(const Gguf *g, const char *key, bool fallback)
{
    const GgufPair *p = gguf_find(g, key);
    return p && p->type == GGUF_bool ? *p->value != 0 : fallback;
}

static const char *control_text(const Gguf *g, const Vocabulary *v, const char *key)
{
    int64_t token;
    if (!gguf_int(g, key, &token) || token < 0 || token >= v->count) return NULL;
    return v->types[token] == TOKEN_CONTROL ? v->texts[token] : NULL;
}

/* The tokens that end and begin a text. */
static void set_ends(const Gguf *g, const Vocabulary *v, json_t *json)
{
    int64_t token;
    const char *end = control_text(g, v, "tokenizer.ggml.eos_token_id"),
               *begin = control_text(g, v, "tokenizer.ggml.bos_token_id");
    if (end) json_object_set_new(json, HUGGINGFACE_END, json_string(end));
    if (!begin || !flag(g, "tokenizer.ggml.add_bos_token", false)) return;
    gguf_int(g, "tokenizer.ggml.bos_token_id", &token);
    json_object_set_new(json, "post_processor", vocabulary_template(begin, token));
}

static Status read_bpe(const Gguf *g, Arena *a, Tokenizer **out)
{
    const char *pre = gguf_text(g, "tokenizer.ggml.pre", a), **texts, **merges;
    char shown[64];
    int32_t *types;
    int64_t count, merge_count;
    Vocabulary v = {0};
    if (!pre || !vocabulary_pattern(&v, pre))
        return FAIL(E_DATA,
                    "%s: tokenizer.ggml.pre = %s is not supported; expected gpt-2, smollm, dbrx, "
                    "llama-bpe, qwen2 or gpt-4o",
                    g->name, text_escape(pre ? pre : "", shown, sizeof shown));
    TRY(gguf_texts(g, "tokenizer.ggml.tokens", a, &texts, &count));
    TRY(gguf_texts(g, "tokenizer.ggml.merges", a, &merges, &merge_count));
    if (!texts || !merges)
        return FAIL(E_DATA, "%s: tokenizer.ggml.tokens or .merges is missing", g->name);
    TRY(read_types(g, a, count, &types));
    v.count = count;
    v.texts = texts;
    v.types = types;
    v.merges = merges;
    v.merge_count = merge_count;
    json_t *json = vocabulary_json(&v);
    if (json) set_ends(g, &v, json);
    return parse(g, json, a, out);
}

static Status read_scores(const Gguf *g, int64_t count, const unsigned char **scores)
{
    const GgufPair *p = gguf_find(g, "tokenizer.ggml.scores");
    if (!p || p->type != GGUF_list || p->item != GGUF_f32 || p->count != count)
        return FAIL(E_DATA, "%s: tokenizer.ggml.scores: expected %lld numbers of type f32", g->name,
                    (long long)count);
    *scores = p->value;
    return OK;
}

static json_t *scored_list(const char *const *texts, const unsigned char *scores,
                           const int32_t *types, int64_t count)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++) {
        float score;
        memcpy(&score, scores + i * (int64_t)sizeof score, sizeof score);
        json_array_append_new(list, json_pack("[s, f, i]", texts[i], (double)score, types[i]));
    }
    if ((int64_t)json_array_size(list) == count) return list;
    json_decref(list); /* a score is not finite, or a text is not UTF-8 */
    return NULL;
}

/* The SentencePiece-like vocabularies of llama.cpp, which begin a text with a blank and begin-of-text
 * unless the file says otherwise. */
static Status read_sentencepiece(const Gguf *g, Arena *a, Tokenizer **out)
{
    const char **texts;
    const unsigned char *scores = NULL;
    int32_t *types;
    int64_t count, begin = 1, end = 2;
    TRY(gguf_texts(g, "tokenizer.ggml.tokens", a, &texts, &count));
    if (!texts) return FAIL(E_DATA, "%s: tokenizer.ggml.tokens is missing", g->name);
    TRY(read_scores(g, count, &scores));
    TRY(read_types(g, a, count, &types));
    gguf_int(g, "tokenizer.ggml.bos_token_id", &begin);
    gguf_int(g, "tokenizer.ggml.eos_token_id", &end);
    json_t *pieces = scored_list(texts, scores, types, count);
    if (!pieces) return parse(g, NULL, a, out);
    json_t *json = json_pack("{s:s, s:I, s:b, s:b, s:o}", "type", "sentencepiece", "end_of_text",
                             (json_int_t)end, "add_prefix",
                             (int)flag(g, "tokenizer.ggml.add_space_prefix", true), "escape", 1,
                             "pieces", pieces);
    if (flag(g, "tokenizer.ggml.add_bos_token", true))
        json_object_set_new(json, "begin", json_integer(begin));
    return parse(g, json, a, out);
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
    if (!strcmp(model, "llama")) return read_sentencepiece(g, a, out);
    return FAIL(
        E_DATA,
        "%s: tokenizer.ggml.model = %s is not supported; expected gpt2 or llama (--tokenizer FILE "
        "names another tokenizer)",
        g->name, text_escape(model, shown, sizeof shown));
}
