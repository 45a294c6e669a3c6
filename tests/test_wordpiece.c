/* WordPiece: words and tokens are those of BERT; it learns the same merges as a naive trainer;
 * errors in untrusted files are named. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "data/tokenizer.h"
#include "data/tokenizer_train.h"
#include "temporary.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

static Arena arena;

static const char *const tokens[] = {"[UNK]",        "[SEP]", "un",          "##aff", "##able",
                                     "##a",          "##ab",  "a",           "b",     "##b",
                                     "elan",         "Elan",  "\xC3\x89lan", ",",     "'",
                                     "\xE6\xBC\xA2", "##c",   "i",           "##x",   "ab"};

enum { TOKENS = sizeof tokens / sizeof *tokens };

#define NORMALIZER(lowercase)                                                                 \
    "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_" \
    "accents\":"                                                                              \
    "null,\"lowercase\":" lowercase "}"

static Status parse(const char *normalizer, Tokenizer **t)
{
    static char json[4096];
    char *end = json;
    end += sprintf(end,
                   "{\"added_tokens\":[{\"id\":0,\"content\":\"[UNK]\",\"special\":true},{\"id\":1,"
                   "\"content\":\"[SEP]\",\"special\":true}],\"normalizer\":%s,\"pre_tokenizer\":{"
                   "\"type\":\"BertPreTokenizer\"},\"model\":{\"type\":\"WordPiece\",\"unk_token\":"
                   "\"[UNK]\",\"vocab\":{",
                   normalizer);
    for (int i = 0; i < TOKENS; i++) end += sprintf(end, "%s\"%s\":%d", i ? "," : "", tokens[i], i);
    strcpy(end, "}}}");
    return tokenizer_parse(&arena, json, (int64_t)strlen(json), "t.json", t);
}

/* The tokens' names, a blank between them. */
static const char *encode(const Tokenizer *t, const char *text, int64_t size)
{
    static char out[4096];
    int32_t *found = arena_take(&arena, (size + 1) * 4);
    int64_t count;
    MUST(tokenizer_encode(t, text, size, found, size, &count));
    *out = '\0';
    for (int64_t i = 0; i < count; i++) {
        cr_assert(found[i] >= 0 && found[i] < TOKENS);
        strcat(strcat(out, i ? " " : ""), tokens[found[i]]);
    }
    return out;
}

#define EXPECT(t, text, names) cr_assert_str_eq(encode(t, text, sizeof text - 1), names)

Test(wordpiece, takes_the_longest_token_first)
{
    Tokenizer *t;
    MUST(parse(NORMALIZER("true"), &t));
    EXPECT(t, "unaffable", "un ##aff ##able");
    EXPECT(t, "aab", "a ##ab");
    EXPECT(t, "abab", "ab ##ab");
    EXPECT(t, "abac", "ab ##a ##c");
    EXPECT(t, "unq", "[UNK]"); /* all of the word */
    EXPECT(t, "q b unaff", "[UNK] b un ##aff");
    EXPECT(t, "", "");
    EXPECT(t, " \n\t ", "");
    cr_assert_str_eq(tokenizer_kind(t), "wordpiece");
    cr_assert_eq(tokenizer_end_of_text(t), 1);
    arena_free(&arena);
}

Test(wordpiece, normalizes_as_bert)
{
    Tokenizer *t;
    MUST(parse(NORMALIZER("true"), &t));
    EXPECT(t, "\xC3\x89LAN, elan", "elan , elan"); /* capitals and accents */
    EXPECT(t, "E\xCC\x81lan'i", "elan ' i");       /* a combining one */
    EXPECT(t,
           "a\xE6\xBC\xA2"
           "b",
           "a \xE6\xBC\xA2 b"); /* Chinese stands alone */
    EXPECT(t,
           "a\x01"
           "b",
           "ab"); /* controls go */
    EXPECT(t, "a\0b", "ab");
    EXPECT(t,
           "a\xC2\xA0"
           "b\xE2\x80\xA8"
           "b",
           "a b b"); /* U+00A0 and U+2028 are white space */
    EXPECT(t,
           "a\xE2\x80\x8B"
           "b",
           "ab"); /* U+200B is not: a format character */
    EXPECT(t,
           "a\xFF"
           "b\xC3",
           "ab"); /* not UTF-8 */
    EXPECT(t, "\xC4\xB0", "i");
    MUST(parse(NORMALIZER("false"), &t));
    EXPECT(t, "\xC3\x89lan Elan elan", "\xC3\x89lan Elan elan");
    EXPECT(t, "\xC3\x89LAN", "[UNK]");
    arena_free(&arena);
}

Test(wordpiece, words_of_more_than_a_hundred_characters_are_unknown)
{
    Tokenizer *t;
    char text[1 << 14];
    int32_t found[200];
    int64_t count;
    MUST(parse(NORMALIZER("true"), &t));
    memset(text, 'a', sizeof text);
    MUST(tokenizer_encode(t, text, 100, found, 200, &count));
    cr_assert_eq(count, 100);
    cr_assert_str_eq(encode(t, text, 101), "[UNK]");
    cr_assert_str_eq(encode(t, text, sizeof text), "[UNK]");
    text[200] = ' ';
    text[202] = '\0';
    cr_assert_str_eq(encode(t, text, 202), "[UNK] a");
    arena_free(&arena);
}

Test(wordpiece, tokens_stand_for_their_text)
{
    Tokenizer *t;
    int64_t size;
    MUST(parse(NORMALIZER("true"), &t));
    cr_assert_str_eq(tokenizer_bytes(t, 2, &size), " un");
    cr_assert_eq(size, 3);
    cr_assert_str_eq(tokenizer_bytes(t, 3, &size), "aff");
    cr_assert_eq(size, 3);
    tokenizer_bytes(t, 1, &size);
    cr_assert_eq(size, 0);
    cr_assert_str_eq(tokenizer_bytes(t, 0, &size), " [UNK]");
    arena_free(&arena);
}

/* Wherever the text is cut, the tokens of the part that is settled stay what they are. */
Test(wordpiece, what_is_settled_stays)
{
    Tokenizer *t;
    const Rng r = rng_stream(5, "settled");
    static const char *const parts[] = {"a",    "b", " ",        ",",
                                        "\n",   "E", "\xCC\x81", "\xE6\xBC\xA2",
                                        "\x01", "'", "q"};
    int64_t found = 0;
    MUST(parse(NORMALIZER("true"), &t));
    for (uint64_t i = 0; i < 2000; i++) {
        char text[256] = "";
        int32_t whole[256], part[256];
        int64_t whole_count, part_count, settled;
        for (uint64_t k = 0; k < 60; k++) strcat(text, parts[rng_below(r, i * 100 + k, 0, 11)]);
        const int64_t size = 1 + (int64_t)rng_below(r, i, 1, 60);
        MUST(tokenizer_settled(t, text, size, &settled));
        cr_assert(settled >= 0 && settled <= size);
        MUST(tokenizer_encode(t, text, (int64_t)strlen(text), whole, 256, &whole_count));
        MUST(tokenizer_encode(t, text, settled, part, 256, &part_count));
        for (int64_t k = 0; k < part_count; k++) cr_assert_eq(part[k], whole[k]);
        found += settled > 0;
    }
    cr_assert_gt(found, 1000);
    arena_free(&arena);
}

static char *train_text(const char *text, size_t size, int64_t vocab_size, TokenizerTrainSummary *s)
{
    const char *input = in_temporary("text");
    char *json;
    int64_t length;
    file_put(input, text, size);
    TokenizerTrain p = {.texts.paths = &input,
                        .texts.path_count = 1,
                        .kind = "wordpiece",
                        .vocab_size = vocab_size,
                        .min_count = 1};
    MUST(tokenizer_train(&p, &arena, &json, &length, s));
    return json;
}

/* The naive trainer, on names: "a" begins a word, "##a" continues one. */
enum { NAIVE_MAX = 200, SYMBOLS_MAX = 4096 };

typedef struct Naive {
    char names[NAIVE_MAX][64];
    int tokens, symbols[SYMBOLS_MAX], count; /* -1 behind each word */
} Naive;

static int number_of(Naive *n, const char *name)
{
    int i = 0;
    while (i < n->tokens && strcmp(n->names[i], name)) i++;
    if (i == n->tokens) strcpy(n->names[n->tokens++], name);
    return i;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void naive_train(Naive *n, const char *text, int vocab_size)
{
    *n = (Naive){0};
    for (int pass = 0; pass < 2; pass++) { /* first the alphabet */
        n->count = 0;
        for (const char *c = text; *c; c++) {
            char name[4] = {*c};
            if (c > text && c[-1] != ' ') sprintf(name, "##%c", *c);
            n->symbols[n->count++] = *c == ' ' ? -1 : number_of(n, name);
        }
        if (!pass) qsort(n->names, (size_t)n->tokens, sizeof *n->names, by_name);
    }
    while (n->tokens < vocab_size) {
        int best = 0, left = -1, right = -1, used = 0;
        for (int a = 0; a < n->tokens; a++)
            for (int b = 0; b < n->tokens; b++) {
                int seen = 0;
                for (int i = 0; i + 1 < n->count; i++)
                    seen += n->symbols[i] == a && n->symbols[i + 1] == b;
                if (seen > best) best = seen, left = a, right = b;
            }
        if (!best) break;
        char both[160];
        snprintf(both, sizeof both, "%s%s", n->names[left], n->names[right] + 2);
        cr_assert_lt(strlen(both), 64);
        const int token = number_of(n, both);
        for (int i = 0; i < n->count; i++) {
            const bool here =
                i + 1 < n->count && n->symbols[i] == left && n->symbols[i + 1] == right;
            n->symbols[used++] = here ? token : n->symbols[i];
            i += here;
        }
        n->count = used;
    }
}

static char *random_text(uint64_t seed, size_t size, int letters)
{
    const Rng r = rng_stream(seed, "text");
    char *text = arena_take(&arena, (int64_t)size + 1);
    for (size_t i = 0; i < size; i++) {
        const uint64_t x = rng_below(r, i, 0, (uint64_t)letters + 2);
        text[i] = x < 2 && i ? ' ' : (char)('a' + (x < 2 ? 0 : x - 2));
    }
    text[size] = '\0';
    return text;
}

Test(wordpiece, learns_what_the_naive_trainer_learns)
{
    enum { SPECIALS = 5 };
    temporary_open();
    for (uint64_t seed = 1; seed <= 12; seed++) {
        TokenizerTrainSummary s;
        Tokenizer *t;
        Naive n;
        const char *text = random_text(seed, 100 + 60 * seed, 2 + (int)seed % 4);
        naive_train(&n, text, 60);
        const char *json = train_text(text, strlen(text), 60 + SPECIALS, &s);
        MUST(tokenizer_parse(&arena, json, (int64_t)strlen(json), "t.json", &t));
        cr_assert_eq(tokenizer_vocab_size(t), n.tokens + SPECIALS);
        cr_assert_gt(n.tokens, 20);
        for (int i = 0; i < n.tokens; i++) {
            char expected[80];
            int64_t size;
            const bool goes_on = !strncmp(n.names[i], "##", 2);
            sprintf(expected, "%s%s", goes_on ? "" : " ", n.names[i] + 2 * goes_on);
            cr_assert_str_eq(tokenizer_bytes(t, i + SPECIALS, &size), expected);
        }
    }
    temporary_close();
    arena_free(&arena);
}

Test(wordpiece, threads_change_nothing)
{
    temporary_open();
    const size_t size = 2 << 20;
    char *text = random_text(7, size, 20), *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        TokenizerTrainSummary s;
        threads_set(threads);
        char *json = train_text(text, size, 800, &s);
        if (!first) first = json;
        cr_assert_str_eq(json, first);
    }
    temporary_close();
    arena_free(&arena);
}

/* Of 46 letters (Thai) a vocabulary with room for 40 tokens takes the 20 commonest; of equals
 * the first. */
Test(wordpiece, rare_characters_are_unknown)
{
    temporary_open();
    enum { LETTERS = 46, COMMON = 44 };
    TokenizerTrainSummary s;
    Tokenizer *t;
    char text[2048], *end = text;
    for (int c = 0; c < LETTERS; c++)
        for (int times = 0; times < (c == COMMON ? 9 : 2); times++)
            end += sprintf(end, "\xE0\xB8%c ", 0x81 + c);
    const char *json = train_text(text, (size_t)(end - text), 45, &s);
    MUST(tokenizer_parse(&arena, json, (int64_t)strlen(json), "t.json", &t));
    cr_assert_eq(tokenizer_vocab_size(t), 25);
    for (int c = 0; c < LETTERS; c++) {
        int32_t found[8];
        int64_t count;
        const char letter[] = {'\xE0', '\xB8', (char)(0x81 + c)};
        MUST(tokenizer_encode(t, letter, 3, found, 8, &count));
        cr_assert_eq(found[0] != 1, c < 19 || c == COMMON, "letter %d", c); /* [UNK] is 1 */
    }
    temporary_close();
    arena_free(&arena);
}

static void refuses(const char *text, const char *words)
{
    Tokenizer *t = NULL;
    cr_assert_eq(tokenizer_parse(&arena, text, (int64_t)strlen(text), "t.json", &t), E_DATA, "%s",
                 words);
    cr_assert_null(t);
    cr_assert(strstr(error_message(), "t.json: "), "%s", error_message());
    cr_assert(strstr(error_message(), words), "expected \"%s\": %s", words, error_message());
}

#define HEAD  "{\"added_tokens\":[{\"id\":0,\"content\":\"[SEP]\",\"special\":true}]"
#define RULES ",\"normalizer\":" NORMALIZER("true")
#define CUT   ",\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
#define MODEL(parts) \
    ",\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[SEP]\":0,\"[UNK]\":1}" parts "}}"

Test(wordpiece, parts_that_are_not_supported_are_named)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {HEAD CUT MODEL(",\"unk_token\":\"[UNK]\""), "normalizer: type null"},
        {HEAD ",\"normalizer\":{\"type\":\"NFKC\"}" CUT MODEL(",\"unk_token\":\"[UNK]\""),
         "normalizer: type NFKC"},
        {HEAD RULES MODEL(",\"unk_token\":\"[UNK]\""), "pre_tokenizer: type null"},
        {HEAD RULES CUT ",\"decoder\":{\"type\":\"BPEDecoder\"}" MODEL(",\"unk_token\":\"[UNK]\""),
         "decoder"},
        {HEAD RULES CUT MODEL(""), "model.unk_token"},
        {HEAD RULES CUT MODEL(",\"unk_token\":\"?\""), "model.unk_token"},
        {HEAD RULES CUT MODEL(",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"@@\""),
         "model.continuing_subword_prefix"},
        {HEAD RULES CUT MODEL(",\"unk_token\":\"[UNK]\",\"max_input_chars_per_word\":0"),
         "model.max_input_chars_per_word"},
        {"{\"x\":0" RULES CUT MODEL(",\"unk_token\":\"[UNK]\""), "no token ends a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i].text, cases[i].words);
    Tokenizer *t;
    const char *whole = HEAD RULES CUT MODEL(",\"unk_token\":\"[UNK]\"");
    MUST(tokenizer_parse(&arena, whole, (int64_t)strlen(whole), "t.json", &t));
    arena_free(&arena);
}
