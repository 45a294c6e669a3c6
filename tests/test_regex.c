/* Regular expressions as automata, against PCRE2; and the tokens that they allow. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <criterion/criterion.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "train/generate/logit_stages.h"

static bool matches(const Regex *r, const char *text, int64_t size)
{
    int32_t state = 0;
    for (int64_t i = 0; i < size && state >= 0; i++) state = r->next[state][(unsigned char)text[i]];
    return state >= 0 && r->accepts[state];
}

static bool pcre_matches(const char *pattern, const char *text, int64_t size)
{
    int code;
    size_t place;
    pcre2_code *p = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &place, NULL);
    cr_assert_neq(p, NULL, "%s", pattern);
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(p, NULL);
    const int found = pcre2_match(p, (PCRE2_SPTR)text, (size_t)size, 0, 0, m, NULL);
    pcre2_match_data_free(m);
    pcre2_code_free(p);
    return found >= 0;
}

Test(regex, matches_what_pcre_matches)
{
    static const char *const patterns[] = {"",
                                           "a",
                                           "ab|b*",
                                           "(a|b)*abb",
                                           "a{2,4}b?",
                                           "(?:ab){1,2}",
                                           "(a|)b+",
                                           "[^a]*",
                                           "[ab]{3}",
                                           "a.b",
                                           "(a*)*b",
                                           "((a?b){0,3}c?)+",
                                           "^a+$",
                                           "\\w\\s?",
                                           "[a-b]+|\\.",
                                           "\\x61\\n?",
                                           "a*?b+?",
                                           "a{0}b",
                                           "(a|b|ab)*(c|\\n)",
                                           "[]a]+",
                                           "[a\\]b-]+",
                                           "a{3}",
                                           "a{2,}",
                                           "(\\d|\\D){2}",
                                           "\\W|\\S\\S",
                                           "[^\\w]b*",
                                           "(ab?|c){1,2}\\\\?",
                                           "a\\$",
                                           "(?:ä)+b?",
                                           "(?:ä|ö)*"};
    const Rng rng = rng_stream(1, "test");
    for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
        Arena a = {0};
        Regex r;
        int64_t yes = 0;
        cr_assert_eq(regex_open(&r, &a, patterns[k]), OK, "%s", error_message());
        for (uint64_t n = 0; n < 3000; n++) {
            static const char letters[] = "aaaaabbbbbc\n.]\\- $\xC3\xA4\xC3\xB6";
            char text[8];
            const int64_t size = (int64_t)rng_below(rng, n, 100, 8);
            for (int64_t i = 0; i < size; i++)
                text[i] = letters[rng_below(rng, n, (uint64_t)i, sizeof letters - 1)];
            const bool is_match = matches(&r, text, size);
            yes += is_match;
            cr_assert_eq(is_match, pcre_matches(patterns[k], text, size), "%s: \"%.*s\"",
                         patterns[k], (int)size, text);
        }
        cr_expect_gt(yes, 0, "%s", patterns[k]);
        arena_free(&a);
    }
}

Test(regex, knows_characters_in_classes)
{
    Arena a = {0};
    Regex r;
    cr_assert_eq(regex_open(&r, &a, "[a-zäα-ω]+"), OK, "%s", error_message());
    cr_expect(matches(&r, "xäβ", 5));
    cr_expect(!matches(&r, "xö", 3));
    cr_expect(!matches(&r, "x\xC3", 2));
    arena_free(&a);
}

Test(regex, refuses_what_it_cannot_do)
{
    static const char *const bad[][2] = {{"(", "expected )"},
                                         {")", "no ( before"},
                                         {"a)b", "at byte 2"},
                                         {"[", "expected ]"},
                                         {"[a", "expected ]"},
                                         {"*a", "nothing to repeat"},
                                         {"a|+", "nothing to repeat"},
                                         {"a**", "repetition"},
                                         {"a{2", "{n}"},
                                         {"a{x}", "{n}"},
                                         {"a{3,2}", "below"},
                                         {"a{99999}", "repetitions"},
                                         {"a\\", "backslash"},
                                         {"\\b", "not supported"},
                                         {"\\1", "not supported"},
                                         {"(?=a)", "(?:"},
                                         {"a^b", "whole text"},
                                         {"(a$)b", "whole text"},
                                         {"\\xZ", "hexadecimal"},
                                         {"[z-a]", "range"},
                                         {"[^ä]", "negated"},
                                         {"[[:alpha:]]", "not supported"},
                                         {"a++", "possessive"},
                                         {"((a{1000}){1000}){1000}", "too large"},
                                         {"(((((){9999}){9999}){9999}){9999}){9999}", "too large"},
                                         {"(a|b)*a(a|b){20}", "states"},
                                         {"[\\x80-\xF4\x8F\xBF\xBF]", ""},
                                         {"(.*a){300}(.*b){300}(c.*){9000}", ""}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        Arena a = {0};
        Regex r;
        cr_expect_eq(regex_open(&r, &a, bad[k][0]), E_ARG, "%s", bad[k][0]);
        cr_expect(strstr(error_message(), bad[k][1]), "%s", error_message());
        arena_free(&a);
    }
    char deep[4001];
    memset(deep, '(', 2000), memset(deep + 2000, ')', 2000);
    deep[4000] = '\0';
    Arena a = {0};
    Regex r;
    cr_expect_eq(regex_open(&r, &a, deep), E_ARG);
    arena_free(&a);
}

/* Whatever is drawn from what is allowed, the text matches, even in the fewest tokens. */
static void write_matches(const char *pattern, const Tokenizer *t, int64_t tokens)
{
    Arena a = {0};
    RegexTokens r;
    const int64_t vocab = tokenizer_vocab_size(t);
    const Rng rng = rng_stream(1, "test");
    real *logits = arena_zero(&a, vocab * (int64_t)sizeof *logits),
         *out = arena_zero(&a, vocab * (int64_t)sizeof *out);
    cr_assert_eq(regex_tokens_open(&r, &a, pattern, t, vocab, tokens), OK, "%s", error_message());
    for (uint64_t n = 0; n < 300; n++) {
        const LogitParams p = {.regex = &r};
        TokenHistory h;
        char text[512];
        int64_t size = 0;
        cr_assert_eq(token_history_open(&h, &a, vocab, tokenizer_end_of_text(t), NULL, 0), OK);
        h.left = tokens;
        for (int64_t i = 0; i < tokens; i++) {
            int32_t allowed = 0, token = 0;
            cr_assert_eq(logit_stages_apply(&p, &h, logits, out), OK, "%s", error_message());
            for (int64_t k = 0; k < vocab; k++) allowed += out[k] > LOGIT_FORBIDDEN;
            int64_t pick = (int64_t)rng_below(rng, n, (uint64_t)i, (uint64_t)allowed);
            for (token = 0; out[token] <= LOGIT_FORBIDDEN || pick-- > 0;) token++;
            if (token == h.end_of_text) break;
            int64_t length;
            const char *bytes = tokenizer_bytes(t, token, &length);
            memcpy(text + size, bytes, (size_t)length);
            size += length;
            cr_assert_eq(logit_stages_add(&p, &h, token), OK);
        }
        cr_assert(pcre_matches(pattern, text, size), "%s: \"%.*s\"", pattern, (int)size, text);
    }
    arena_free(&a);
}

Test(tokens, make_texts_that_match)
{
    static Arena arena;
    Tokenizer *byte, *letters;
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    cr_assert_eq(tokenizer_char(&arena, (const uint32_t[]){'0', '1', 'a', 0xE4}, 4, &letters), OK);
    write_matches("[a-z]+ \\d{3}", byte, 5);
    write_matches("[a-z]+ \\d{3}", byte, 40);
    write_matches("(.|\\n)*", byte, 30);
    write_matches("(yes|no|perhaps)( indeed)*", byte, 12);
    /* \d can only be 0 or 1, and ä is one token, here. */
    write_matches("a?\\d+(?:ä){2}", letters, 3);
    write_matches(".{5}(b|z|1|[^1])", letters, 20);
}

Test(tokens, refuse_what_cannot_end)
{
    static Arena arena;
    Tokenizer *byte, *letters;
    RegexTokens r;
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    cr_assert_eq(tokenizer_char(&arena, (const uint32_t[]){'0', 'a'}, 2, &letters), OK);
    cr_expect_eq(regex_tokens_open(&r, &arena, "a[^\\x00-\\xff]", byte, 257, 100), E_ARG);
    cr_expect(strstr(error_message(), "no text"), "%s", error_message());
    cr_expect_eq(regex_tokens_open(&r, &arena, "a*b", letters, 3, 100), E_ARG);
    cr_expect(strstr(error_message(), "no text"), "%s", error_message());
    cr_expect_eq(regex_tokens_open(&r, &arena, "a{9}", byte, 257, 8), E_ARG);
    cr_expect(strstr(error_message(), "at least 9 tokens"), "%s", error_message());
    cr_expect_eq(regex_tokens_open(&r, &arena, "a{9}", byte, 257, 9), OK);
    cr_expect_eq(regex_tokens_open(&r, &arena, "a", NULL, 3, 9), E_ARG);
    arena_free(&arena);
}
