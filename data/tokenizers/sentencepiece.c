#include "data/tokenizers/sentencepiece.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

static const unsigned char escaped[] = {0xE2, 0x96, 0x81}; /* U+2581 in UTF-8 */

enum { ESCAPED = sizeof escaped };

static bool is_escaped(const unsigned char *at, int64_t left)
{
    return left >= ESCAPED && !memcmp(at, escaped, ESCAPED);
}

char *sentencepiece_unescape(Arena *a, const char *text, int64_t *size)
{
    const int64_t length = (int64_t)strlen(text);
    char *out = arena_take(a, length + 1), *to = out;
    for (int64_t i = 0; out && i < length;) {
        const bool is_blank = is_escaped((const unsigned char *)text + i, length - i);
        *to++ = is_blank ? ' ' : text[i];
        i += is_blank ? ESCAPED : 1;
    }
    if (out) *to = '\0', *size = to - out;
    return out;
}

int sentencepiece_byte(const char *text)
{
    char *end;
    if (strlen(text) != 6 || strncmp(text, "<0x", 3) || strchr("+- ", text[3])) return -1;
    const long byte = strtol(text + 3, &end, 16);
    return end == text + 5 && *end == '>' ? (int)byte : -1;
}

Status sentencepiece_add(SentencePiece *m, int32_t i, const char *bytes, int64_t size, bool is_text)
{
    m->pieces[i] = (Piece){(const unsigned char *)bytes, size};
    if (!is_text) return OK;
    Word *w = words_add(&m->texts, m->pieces[i].bytes, size, false);
    if (!w) return FAIL(E_NOMEM, "tokens");
    w->value = i;
    return OK;
}

/* A blank after another character. */
static bool has_inner_blank(const Piece *p)
{
    for (int64_t i = 1; i < p->size; i++)
        if (p->bytes[i] == ' ' && p->bytes[i - 1] != ' ') return true;
    return false;
}

void sentencepiece_finish(SentencePiece *m, int64_t vocab_size)
{
    m->is_local = true;
    for (int64_t i = 0; i < vocab_size; i++)
        if (m->pieces[i].bytes && has_inner_blank(&m->pieces[i])) m->is_local = false;
}

static Status read_model(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    SentencePiece *m = arena_zero(a, sizeof *m);
    if (!m) return FAIL(E_NOMEM, "%s: a tokenizer", name);
    memset(m->byte, -1, sizeof m->byte);
    m->unknown = -1;
    t->state = m;
    TRY(json_object_get(description, "pieces")
            ? sentencepiece_read_scores(t, m, a, description, name)
            : sentencepiece_read_huggingface(t, m, a, description, name));
    t->leading_blank = m->blank != BLANK_never;
    sentencepiece_finish(m, t->vocab_size);
    return OK;
}

static int64_t room(const Tokenizer *t, int64_t size)
{
    const SentencePiece *m = t->state;
    return m->blank == BLANK_never ? size : 2 * size + 1; /* one text, or several between tokens */
}

/* A text that becomes tokens. */
typedef struct Encoding {
    const SentencePiece *m;
    int32_t *out;
    int64_t used, word; /* tokens; the first one of the word that is not merged yet */
    bool after_blank, after_unknown;
} Encoding;

static Status end_word(Encoding *e)
{
    int64_t count = e->used - e->word;
    TRY(merges_apply(&e->m->merges, e->out + e->word, &count));
    e->word += count;
    e->used = e->word;
    return OK;
}

/* Tokens of a character; false: there are none. */
static bool add_character(Encoding *e, const unsigned char *bytes, int64_t size)
{
    const SentencePiece *m = e->m;
    const Word *w = words_find(&m->texts, bytes, size);
    const bool after_unknown = e->after_unknown;
    bool has_bytes = true;
    e->after_unknown = false;
    if (w) {
        e->out[e->used++] = (int32_t)w->value;
        return true;
    }
    for (int64_t i = 0; i < size; i++) has_bytes &= m->byte[bytes[i]] >= 0;
    for (int64_t i = 0; has_bytes && i < size; i++) e->out[e->used++] = m->byte[bytes[i]];
    if (has_bytes) return true;
    if (m->unknown < 0) return false;
    if (!(after_unknown && m->fuses_unknown)) e->out[e->used++] = m->unknown;
    return e->after_unknown = true;
}

static Status add_blank(Encoding *e)
{
    const SentencePiece *m = e->m;
    if (e->used > e->word && (m->splits || (m->is_local && !e->after_blank))) TRY(end_word(e));
    e->after_blank = true;
    return OK;
}

static Status refuse(const TextPlace *start, const unsigned char *text, int64_t at, int64_t size)
{
    TextPlace p = *start;
    char shown[64], character[8] = "";
    memcpy(character, text + at, (size_t)size);
    text_place_advance(&p, (const char *)text, at);
    return FAIL(E_DATA, "%s:%lld:%lld (byte %lld): the tokenizer has no token for \"%s\"",
                p.name ? p.name : "text", (long long)p.line + 1, (long long)p.column + 1,
                (long long)p.byte, text_escape(character, shown, sizeof shown));
}

static bool wants_blank(const SentencePiece *m, const TextPlace *place, const unsigned char *text,
                        int64_t size)
{
    if (!size || place->continues || m->blank == BLANK_never) return false;
    const bool is_there = *text == ' ' || (m->escapes && is_escaped(text, size));
    return m->blank == BLANK_always || !is_there;
}

static Status encode(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count)
{
    Encoding e = {.m = t->state, .out = out};
    const unsigned char blank = ' ';
    if (wants_blank(e.m, place, text, size)) {
        TRY(add_blank(&e));
        if (!add_character(&e, &blank, 1)) return refuse(place, text, 0, 0);
    }
    for (int64_t i = 0; i < size;) {
        const int length = text_utf8_length(text + i, (size_t)(size - i));
        const int64_t part = length > 0 ? length : 1;
        const bool is_blank = text[i] == ' ' || (e.m->escapes && is_escaped(text + i, size - i));
        if (is_blank) TRY(add_blank(&e));
        e.after_blank = is_blank;
        if (!add_character(&e, is_blank ? &blank : text + i, is_blank ? 1 : part))
            return refuse(place, text, i, part);
        i += part;
    }
    TRY(end_word(&e));
    *count = e.used;
    return OK;
}

static const char *bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    const SentencePiece *m = t->state;
    const Piece *p = &m->pieces[token];
    *size = p->size;
    return p->bytes ? (const char *)p->bytes : "";
}

/* Whether a word begins at byte i, a blank. */
static bool is_boundary(const SentencePiece *m, const unsigned char *text, int64_t i)
{
    if (text[i] != ' ') return false;
    if (m->splits) return true;
    const bool after_escaped =
        m->escapes && i >= ESCAPED && is_escaped(text + i - ESCAPED, ESCAPED);
    return m->is_local && text[i - 1] != ' ' && !after_escaped;
}

static Status settled(const Tokenizer *t, const unsigned char *text, int64_t size, int64_t *length)
{
    const SentencePiece *m = t->state;
    for (*length = size - 1; *length > 0; --*length)
        if (is_boundary(m, text, *length)) return OK;
    *length = 0;
    return OK;
}

static Status describe(const Tokenizer *t, Arena *a, json_t **description)
{
    const SentencePiece *m = t->state;
    (void)a;
    *description = NULL;
    if (!m->has_scores) return OK;
    return FAIL(E_ARG, "a vocabulary of scores cannot be written as a tokenizer.json by itself; "
                       "capstan export does so, with a model");
}

const TokenizerKind tokenizer_kind_sentencepiece = {
    .name = "sentencepiece",
    .model = "BPE",
    .takes = sentencepiece_looks_so,
    .read = read_model,
    .room = room,
    .encode = encode,
    .bytes = bytes,
    .settled = settled,
    .describe = describe,
};
