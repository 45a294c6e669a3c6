#include "data/tokenizers/added_tokens.h"

#include <string.h>
#include <utf8proc.h>

#include "autograd/base/text.h"

static bool wants(const AddedFinder *f, const Special *s)
{
    return s->normalized == f->normalized && s->size;
}

bool added_finder_open(AddedFinder *f, const Tokenizer *t, bool special, bool normalized)
{
    bool any = false;
    *f = (AddedFinder){.t = t, .special = special, .normalized = normalized};
    for (int64_t i = 0; i < t->added_count; i++)
        if (wants(f, &t->added[i])) any = f->begins[(unsigned char)*t->added[i].text] = true;
    for (int64_t i = 0; special && i < t->special_count; i++)
        if (wants(f, &t->specials[i])) any = f->begins[(unsigned char)*t->specials[i].text] = true;
    return any;
}

static void longest(const AddedFinder *f, const Special *list, int64_t count,
                    const unsigned char *text, int64_t left, const Special **best)
{
    for (int64_t i = 0; i < count; i++) {
        const Special *s = &list[i];
        if (wants(f, s) && s->size <= left && !memcmp(text, s->text, (size_t)s->size) &&
            !(*best && (*best)->size >= s->size))
            *best = s;
    }
}

/* The character that ends at `at`, or begins there; -1: there is none. */
static utf8proc_int32_t before(const unsigned char *text, int64_t at, int64_t *size)
{
    utf8proc_int32_t c = -1;
    *size = 0;
    for (int64_t i = 1; i <= 4 && i <= at; i++)
        if ((text[at - i] & 0xC0) != 0x80) {
            if (utf8proc_iterate(text + at - i, i, &c) == i) *size = i;
            break;
        }
    return *size ? c : -1;
}

static utf8proc_int32_t after(const unsigned char *text, int64_t size, int64_t at, int64_t *length)
{
    utf8proc_int32_t c = -1;
    const utf8proc_ssize_t bytes = utf8proc_iterate(text + at, size - at, &c);
    *length = bytes > 0 ? bytes : 0;
    return bytes > 0 ? c : -1;
}

/* Unicode's White_Space. */
static bool is_space(utf8proc_int32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

/* Of a word: Alphabetic, marks, digits, connectors and joiners (UTS #18, \w). */
static bool is_word(utf8proc_int32_t c)
{
    if (c < 0) return false;
    if ((c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
        (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189))
        return true; /* letters in circles and squares */
    const utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
           (k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME) || k == UTF8PROC_CATEGORY_ND ||
           k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D;
}

/* Widens a match by the white space that its token takes. False: it would be part of a word. */
static bool widen(const unsigned char *text, int64_t size, int64_t from, AddedMatch *m)
{
    int64_t length;
    if (m->token->single_word &&
        (is_word(before(text, m->begin, &length)) || is_word(after(text, size, m->end, &length))))
        return false;
    while (m->token->lstrip && m->begin > from && is_space(before(text, m->begin, &length)))
        m->begin -= length;
    if (m->begin < from) m->begin = from;
    while (m->token->rstrip && m->end < size && is_space(after(text, size, m->end, &length)))
        m->end += length;
    return true;
}

bool added_find(const AddedFinder *f, const unsigned char *text, int64_t size, int64_t from,
                AddedMatch *m)
{
    const Tokenizer *t = f->t;
    for (int64_t at = from; at < size; at++) {
        const Special *best = NULL;
        if (!f->begins[text[at]]) continue;
        longest(f, t->added, t->added_count, text + at, size - at, &best);
        if (f->special) longest(f, t->specials, t->special_count, text + at, size - at, &best);
        if (!best) continue;
        *m = (AddedMatch){best, at, at + best->size};
        if (widen(text, size, from, m)) return true;
        at += best->size - 1;
    }
    return false;
}

static bool may_be_at(const Special *s, const unsigned char *text, int64_t size, int64_t at)
{
    const int64_t left = size - at < s->size ? size - at : s->size;
    return !memcmp(text + at, s->text, (size_t)left);
}

bool added_touches(const Tokenizer *t, const unsigned char *text, int64_t size, int64_t cut)
{
    for (int64_t i = 0; i < t->added_count; i++) {
        const Special *s = &t->added[i];
        for (int64_t at = cut > s->size ? cut - s->size : 0; at <= cut; at++)
            if (may_be_at(s, text, size, at)) return true;
    }
    return false;
}
