/* Prepare: every document of text, jsonl and tsv arrives whole, in the right split, and errors
 * in a file are reported with their position. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/prepare.h"

/* A folder of the test's own, with a.txt, b.txt, ... and out.h5 in it. */
static char folder[64], names[4][96], output[96];
static const char *const inputs[] = {names[0], names[1], names[2], names[3]};

static void begin(void)
{
    strcpy(folder, "/tmp/test_prepare.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    for (int i = 0; i < 4; i++) snprintf(names[i], sizeof names[i], "%s/%c.txt", folder, 'a' + i);
    snprintf(output, sizeof output, "%s/out.h5", folder);
}

static void end(void)
{
    for (int i = 0; i < 4; i++) unlink(names[i]);
    unlink(output);
    cr_assert_eq(rmdir(folder), 0, "prepare left something in %s", folder);
}

TestSuite(prepare, .init = begin, .fini = end);

static void put_bytes(int i, const char *bytes, size_t size)
{
    FILE *f = fopen(names[i], "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, size, f), size);
    cr_assert_eq(fclose(f), 0);
}

static void put(int i, const char *text)
{
    put_bytes(i, text, strlen(text));
}

static Prepare settings(int files, Format format, const char *tokenizer, double val)
{
    return (Prepare){.texts = {.paths = inputs, .path_count = files, .format = format},
                     .tokenizer = tokenizer,
                     .output = output,
                     .val = val,
                     .seed = 1};
}

static void run(const Prepare *p, PrepareSummary *s, Dataset *d)
{
    cr_assert_eq(prepare(p, s), OK, "%s", error_message());
    cr_assert_eq(dataset_open(d, output), OK, "%s", error_message());
    cr_assert_eq(dataset_touch(d, &d->train, 0, d->train.count), OK, "%s", error_message());
    cr_assert_eq(dataset_touch(d, &d->val, 0, d->val.count), OK, "%s", error_message());
    cr_assert_eq(d->train.count + d->val.count, s->tokens);
    cr_assert_eq(d->val.count, s->val_tokens);
    cr_assert_eq(d->train.documents + d->val.documents, s->documents);
    cr_assert_eq(d->val.documents, s->val_documents);
    cr_assert_eq(d->vocab_size, s->vocab_size);
}

/* Document i of a half is `text`, in tokens of the dataset's own tokenizer, with end-of-text
 * behind. */
static void holds(const Dataset *d, const Split *s, int64_t i, const char *text, int64_t size,
                  uint32_t prefix)
{
    Arena arena = {0};
    Tokenizer *t = NULL;
    cr_assert_eq(tokenizer_parse(&arena, d->tokenizer, d->tokenizer_size, "out.h5", &t), OK);
    cr_assert_lt(i, s->documents);
    const int64_t first = (int64_t)s->offsets[i], last = (int64_t)s->offsets[i + 1] - 1;
    int64_t used = 0;
    for (int64_t p = first; p < last; p++) {
        int64_t length;
        const char *bytes = tokenizer_bytes(t, split_token(s, p), &length);
        cr_assert_gt(length, 0);
        cr_assert(used + length <= size && !memcmp(text + used, bytes, (size_t)length),
                  "%s %lld differs at byte %lld", s->name, (long long)i, (long long)used);
        used += length;
    }
    cr_assert_eq(used, size);
    cr_assert_eq(split_token(s, last), tokenizer_end_of_text(t));
    cr_assert_eq(s->prefixes[i], prefix);
    arena_free(&arena);
}

static void is_text(const Dataset *d, int64_t i, const char *text)
{
    holds(d, &d->train, i, text, (int64_t)strlen(text), 0);
}

static void fails(const Prepare *p, Status status, const char *words)
{
    PrepareSummary s;
    put_bytes(3, "as it was", 9);
    cr_assert_eq(rename(names[3], output), 0);
    cr_assert_eq(prepare(p, &s), status, "%s", error_message());
    cr_assert(strstr(error_message(), words), "expected \"%s\": %s", words, error_message());
    char was[16] = "";
    FILE *f = fopen(output, "r");
    cr_assert_not_null(f);
    cr_assert_eq(fread(was, 1, 15, f), 9);
    cr_assert_str_eq(was, "as it was");
    fclose(f);
}

Test(prepare, cuts_a_single_document)
{
    PrepareSummary s;
    Dataset d;
    put(0, "0123456789abcdefghijklmnopqrstu"); /* 31: floor(0.9 x 31) = 27 */
    Prepare p = settings(1, FORMAT_text, "byte", 0.1);
    run(&p, &s, &d);
    is_text(&d, 0, "0123456789abcdefghijklmnopq");
    holds(&d, &d.val, 0, "rstu", 4, 0);
    cr_assert_eq(s.tokens, 33);
    cr_assert_eq(s.longest, 28);
    cr_assert_eq(s.bytes, 31);
    cr_assert_eq(s.vocab_size, 257);
    dataset_close(&d);

    p.val = 0;
    run(&p, &s, &d);
    cr_assert_eq(d.val.count, 0);
    cr_assert_eq(d.train.count, 32);
    dataset_close(&d);

    p.val = 0.999; /* something is left to train on */
    run(&p, &s, &d);
    is_text(&d, 0, "0");
    dataset_close(&d);

    put(0, "x"); /* nothing to cut */
    run(&p, &s, &d);
    is_text(&d, 0, "x");
    cr_assert_eq(d.val.count, 0);
    dataset_close(&d);
}

/* Larger than the window that slides over it, with characters of every length across its edges. */
Test(prepare, streams_text_of_any_length)
{
    static const char *const characters[] = {"a", "\u00E9", "\u20AC", "\U0001F600", "\n"};
    static char text[5 << 20];
    size_t size = 0, tokens = 0;
    for (; size < sizeof text - 8; tokens++) {
        const char *c = characters[(tokens * 7 + tokens / 11) % 5];
        memcpy(text + size, c, strlen(c));
        size += strlen(c);
    }
    put_bytes(0, text, size);
    for (int k = 0; k < 2; k++) {
        PrepareSummary s;
        Dataset d;
        Prepare p = settings(1, FORMAT_text, k ? "char" : "byte", 0.25);
        run(&p, &s, &d);
        const int64_t all = k ? (int64_t)tokens : (int64_t)size,
                      cut = all / 4 * 3 + all % 4 * 3 / 4;
        cr_assert_eq(d.train.count, cut + 1);
        cr_assert_eq(d.val.count, all - cut + 1);
        if (k) cr_assert_eq(s.vocab_size, 6);
        /* In bytes the cut may fall into a character, so the halves are held against the text. */
        int64_t at = 0;
        Arena arena = {0};
        Tokenizer *t;
        cr_assert_eq(tokenizer_parse(&arena, d.tokenizer, d.tokenizer_size, "out", &t), OK);
        for (int half = 0; half < 2; half++) {
            const Split *split = half ? &d.val : &d.train;
            for (int64_t i = 0; i < split->count; i++) {
                int64_t length;
                const char *bytes = tokenizer_bytes(t, split_token(split, i), &length);
                if (memcmp(text + at, bytes, (size_t)length))
                    cr_assert_fail("byte %lld", (long long)at);
                at += length;
            }
        }
        cr_assert_eq(at, (int64_t)size);
        arena_free(&arena);
        dataset_close(&d);
    }
}

Test(prepare, splits_between_separators)
{
    PrepareSummary s;
    Dataset d;
    put(0, "<|x|>one<|x|><|x|>tw\xC3\xA9<|x<|x|>last<|x|>\n");
    put(1, "alone");
    Prepare p = settings(2, FORMAT_text, "byte", 0);
    p.texts.split_on = "<|x|>";
    run(&p, &s, &d);
    cr_assert_eq(s.documents, 5);
    cr_assert_eq(s.empty, 1);
    cr_assert_eq(s.separators, 5);
    is_text(&d, 0, "one");
    is_text(&d, 1, "");
    is_text(&d, 2, "tw\xC3\xA9<|x");
    is_text(&d, 3, "last");
    is_text(&d, 4, "alone");
    dataset_close(&d);
}

/* Documents of about 1 kB, so that separators fall across the window's edge in some place. */
Test(prepare, splits_across_the_window)
{
    enum { DOCUMENTS = 3500 };
    PrepareSummary s;
    Dataset d;
    FILE *f = fopen(names[0], "w");
    cr_assert_not_null(f);
    for (int i = 0; i < DOCUMENTS; i++) {
        if (i) fputs("----separator----", f);
        fprintf(f, "%d%*d", i, 900 + i % 241, i);
    }
    fclose(f);
    Prepare p = settings(1, FORMAT_text, "byte", 0);
    p.texts.split_on = "----separator----";
    run(&p, &s, &d);
    cr_assert_eq(s.documents, DOCUMENTS);
    for (int i = 0; i < DOCUMENTS; i += 7) {
        char text[1200];
        snprintf(text, sizeof text, "%d%*d", i, 900 + i % 241, i);
        is_text(&d, i, text);
    }
    dataset_close(&d);
}

Test(prepare, reads_jsonl)
{
    PrepareSummary s;
    Dataset d;
    put(0, "\xEF\xBB\xBF{\"text\":\"one\\u00e9\\ud83d\\ude00\"}\r\n\n"
           "{\"prompt\":\"to\",\"completion\":\"\\u20ac!\",\"id\":7}\n"
           "{\"text\":\"a\\u0000b\"}\n"
           "{\"text\":\"\"}\n"
           "{\"prompt\":\"\",\"completion\":\"x\"}");
    Prepare p = settings(1, FORMAT_jsonl, "byte", 0);
    run(&p, &s, &d);
    cr_assert_eq(s.documents, 5);
    cr_assert_eq(s.empty, 1);
    is_text(&d, 0, "one\u00E9\U0001F600");
    holds(&d, &d.train, 1, "to\u20AC!", 6, 2);
    holds(&d, &d.train, 2, "a\0b", 3, 0);
    is_text(&d, 3, "");
    is_text(&d, 4, "x");
    dataset_close(&d);

    p.tokenizer = "char";
    run(&p, &s, &d);
    holds(&d, &d.train, 1, "to\u20AC!", 6, 2);
    dataset_close(&d);
}

Test(prepare, reads_tsv)
{
    PrepareSummary s;
    Dataset d;
    put(0, "chat\tcat\r\n\nd\xE9j\xE0\tseen\n\tno prompt\nno completion\t");
    Prepare p = settings(1, FORMAT_tsv, "byte", 0);
    run(&p, &s, &d);
    cr_assert_eq(s.documents, 4);
    holds(&d, &d.train, 0, "chatcat", 7, 4);
    holds(&d, &d.train, 1, "d\xE9j\xE0seen", 8, 4); /* Latin-1: kept as bytes */
    holds(&d, &d.train, 2, "no prompt", 9, 0);
    holds(&d, &d.train, 3, "no completion", 13, 13);
    dataset_close(&d);
}

Test(prepare, reads_rows_longer_than_the_window)
{
    PrepareSummary s;
    Dataset d;
    const size_t size = 3 << 20;
    char *row = malloc(size + 64), *text = malloc(size);
    cr_assert(row && text);
    for (size_t i = 0; i < size; i++) text[i] = (char)('a' + i * 31 % 26);
    int head = sprintf(row, "{\"text\":\"s\"}\n{\"text\":\"");
    memcpy(row + head, text, size);
    strcpy(row + head + size, "\"}\n{\"text\":\"t\"}\n");
    put_bytes(0, row, (size_t)head + size + strlen(row + head + size));
    Prepare p = settings(1, FORMAT_jsonl, "byte", 0);
    run(&p, &s, &d);
    cr_assert_eq(s.documents, 3);
    holds(&d, &d.train, 1, text, (int64_t)size, 0);
    is_text(&d, 2, "t");
    dataset_close(&d);
    free(row);
    free(text);
}

static void put_rows(int count)
{
    FILE *f = fopen(names[0], "w");
    cr_assert_not_null(f);
    for (int i = 0; i < count; i++) fprintf(f, "{\"text\":\"%c\"}\n", 'A' + i % 25);
    fclose(f);
}

/* Exactly round(val x documents), at least 1, and 1 is left to train on. */
Test(prepare, holds_out_the_share_that_was_asked_for)
{
    static const struct {
        int documents;
        double val;
        int held;
    } cases[] = {{2, 0.1, 1}, {2, 0.99, 1},  {10, 0.1, 1},   {14, 0.1, 1},  {15, 0.1, 2},
                 {50, 0, 0},  {50, 0.5, 25}, {50, 0.99, 49}, {50, 0.001, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PrepareSummary s;
        Dataset d;
        put_rows(cases[i].documents);
        Prepare p = settings(1, FORMAT_jsonl, "byte", cases[i].val);
        run(&p, &s, &d);
        cr_assert_eq(s.val_documents, cases[i].held, "%d documents, %g: %d", cases[i].documents,
                     cases[i].val, (int)s.val_documents);
        cr_assert_eq(s.documents, cases[i].documents);
        dataset_close(&d);
    }
}

/* Which documents are held out: the same again, others by another seed, each as often as any. */
Test(prepare, draws_documents_by_seed)
{
    enum { DOCUMENTS = 20, SEEDS = 100 };
    int held[DOCUMENTS] = {0}, same = 0;
    char digest[33] = "";
    put_rows(DOCUMENTS);
    for (int seed = 0; seed < SEEDS; seed++) {
        PrepareSummary s;
        Dataset d;
        Prepare p = settings(1, FORMAT_jsonl, "byte", 0.25);
        p.seed = (uint64_t)(seed ? seed : 1); /* 1 twice */
        run(&p, &s, &d);
        for (int64_t i = 0; i < d.val.count; i += 2) held[split_token(&d.val, i) - 'A']++;
        if (seed == 1) cr_assert_str_eq(d.digest, digest);
        same += seed > 1 && !strcmp(d.digest, digest);
        strcpy(digest, d.digest);
        dataset_close(&d);
    }
    cr_assert_lt(same, 2);
    /* 25 each; standard deviation 4.3 */
    for (int i = 0; i < DOCUMENTS; i++) cr_assert(held[i] > 8 && held[i] < 45, "%d", held[i]);
}

Test(prepare, numbers_characters_of_all_files)
{
    PrepareSummary s;
    Dataset d;
    put(0, "ba");
    put(1, "\u00E9b\n");
    Prepare p = settings(2, FORMAT_text, "char", 0);
    run(&p, &s, &d);
    static const int32_t expected[] = {2, 1, 4, 3, 2, 0, 4}; /* \n a b e-acute end-of-text */
    cr_assert_eq(d.train.count, 7);
    for (int i = 0; i < 7; i++) cr_assert_eq(split_token(&d.train, i), expected[i]);
    cr_assert_eq(s.vocab_size, 5);
    dataset_close(&d);
}

Test(prepare, takes_a_tokenizer_from_a_file)
{
    PrepareSummary s;
    Dataset d;
    put(0, "abba");
    put(1, "{\"type\": \"char\", \"characters\": [97, 98]}\n");
    Prepare p = settings(1, FORMAT_text, names[1], 0);
    run(&p, &s, &d);
    is_text(&d, 0, "abba");
    cr_assert_eq(s.vocab_size, 3);
    dataset_close(&d);

    put(0, "ab\nabc");
    fails(&p, E_DATA, "/a.txt:1:3 (byte 2): the tokenizer has no character U+000A");
    put(1, "{\"type\": \"char\", \"characters\": [98, 97]}");
    fails(&p, E_DATA, "b.txt: characters[1]");
}

Test(prepare, says_where_rows_are_malformed)
{
    static const struct {
        Format format;
        const char *text, *words;
    } cases[] = {
        {FORMAT_jsonl, "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":", "a.txt:3: column"},
        {FORMAT_jsonl, "{\"text\":\"a\"}\n\n{\"text\":\"b\"}\nnonsense\n",
         "a.txt:4: column 1: not a JSON object"},
        {FORMAT_jsonl, "{\"text\":\"a\"}\n\n{\"text\":\"b\"}\nnonsense\n",
         "well-formed rows before it: 2)"},
        {FORMAT_jsonl, "{\"text\":\"a\"} {\"text\":\"b\"}", "a.txt:1: column"},
        {FORMAT_jsonl, "{\"txt\":\"a\"}", "a.txt:1: expected {\"text\": TEXT} or"},
        {FORMAT_jsonl, "{\"text\":7}", "expected {\"text\": TEXT}"},
        {FORMAT_jsonl, "{\"text\":\"a\",\"prompt\":\"b\",\"completion\":\"c\"}", "expected {"},
        {FORMAT_jsonl, "{\"prompt\":\"b\"}", "expected {"},
        {FORMAT_jsonl, "[\"text\"]", "expected {"},
        {FORMAT_jsonl, "{\"text\":\"\xFF\"}", "a.txt:1: column 10: a byte that is not UTF-8"},
        {FORMAT_jsonl, "{\"text\":\"a\",\"text\":\"b\"}", "a field occurs twice"},
        {FORMAT_jsonl, "{\"text\":\"a\nb\"}", "a string does not end"},
        {FORMAT_jsonl, "{\"text\":\"\\x\"}", "an escape that JSON does not have"},
        {FORMAT_jsonl, "{\"text\":\"a\tb\"}", "a control character within a string"},
        {FORMAT_jsonl, "{\"id\":[},\"text\":\"a\"}", "mismatched brackets"},
        {FORMAT_jsonl, "{\n\"text\":\"a\"}", "one object on each line: jq -c ."},
        {FORMAT_jsonl, "{\"messages\":[]}", "jq -c '{prompt: ([.messages"},
        {FORMAT_jsonl, "{\"instruction\":\"a\",\"output\":\"b\"}", "completion: .output}"},
        {FORMAT_jsonl, "{\"id\":1,\"content\":\"a\"}", "\"id\", \"content\"; other names"},
        {FORMAT_jsonl, "{\"text\":\"\\ud800\"}", "a.txt:1: column"},
        {FORMAT_tsv, "a\tb\nab\n",
         "a.txt:2: expected prompt TAB completion, with one TAB; this has none"},
        {FORMAT_tsv, "a\tb\tc\n", "this has several (well-formed rows before it: 0)"},
        {FORMAT_jsonl, "\n\n", "a.txt: no documents"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(0, cases[i].text);
        Prepare p = settings(1, cases[i].format, "byte", 0.1);
        fails(&p, E_DATA, cases[i].words);
    }
}

/* What is in a field that is not read does not matter. */
Test(prepare, steps_over_other_fields)
{
    static const char *const odd[] = {"18446744073709551615",
                                      "NaN",
                                      "-Infinity",
                                      "1e999",
                                      "{\"k\":1,\"k\":{\"text\":[2]}}",
                                      "\"\\ud800 \xFF \\q \\\"\"",
                                      "[[],{},[\"]\"]]",
                                      "null"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        PrepareSummary s;
        Dataset d;
        char rows[256];
        snprintf(rows, sizeof rows,
                 "{\"\\ud800\":%s,\"text\":\"a\"}\n{\"text\" : \"b\", \"i\": %s }", odd[i], odd[i]);
        put(0, rows);
        Prepare p = settings(1, FORMAT_jsonl, "byte", 0);
        run(&p, &s, &d);
        cr_assert_eq(s.documents, 2);
        is_text(&d, 0, "a");
        is_text(&d, 1, "b");
        dataset_close(&d);
    }
}

Test(prepare, bad_rows_are_left_out_or_repaired)
{
    PrepareSummary s;
    Dataset d;
    put(0, "{\"text\":\"a\"}\n{\"text\":\"x\\ud83dy\"}\n{\"text\":\"\xFFz\"}\nnone\n{\"txt\":1}\n"
           "{\"text\":\"b\"}\n");
    Prepare p = settings(1, FORMAT_jsonl, "byte", 0);
    p.texts.bad = BAD_skip;
    run(&p, &s, &d);
    cr_assert_eq(s.documents, 2);
    is_text(&d, 1, "b");
    cr_assert_eq(s.bad.skipped_count, 4);
    for (int i = 0; i < ROW_FAULTS; i++) cr_expect_eq(s.bad.skipped[i], 1);
    cr_expect(strstr(s.bad.first, "a.txt:2: column"), "%s", s.bad.first);
    dataset_close(&d);
    p.texts.bad = BAD_replace;
    run(&p, &s, &d);
    cr_assert_eq(s.documents, 4);
    is_text(&d, 1, "x\uFFFDy");
    is_text(&d, 2, "\uFFFDz");
    cr_assert_eq(s.bad.skipped_count, 2);
    cr_assert_eq(s.bad.repaired, 2);
    dataset_close(&d);
    put(0, "none\n");
    fails(&p, E_DATA, "all 1 rows are bad");
}

Test(prepare, fields_have_other_names)
{
    PrepareSummary s;
    Dataset d;
    put(0, "{\"content\":\"a\",\"prompt\":7,\"text\":\"no\"}\n");
    Prepare p = settings(1, FORMAT_jsonl, "byte", 0);
    p.texts.field = "content";
    run(&p, &s, &d);
    is_text(&d, 0, "a");
    dataset_close(&d);
    put(0, "{\"q\":\"a\",\"text\":\"no\",\"completion\":\"b\"}\n");
    p.texts.field = NULL;
    p.texts.prompt_field = "q";
    run(&p, &s, &d);
    holds(&d, &d.train, 0, "ab", 2, 1);
    dataset_close(&d);
    p.texts.field = "text";
    fails(&p, E_ARG, "--field");
    p = settings(1, FORMAT_tsv, "byte", 0);
    p.texts.field = "text";
    fails(&p, E_ARG, "need --format jsonl");
}

Test(prepare, char_says_where_it_is_not_utf8)
{
    put(0, "fine\n");
    put(1, "one\ntw\xC3\xA9\xFFo");
    Prepare p = settings(2, FORMAT_text, "char", 0.1);
    fails(&p, E_DATA, "/b.txt:2:4 (byte 8): byte 0xFF is not UTF-8");
    put(1, "one\ncut off \xE2\x82"); /* at the end of the file */
    fails(&p, E_DATA, "/b.txt:2:9 (byte 12): byte 0xE2 is not UTF-8");
    put(0, "a\tb\nc\t\xFF\n");
    p = settings(1, FORMAT_tsv, "char", 0.1);
    fails(&p, E_DATA, "/a.txt:2:3 (byte 6): byte 0xFF is not UTF-8");

    put(0, "{\"text\":\"a\"}\n{\"prompt\":\"a\",\"completion\":\"ab\"}");
    put(1, "{\"type\":\"char\",\"characters\":[97]}");
    p = settings(1, FORMAT_jsonl, names[1], 0.1);
    fails(&p, E_DATA,
          "/a.txt:2: \"completion\":1:2 (byte 1): the tokenizer has no character U+0062");
}

Test(prepare, refuses_what_cannot_be)
{
    put(0, "text");
    put(1, "");
    Prepare p = settings(2, FORMAT_text, "byte", 0.1);
    fails(&p, E_DATA, "b.txt: empty");
    unlink(names[1]);
    fails(&p, E_DATA, "b.txt: No such file");
    p = settings(1, FORMAT_text, "bite", 0.1);
    fails(&p, E_ARG, "expected byte, char, or a tokenizer file");
    p = settings(1, FORMAT_text, "byte", 1);
    fails(&p, E_ARG, "--val 1: expected a share of at least 0 and less than 1");
    p = settings(1, FORMAT_text, "byte", -0.1);
    fails(&p, E_ARG, "--val");
    p = settings(1, FORMAT_tsv, "byte", 0.1);
    p.texts.split_on = "x";
    fails(&p, E_ARG, "--split-on");
    p = settings(1, FORMAT_text, "byte", 0.1);
    p.texts.split_on = "";
    fails(&p, E_ARG, "--split-on");
    const char *const odd[] = {folder, "/dev/null", output};
    static const char *const words[] = {"a folder", "not a regular file", "one of the inputs"};
    for (int i = 0; i < 3; i++) {
        p.texts.split_on = NULL;
        p.texts.paths = &odd[i];
        fails(&p, i == 2 ? E_ARG : E_DATA, words[i]);
    }
    p = settings(1, FORMAT_text, "byte", 0.1);
    p.output = folder;
    fails(&p, E_ARG, "is not a regular file");
}

/* Every allocation fails in turn: an error, and nothing at the output. */
Test(prepare, memory_may_be_out_at_any_time)
{
    put(0, "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"text\":\"c\"}\n");
    for (int k = 0; k < 2; k++) {
        Status status = E_NOMEM;
        int fuse = 0;
        for (; status != OK; fuse++) {
            PrepareSummary s;
            Prepare p = settings(1, FORMAT_jsonl, k ? "char" : "byte", 0.5);
            cr_assert_lt(fuse, 100);
            arena_fuse = fuse;
            status = prepare(&p, &s);
            arena_fuse = -1;
            cr_assert(status == OK || status == E_NOMEM, "%s", error_message());
            cr_assert_eq(access(output, F_OK) == 0, status == OK);
        }
        cr_assert_gt(fuse, 5);
        unlink(output);
    }
}
