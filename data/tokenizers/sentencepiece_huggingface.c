/* SentencePiece-like BPE from a tokenizer.json: byte_fallback, and U+2581 for blanks by a normalizer
 * (Prepend, Replace) or a pre-tokenizer (Metaspace). */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizers/huggingface.h"
#include "data/tokenizers/sentencepiece.h"

#define BLANK "\xE2\x96\x81" /* U+2581 */

static const char *text_of(const json_t *part, const char *key)
{
    const char *text = json_string_value(json_object_get(part, key));
    return text ? text : "";
}

/* The parts of a Sequence, or the part itself. */
static const json_t *part_at(const json_t *part, const char *list, size_t i)
{
    const json_t *parts = json_object_get(part, list);
    if (strcmp(part_type(part), "Sequence")) return i || !part || json_is_null(part) ? NULL : part;
    return json_array_get(parts, i);
}

static bool is_replace(const json_t *part, const char *from, const char *to)
{
    return !strcmp(part_type(part), "Replace") &&
           !strcmp(text_of(json_object_get(part, "pattern"), "String"), from) &&
           !strcmp(text_of(part, "content"), to);
}

static bool is_prepend(const json_t *part)
{
    return !strcmp(part_type(part), "Prepend") && !strcmp(text_of(part, "prepend"), BLANK);
}

bool sentencepiece_looks_so(const json_t *description)
{
    const json_t *normalizer = json_object_get(description, "normalizer"), *part;
    if (part_bool(json_object_get(description, "model"), "byte_fallback", false)) return true;
    for (size_t i = 0; (part = part_at(normalizer, "normalizers", i)); i++)
        if (is_prepend(part) || is_replace(part, " ", BLANK)) return true;
    const json_t *cut = json_object_get(description, "pre_tokenizer");
    return !strcmp(part_type(part_at(cut, "pretokenizers", 0)), "Metaspace");
}

static Status read_normalizer(SentencePiece *m, const json_t *normalizer, const char *name)
{
    const json_t *part;
    char shown[64];
    for (size_t i = 0; (part = part_at(normalizer, "normalizers", i)); i++) {
        const bool prepends = is_prepend(part);
        if ((!prepends && !is_replace(part, " ", BLANK)) || (prepends && m->escapes))
            return PART_FAIL(name, "normalizer",
                             "type %s is not supported here; expected Prepend of U+2581, then "
                             "Replace of a blank by U+2581",
                             text_escape(part_type(part), shown, sizeof shown));
        if (prepends) m->blank = BLANK_always;
        m->escapes |= !prepends;
    }
    return OK;
}

/* Whether words are cut at blanks, which are no longer there: nothing is. */
static bool is_idle_split(const json_t *part)
{
    return !strcmp(part_type(part), "Split") &&
           !strcmp(text_of(json_object_get(part, "pattern"), "String"), " ");
}

static Status read_metaspace(Tokenizer *t, SentencePiece *m, const json_t *part, const char *name)
{
    const char *scheme = text_of(part, "prepend_scheme");
    if (!*scheme) scheme = part_bool(part, "add_prefix_space", true) ? "always" : "never";
    const bool always = !strcmp(scheme, "always"), first = !strcmp(scheme, "first");
    if (strcmp(text_of(part, "replacement"), BLANK) ||
        (!always && !first && strcmp(scheme, "never")))
        return PART_FAIL(name, "pre_tokenizer",
                         "Metaspace: expected replacement U+2581 and prepend_scheme always, first "
                         "or never");
    if (always || first) m->blank = BLANK_unless_there;
    t->blank_after_special = always;
    m->escapes = true;
    m->splits = part_bool(part, "split", true);
    return OK;
}

static Status read_pre_tokenizer(Tokenizer *t, SentencePiece *m, const json_t *part,
                                 const char *name)
{
    char shown[64];
    if (!strcmp(part_type(part), "Metaspace") && !m->escapes)
        return read_metaspace(t, m, part, name);
    t->blank_after_special = m->blank != BLANK_never;
    if (!strcmp(part_type(part), "null") || (m->escapes && is_idle_split(part))) return OK;
    return PART_FAIL(
        name, "pre_tokenizer",
        "type %s is not supported here; expected Metaspace, or null after a normalizer",
        text_escape(part_type(part), shown, sizeof shown));
}

/* It must undo what encoding does. */
static Status check_decoder(const SentencePiece *m, const json_t *decoder, const char *name)
{
    static const char *const known[] = {"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"};
    const json_t *part;
    char shown[64];
    bool strips = false;
    for (size_t i = 0; (part = part_at(decoder, "decoders", i)); i++) {
        const char *type = part_type(part);
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known |= !strcmp(type, known[k]);
        if (!is_known)
            return PART_FAIL(name, "decoder", "type %s is not supported here",
                             text_escape(type, shown, sizeof shown));
        strips |= !strcmp(type, "Strip") ||
                  (!strcmp(type, "Metaspace") && strcmp(text_of(part, "prepend_scheme"), "never"));
    }
    if (strips == (m->blank != BLANK_never)) return OK;
    return PART_FAIL(name, "decoder",
                     "does not take away the blank that encoding adds, or another");
}

static Status check_model(const json_t *model, const char *name)
{
    static const char *const empty[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    char part[64];
    for (int i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "model.%s", empty[i]);
        if (*text_of(model, empty[i]))
            return PART_FAIL(name, part, "is not supported; expected null");
    }
    if (part_bool(model, "ignore_merges", false))
        return PART_FAIL(name, "model.ignore_merges", "is not supported here; expected false");
    return part_must_be_null(model, "dropout", name);
}

static Status read_list(Tokenizer *t, SentencePiece *m, Arena *a, const json_t *model,
                        const char *const *texts, const char *name)
{
    const bool has_bytes = part_bool(model, "byte_fallback", false);
    const char *unknown = text_of(model, "unk_token");
    m->pieces = arena_zero(a, t->vocab_size * (int64_t)sizeof *m->pieces);
    if (!m->pieces || !words_open(&m->texts, a, t->vocab_size))
        return FAIL(E_NOMEM, "%s: tokens", name);
    for (int32_t i = 0; i < t->vocab_size; i++) {
        if (!texts[i]) continue;
        int64_t size;
        char *text = sentencepiece_unescape(a, texts[i], &size);
        if (!text) return FAIL(E_NOMEM, "%s: tokens", name);
        const int byte = has_bytes ? sentencepiece_byte(texts[i]) : -1;
        /* A text with real blanks never is: they are U+2581 by then. */
        const bool is_text = size && !is_special(t, i) && !strchr(texts[i], ' ');
        if (*unknown && !strcmp(texts[i], unknown)) m->unknown = i;
        if (byte >= 0) m->byte[byte] = i, *text = (char)byte, size = 1;
        TRY(sentencepiece_add(m, i, text, size, is_text && byte < 0));
    }
    if (*unknown && m->unknown < 0)
        return PART_FAIL(name, "model.unk_token", "is not in model.vocab");
    m->fuses_unknown = part_bool(model, "fuse_unk", false);
    return OK;
}

/* In normalized text their own texts would get blanks, too. */
static Status check_added(const Tokenizer *t, const json_t *normalizer, const char *name)
{
    for (int64_t i = 0; normalizer && !json_is_null(normalizer) && i < t->added_count; i++)
        if (t->added[i].normalized)
            return PART_FAIL(name, "added_tokens",
                             "token %d is sought in normalized text, which is not supported here; "
                             "expected normalized: false",
                             t->added[i].token);
    return OK;
}

Status sentencepiece_read_huggingface(Tokenizer *t, SentencePiece *m, Arena *a,
                                      const json_t *description, const char *name)
{
    const json_t *model = json_object_get(description, "model");
    const char **texts;
    TRY(huggingface_check(description, name));
    TRY(check_model(model, name));
    TRY(read_normalizer(m, json_object_get(description, "normalizer"), name));
    TRY(read_pre_tokenizer(t, m, json_object_get(description, "pre_tokenizer"), name));
    TRY(check_decoder(m, json_object_get(description, "decoder"), name));
    TRY(huggingface_vocabulary(t, a, description, name, &texts));
    TRY(huggingface_begin(t, description, name));
    TRY(check_added(t, json_object_get(description, "normalizer"), name));
    TRY(read_list(t, m, a, model, texts, name));
    return huggingface_merges(&m->merges, a, model, name);
}
