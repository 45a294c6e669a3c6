#include <criterion/criterion.h>
#include <stdint.h>
#include <sys/resource.h>

#include "data/dataset.h"
#include "tests/faulty.h"
#include "tests/temporary.h"

static const char text[] = "{\"kind\": \"byte\"}";

/* documents train documents of 1, 2, 3 ... tokens, every fourth to val if asked for. */
static Status write_some(const char *path, int64_t vocab_size, int documents, bool val)
{
    int32_t tokens[512];
    DatasetWriter *w;
    Status status = dataset_writer_open(&w, path, vocab_size);
    for (int i = 0; i < documents && !status; i++) {
        const int length = i % 500 + 1;
        for (int k = 0; k < length; k++)
            tokens[k] = (int32_t)((i * 7919LL + k * 104729LL) % vocab_size);
        status =
            dataset_writer_add(w, val && i % 4 == 3, tokens, length, i % 3 ? 0 : length / 2, false);
    }
    if (!status) status = dataset_writer_finish(w, text, sizeof text - 1);
    dataset_writer_close(w);
    return status;
}

static Status touch_all(const Dataset *d)
{
    Status status = dataset_touch(d, &d->train, 0, d->train.count);
    return status ? status : dataset_touch(d, &d->val, 0, d->val.count);
}

static Status open_and_touch(const char *path)
{
    Dataset d;
    Status status = dataset_open(&d, path);
    if (!status) status = touch_all(&d);
    dataset_close(&d);
    return status;
}

static void check_round_trip(int64_t vocab_size, int token_size)
{
    Dataset d;
    const char *path = in_temporary("d.h5");
    cr_assert_eq(write_some(path, vocab_size, 1000, true), OK, "%s", error_message());
    cr_assert_eq(dataset_open(&d, path), OK, "%s", error_message());
    cr_assert_eq(touch_all(&d), OK, "%s", error_message());
    cr_expect_eq(d.vocab_size, vocab_size);
    cr_expect_eq(d.train.token_size, token_size);
    cr_expect_eq(d.train.documents, 750);
    cr_expect_eq(d.val.documents, 250);
    cr_expect_eq(strlen(d.digest), 32);
    cr_expect_eq(d.tokenizer_size, (int64_t)sizeof text - 1);
    cr_expect(!memcmp(d.tokenizer, text, sizeof text - 1));
    int64_t in_train = 0, in_val = 0;
    for (int i = 0; i < 1000; i++) {
        const Split *s = i % 4 == 3 ? &d.val : &d.train;
        const int64_t n = i % 4 == 3 ? in_val++ : in_train++;
        const int length = i % 500 + 1;
        cr_assert_eq(s->offsets[n + 1] - s->offsets[n], (uint64_t)length);
        cr_assert_eq(s->prefixes[n], (uint32_t)(i % 3 ? 0 : length / 2));
        for (int k = 0; k < length; k++)
            cr_assert_eq(split_token(s, (int64_t)s->offsets[n] + k),
                         (i * 7919LL + k * 104729LL) % vocab_size);
    }
    cr_expect_eq((uintptr_t)d.train.tokens % 4096, 0);
    cr_expect_eq((uintptr_t)d.val.tokens % 4096, 0);
    dataset_close(&d);
    cr_expect_eq(temporary_files(0), 1);
}

TestSuite(dataset, .init = temporary_open, .fini = temporary_close);

Test(dataset, comes_back_as_written)
{
    check_round_trip(257, 2);
    check_round_trip(65536, 2);
    check_round_trip(65537, 4);
    check_round_trip(200000, 4);
}

Test(dataset, equal_content_gives_equal_bytes)
{
    long a_size, b_size;
    cr_assert_eq(write_some(in_temporary("a.h5"), 300, 300, true), OK);
    cr_assert_eq(write_some(in_temporary("b.h5"), 300, 300, true), OK);
    unsigned char *a = file_bytes(in_temporary("a.h5"), &a_size);
    unsigned char *b = file_bytes(in_temporary("b.h5"), &b_size);
    cr_assert_eq(a_size, b_size);
    cr_expect(!memcmp(a, b, (size_t)a_size));
    free(a);
    free(b);
}

Test(dataset, halves_may_be_empty)
{
    Dataset d;
    const char *path = in_temporary("d.h5");
    for (int documents = 0; documents < 2; documents++) {
        cr_assert_eq(write_some(path, 257, documents, true), OK, "%s", error_message());
        cr_assert_eq(dataset_open(&d, path), OK, "%s", error_message());
        cr_expect_eq(touch_all(&d), OK);
        cr_expect_eq(d.train.count, documents);
        cr_expect_eq(d.val.count, 0);
        cr_expect_eq(d.val.documents, 0);
        cr_expect_eq(d.val.offsets[0], 0);
        dataset_close(&d);
    }
}

Test(dataset, val_alone)
{
    Dataset d;
    DatasetWriter *w;
    const int32_t tokens[] = {1, 2, 3};
    cr_assert_eq(dataset_writer_open(&w, in_temporary("d.h5"), 4), OK);
    cr_assert_eq(dataset_writer_add(w, true, tokens, 3, 0, false), OK);
    cr_assert_eq(dataset_writer_finish(w, text, sizeof text - 1), OK);
    dataset_writer_close(w);
    cr_assert_eq(dataset_open(&d, in_temporary("d.h5")), OK, "%s", error_message());
    cr_expect_eq(touch_all(&d), OK);
    cr_expect_eq(d.val.count, 3);
    cr_expect_eq(split_token(&d.val, 2), 3);
    dataset_close(&d);
}

Test(dataset, a_document_may_come_in_chunks)
{
    Dataset d;
    DatasetWriter *w;
    const int32_t tokens[] = {1, 2, 3, 4, 5, 6};
    cr_assert_eq(dataset_writer_open(&w, in_temporary("d.h5"), 7), OK);
    cr_assert_eq(dataset_writer_add(w, false, tokens, 2, 2, true), OK);
    cr_assert_eq(dataset_writer_add(w, true, tokens, 2, 2, true), E_ARG);
    cr_assert_eq(dataset_writer_add(w, false, tokens + 2, 3, 1, true), OK);
    cr_assert_eq(dataset_writer_finish(w, text, sizeof text - 1), E_ARG);
    cr_assert_eq(dataset_writer_add(w, false, tokens + 5, 1, 0, false), OK);
    cr_assert_eq(dataset_writer_finish(w, text, sizeof text - 1), OK);
    dataset_writer_close(w);
    cr_assert_eq(dataset_open(&d, in_temporary("d.h5")), OK, "%s", error_message());
    cr_expect_eq(d.train.documents, 1);
    cr_expect_eq(d.train.prefixes[0], 3);
    for (int i = 0; i < 6; i++) cr_expect_eq(split_token(&d.train, i), i + 1);
    dataset_close(&d);
}

/* And leave nothing behind in the document that comes next. */
Test(dataset, prompts_longer_than_their_document_are_refused)
{
    Dataset d;
    DatasetWriter *w;
    const int32_t tokens[] = {1, 2, 3};
    cr_assert_eq(dataset_writer_open(&w, in_temporary("d.h5"), 7), OK);
    cr_expect_eq(dataset_writer_add(w, false, tokens, 2, 3, false), E_ARG);
    cr_expect(strstr(error_message(), "a prompt of 3 tokens"), "%s", error_message());
    cr_expect_eq(dataset_writer_add(w, false, tokens, 2, -1, false), E_ARG);
    cr_assert_eq(dataset_writer_add(w, false, tokens, 3, 3, false), OK);
    cr_assert_eq(dataset_writer_finish(w, text, sizeof text - 1), OK);
    dataset_writer_close(w);
    cr_assert_eq(dataset_open(&d, in_temporary("d.h5")), OK, "%s", error_message());
    cr_expect_eq(d.train.documents, 1);
    cr_expect_eq(d.train.count, 3);
    cr_expect_eq(d.train.prefixes[0], 3);
    dataset_close(&d);
}

Test(dataset, nothing_is_left_of_what_is_not_finished)
{
    DatasetWriter *w;
    const int32_t good = 1, high = 4, low = -1;
    cr_assert_eq(dataset_writer_open(&w, in_temporary("d.h5"), 4), OK);
    cr_assert_eq(dataset_writer_add(w, false, &good, 1, 0, false), OK);
    cr_expect_eq(dataset_writer_add(w, false, &high, 1, 0, false), E_ARG);
    cr_expect_eq(dataset_writer_add(w, false, &low, 1, 0, false), E_ARG);
    cr_expect_eq(dataset_writer_add(w, false, &good, 0, 0, false), E_ARG);
    dataset_writer_close(w);
    cr_expect_eq(temporary_files(0), 0);
    cr_expect_eq(dataset_writer_open(&w, "/nowhere/at/all.h5", 4), E_IO);
    cr_expect(strstr(error_message(), "/nowhere/at/all.h5"));
    dataset_writer_close(w);
}

Test(dataset, reads_token_files_of_nanogpt)
{
    Dataset d;
    const uint16_t train[] = {5, 64, 0, 3}, val[] = {7, 2};
    file_put(in_temporary("train.bin"), train, sizeof train);
    cr_assert_eq(dataset_open(&d, in_temporary("train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.vocab_size, 65);
    cr_expect_eq(d.train.count, 4);
    cr_expect_eq(d.train.documents, 1);
    cr_expect_eq(d.train.offsets[1], 4);
    cr_expect_eq(d.val.count, 0);
    cr_expect_eq(d.val.documents, 0);
    cr_expect_null(d.tokenizer);
    cr_expect_eq(touch_all(&d), OK);
    dataset_close(&d);

    file_put(in_temporary("val.bin"), val, sizeof val);
    cr_assert_eq(dataset_open(&d, in_temporary("train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.val.count, 2);
    cr_expect_eq(split_token(&d.val, 0), 7);
    dataset_close(&d);

    file_put(in_temporary("train.bin"), train, sizeof train - 1);
    cr_assert_eq(dataset_open(&d, in_temporary("train.bin")), E_DATA);
    dataset_close(&d);
}

Test(dataset, reads_token_files_of_llmc)
{
    Dataset d;
    struct {
        int32_t header[256];
        uint16_t tokens[6];
    } file = {{20240520, 1, 6}, {50256, 11, 12, 13, 14, 15}};
    file_put(in_temporary("t_train.bin"), &file, sizeof file);
    cr_assert_eq(dataset_open(&d, in_temporary("t_train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.vocab_size, 50257);
    cr_expect_eq(d.train.count, 6);
    cr_expect_eq(split_token(&d.train, 1), 11);
    dataset_close(&d);

    file.header[2] = 4;
    file_put(in_temporary("t_val.bin"), &file, sizeof file - 4);
    cr_assert_eq(dataset_open(&d, in_temporary("t_train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.val.count, 4);
    dataset_close(&d);

    file_put(in_temporary("t_val.bin"), &file, sizeof file);
    cr_assert_eq(dataset_open(&d, in_temporary("t_train.bin")), E_DATA);
    cr_expect(strstr(error_message(), "t_val.bin"), "%s", error_message());
    dataset_close(&d);
    file.header[1] = 2;
    file_put(in_temporary("t_train.bin"), &file, sizeof file);
    cr_assert_eq(dataset_open(&d, in_temporary("t_train.bin")), E_DATA);
    dataset_close(&d);
}

static void is_series(const char *name, int64_t count, int first, int64_t vals)
{
    Dataset d;
    cr_assert_eq(dataset_open(&d, in_temporary(name)), OK, "%s", error_message());
    cr_expect_eq(d.train.count, count, "%s: %lld", name, (long long)d.train.count);
    cr_expect_eq(d.val.count, vals);
    cr_expect_eq(d.train.documents, 1);
    for (int64_t i = 0; i < count; i++) cr_expect_eq(split_token(&d.train, i), first + i);
    dataset_close(&d);
}

/* The first of a series means all of it, a pattern what it matches; another file itself. */
Test(dataset, reads_several_token_files)
{
    const uint16_t tokens[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    file_put(in_temporary("w_train_000001.bin"), tokens, 2 * sizeof *tokens);
    file_put(in_temporary("w_train_000002.bin"), tokens + 2, 3 * sizeof *tokens);
    file_put(in_temporary("w_train_000007.bin"), tokens + 5, 5 * sizeof *tokens);
    file_put(in_temporary("w_train_1.bin"), tokens, 2 * sizeof *tokens);
    file_put(in_temporary("w_val_000000.bin"), tokens, 4 * sizeof *tokens);
    is_series("w_train_000001.bin", 10, 0, 4);
    is_series("w_train_00000*.bin", 10, 0, 4);
    is_series("w_train_000002.bin", 3, 2, 4);
    is_series("w_train_00000[12].bin", 5, 0, 0);
    is_series("w_train_1.bin", 2, 0, 0);
    Dataset d;
    cr_assert_eq(dataset_open(&d, in_temporary("none_*.bin")), E_DATA);
    cr_expect(strstr(error_message(), "No such file"), "%s", error_message());
    dataset_close(&d);
}

Test(dataset, tells_uint32_tokens_apart)
{
    uint32_t wide[200];
    uint16_t narrow[400];
    for (uint32_t i = 0; i < 200; i++) wide[i] = i * 7919 % 100000;
    for (uint32_t i = 0; i < 400; i++) narrow[i] = (uint16_t)(i * 7919 % 50257);
    Dataset d;
    file_put(in_temporary("a_train.bin"), wide, sizeof wide);
    cr_assert_eq(dataset_open(&d, in_temporary("a_train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.train.token_size, 4);
    cr_expect_eq(d.train.count, 200);
    for (int i = 0; i < 200; i++) cr_expect_eq(split_token(&d.train, i), (int32_t)wide[i]);
    dataset_close(&d);
    file_put(in_temporary("b_train.bin"), narrow, sizeof narrow);
    cr_assert_eq(dataset_open(&d, in_temporary("b_train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.train.token_size, 2);
    dataset_close(&d);
    file_put(in_temporary("uint16_train.bin"), wide, sizeof wide);
    cr_assert_eq(dataset_open(&d, in_temporary("uint16_train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.train.count, 400);
    dataset_close(&d);
    file_put(in_temporary("uint32_train.bin"), narrow, 64);
    cr_assert_eq(dataset_open(&d, in_temporary("uint32_train.bin")), E_DATA);
    cr_expect(strstr(error_message(), "too large"), "%s", error_message());
    dataset_close(&d);
    struct {
        int32_t header[256];
        uint32_t tokens[3];
    } file = {{20240801, 7, 3}, {128000, 11, 12}};
    file_put(in_temporary("l_train.bin"), &file, sizeof file);
    cr_assert_eq(dataset_open(&d, in_temporary("l_train.bin")), OK, "%s", error_message());
    cr_expect_eq(d.vocab_size, 128001);
    cr_expect_eq(d.train.count, 3);
    dataset_close(&d);
}

Test(dataset, writing_needs_no_memory_for_the_text)
{
    enum { PIECE = 1 << 20, PIECES = 60 }; /* 120 MB */
    struct rusage before, after;
    DatasetWriter *w;
    int32_t *tokens = calloc(PIECE, sizeof *tokens);
    cr_assert_eq(dataset_writer_open(&w, in_temporary("d.h5"), 257), OK);
    getrusage(RUSAGE_SELF, &before);
    for (int i = 0; i < PIECES; i++)
        cr_assert_eq(dataset_writer_add(w, i == 3, tokens, PIECE, 0, false), OK);
    cr_assert_eq(dataset_writer_finish(w, text, sizeof text - 1), OK, "%s", error_message());
    getrusage(RUSAGE_SELF, &after);
    dataset_writer_close(w);
    free(tokens);
    cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 20 << 10, "grew by %ld kB",
                 after.ru_maxrss - before.ru_maxrss);
    cr_expect_eq(open_and_touch(in_temporary("d.h5")), OK, "%s", error_message());
}

Test(dataset, any_call_may_fail)
{
    int n = 0;
    file_put(in_temporary("d.h5"), "old", 3);
    for (;; n++) {
        long size;
        faulty_begin(n, ENOSPC);
        const Status status = write_some(in_temporary("d.h5"), 70000, 2000, true);
        faulty_end();
        if (!faulty_burnt) break;
        cr_assert_eq(temporary_files(0), 1, "call %d leaves a draft", n);
        unsigned char *now = file_bytes(in_temporary("d.h5"), &size);
        if (!faulty_settled) {
            cr_assert_eq(status, E_IO, "call %d", n);
            cr_assert(size == 3 && !memcmp(now, "old", 3), "call %d", n);
        } else {
            cr_assert_eq(open_and_touch(in_temporary("d.h5")), OK, "%s", error_message());
            file_put(in_temporary("d.h5"), "old", 3);
        }
        free(now);
    }
    cr_expect_gt(n, 20);
    cr_expect_eq(open_and_touch(in_temporary("d.h5")), OK, "%s", error_message());
}
