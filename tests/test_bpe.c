/* Byte-level BPE: it learns the same merges as a naive trainer, on any number of threads; any
 * bytes decode to the same bytes; errors in untrusted files are named. */
#include <criterion/criterion.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/base/threads.h"
#include "data/dataset.h"
#include "data/prepare.h"
#include "data/tokenizer.h"
#include "data/tokenizer_train.h"
#include "data/tokenizers/pretokenize.h"
#include "temporary.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

static Arena arena;

/* What a test makes of a text; its json is in the arena. */
static char *train_text(const char *text, size_t size, int64_t vocab_size, int64_t min_count,
                        TokenizerTrainSummary *summary)
{
    const char *input = in_temporary("text");
    char *json;
    int64_t length;
    file_put(input, text, size);
    TokenizerTrain p = {.texts.paths = &input,
                        .texts.path_count = 1,
                        .kind = "bpe",
                        .vocab_size = vocab_size,
                        .pattern = "gpt2",
                        .min_count = min_count};
    MUST(tokenizer_train(&p, &arena, &json, &length, summary));
    cr_assert_eq(length, (int64_t)strlen(json));
    return json;
}

static Tokenizer *parse(const char *json)
{
    Tokenizer *t;
    MUST(tokenizer_parse(&arena, json, (int64_t)strlen(json), "t.json", &t));
    return t;
}

/* A text of few letters, so that pairs are often seen equally often. */
static char *random_text(uint64_t seed, size_t size, int letters)
{
    const Rng r = rng_stream(seed, "text");
    char *text = arena_take(&arena, (int64_t)size + 1);
    for (size_t i = 0; i < size; i++) {
        const uint64_t x = rng_below(r, i, 0, (uint64_t)letters + 2);
        text[i] = x < 2 ? ' ' : (char)('a' + x - 2);
    }
    text[size] = '\0';
    return text;
}

/* The naive trainer: counts all pairs of all words after each merge. */
enum { NAIVE_MAX = 400 };

typedef struct Naive {
    int32_t *symbols; /* of all words one after another, -1 behind each */
    int64_t count;
    unsigned char text[NAIVE_MAX][64];
    int size[NAIVE_MAX], tokens;
    int merges[NAIVE_MAX][2], merge_count;
} Naive;

static int64_t times_seen(const Naive *n, int left, int right)
{
    int64_t seen = 0;
    for (int64_t i = 0; i + 1 < n->count; i++)
        seen += n->symbols[i] == left && n->symbols[i + 1] == right;
    return seen;
}

static void naive_join(Naive *n, int left, int right)
{
    unsigned char both[128];
    const int size = n->size[left] + n->size[right];
    memcpy(both, n->text[left], (size_t)n->size[left]);
    memcpy(both + n->size[left], n->text[right], (size_t)n->size[right]);
    int token = 0;
    while (token < n->tokens &&
           (n->size[token] != size || memcmp(n->text[token], both, (size_t)size)))
        token++;
    if (token == n->tokens) {
        cr_assert_leq(size, 64);
        memcpy(n->text[token], both, (size_t)size);
        n->size[n->tokens++] = size;
    }
    n->merges[n->merge_count][0] = left;
    n->merges[n->merge_count++][1] = right;
    int64_t used = 0;
    for (int64_t i = 0; i < n->count; i++) {
        const bool here = i + 1 < n->count && n->symbols[i] == left && n->symbols[i + 1] == right;
        n->symbols[used++] = here ? token : n->symbols[i];
        i += here;
    }
    n->count = used;
}

static void naive_train(Naive *n, const char *text, int vocab_size, int64_t min_count)
{
    Pretokenizer p;
    const unsigned char *word;
    int64_t size;
    *n = (Naive){.tokens = 256};
    n->symbols = arena_take(&arena, (int64_t)strlen(text) * 8);
    MUST(pretokenize_open(&p, PATTERN_gpt2, (const unsigned char *)text, (int64_t)strlen(text)));
    while (pretokenize_next(&p, &word, &size)) {
        for (int64_t i = 0; i < size; i++) n->symbols[n->count++] = word[i];
        n->symbols[n->count++] = -1;
    }
    pretokenize_close(&p);
    for (int i = 0; i < 256; i++) n->size[i] = 1, n->text[i][0] = (unsigned char)i;
    while (n->tokens < vocab_size) {
        int64_t most = min_count - 1;
        int best[2] = {-1, -1};
        for (int left = 0; left < n->tokens; left++)
            for (int right = 0; right < n->tokens; right++) {
                if ((left < 256 && !strchr(text, left)) || (right < 256 && !strchr(text, right)))
                    continue;
                const int64_t seen = times_seen(n, left, right);
                if (seen > most) most = seen, best[0] = left, best[1] = right;
            }
        if (best[0] < 0) break;
        naive_join(n, best[0], best[1]);
    }
}

/* The merges of a trained one, read back through its tokens. */
static void compare(const Naive *n, const Tokenizer *t, const TokenizerTrainSummary *s)
{
    cr_assert_eq(s->merges, n->merge_count, "%d and %d", (int)s->merges, n->merge_count);
    cr_assert_eq(tokenizer_vocab_size(t), n->tokens + 1);
    for (int i = 0; i < n->tokens; i++) {
        int64_t size;
        const char *bytes = tokenizer_bytes(t, i, &size);
        cr_assert_eq(size, n->size[i]);
        cr_assert(!memcmp(bytes, n->text[i], (size_t)size), "token %d is \"%.*s\", not \"%.*s\"", i,
                  (int)size, bytes, n->size[i], n->text[i]);
    }
}

Test(bpe, learns_what_the_naive_trainer_learns)
{
    static const struct {
        int size, letters, vocab_size;
        int64_t min_count;
    } cases[] = {
        {60, 2, 275, 1}, {400, 2, 290, 2}, {600, 3, 300, 2}, {900, 5, 300, 1}, {300, 1, 280, 1}};
    temporary_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            TokenizerTrainSummary s;
            Naive n;
            const char *text = random_text(seed, (size_t)cases[i].size, cases[i].letters);
            naive_train(&n, text, cases[i].vocab_size - 1, cases[i].min_count);
            const char *json =
                train_text(text, strlen(text), cases[i].vocab_size, cases[i].min_count, &s);
            cr_assert_gt(n.merge_count, 5);
            compare(&n, parse(json), &s);
        }
    temporary_close();
    arena_free(&arena);
}

/* By hand: "ab" and "bc" are seen three times each; (a, b) has the smaller left one. Then (ab,
 * c) and (b, c): what is left of "bc" is seen once. */
Test(bpe, of_equals_the_smaller_pair_goes_first)
{
    TokenizerTrainSummary s;
    int64_t size;
    temporary_open();
    const char *text = "ab\tbc\tab\tbc\tab\tbc";
    const Tokenizer *t = parse(train_text(text, strlen(text), 259, 1, &s));
    cr_assert(!memcmp(tokenizer_bytes(t, 256, &size), "ab", 2));
    cr_assert_eq(size, 2);
    cr_assert(!memcmp(tokenizer_bytes(t, 257, &size), "bc", 2));
    cr_assert_eq(tokenizer_end_of_text(t), 258);
    temporary_close();
    arena_free(&arena);
}

Test(bpe, threads_change_nothing)
{
    temporary_open();
    const size_t size = 3 << 20; /* several items a thread */
    char *text = random_text(7, size, 20), *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        TokenizerTrainSummary s;
        threads_set(threads);
        char *json = train_text(text, size, 1000, 2, &s);
        if (!first) first = json;
        cr_assert_str_eq(json, first);
        cr_assert_eq(s.vocab_size, 1000);
        cr_assert_eq(s.bytes, (int64_t)size);
    }
    temporary_close();
    arena_free(&arena);
}

static void round_trip(const Tokenizer *t, const char *text, int64_t size)
{
    int32_t *tokens = arena_take(&arena, size * 4 + 4);
    int64_t count, at = 0, length;
    MUST(tokenizer_encode(t, text, size, tokens, size, &count));
    cr_assert_leq(count, size);
    for (int64_t i = 0; i < count; i++) {
        const char *bytes = tokenizer_bytes(t, tokens[i], &length);
        cr_assert(length > 0 && at + length <= size && !memcmp(text + at, bytes, (size_t)length));
        at += length;
    }
    cr_assert_eq(at, size);
}

static const char *const patterns[] = {"gpt2", "cl100k", "o200k"};

Test(bpe, any_bytes_come_back)
{
    temporary_open();
    const Rng r = rng_stream(3, "bytes");
    const char *input = in_temporary("text");
    char *words = random_text(1, 20000, 12), *json;
    int64_t size;
    TokenizerTrainSummary s;
    file_put(input, words, 20000);
    for (int p = 0; p < 3; p++) {
        TokenizerTrain how = {.texts.paths = &input,
                              .texts.path_count = 1,
                              .kind = "bpe",
                              .vocab_size = 500,
                              .pattern = patterns[p],
                              .min_count = 2};
        MUST(tokenizer_train(&how, &arena, &json, &size, &s));
        const Tokenizer *t = parse(json);
        for (uint64_t i = 0; i < 300; i++) {
            char bytes[400];
            const int64_t length = (int64_t)rng_below(r, i, 1, sizeof bytes);
            const bool is_lumpy =
                i % 2; /* runs of what is UTF-8, with white space, and of what is not */
            for (int64_t k = 0; k < length; k++) {
                const uint64_t x = rng_u64(r, i * 1000 + (uint64_t)k, 2);
                bytes[k] = is_lumpy ? "aB1 \n\t'\xC3\xA9\xE2\x80\x83\xFF"[x % 13] : (char)x;
            }
            round_trip(t, bytes, length);
        }
        round_trip(t, "\xF0\x9F\x91", 3);
        round_trip(t, "", 0);
    }
    temporary_close();
    arena_free(&arena);
}

/* Quadratic, this would take hours. */
Test(bpe, a_megabyte_without_a_blank)
{
    temporary_open();
    enum { SIZE = 1 << 20 };
    TokenizerTrainSummary s;
    char *text = arena_take(&arena, SIZE);
    memset(text, 'a', SIZE);
    const Tokenizer *t = parse(train_text(text, SIZE, 264, 2, &s));
    int32_t *tokens = arena_take(&arena, SIZE * 4);
    int64_t count;
    MUST(tokenizer_encode(t, text, SIZE, tokens, SIZE, &count));
    cr_assert_eq(s.merges, 7);
    cr_assert_eq(count, SIZE / 128);
    for (int64_t i = 0; i < count; i++) cr_assert_eq(tokens[i], 262);
    memset(text, ' ', SIZE);
    round_trip(t, text, SIZE);
    memset(text, '\xFF', SIZE);
    round_trip(t, text, SIZE);
    temporary_close();
    arena_free(&arena);
}

Test(bpe, special_tokens_are_text_unless_asked_for)
{
    temporary_open();
    TokenizerTrainSummary s;
    int32_t tokens[64];
    int64_t count, size;
    char *text = arena_take(&arena, 1 << 12);
    for (int i = 0; i < 100; i++) memcpy(text + 13 * i, "<|endoftext|>", 13);
    const Tokenizer *t = parse(train_text(text, 1300, 400, 1, &s));
    const int32_t end = tokenizer_end_of_text(t);
    for (int32_t i = 0; i < tokenizer_vocab_size(t); i++) {
        const char *bytes = tokenizer_bytes(t, i, &size);
        cr_assert(size != 13 || memcmp(bytes, "<|endoftext|>", 13));
    }
    MUST(tokenizer_encode(t, "x<|endoftext|>y", 15, tokens, 64, &count));
    for (int64_t i = 0; i < count; i++) cr_assert_neq(tokens[i], end);
    MUST(tokenizer_encode_marked(t, &(TextPlace){0}, "x<|endoftext|>y", 15, tokens, 64, &count));
    cr_assert_eq(count, 3);
    cr_assert_eq(tokens[1], end);
    cr_assert_eq(tokenizer_special_count(t), 1);
    cr_assert_str_eq(tokenizer_special(t, 0, &tokens[0]), "<|endoftext|>");
    cr_assert_eq(tokens[0], end);
    temporary_close();
    arena_free(&arena);
}

/* A special token that is a word of the text: no merge makes it. */
Test(bpe, no_merge_makes_a_special_token)
{
    temporary_open();
    const char *input = in_temporary("text"), *specials[] = {"abab", "</s>"};
    char *json;
    int64_t size;
    TokenizerTrainSummary s;
    file_put(input, "abab\nabab\nabab\nababab", 21);
    TokenizerTrain p = {.texts.paths = &input,
                        .texts.path_count = 1,
                        .kind = "bpe",
                        .vocab_size = 300,
                        .pattern = "gpt2",
                        .specials = specials,
                        .special_count = 2,
                        .min_count = 1};
    MUST(tokenizer_train(&p, &arena, &json, &size, &s));
    const Tokenizer *t = parse(json);
    int32_t tokens[8];
    int64_t count;
    MUST(tokenizer_encode(t, "abab", 4, tokens, 8, &count));
    cr_assert_eq(count, 2);
    cr_assert_eq(tokens[0], tokens[1]);
    cr_assert_eq(tokenizer_end_of_text(t), tokenizer_vocab_size(t) - 1);
    temporary_close();
    arena_free(&arena);
}

/* Text is white space, words, marks and digits: wherever it is cut, the tokens of the part that
 * is settled stay what they are. */
Test(bpe, what_is_settled_stays)
{
    temporary_open();
    TokenizerTrainSummary s;
    const Rng r = rng_stream(5, "settled");
    static const char alphabet[] = "ab  \n\t.'sr1l\r";
    char text[200];
    int32_t whole[200], part[200];
    int64_t whole_count, part_count, settled, found = 0;
    const Tokenizer *t = parse(train_text("a b a b", 7, 258, 1, &s));
    for (uint64_t i = 0; i < 2000; i++) {
        for (uint64_t k = 0; k < sizeof text; k++)
            text[k] = alphabet[rng_below(r, i * 1000 + k, 0, sizeof alphabet - 1)];
        const int64_t size = 1 + (int64_t)rng_below(r, i, 1, 60);
        MUST(tokenizer_settled(t, text, size, &settled));
        cr_assert(settled >= 0 && settled <= size);
        MUST(tokenizer_encode(t, text, sizeof text, whole, 200, &whole_count));
        MUST(tokenizer_encode(t, text, settled, part, 200, &part_count));
        for (int64_t k = 0; k < part_count; k++) cr_assert_eq(part[k], whole[k]);
        found += settled > 0;
    }
    cr_assert_gt(found, 1000);
    temporary_close();
    arena_free(&arena);
}

/* A document of more than prepare's window is read in pieces, at any place in a word: its tokens
 * are those of the whole. */
Test(bpe, a_document_in_chunks_has_the_tokens_of_the_whole)
{
    temporary_open();
    enum { SIZE = 3 << 20 };
    TokenizerTrainSummary s;
    PrepareSummary summary;
    Dataset d;
    char *text = random_text(9, SIZE, 6);
    for (int64_t i = 0; i < SIZE; i += 37) text[i] = " \n\n\xE9\t "[i % 6];
    memset(text + (1 << 20) - 30000, 'x', 700000); /* one word across pieces */
    const char *input = in_temporary("document"), *output = in_temporary("d.h5"),
               *tokenizer = in_temporary("t.json"), *json = train_text(text, 100000, 600, 2, &s);
    file_put(input, text, SIZE);
    file_put(tokenizer, json, strlen(json));
    const Prepare p = {.texts.paths = &input,
                       .texts.path_count = 1,
                       .texts.format = FORMAT_text,
                       .tokenizer = tokenizer,
                       .output = output};
    MUST(prepare(&p, &summary));
    MUST(dataset_open(&d, output));
    int32_t *tokens = arena_take(&arena, SIZE * 4);
    int64_t count;
    MUST(tokenizer_encode(parse(json), text, SIZE, tokens, SIZE, &count));
    cr_assert_eq(d.train.count, count + 1);
    for (int64_t i = 0; i < count; i++) cr_assert_eq(split_token(&d.train, i), tokens[i]);
    cr_assert_eq(d.tokenizer_size, (int64_t)strlen(json));
    cr_assert(!memcmp(d.tokenizer, json, strlen(json)));
    dataset_close(&d);
    temporary_close();
    arena_free(&arena);
}

static void refuses(const char *text, const char *words)
{
    Tokenizer *t = NULL;
    cr_assert_eq(tokenizer_parse(&arena, text, (int64_t)strlen(text), "t.json", &t), E_DATA, "%s",
                 words);
    cr_assert_null(t);
    cr_assert(strstr(error_message(), "t.json: ") || strstr(error_message(), "t.json:"), "%s",
              error_message());
    cr_assert(strstr(error_message(), words), "expected \"%s\": %s", words, error_message());
}

/* A whole one of four tokens, and what a case puts in the place of one part of it. */
#define TAIL                                             \
    ",\"added_tokens\":[{\"id\":3,\"content\":\"</"      \
    "s>\",\"special\":true}],\"normalizer\":null,\"pre_" \
    "tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}}"
#define MODEL(parts) "{\"model\":{\"type\":\"BPE\"" parts "}" TAIL
#define VOCAB        ",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"
#define REST         ",\"model\":{\"type\":\"BPE\",\"merges\":[\"a b\"]" VOCAB "}"
#define ADDED        "\"added_tokens\":[{\"id\":3,\"content\":\"</s>\",\"special\":true}]"

Test(bpe, parts_that_are_not_supported_are_named)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"model\":{\"type\":\"Unigram\"}}", "model: unknown tokenizer type \"Unigram\""},
        {"{\"model\":{}}", "with a \"type\""},
        {MODEL(""), "model.vocab"},
        {MODEL(",\"vocab\":{\"a\":-1}"), "model.vocab"},
        {MODEL(",\"vocab\":{\"a\":0,\"b\":0}"), "another token has the number 0"},
        {MODEL(",\"vocab\":{\"\xE6\x97\xA5\":0}"), "is not a ByteLevel token"},
        {MODEL(",\"vocab\":{\"a\":3}"), "added_tokens[0]"},
        {MODEL(VOCAB), "model.merges"},
        {MODEL(VOCAB ",\"merges\":[\"ab\"]"), "model.merges[0]: expected two tokens"},
        {MODEL(VOCAB ",\"merges\":[\"a b\",7]"), "model.merges[1]: expected two tokens"},
        {MODEL(VOCAB ",\"merges\":[\"a c\"]"), "\"c\" is not in model.vocab"},
        {MODEL(VOCAB ",\"merges\":[[\"b\",\"a\"]]"), "\"ba\", is not in model.vocab"},
        {MODEL(VOCAB ",\"dropout\":0.1"), "model.dropout"},
        {MODEL(VOCAB ",\"byte_fallback\":true"), "type ByteLevel is not supported here"},
        {MODEL(VOCAB ",\"end_of_word_suffix\":\"</w>\""), "model.end_of_word_suffix"},
        {MODEL(VOCAB ",\"unk_token\":\"a\",\"merges\":[]"), "model.unk_token"},
        {"{\"normalizer\":{\"type\":\"BertNormalizer\"}" REST "}",
         "normalizer: type BertNormalizer"},
        {"{\"decoder\":{\"type\":\"BPEDecoder\"}" REST "}", "decoder: type BPEDecoder"},
        {"{\"post_processor\":{\"type\":\"Odd\"}" REST "}", "post_processor: type Odd"},
        {"{\"pre_tokenizer\":{\"type\":\"Whitespace\"}" REST "}", "pre_tokenizer: type Whitespace"},
        {"{\"pre_tokenizer\":null" REST "}", "pre_tokenizer: type null"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\"}" REST "}", "add_prefix_space"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":"
         "false}" REST "}",
         "use_regex"},
        {"{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
         "\"pattern\":{"
         "\"Regex\":\".\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\",\"add_prefix_space\":"
         "false,\"use_regex\":false}]}" REST "}",
         "pattern is none of"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}" REST "}",
         "no token ends a text"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"added_tokens\":["
         "{"
         "\"id\":3,\"content\":\"x\"}]" REST "}",
         "no token ends a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i].text, cases[i].words);
    Tokenizer *t;
    const char *whole = MODEL(VOCAB ",\"merges\":[\"a b\"]");
    MUST(tokenizer_parse(&arena, whole, (int64_t)strlen(whole), "t.json", &t));
    int32_t tokens[4];
    int64_t count;
    MUST(tokenizer_encode(t, "abba", 4, tokens, 4, &count));
    cr_assert_eq(count, 3);
    cr_assert_eq(tokenizer_encode(t, "ab\nc", 4, tokens, 4, &count), E_DATA);
    cr_assert(strstr(error_message(), "text:1:3 (byte 2): the tokenizer has no token for the byte"),
              "%s", error_message());
    arena_free(&arena);
}

/* Bytes of a file are changed, moved and lost: what is left is refused, or does what a tokenizer
 * does. */
Test(bpe, damaged_files_do_no_harm)
{
    temporary_open();
    TokenizerTrainSummary s;
    const Rng r = rng_stream(11, "damage");
    const char *text = random_text(2, 3000, 8), *json = train_text(text, 3000, 300, 2, &s);
    const size_t size = strlen(json);
    char *copy = arena_take(&arena, (int64_t)size + 1);
    int read = 0;
    for (uint64_t i = 0; i < 400; i++) {
        Arena own = {0};
        Tokenizer *t;
        memcpy(copy, json, size + 1);
        for (uint64_t k = 0; k <= i % 4; k++) {
            const uint64_t place = rng_below(r, i, 1 + 3 * k, size),
                           kind = rng_below(r, i, 2 + 3 * k, 3);
            char *const at = copy + place;
            if (kind == 0)
                *at = " 0129\"a,:{}[]\\\xC4"[rng_below(r, i, 3 + 3 * k, 16)];
            else if (kind == 1) /* of a number */
                at[strcspn(at, "0123456789")] += at[strcspn(at, "0123456789")] ? 1 : 0;
            else
                memmove(at, at + 1, strlen(at));
        }
        if (tokenizer_parse(&own, copy, (int64_t)strlen(copy), "t.json", &t) == OK) {
            int32_t tokens[600];
            int64_t count, length;
            const Status status = tokenizer_encode(t, text, 600, tokens, 600, &count);
            cr_assert(status == OK || status == E_DATA);
            for (int64_t k = 0; status == OK && k < count; k++) {
                cr_assert(tokens[k] >= 0 && tokens[k] < tokenizer_vocab_size(t));
                tokenizer_bytes(t, tokens[k], &length);
                cr_assert_gt(length, 0);
            }
            read++;
        }
        arena_free(&own);
    }
    cr_assert(read > 20 && read < 380, "%d", read);
    temporary_close();
    arena_free(&arena);
}

Test(bpe, memory_may_be_out_at_any_time)
{
    temporary_open();
    Status status = E_NOMEM;
    const char *input = in_temporary("text"), *text = random_text(1, 3000, 5);
    file_put(input, text, 3000);
    Arena own = {0};
    int fuse = 0;
    for (; status != OK; fuse++) {
        char *json;
        int64_t size, count;
        int32_t tokens[64];
        TokenizerTrainSummary s;
        Tokenizer *t = NULL;
        TokenizerTrain p = {.texts.paths = &input,
                            .texts.path_count = 1,
                            .kind = fuse % 2 ? "bpe" : "wordpiece",
                            .vocab_size = 300,
                            .pattern = "gpt2",
                            .min_count = 2};
        cr_assert_lt(fuse, 2000);
        threads_set(1);
        arena_fuse = fuse;
        status = tokenizer_train(&p, &own, &json, &size, &s);
        if (status == OK) status = tokenizer_parse(&own, json, size, "t.json", &t);
        if (status == OK) status = tokenizer_encode(t, text, 64, tokens, 64, &count);
        cr_assert(status == OK || status == E_NOMEM, "%s", error_message());
        arena_fuse = -1;
        arena_free(&own);
    }
    cr_assert_gt(fuse, 20);
    temporary_close();
    arena_free(&arena);
}

/* The 256 bytes in base64, each its own rank, and what else is asked for. */
static char *rank_file(const char *more)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = arena_take(&arena, 1 << 14), *end = text;
    for (int b = 0; b < 256; b++)
        end += sprintf(end, "%c%c== %d\n", digits[b >> 2], digits[(b & 3) << 4], b);
    strcpy(end, more);
    return text;
}

Test(bpe, rank_files_are_read_and_their_faults_have_lines)
{
    static const struct {
        const char *more, *words;
    } cases[] = {
        {"YWI= x\n", "t.json:257: expected"},
        {"YWI=\n", "t.json:257: expected"},
        {"\nYWI= 256\n", "t.json:257:"},
        {"YWI 256\n", "t.json:257: expected"},
        {"YW?= 256\n", "t.json:257: expected"},
        {"YWJ= 256\n", "t.json:257: expected"},
        {"YQ== 256\n", "t.json:257: this token is also on an earlier line"},
        {"YWI= 256\nYWI= 257\n", "t.json:258: this token"},
        {"YWI= 7\n", "two tokens have the rank 7"},
        {"YWI= 999999999\n", "t.json:257: expected"},
        {"YWI= 99999999\n", "ranks go up to 99999999"},
    };
    Tokenizer *t;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = rank_file(cases[i].more);
        cr_assert_eq(tokenizer_ranks(&arena, text, (int64_t)strlen(text), "t.json", "gpt2", &t),
                     E_DATA, "%s", cases[i].more);
        cr_assert(strstr(error_message(), cases[i].words), "expected \"%s\": %s", cases[i].words,
                  error_message());
    }
    refuses(rank_file(""), "rank files lack the pattern"); /* its count is none that is known */
    refuses("YQ== 0\n", "no rank for the byte 0x00");

    /* "aaa" is [aa][a]: of equal ranks the leftmost; kept as it is, the text reads back as the
     * same. */
    const char *text = rank_file("YWE= 256\r\nYWFh 257");
    MUST(tokenizer_ranks(&arena, text, (int64_t)strlen(text), "t.json", "gpt2", &t));
    int64_t size, count;
    const char *kept = tokenizer_text(t, &size);
    MUST(tokenizer_parse(&arena, kept, size, "kept", &t));
    int32_t tokens[8];
    MUST(tokenizer_encode(t, "aaaaa", 5, tokens, 8, &count));
    cr_assert_eq(count, 2);
    cr_assert_eq(tokens[0], 256);
    cr_assert_eq(tokens[1], 257);
    cr_assert_eq(tokenizer_end_of_text(t), 258);
    cr_assert_eq(tokenizer_vocab_size(t), 259);
    arena_free(&arena);
}

Test(bpe, what_cannot_be_is_refused)
{
    temporary_open();
    const char *input = in_temporary("text"), *one[] = {"x"}, *twice[] = {"</s>", "</s>"},
               *no_end[] = {"<pad>"};
    char *json;
    int64_t size;
    TokenizerTrainSummary s;
    file_put(input, "ab", 2);
    TokenizerTrain p = {.texts.paths = &input,
                        .texts.path_count = 1,
                        .kind = "bpe",
                        .pattern = "gpt2"};
    const struct {
        const char *kind, *pattern;
        int64_t vocab_size;
        const char *const *specials;
        int special_count;
        const char *words;
    } cases[] = {
        {"unigram", "gpt2", 300, NULL, 0, "--kind"},
        {"bpe", "gpt3", 300, NULL, 0, "--pattern"},
        {"bpe", "gpt2", 256, NULL, 0, "a vocabulary of 256"},
        {"bpe", "gpt2", 300, one, 1, "two characters"},
        {"bpe", "gpt2", 300, twice, 2, "given twice"},
        {"bpe", "gpt2", 300, no_end, 1, "ends a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p.kind = cases[i].kind;
        p.pattern = cases[i].pattern;
        p.vocab_size = cases[i].vocab_size;
        p.specials = cases[i].specials;
        p.special_count = cases[i].special_count;
        cr_assert_eq(tokenizer_train(&p, &arena, &json, &size, &s), E_ARG);
        cr_assert(strstr(error_message(), cases[i].words), "%s", error_message());
    }
    temporary_close();
    arena_free(&arena);
}
