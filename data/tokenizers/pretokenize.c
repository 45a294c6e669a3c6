#include "data/tokenizers/pretokenize.h"

#include <pthread.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "autograd/base/text.h"

/* Unicode's White_Space, as the patterns mean it: PCRE2's \s contains U+180E, too. SPACE is for
 * use inside a class; SPACES is a class. */
#define SPACE                                                                                   \
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{" \
    "205f}"                                                                                     \
    "\\x{3000}"
#define SPACES "[" SPACE "]"
#define TAIL   "|" SPACES "+(?![^" SPACE "])|" SPACES "+"

#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

/* The second form of each pattern is possessive where the next class has no character in common,
 * which saves backtracking. */
static const struct {
    const char *name, *text, *pcre2;
} patterns[PATTERNS] = {
    [PATTERN_gpt2] = {"gpt2",
                      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
                      "\\s+(?!\\S)|\\s+",
                      " ?\\p{L}++|'(?:[stmd]|re|ve|ll)| ?\\p{N}++| ?[^" SPACE
                      "\\p{L}\\p{N}]++" TAIL},
    [PATTERN_cl100k] = {"cl100k",
                        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                        "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
                        "\\s+(?!\\S)|\\s+",
                        SHORT "|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^" SPACE
                              "\\p{L}\\p{N}]++[\\r\\n]*+|" SPACES "*[\\r\\n]++" TAIL},
    [PATTERN_qwen2] = {"qwen2",
                       "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                       "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
                       "\\s+(?!\\S)|\\s+",
                       SHORT "|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}| ?[^" SPACE
                             "\\p{L}\\p{N}]++[\\r\\n]*+|" SPACES "*[\\r\\n]++" TAIL},
    [PATTERN_gpt2_digits] = {"gpt2_digits",
                             "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|"
                             "\\s+(?![^\\s\\p{N}])|\\s+",
                             " ?\\p{L}++|'(?:[stmd]|re|ve|ll)|\\p{N}| ?[^" SPACE
                             "\\p{L}\\p{N}]++|" SPACES "+(?![^" SPACE "\\p{N}])|" SPACES "+"},
    [PATTERN_o200k] = {"o200k",
                       "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
                       "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
                       "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
                       "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
                       "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|"
                       "\\s+(?!\\S)|\\s+",
                       "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "++" SHORT
                       "?+|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*+" SHORT
                       "?+|\\p{N}{1,3}+| ?[^" SPACE "\\p{L}\\p{N}]++[\\r\\n/]*+|" SPACES
                       "*[\\r\\n]++" TAIL},
};

/* All patterns are compiled at first use and kept. */
typedef struct PatternCode {
    pcre2_code *code;
    bool jit;
} PatternCode;

static PatternCode codes[PATTERNS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void compile(void)
{
    for (int i = 0; i < PATTERNS; i++) {
        int error;
        PCRE2_SIZE place;
        codes[i].code =
            pcre2_compile((PCRE2_SPTR)patterns[i].pcre2, PCRE2_ZERO_TERMINATED,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_NO_START_OPTIMIZE, &error,
                          &place, NULL);
        INVARIANT(codes[i].code || error == PCRE2_ERROR_HEAP_FAILED);
        codes[i].jit = codes[i].code && !pcre2_jit_compile(codes[i].code, PCRE2_JIT_COMPLETE);
    }
}

const char *pattern_name(Pattern p)
{
    return patterns[p].name;
}

const char *pattern_text(Pattern p)
{
    return patterns[p].text;
}

bool pattern_of_name(const char *name, Pattern *p)
{
    for (int i = 0; i < PATTERNS; i++)
        if (!strcmp(name, patterns[i].name)) return *p = (Pattern)i, true;
    return false;
}

bool pattern_of_text(const char *text, Pattern *p)
{
    for (int i = 0; i < PATTERNS; i++)
        if (!strcmp(text, patterns[i].text)) return *p = (Pattern)i, true;
    return false;
}

Status pretokenize_open(Pretokenizer *p, Pattern pattern, const unsigned char *text, int64_t size)
{
    pthread_once(&once, compile);
    *p = (Pretokenizer){.code = &codes[pattern]};
    p->match = codes[pattern].code ? pcre2_match_data_create(1, NULL) : NULL;
    if (!p->match) return FAIL(E_NOMEM, "a pattern of pre-tokenisation");
    pretokenize_restart(p, text, size);
    return OK;
}

void pretokenize_restart(Pretokenizer *p, const unsigned char *text, int64_t size)
{
    p->text = text;
    p->size = size;
    p->at = p->segment = p->last = 0;
}

void pretokenize_close(Pretokenizer *p)
{
    pcre2_match_data_free(p->match);
}

/* Finds the end of the range that begins at `last`: UTF-8, or bytes that are not. */
static void next_segment(Pretokenizer *p)
{
    const unsigned char *text = p->text;
    const int64_t size = p->size;
    int64_t i = p->segment = p->last;
    p->is_text = text_utf8_length(text + i, (size_t)(size - i)) > 0;
    while (i < size) {
        uint64_t eight;
        if (p->is_text && i + 8 <= size) {
            memcpy(&eight, text + i, 8);
            if (!(eight & 0x8080808080808080u)) {
                i += 8;
                continue;
            }
        }
        const int length = text_utf8_length(text + i, (size_t)(size - i));
        if ((length > 0) != p->is_text) break;
        i += p->is_text ? length : 1;
    }
    p->last = i;
}

bool pretokenize_next(Pretokenizer *p, const unsigned char **begin, int64_t *size)
{
    if (p->at == p->size) return false;
    if (p->at == p->last) next_segment(p);
    *begin = p->text + p->at;
    *size = p->last - p->at;
    if (p->is_text) {
        const PCRE2_SPTR subject = p->text + p->segment;
        const PCRE2_SIZE length = (PCRE2_SIZE)(p->last - p->segment),
                         start = (PCRE2_SIZE)(p->at - p->segment);
        int found = PCRE2_ERROR_JIT_STACKLIMIT;
        if (p->code->jit)
            found = pcre2_jit_match(p->code->code, subject, length, start, 0, p->match, NULL);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT)
            found = pcre2_match(p->code->code, subject, length, start,
                                PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, p->match, NULL);
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(p->match);
        /* The patterns match at every character; without memory, the rest is one pre-token. */
        *size = found >= 0 && ends[1] > start ? (int64_t)(ends[1] - start)
                                              : text_utf8_length(*begin, (size_t)(p->last - p->at));
    }
    p->at += *size;
    return true;
}

/* A match reads only its own characters, the white space after them, two characters of a
 * contraction and one more: all within the next three pre-tokens. And an ASCII letter before a
 * blank ends a pre-token in all patterns, wherever pre-tokens began. */
Status pretokenize_settled(Pattern pattern, const unsigned char *text, int64_t size,
                           int64_t *settled)
{
    enum { BACK = 4096, PRETOKENS = 4 };
    int64_t ends[PRETOKENS] = {0}, word_size;
    const unsigned char *word;
    *settled = 0;
    for (int64_t i = size - 1; i > 0 && i > size - BACK; i--)
        if (text[i] == ' ' && ((text[i - 1] | 0x20) >= 'a' && (text[i - 1] | 0x20) <= 'z')) {
            *settled = i;
            return OK;
        }
    Pretokenizer p;
    Status status = pretokenize_open(&p, pattern, text, size);
    while (status == OK && pretokenize_next(&p, &word, &word_size)) {
        *settled = ends[0];
        memmove(ends, ends + 1, sizeof ends - sizeof *ends);
        ends[PRETOKENS - 1] = p.at;
    }
    pretokenize_close(&p);
    return status;
}
