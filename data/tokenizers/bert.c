#include "data/tokenizers/bert.h"

#include <utf8proc.h>

#include "autograd/base/text.h"

enum { REPLACEMENT = 0xFFFD };

void bert_open(BertWords *b, const BertRules *rules, const unsigned char *text, int64_t size)
{
    b->rules = *rules;
    b->text = text;
    b->size = size;
    b->at = 0;
    b->queued = b->taken = 0;
}

/* Unicode's White_Space. */
static bool is_space(int32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static bool is_control(int32_t c)
{
    if (c < 0x80) return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    const utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CO;
}

static bool is_ascii_punctuation(int32_t c)
{
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
}

static bool is_punctuation(int32_t c)
{
    if (c < 0x80) return is_ascii_punctuation(c);
    const utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

/* The blocks of the reference, with its misprint 0x2B920. */
static bool is_chinese(int32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static void put(BertWords *b, int32_t c)
{
    if (b->rules.lowercase && c == 0x130) { /* the one letter that becomes two */
        b->queue[b->queued++] = 'i';
        c = 0x307;
    } else if (b->rules.lowercase) {
        c = utf8proc_tolower(c);
    }
    b->queue[b->queued++] = c;
}

/* Puts the normalised form of a character into the queue. */
static void normalize(BertWords *b, int32_t c)
{
    enum { DECOMPOSED_MAX = 8 };
    const bool alone = b->rules.chinese && is_chinese(c);
    b->queued = b->taken = 0;
    if (b->rules.clean) {
        if (c == 0 || c == REPLACEMENT || is_control(c)) return;
        if (is_space(c)) c = ' ';
    }
    if (alone) b->queue[b->queued++] = ' ';
    if (b->rules.strip_accents && c >= 0x80) {
        int32_t parts[DECOMPOSED_MAX];
        const utf8proc_ssize_t count =
            utf8proc_decompose_char(c, parts, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE, NULL);
        for (utf8proc_ssize_t i = 0; i < count && i < DECOMPOSED_MAX; i++)
            if (utf8proc_category(parts[i]) != UTF8PROC_CATEGORY_MN) put(b, parts[i]);
    } else {
        put(b, c);
    }
    if (alone) b->queue[b->queued++] = ' ';
}

static int32_t read_character(BertWords *b)
{
    int32_t c;
    const int length = text_utf8_length(b->text + b->at, (size_t)(b->size - b->at));
    if (length > 0) utf8proc_iterate(b->text + b->at, length, &c);
    b->at += length > 0 ? length : 1;
    return length > 0 ? c : REPLACEMENT;
}

/* The next code point of the normalised text, without taking it; false at the end. */
static bool peek(BertWords *b, int32_t *c)
{
    while (b->taken == b->queued) {
        if (b->at == b->size) return false;
        const unsigned char next = b->text[b->at];
        if (next >= 0x20 && next < 0x7F) { /* the common case */
            b->at++;
            b->queue[0] = b->rules.lowercase && next >= 'A' && next <= 'Z' ? next | 0x20 : next;
            b->queued = 1;
            b->taken = 0;
        } else {
            normalize(b, read_character(b));
        }
    }
    *c = b->queue[b->taken];
    return true;
}

bool bert_next(BertWords *b, BertWord *word)
{
    int32_t c;
    *word = (BertWord){b->word, 0, 0};
    while (peek(b, &c)) {
        const bool is_mark = is_punctuation(c), is_blank = is_space(c);
        if ((is_mark || is_blank) && word->characters) return true;
        b->taken++;
        if (is_blank) continue;
        if (word->characters++ < BERT_WORD_MAX)
            word->size += utf8proc_encode_char(c, b->word + word->size);
        if (is_mark) return true;
    }
    return word->characters > 0;
}

int64_t bert_settled(const unsigned char *text, int64_t size)
{
    while (size > 0 && !(is_ascii_punctuation(text[size - 1]) || text[size - 1] == ' ' ||
                         text[size - 1] == '\n'))
        size--;
    return size ? size - 1 : 0;
}
