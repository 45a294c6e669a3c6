/* Evaluation: the whole split, each target once, however it is cut into batches. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/tokenizer.h"
#include "train/run/evaluate.h"

enum { COUNT = 203, CONTEXT = 16 }; /* tokens of the split: 12 windows and a part of one */

static char folder[] = "/tmp/capstan-evaluate-XXXXXX";
static char path[64];

static int32_t token_at(int i)
{
    return i % 29 == 28 ? 256 : (i * i + 7) % 256;
}

static void write_dataset(void)
{
    static Arena arena;
    Tokenizer *byte;
    DatasetWriter *w;
    int32_t tokens[COUNT], *at = tokens;
    int64_t size;
    cr_assert_neq(mkdtemp(folder), NULL);
    snprintf(path, sizeof path, "%s/d.h5", folder);
    for (int i = 0; i < COUNT; i++) tokens[i] = i == COUNT - 1 ? 256 : token_at(i);
    cr_assert_eq(tokenizer_byte(&arena, &byte), OK);
    const char *text = tokenizer_text(byte, &size);
    cr_assert_eq(dataset_writer_open(&w, path, 257), OK, "%s", error_message());
    for (int i = 0; i < COUNT; i++)
        if (tokens[i] == 256) {
            const int64_t length = tokens + i + 1 - at;
            cr_assert_eq(dataset_writer_add(w, true, at, length, 0, false), OK);
            cr_assert_eq(dataset_writer_add(w, false, at, length, 0, false), OK);
            at = tokens + i + 1;
        }
    cr_assert_eq(dataset_writer_finish(w, text, size), OK, "%s", error_message());
    dataset_writer_close(w);
}

static void remove_dataset(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(evaluate, .init = write_dataset, .fini = remove_dataset);

static Evaluation run_as(int count, const char *const overrides[], const EvaluateOptions *o)
{
    static Config c;
    Params params = {0};
    Gpt model;
    Dataset d;
    Evaluation e;
    const char *all[16] = {"model.layers=1", "model.width=32", "model.context=16"};
    for (int i = 0; i < count; i++) all[3 + i] = overrides[i];
    cr_assert_eq(config_load(&c, NULL, 3 + count, all), OK, "%s", error_message());
    cr_assert_eq(dataset_open(&d, path), OK, "%s", error_message());
    gpt_init(&model, &params, &c.model, d.vocab_size, 1);
    cr_assert_eq(params_alloc(&params, false), OK);
    params_init(&params, 1);
    cr_assert_eq(evaluate(&model, &params, &c, &d, &d.val, o, &e), OK, "%s", error_message());
    dataset_close(&d);
    params_free(&params);
    return e;
}

static Evaluation run(int count, const char *const overrides[])
{
    return run_as(count, overrides, &(EvaluateOptions){0});
}

Test(evaluate, reads_each_target_once)
{
    Evaluation e = run(0, NULL);
    int64_t ends = 0;
    for (int i = 1; i < COUNT; i++) ends += i == COUNT - 1 || token_at(i) == 256;
    cr_expect_eq(e.tokens, COUNT - 1);
    cr_expect_eq(e.bytes, COUNT - 1 - ends, "end-of-text stands for no byte");
    cr_expect_float_eq(e.loss, log(257), 0.1);
    cr_expect_float_eq(e.perplexity, exp(e.loss), 1e-9);
    cr_expect_float_eq(e.bits_per_byte, e.loss * (double)e.tokens / log(2) / (double)e.bytes, 1e-9);
}

Test(evaluate, does_not_depend_on_the_batch)
{
    static const char *const batches[] = {"train.batch=1", "train.batch=5", "train.batch=64"};
    const Evaluation e = run(0, NULL);
    for (int i = 0; i < 3; i++) {
        const Evaluation other = run(1, &batches[i]);
        cr_expect_eq(other.tokens, e.tokens, "%s", batches[i]);
        cr_expect_eq(other.bytes, e.bytes, "%s", batches[i]);
        cr_expect_float_eq(other.loss, e.loss, 1e-6, "%s", batches[i]);
    }
}

Test(evaluate, knows_documents)
{
    static const char *const masked[] = {"data.document_mask=true"};
    const Evaluation e = run(1, masked);
    int64_t crossings = 0;
    for (int i = 0; i < COUNT - 1; i++) crossings += token_at(i) == 256;
    cr_expect_eq(e.tokens, COUNT - 1 - crossings, "none that follows an end-of-text");
}

/* Documents of 29 tokens, the last of 29 or less; packed, each token is a target. */
Test(evaluate, by_position_and_by_document)
{
    static const char *const packed[] = {"data.packing=best_fit", "data.document_mask=true",
                                         "model.context=32", "train.batch=3"};
    static const char *const cut[] = {"data.packing=optimal", "data.document_mask=true",
                                      "model.context=8", "train.batch=3"};
    static const char *const stream[] = {"data.packing=concat"};
    static const char *const *const settings[] = {packed, cut, stream};
    for (int k = 0; k < 3; k++) {
        PositionLoss positions[POSITION_BINS];
        DocumentLoss documents[COUNT / 29 + 1] = {
            {0}}; /* the last one is not there if 29 divides COUNT */
        const Evaluation e =
            run_as(k < 2 ? 4 : 1, settings[k],
                   &(EvaluateOptions){.positions = positions, .documents = documents});
        double by_position = 0, by_document = 0;
        cr_assert_eq(e.tokens, k < 2 ? COUNT : COUNT - 1);
        for (int i = 0; i < POSITION_BINS; i++) {
            int64_t expected = 0;
            for (int token = k < 2 ? 0 : 1; token < COUNT; token++) expected += token % 29 == i;
            cr_assert_eq(positions[i].tokens, expected, "%d", i);
            by_position += positions[i].sum;
        }
        for (int i = 0; i <= COUNT / 29; i++) {
            cr_assert_eq(documents[i].tokens, (i < COUNT / 29 ? 29 : COUNT % 29) - (k == 2 && !i));
            by_document += documents[i].sum;
        }
        cr_assert_float_eq(by_position, e.loss * (double)e.tokens, 1e-4);
        cr_assert_float_eq(by_document, e.loss * (double)e.tokens, 1e-4);
    }
}

/* Windows at multiples of the stride: each target once, with the context it should have. */
Test(evaluate, strides)
{
    static const char *const masked[] = {"data.document_mask=true"};
    static real plain[COUNT], strided[COUNT];
    const Evaluation e = run_as(0, NULL, &(EvaluateOptions){.tokens = plain}),
                     same = run_as(0, NULL, &(EvaluateOptions){.stride = CONTEXT});
    cr_expect_eq(same.loss, e.loss, "a stride of the context is windows side by side");
    cr_expect(isnan(plain[0]) && !isnan(plain[1]) && !isnan(plain[COUNT - 1]));
    double sum = 0;
    for (int i = 1; i < COUNT; i++) sum += (double)plain[i];
    cr_expect_float_eq(sum, e.loss * (double)e.tokens, 1e-3);
    for (int64_t stride = 1; stride <= CONTEXT; stride++) {
        const Evaluation s =
            run_as(0, NULL, &(EvaluateOptions){.stride = stride, .tokens = strided});
        cr_expect_eq(s.tokens, COUNT - 1, "%d", (int)stride);
        cr_expect_eq(s.bytes, e.bytes, "%d", (int)stride);
        /* The first window is the same; and so is each token that has as many before it. */
        for (int64_t i = 1; i < COUNT; i++) {
            const int64_t windows = i <= CONTEXT ? 0 : (i - CONTEXT + stride - 1) / stride;
            if ((windows * stride) % CONTEXT == 0 && i > windows * stride)
                cr_expect_float_eq((double)strided[i], (double)plain[i], 1e-5, "%d: %d",
                                   (int)stride, (int)i);
        }
        cr_expect_eq(run_as(1, masked, &(EvaluateOptions){.stride = stride}).tokens,
                     run(1, masked).tokens);
    }
}

Test(evaluate, positions_are_a_partition)
{
    PositionLoss positions[POSITION_BINS];
    run_as(0, NULL, &(EvaluateOptions){.positions = positions});
    cr_assert_eq(positions[0].from, 0);
    for (int i = 0; i + 1 < POSITION_BINS; i++) {
        cr_assert_eq(positions[i].to, positions[i + 1].from);
        cr_assert_gt(positions[i].to, positions[i].from);
    }
    cr_assert_eq(positions[POSITION_BINS - 1].to, INT64_MAX);
}

/* Whatever the packing, the same documents alone have the same loss. */
Test(evaluate, packing_does_not_change_the_loss)
{
    static const char *const alone[] = {"data.packing=greedy", "data.document_mask=true",
                                        "model.context=64", "data.pack_depth=1"};
    static const char *const packings[] = {"data.packing=greedy", "data.packing=best_fit",
                                           "data.packing=spfhp", "data.packing=optimal"};
    const Evaluation e = run(4, alone);
    for (int k = 0; k < 4; k++) {
        const Evaluation other =
            run(3,
                (const char *const[]){packings[k], "data.document_mask=true", "model.context=64"});
        cr_expect_eq(other.tokens, COUNT);
        cr_expect_eq(other.bytes, e.bytes);
        cr_expect_float_eq(other.loss, e.loss, 1e-6 * e.loss, "%s", packings[k]);
    }
}

Test(evaluate, stops_on_request)
{
    static Config c;
    Params params = {0};
    Gpt model;
    Dataset d;
    Evaluation e;
    volatile sig_atomic_t stop = 1;
    cr_assert_eq(config_load(&c, NULL, 1, (const char *const[]){"model.context=16"}), OK);
    cr_assert_eq(dataset_open(&d, path), OK);
    gpt_init(&model, &params, &c.model, d.vocab_size, 1);
    cr_assert_eq(params_alloc(&params, false), OK);
    cr_expect_eq(evaluate(&model, &params, &c, &d, &d.val, &(EvaluateOptions){.stop = &stop}, &e),
                 E_INTERRUPTED);
    dataset_close(&d);
    params_free(&params);
}
