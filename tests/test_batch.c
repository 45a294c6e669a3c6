/* Batches: their windows depend only on (seed, batch index), and stay inside documents under
 * document_mask. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/batch.h"

typedef struct Fixture {
    Arena arena;
    Dataset dataset;
    DataConfig config;
    Batches batches;
    Batch batch;
} Fixture;

enum { VOCABULARY = 1000 };

/* Changes what should be token 7 at path. */
static void damage(const char *path)
{
    static char bytes[1 << 20];
    static const uint16_t tokens[] = {3, 4, 5, 6, 7};
    FILE *file = fopen(path, "r+");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    char *found = memmem(bytes, size, tokens, sizeof tokens);
    cr_assert_not_null(found);
    fseek(file, found - bytes + 8, SEEK_SET);
    cr_assert_eq(putc(8, file), 8);
    cr_assert_eq(fclose(file), 0);
}

/* A dataset whose train half has documents of these lengths (0 ends them); token i is i, but the
 * last of each document is 999. */
static void open_documents_of(Fixture *f, const int lengths[], void (*harm)(const char *path))
{
    char folder[] = "/tmp/test_batch.XXXXXX", path[64];
    int32_t next = 0;
    DatasetWriter *w;
    *f = (Fixture){0};
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/d.h5", folder);
    cr_assert_eq(dataset_writer_open(&w, path, VOCABULARY), OK, "%s", error_message());
    for (; *lengths; lengths++) {
        int32_t tokens[VOCABULARY];
        for (int i = 0; i < *lengths; i++) tokens[i] = next++;
        tokens[*lengths - 1] = 999;
        cr_assert_eq(dataset_writer_add(w, false, tokens, *lengths, 0, false), OK);
    }
    cr_assert_eq(dataset_writer_finish(w, "{\"type\":\"byte\"}", 15), OK, "%s", error_message());
    dataset_writer_close(w);
    if (harm) harm(path);
    cr_assert_eq(dataset_open(&f->dataset, path), OK, "%s", error_message());
    unlink(path);
    rmdir(folder);
}

static void open_documents(Fixture *f, const int lengths[])
{
    open_documents_of(f, lengths, NULL);
}

static void open_batches(Fixture *f, PackingKind packing, DataOrder order, bool mask,
                         int64_t context, int64_t sequences, uint64_t seed)
{
    f->config.packing = packing;
    f->config.order = order;
    f->config.document_mask = mask;
    cr_assert_eq(batches_open(&f->batches, &f->dataset, &f->dataset.train, &f->config, context,
                              sequences, seed),
                 OK, "%s", error_message());
    cr_assert_eq(batch_alloc(&f->batch, &f->arena, sequences, context), OK);
}

static void fill(Fixture *f, int64_t batch_index)
{
    cr_assert_eq(batches_fill(&f->batches, batch_index, &f->batch), OK, "%s", error_message());
}

static void shut(Fixture *f)
{
    dataset_close(&f->dataset);
    arena_free(&f->arena);
}

/* Sequence s is the plain window from token p. */
static void is_window(const Fixture *f, int64_t s, int64_t p)
{
    const Batch *b = &f->batch;
    const Split *split = &f->dataset.train;
    for (int64_t i = 0; i < b->context; i++) {
        cr_assert_eq(b->inputs[s * b->context + i], split_token(split, p + i));
        cr_assert_eq(b->targets[s * b->context + i], split_token(split, p + i + 1));
        cr_assert_eq(b->positions[s * b->context + i], i);
    }
    cr_assert_eq(b->segment_index[s], s);
    cr_assert_eq(b->segment_index[s + 1], s + 1);
    cr_assert_eq(b->segment_starts[s], s * b->context);
    cr_assert_eq(b->segment_starts[s + 1], (s + 1) * b->context);
}

Test(batch, sequential_is_the_formula)
{
    static const PackingKind packings[] = {PACKING_none, PACKING_concat};
    for (int k = 0; k < 2; k++) {
        Fixture f;
        open_documents(&f, (int[]){40, 33, 29, 0});
        open_batches(&f, packings[k], ORDER_sequential, false, 8, 5, 7);
        const int64_t windows = (102 - 1) / 8;
        cr_assert_eq(f.batches.windows, windows);
        for (int64_t batch_index = 1; batch_index < 20; batch_index++) {
            fill(&f, batch_index);
            for (int64_t j = 0; j < 5; j++)
                is_window(&f, j, ((batch_index - 1) * 5 + j) % windows * 8);
            cr_assert_eq(f.batch.loss_tokens, 40);
        }
        shut(&f);
    }
}

/* Where plain sequence s begins: all tokens but 999 say it. */
static int64_t start_of(const Batch *b, int64_t s)
{
    const int32_t *in = b->inputs + s * b->context;
    return in[0] != 999 ? in[0] : in[1] - 1;
}

Test(batch, none_picks_every_offset_alike)
{
    Fixture f;
    int64_t seen[22 - 8] = {0};
    open_documents(&f, (int[]){22, 0});
    open_batches(&f, PACKING_none, ORDER_shuffled, false, 8, 4, 3);
    for (int64_t batch_index = 1; batch_index <= 3500; batch_index++) {
        fill(&f, batch_index);
        for (int64_t s = 0; s < 4; s++) {
            is_window(&f, s, start_of(&f.batch, s));
            seen[start_of(&f.batch, s)]++;
        }
    }
    /* 14 places, 1000 times each; standard deviation 30.5 */
    for (int i = 0; i < 14; i++)
        cr_assert(seen[i] > 850 && seen[i] < 1150, "%lld", (long long)seen[i]);
    shut(&f);
}

Test(batch, concat_reads_each_window_once_an_epoch)
{
    static const int sizes[] = {17, 25, 33, 130, 519};
    for (int k = 0; k < 5; k++) {
        Fixture f;
        open_documents(&f, (int[]){sizes[k], 0});
        open_batches(&f, PACKING_concat, ORDER_shuffled, false, 8, 3, 5);
        const int64_t windows = f.batches.windows, batches = 4 * windows; /* 12 epochs */
        int64_t order[12 * 64], moved = 0;
        for (int64_t batch_index = 1; batch_index <= batches; batch_index++) {
            fill(&f, batch_index);
            for (int64_t s = 0; s < 3; s++) {
                int64_t p = start_of(&f.batch, s);
                cr_assert_eq(p % 8, 0);
                is_window(&f, s, p);
                order[(batch_index - 1) * 3 + s] = p / 8;
            }
        }
        for (int64_t epoch = 0; epoch < 12; epoch++) {
            bool seen[64] = {false};
            for (int64_t i = 0; i < windows; i++) {
                int64_t window = order[epoch * windows + i];
                cr_assert(window < windows && !seen[window]);
                seen[window] = true;
                moved += window != order[i]; /* not as in the first epoch */
            }
        }
        cr_assert_gt(moved, windows == 2 ? 0 : 5 * windows, "%lld", (long long)moved);
        shut(&f);
    }
}

/* Draws in another order, and by another seed. */
Test(batch, is_a_function_of_seed_and_index)
{
    static const PackingKind packings[] = {PACKING_none, PACKING_concat};
    for (int k = 0; k < 2; k++) {
        Fixture f;
        int32_t first[20][32];
        int same = 0;
        open_documents(&f, (int[]){500, 30, 400, 0});
        open_batches(&f, packings[k], ORDER_shuffled, true, 16, 2, 11);
        for (int batch_index = 1; batch_index <= 20; batch_index++) {
            fill(&f, batch_index);
            memcpy(first[batch_index - 1], f.batch.inputs, sizeof first[0]);
        }
        for (int batch_index = 20; batch_index > 0; batch_index -= 3) {
            fill(&f, batch_index);
            cr_assert_arr_eq(first[batch_index - 1], f.batch.inputs, sizeof first[0]);
        }
        open_batches(&f, packings[k], ORDER_shuffled, true, 16, 2, 12);
        for (int batch_index = 1; batch_index <= 20; batch_index++) {
            fill(&f, batch_index);
            same += !memcmp(first[batch_index - 1], f.batch.inputs, sizeof first[0]);
        }
        cr_assert_lt(same, 3);
        shut(&f);
    }
}

Test(batch, mask_keeps_to_documents)
{
    Fixture f;
    open_documents(&f, (int[]){3, 1, 6, 8, 40, 0});
    open_batches(&f, PACKING_none, ORDER_sequential, true, 8, 3, 1);
    fill(&f, 1);
    const Batch *b = &f.batch;
    /* tokens 0-2 | 3 | 4-9 | 10-17 | 18-57; windows begin at 0, 8, 16 */
    static const int32_t index[] = {0, 3, 5, 7}, starts[] = {0, 3, 4, 8, 10, 16, 18, 24};
    static const int32_t positions[] = {0, 1, 2, 0, 0, 1, 2, 3, 0, 1, 0, 1,
                                        2, 3, 4, 5, 0, 1, 0, 1, 2, 3, 4, 5};
    static const int32_t inputs[] = {0,  1,  999, 999, 4,  5,   6,  7,  8,  999, 10, 11,
                                     12, 13, 14,  15,  16, 999, 18, 19, 20, 21,  22, 23};
    static const int32_t targets[] = {1,  999, -1, -1, 5,   6,  7,  8,  999, -1, 11, 12,
                                      13, 14,  15, 16, 999, -1, 19, 20, 21,  22, 23, 24};
    cr_assert_arr_eq(b->segment_index, index, sizeof index);
    cr_assert_arr_eq(b->segment_starts, starts, sizeof starts);
    cr_assert_arr_eq(b->positions, positions, sizeof positions);
    cr_assert_arr_eq(b->inputs, inputs, sizeof inputs);
    cr_assert_arr_eq(b->targets, targets, sizeof targets);
    cr_assert_eq(b->loss_tokens, 20);
    shut(&f);
}

/* Every token but the first is a target once; under the mask, but the first of each document. */
Test(batch, evaluation_reads_all_once)
{
    static const int lengths[] = {3, 1, 6, 8, 40, 13, 0};
    for (int mask = 0; mask < 2; mask++)
        for (int64_t context = 4; context < 71; context++) {
            Fixture f;
            int64_t sum = 0, inputs = 0;
            bool seen[71] = {false};
            open_documents(&f, lengths);
            open_batches(&f, PACKING_concat, ORDER_shuffled, mask, context, 2, 1);
            const int64_t windows = (70 + context - 1) / context;
            cr_assert_eq(batches_eval_count(&f.batches), (windows + 1) / 2);
            for (int64_t i = 0; i < batches_eval_count(&f.batches); i++) {
                const Batch *b = &f.batch;
                cr_assert_eq(batches_eval(&f.batches, i, &f.batch), OK, "%s", error_message());
                sum += b->loss_tokens;
                for (int64_t row = 0; row < 2 * context; row++) {
                    cr_assert_geq(b->positions[row], 0);
                    cr_assert_lt(b->positions[row], context);
                    if (b->targets[row] < 0) continue;
                    inputs++;
                    if (b->targets[row] == 999) continue;
                    cr_assert_not(seen[b->targets[row]]);
                    seen[b->targets[row]] = true;
                }
                cr_assert_eq(b->segment_starts[b->segment_index[2]], 2 * context);
            }
            cr_assert_eq(sum, mask ? 71 - 6 : 70);
            cr_assert_eq(inputs, sum);
            shut(&f);
        }
}

Test(batch, bytes_of_targets)
{
    Fixture f;
    Tokenizer *t;
    static const uint32_t points[] = {'a', 0xE9, 0x20AC};
    open_documents(&f, (int[]){20, 0});
    open_batches(&f, PACKING_none, ORDER_sequential, false, 6, 1, 1);
    static const int32_t targets[] = {0, 1, 2, 3, -1, 2}; /* 1 + 2 + 3 + end-of-text + none + 3 */
    memcpy(f.batch.targets, targets, sizeof targets);
    cr_assert_eq(tokenizer_char(&f.arena, points, 3, &t), OK);
    cr_assert_eq(batch_target_bytes(&f.batch, t), 9);
    shut(&f);
}

Test(batch, too_short_says_both_lengths)
{
    Fixture f;
    open_documents(&f, (int[]){8, 0});
    f.config.packing = PACKING_none;
    f.config.order = ORDER_shuffled;
    cr_assert_eq(batches_open(&f.batches, &f.dataset, &f.dataset.train, &f.config, 7, 1, 1), OK);
    cr_assert_eq(f.batches.windows, 1);
    cr_assert_eq(batches_open(&f.batches, &f.dataset, &f.dataset.train, &f.config, 8, 1, 1),
                 E_CONFIG);
    cr_assert(strstr(error_message(), "needs 9 consecutive tokens") &&
                  strstr(error_message(), "only 8"),
              "%s", error_message());
    cr_assert_eq(batches_open(&f.batches, &f.dataset, &f.dataset.val, &f.config, 8, 1, 1),
                 E_CONFIG);
    cr_assert_eq(batch_alloc(&f.batch, &f.arena, 1 << 16, 1 << 15), E_CONFIG);
    shut(&f);
}

Test(batch, damage_is_found_at_first_touch)
{
    Fixture f;
    open_documents_of(&f, (int[]){40, 0}, damage);
    open_batches(&f, PACKING_none, ORDER_sequential, false, 8, 2, 1);
    cr_assert_eq(batches_fill(&f.batches, 1, &f.batch), E_DATA);
    cr_assert(strstr(error_message(), "damaged"), "%s", error_message());
    cr_assert_eq(batches_eval(&f.batches, 0, &f.batch), E_DATA);
    shut(&f);
}

Test(batch, tokens_are_below_the_vocabulary)
{
    char path[] = "/tmp/test_batch.XXXXXX";
    DatasetWriter *w;
    int fd = mkstemp(path);
    cr_assert_eq(dataset_writer_open(&w, path, 10), OK);
    cr_assert_eq(dataset_writer_add(w, false, (int32_t[]){9, 10}, 2, 0, false), E_ARG);
    cr_assert(strstr(error_message(), "token 10 is not below vocab_size 10"), "%s",
              error_message());
    dataset_writer_close(w);
    close(fd);
    unlink(path);
}
