/* Tokenizers: text decodes to the same text; a missing character is refused with its position;
 * errors in untrusted descriptions are named. */
#include <criterion/criterion.h>
#include <string.h>

#include "data/tokenizer.h"

static Arena arena;

static Tokenizer *parse(const char *text)
{
    Tokenizer *t = NULL;
    cr_assert_eq(tokenizer_parse(&arena, text, (int64_t)strlen(text), "t.json", &t), OK, "%s",
                 error_message());
    return t;
}

/* Characters of tests: tab, newline, a, b, e acute, euro, linear B. */
static Tokenizer *some_characters(void)
{
    static const uint32_t points[] = {'\t', '\n', 'a', 'b', 0xE9, 0x20AC, 0x10000};
    Tokenizer *t = NULL;
    cr_assert_eq(tokenizer_char(&arena, points, 7, &t), OK, "%s", error_message());
    return t;
}

static void round_trip(const Tokenizer *t, const char *text, int64_t size, int64_t expected)
{
    int32_t tokens[512];
    int64_t count = 0, used = 0;
    char back[512];
    cr_assert_eq(tokenizer_encode(t, text, size, tokens, 512, &count), OK, "%s", error_message());
    cr_assert_eq(count, expected);
    for (int64_t i = 0; i < count; i++) {
        int64_t length;
        const char *bytes = tokenizer_bytes(t, tokens[i], &length);
        memcpy(back + used, bytes, (size_t)length);
        used += length;
    }
    cr_assert_eq(used, size);
    cr_assert(memcmp(back, text, (size_t)size) == 0);
}

Test(tokenizer, byte_keeps_every_byte)
{
    Tokenizer *t = NULL;
    char all[256];
    int32_t tokens[256];
    int64_t count, size;
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    cr_assert_eq(tokenizer_byte(&arena, &t), OK);
    round_trip(t, all, 256, 256);
    cr_assert_eq(tokenizer_encode(t, all, 256, tokens, 256, &count), OK);
    for (int i = 0; i < 256; i++) cr_assert_eq(tokens[i], i);
    cr_assert_eq(tokenizer_vocab_size(t), 257);
    cr_assert_eq(tokenizer_end_of_text(t), 256);
    cr_assert_str_eq(tokenizer_kind(t), "byte");
    for (int32_t token = -1; token < 300; token += token == -1 ? 257 : 1) {
        tokenizer_bytes(t, token, &size);
        cr_assert_eq(size, 0, "token %d", token);
    }
    arena_free(&arena);
}

Test(tokenizer, char_numbers_by_code_point_with_end_of_text_last)
{
    Tokenizer *t = some_characters();
    int32_t tokens[64];
    int64_t count;
    const char *text = "ba\u00E9\u20AC\U00010000\n";
    static const int32_t expected[] = {3, 2, 4, 5, 6, 1};
    cr_assert_eq(tokenizer_encode(t, text, (int64_t)strlen(text), tokens, 64, &count), OK);
    cr_assert_eq(count, 6);
    cr_assert_arr_eq(tokens, expected, sizeof expected);
    cr_assert_eq(tokenizer_vocab_size(t), 8);
    cr_assert_eq(tokenizer_end_of_text(t), 7);
    round_trip(t, text, (int64_t)strlen(text), 6);
    round_trip(t, "", 0, 0);
    arena_free(&arena);
}

Test(tokenizer, description_reads_back)
{
    Tokenizer *t = some_characters();
    int64_t size, again_size;
    const char *text = tokenizer_text(t, &size);
    cr_assert_str_eq(text, "{\"type\":\"char\",\"characters\":[9,10,97,98,233,8364,65536]}");
    cr_assert_eq(size, (int64_t)strlen(text));
    Tokenizer *again = parse(text);
    cr_assert_str_eq(tokenizer_text(again, &again_size), text);
    cr_assert_eq(tokenizer_vocab_size(again), 8);
    round_trip(again, "a\tb\u00E9", 5, 4);
    cr_assert_str_eq(tokenizer_kind(parse("{\"type\":\"byte\"}")), "byte");
    arena_free(&arena);
}

static void refuses(const Tokenizer *t, const char *text, int64_t size, const char *words)
{
    int32_t tokens[64];
    int64_t count;
    cr_assert_eq(tokenizer_encode(t, text, size, tokens, 64, &count), E_DATA);
    cr_assert(strstr(error_message(), words), "%s", error_message());
}

Test(tokenizer, char_says_what_it_lacks_and_where)
{
    Tokenizer *t = some_characters();
    int32_t tokens[8];
    int64_t count;
    refuses(t, "ab\na\u00E9x", 7, "text:2:3 (byte 6): the tokenizer has no character U+0078 'x'");
    refuses(t, "\u20AC\u20ADa", 7, "text:1:2 (byte 3): the tokenizer has no character U+20AD");
    refuses(t, "ab\xFFz", 4, "text:1:3 (byte 2): byte 0xFF is not UTF-8");
    refuses(t, "a\xE2\x82", 3, "text:1:2 (byte 1): byte 0xE2 is not UTF-8"); /* cut off */
    refuses(t, "a\xC0\x80", 3, "text:1:2 (byte 1): byte 0xC0 is not UTF-8"); /* overlong */
    refuses(t, "\xED\xA0\x80", 3, "byte 0xED is not UTF-8");                 /* a surrogate */
    refuses(t, "a\0b", 3, "U+0000");
    refuses(t, "\x1B", 1, "U+001B '\\x1B'"); /* nothing that a terminal obeys */

    TextPlace place = {"corpus.txt", 0, 0, 0, false};
    text_place_advance(&place, "ab\n\u00E9\xFF", 6);
    cr_assert_eq(tokenizer_encode_at(t, &place, "ax", 2, tokens, 8, &count), E_DATA);
    cr_assert(strstr(error_message(), "corpus.txt:2:4 (byte 7): "), "%s", error_message());
    arena_free(&arena);
}

Test(tokenizer, room_is_asked_for)
{
    int32_t tokens[2];
    int64_t count;
    cr_assert_eq(tokenizer_encode(some_characters(), "aaa", 3, tokens, 2, &count), E_ARG);
    arena_free(&arena);
}

Test(tokenizer, malformed_descriptions_are_refused)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "JSON object"},
        {"{\"type\":", "t.json:1:"},
        {"[]", "a \"type\""},
        {"7", "JSON object"},
        {"{}", "a \"type\""},
        {"{\"type\":3}", "a \"type\""},
        {"{\"type\":\"bite\"}", "unknown tokenizer type \"bite\"; expected one of: byte, char, "
                                "bpe, sentencepiece, wordpiece"},
        {"{\"type\":\"\\u001b[2J\"}", "\"\\x1B[2J\""},
        {"{\"type\":\"byte\",\"type\":\"byte\"}", "duplicate"},
        {"{\"type\":\"char\"}", "\"characters\""},
        {"{\"type\":\"char\",\"characters\":{}}", "\"characters\""},
        {"{\"type\":\"char\",\"characters\":[97,97]}", "characters[1]"},
        {"{\"type\":\"char\",\"characters\":[98,97]}", "characters[1]"},
        {"{\"type\":\"char\",\"characters\":[-1]}", "characters[0]"},
        {"{\"type\":\"char\",\"characters\":[97.5]}", "characters[0]"},
        {"{\"type\":\"char\",\"characters\":[\"a\"]}", "characters[0]"},
        {"{\"type\":\"char\",\"characters\":[55296]}", "characters[0]"},
        {"{\"type\":\"char\",\"characters\":[1114112]}", "characters[0]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Tokenizer *t = NULL;
        int64_t size = (int64_t)strlen(cases[i].text);
        cr_assert_eq(tokenizer_parse(&arena, cases[i].text, size, "t.json", &t), E_DATA, "%s",
                     cases[i].text);
        cr_assert_null(t);
        cr_assert(strstr(error_message(), "t.json"), "%s", error_message());
        cr_assert(strstr(error_message(), cases[i].words), "%s: %s", cases[i].text,
                  error_message());
    }
    arena_free(&arena);
}

Test(tokenizer, memory_may_be_out_at_any_time)
{
    Status status = E_NOMEM;
    for (int fuse = 0; status != OK; fuse++) {
        Tokenizer *t = NULL;
        cr_assert_lt(fuse, 20);
        arena_fuse = fuse;
        status = tokenizer_char(&arena, (uint32_t[]){'a', 'b'}, 2, &t);
        cr_assert(status == OK || status == E_NOMEM, "%s", error_message());
    }
    arena_fuse = -1;
    arena_free(&arena);
}
