/* SentencePiece-like tokenizers: the tokens of llama2.c's file, texts in pieces, and what is refused
 * in untrusted files. tests/tokenizers/families.cjs compares with npm's tokenizers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "data/tokenizer.h"
#include "data/tokenizer_file.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

static Arena arena;

enum { TOKENS = 4096 };

static const Tokenizer *tok512(void)
{
    char *text;
    int64_t size;
    Tokenizer *t;
    MUST(tokenizer_file_read(&arena, "tests/data/tok512.bin", &text, &size));
    MUST(tokenizer_parse(&arena, text, size, "tok512.bin", &t));
    return t;
}

/* The tokens' numbers, a blank between them. */
static const char *encode(const Tokenizer *t, const char *text, bool continues)
{
    static char out[8 * TOKENS];
    int32_t tokens[TOKENS];
    int64_t count;
    char *end = out;
    MUST(tokenizer_encode_at(t, &(TextPlace){.continues = continues}, text, (int64_t)strlen(text),
                             tokens, TOKENS, &count));
    *end = '\0';
    for (int64_t i = 0; i < count; i++) end += sprintf(end, i ? " %d" : "%d", tokens[i]);
    return out;
}

#define EXPECT(t, text, tokens) cr_assert_str_eq(encode(t, text, false), tokens)

Test(sentencepiece, tokens_of_llama2c)
{
    const Tokenizer *t = tok512();
    cr_assert_eq(tokenizer_vocab_size(t), 512);
    cr_assert_eq(tokenizer_begin_of_text(t), 1);
    cr_assert_eq(tokenizer_end_of_text(t), 1);
    cr_assert(tokenizer_begins(t) && tokenizer_leading_blank(t));
    EXPECT(t, "Once upon a time, there was a little girl named Lily. She",
           "403 407 261 378 432 383 286 261 376 298 315 421 395 317 426 338");
    EXPECT(t, "", "");
    EXPECT(t, "\xE4\xBD\xA0", "410 231 192 163"); /* a character that is no token */
    EXPECT(t, "\xFF", "410 258");                 /* a byte that is no character */
    EXPECT(t, "<s>", "410 504 419 505");          /* never a special token */
    cr_assert_str_eq(encode(t, " upon", true), "407");
}

/* Pieces that end where a text is settled have the tokens of the whole. */
Test(sentencepiece, texts_in_pieces)
{
    const Tokenizer *t = tok512();
    const Rng r = rng_stream(1, "text");
    for (int64_t trial = 0; trial < 200; trial++) {
        static const char *const parts[] = {" ",  "  ",       "upon", "a", "Once",
                                            "\n", "\xC3\xA9", "time", "x"};
        char text[512] = "", joined[8 * TOKENS];
        for (int64_t i = 0; i < 40; i++)
            strcat(text, parts[rng_below(r, (uint64_t)trial, (uint64_t)i, 9)]);
        int64_t cut;
        MUST(tokenizer_settled(t, text, (int64_t)strlen(text), &cut));
        char *first = strndup(text, (size_t)cut);
        strcpy(joined, encode(t, first, false));
        strcat(joined, *joined ? " " : "");
        strcat(joined, encode(t, text + cut, cut > 0));
        cr_assert_str_eq(joined, encode(t, text, false), "%s", text);
        free(first);
    }
}

#define PIECES(list, more) \
    "{\"type\":\"sentencepiece\",\"end_of_text\":0," more "\"pieces\":[" list "]}"

static Status parse(const char *json, Tokenizer **t)
{
    return tokenizer_parse(&arena, json, (int64_t)strlen(json), "t.json", t);
}

static void refuses(const char *json, const char *why)
{
    Tokenizer *t;
    cr_assert_eq(parse(json, &t), E_DATA, "%s", json);
    cr_assert(strstr(error_message(), why), "\"%s\" is not in: %s", why, error_message());
}

/* Of equal scores the leftmost pair is merged first. */
Test(sentencepiece, scores)
{
    Tokenizer *t;
    MUST(parse(PIECES("[\"<s>\",0,3],[\"a\",0],[\"b\",0],[\"ab\",-1],[\"ba\",-1],[\"aba\",-2]",
                      "\"add_prefix\":false,"),
               &t));
    EXPECT(t, "aba", "5");
    EXPECT(t, "bab", "4 2");
    EXPECT(t, "abba", "3 4");
    MUST(parse(PIECES("[\"<s>\",0,3],[\"a\",0],[\"b\",0],[\"ab\",-2],[\"ba\",-1]",
                      "\"add_prefix\":false,"),
               &t));
    EXPECT(t, "aba", "1 4");
}

Test(sentencepiece, refused)
{
    refuses(PIECES("", ""), "expected 1 to");
    refuses(PIECES("[\"a\"]", ""), "entry 0: expected [text, score]");
    refuses(PIECES("[\"a\",0,7]", ""), "entry 0");
    refuses(PIECES("[\"a\",0,6]", ""), "token 0 is no byte");
    refuses(PIECES("[\"<0x41>\",0,6],[\"<0x41>\",0,6]", ""),
            "token 1 is no byte, or one that is there");
    refuses("{\"type\":\"sentencepiece\",\"end_of_text\":1,\"pieces\":[[\"a\",0]]}",
            "end_of_text: expected a token from 0 to 0");
    refuses(PIECES("[\"a\",0]", "\"begin\":-1,"), "begin: expected a token from 0 to 0");
    Tokenizer *t;
    int32_t tokens[8];
    int64_t count;
    MUST(parse(PIECES("[\"<s>\",0,3],[\"a\",0]", "\"add_prefix\":false,"), &t));
    cr_assert_eq(tokenizer_encode(t, "a\nb", 3, tokens, 8, &count), E_DATA);
    cr_assert(strstr(error_message(), "text:1:2 (byte 1)"), "%s", error_message());
}
