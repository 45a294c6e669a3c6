/* Normalizers and added tokens: how much text grows, texts in pieces, bytes that are not UTF-8.
 * tests/tokenizers/families.cjs compares with npm's tokenizers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "autograd/base/rng.h"
#include "data/tokenizer.h"
#include "data/tokenizers/normalizer.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

static Arena arena;

static Normalizer normalizer(const char *json)
{
    Normalizer n;
    json_t *part = json_loads(json, 0, NULL);
    MUST(normalizer_read(&n, part, "t.json"));
    json_decref(part);
    return n;
}

static const char *const types[] = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase"};

Test(normalizer, room_for_each_character)
{
    for (int i = 0; i < 5; i++) {
        char json[64];
        sprintf(json, "{\"type\":\"%s\"}", types[i]);
        const Normalizer n = normalizer(json);
        for (int32_t c = 1; c <= 0x10FFFF; c++) {
            unsigned char text[4];
            const unsigned char *out;
            int64_t size;
            if (c >= 0xD800 && c < 0xE000) continue;
            const int64_t length = utf8proc_encode_char(c, text);
            MUST(normalizer_apply(&n, &arena, text, length, &out, &size));
            cr_assert(size > 0 && size <= normalizer_room(&n, length), "%s: U+%04X has %lld bytes",
                      types[i], c, (long long)size);
            if (c % 4096 == 0) arena_reset(&arena);
        }
    }
}

static void becomes(const char *json, const char *text, const char *expected)
{
    const Normalizer n = normalizer(json);
    const unsigned char *out;
    int64_t size;
    MUST(normalizer_apply(&n, &arena, (const unsigned char *)text, (int64_t)strlen(text), &out,
                          &size));
    cr_assert(size == (int64_t)strlen(expected) && !memcmp(out, expected, (size_t)size),
              "%s of %s is %.*s", json, text, (int)size, out);
}

Test(normalizer, forms)
{
    becomes("{\"type\":\"NFC\"}", "e\xCC\x81 x", "\xC3\xA9 x");
    becomes("{\"type\":\"NFD\"}", "\xC3\xA9", "e\xCC\x81");
    becomes("{\"type\":\"NFKC\"}", "\xEF\xAC\x83", "ffi");
    becomes("{\"type\":\"Lowercase\"}", "\xC4\xB0\xC3\x89 A", "i\xCC\x87\xC3\xA9 a");
    becomes("{\"type\":\"NFC\"}",
            "e\xCC\x81\xFF"
            "e\xCC\x81\xCC",
            "\xC3\xA9\xFF\xC3\xA9\xCC"); /* bytes that are not UTF-8 stay */
    becomes("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFD\"},{\"type\":\"Lowercase\"},"
            "{\"type\":\"NFC\"}]}",
            "\xC3\x89", "\xC3\xA9");
}

#define FAMILY(normalizer, flags)                                                                \
    "{\"added_tokens\":[{\"id\":256,\"content\":\"<|endoftext|>\",\"special\":true},{\"id\":257" \
    ",\"content\":\"<tool>\",\"special\":false" flags                                            \
    "},{\"id\":258,\"content\":\"  \",\"special\":false}],\"normalizer\":" normalizer            \
    ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{"       \
    "\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{"

/* A BPE of bytes without merges. */
static Tokenizer *family(const char *head)
{
    static char json[16384];
    Tokenizer *t;
    char *end = stpcpy(json, head);
    for (int b = 0, other = 0x100; b < 256; b++) {
        const bool is_own = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
        const int32_t letter = is_own ? b : other++;
        unsigned char text[4];
        const int size = (int)utf8proc_encode_char(letter, text);
        end += sprintf(end, b ? "," : "");
        end += sprintf(end, letter == '"' || letter == '\\' ? "\"\\%.*s\":%d" : "\"%.*s\":%d", size,
                       text, b);
    }
    strcpy(end, "}}}");
    MUST(tokenizer_parse(&arena, json, (int64_t)strlen(json), "t.json", &t));
    return t;
}

static int64_t encode(const Tokenizer *t, const char *text, int64_t size, int32_t *out,
                      int64_t room)
{
    int64_t count;
    cr_assert(tokenizer_room(t, size) <= room);
    MUST(tokenizer_encode(t, text, size, out, room, &count));
    return count;
}

Test(normalizer, added_tokens_are_found_in_text)
{
    int32_t tokens[256];
    const Tokenizer *t = family(FAMILY("null", ""));
    cr_assert_eq(encode(t, "a<tool>b", 8, tokens, 256), 3);
    cr_assert(tokens[0] == 'a' && tokens[1] == 257 && tokens[2] == 'b');
    cr_assert_eq(encode(t, "<|endoftext|>", 13, tokens, 256), 13); /* special: never */
    t = family(FAMILY("{\"type\":\"Lowercase\"}", ",\"normalized\":true"));
    cr_assert_eq(encode(t, "<TOOL>", 6, tokens, 256), 1);
    cr_assert_eq(tokens[0], 257);
}

/* Pieces that end where a text is settled have the tokens of the whole. */
Test(normalizer, texts_in_pieces)
{
    static const char *const heads[] = {FAMILY("null", ",\"rstrip\":true"),
                                        FAMILY("null", ",\"lstrip\":true"),
                                        FAMILY("{\"type\":\"NFC\"}", ""),
                                        FAMILY("{\"type\":\"NFKD\"}", ",\"single_word\":true")};
    static const char *const parts[] = {" ",  "  ",       "<tool>",       "<to",          "ol> ",
                                        "e",  "\xCC\x81", "\xE1\x84\x80", "\xE1\x85\xA1", "x y",
                                        "\n", "\xFF"};
    const Rng r = rng_stream(1, "text");
    for (int64_t trial = 0; trial < 400; trial++) {
        const Tokenizer *t = family(heads[trial % 4]);
        char text[512] = "";
        int32_t whole[8192], part[8192];
        int64_t cut;
        for (int64_t i = 0; i < 30; i++)
            strcat(text, parts[rng_below(r, (uint64_t)trial, (uint64_t)i, 12)]);
        const int64_t size = (int64_t)strlen(text), count = encode(t, text, size, whole, 8192);
        MUST(tokenizer_settled(t, text, size, &cut));
        cr_assert(cut >= 0 && cut <= size);
        int64_t joined = cut ? encode(t, text, cut, part, 8192) : 0;
        joined += encode(t, text + cut, size - cut, part + joined, 8192 - joined);
        cr_assert(joined == count && !memcmp(whole, part, (size_t)count * sizeof *whole), "%s: %s",
                  heads[trial % 4], text);
        arena_reset(&arena);
    }
}
