/* Packed batches: rows as documented in data/batch.h, each token of the split once per epoch. */
#include "data/batch.h"
#include "tests/written.h"

typedef struct Fixture {
    Arena arena;
    Dataset dataset;
    DataConfig config;
    Batches batches;
    Batch batch;
} Fixture;

TestSuite(packed, .init = temporary_open, .fini = temporary_close);

/* context and sequences; packing is sequential best_fit with the mask and causal unless told
 * otherwise. */
static void begin(Fixture *f, const Written *w)
{
    *f = (Fixture){.config = {.packing = PACKING_best_fit,
                              .order = ORDER_sequential,
                              .document_mask = true,
                              .objective = OBJECTIVE_causal,
                              .prefix_attention = PREFIX_ATTENTION_bidirectional,
                              .prefix_split = PREFIX_SPLIT_given,
                              .loss_weights = LOSS_WEIGHTS_token}};
    written(w, "d.h5");
    MUST(dataset_open(&f->dataset, in_temporary("d.h5")));
}

static void start(Fixture *f, int64_t context, int64_t sequences)
{
    MUST(batches_open(&f->batches, &f->dataset, &f->dataset.train, &f->config, context, sequences,
                      7));
    MUST(batch_alloc(&f->batch, &f->arena, sequences, context));
}

static void end(Fixture *f)
{
    batches_close(&f->batches);
    dataset_close(&f->dataset);
    arena_free(&f->arena);
}

static int32_t token(const Fixture *f, int64_t document, int64_t i)
{
    const Split *s = &f->dataset.train;
    return split_token(s, (int64_t)s->offsets[document] + i);
}

/* The rows of a document (or of its tokens from `from` on) from `row` on, of `length` tokens,
 * `prompt` of them without loss, with the keys and positions of a segment of its own. */
static void is_document(const Fixture *f, int64_t row, int64_t document, int64_t from,
                        int64_t length, int64_t prompt)
{
    const Batch *b = &f->batch;
    const bool both = prompt && f->config.prefix_attention == PREFIX_ATTENTION_bidirectional;
    for (int64_t i = 0; i < length; i++, row++) {
        const int64_t past = both && i <= prompt ? prompt + 1 : i + 1;
        cr_assert_eq(b->inputs[row],
                     i + from ? token(f, document, from + i - 1) : (int32_t)WRITTEN_END);
        cr_assert_eq(b->targets[row], i < prompt ? -1 : token(f, document, from + i));
        cr_assert_eq(b->origins[row],
                     i < prompt ? -1 : (int64_t)f->dataset.train.offsets[document] + from + i);
        cr_assert_eq(b->positions[row], i);
        cr_assert_eq(b->first[row], 0);
        cr_assert_eq(b->end[row], past < length ? past : length, "row %lld", (long long)row);
    }
}

static void is_empty(const Batch *b, int64_t row, int64_t end)
{
    for (; row < end; row++) {
        cr_assert_eq(b->targets[row], -1);
        cr_assert_eq(b->origins[row], -1);
        cr_assert(b->first[row] >= b->end[row]);
        cr_assert(b->inputs[row] >= 0 && b->inputs[row] <= WRITTEN_END);
        cr_assert(b->positions[row] >= 0 && b->positions[row] < b->context);
    }
}

Test(packed, rows_of_documents)
{
    Fixture f;
    begin(&f, (Written[]){{3, 0}, {6, 0}, {1, 0}, {8, 0}, {19, 0}, {0, 0}});
    start(&f, 8, 6);
    MUST(batches_fill(&f.batches, 1, &f.batch));
    const Batch *b = &f.batch;
    /* 3 1 3 of 19 | 6 | 8 | 8 of 19 | 8 of 19, ordered by what comes first in the file */
    cr_assert_eq(f.batches.windows, 5);
    static const int32_t index[] = {0, 4, 6, 7, 8, 9, 13};
    static const int32_t starts[] = {0, 3, 4, 7, 8, 14, 16, 24, 32, 40, 43, 44, 47, 48};
    cr_assert_arr_eq(b->segment_index, index, sizeof index);
    cr_assert_arr_eq(b->segment_starts, starts, sizeof starts);
    is_document(&f, 0, 0, 0, 3, 0);
    is_document(&f, 3, 2, 0, 1, 0); /* nothing but end-of-text */
    is_document(&f, 4, 4, 16, 3, 0);
    is_empty(b, 7, 8);
    is_document(&f, 8, 1, 0, 6, 0);
    is_empty(b, 14, 16);
    is_document(&f, 16, 3, 0, 8, 0);
    is_document(&f, 24, 4, 0, 8, 0);
    is_document(&f, 32, 4, 8, 8, 0);
    is_document(&f, 40, 0, 0, 3, 0); /* the next epoch */
    cr_assert_eq(b->loss_tokens, 37 + 7);
    end(&f);
}

Test(packed, without_the_mask_a_pack_is_one_segment)
{
    Fixture f;
    begin(&f, (Written[]){{3, 1}, {4, 2}, {0, 0}});
    f.config.document_mask = false;
    f.config.objective = OBJECTIVE_prefix;
    start(&f, 8, 1);
    MUST(batches_fill(&f.batches, 1, &f.batch));
    const Batch *b = &f.batch;
    static const int32_t ends[] = {2, 2, 3, 6, 6, 6, 7, 0};
    cr_assert_eq(b->segment_index[1], 2);
    cr_assert_eq(b->segment_starts[1], 7);
    for (int i = 0; i < 7; i++) {
        cr_assert_eq(b->positions[i], i);
        cr_assert_eq(b->first[i], 0);
    }
    cr_assert_arr_eq(b->end, ends, sizeof ends);
    end(&f);
}

/* T5X's make_decoder_mask: two documents of three tokens, the first two of each the prefix. */
Test(packed, prefix_mask_is_t5x)
{
    static const char *const mask[] = {"1100000", "1100000", "1110000", "0001100",
                                       "0001100", "0001110", "0000000"};
    Fixture f;
    begin(&f, (Written[]){{3, 1}, {3, 1}, {0, 0}});
    f.config.objective = OBJECTIVE_prefix;
    start(&f, 7, 1);
    MUST(batches_fill(&f.batches, 1, &f.batch));
    const Batch *b = &f.batch;
    for (int32_t s = 0; s < b->segment_index[1]; s++)
        for (int32_t i = b->segment_starts[s]; i < b->segment_starts[s + 1]; i++) {
            char row[] = "0000000";
            for (int32_t k = b->first[i]; k < b->end[i]; k++) row[b->segment_starts[s] + k] = '1';
            cr_assert_str_eq(row, mask[i], "row %d", i);
        }
    end(&f);
}

/* Also longer than a chunk of the document, and as long as all of it. */
Test(packed, prompts_of_every_length)
{
    for (int causal = 0; causal < 2; causal++)
        for (int prompt = 0; prompt <= 21; prompt++) {
            Fixture f;
            begin(&f, (Written[]){{21, prompt}, {0, 0}});
            f.config.objective = OBJECTIVE_prefix;
            f.config.prefix_attention =
                causal ? PREFIX_ATTENTION_causal : PREFIX_ATTENTION_bidirectional;
            start(&f, 8, 3);
            MUST(batches_fill(&f.batches, 1, &f.batch));
            for (int piece = 0; piece < 3; piece++) {
                const int length = piece < 2 ? 8 : 5, left = prompt - 8 * piece;
                is_document(&f, 8 * piece, 0, 8 * piece, length,
                            left < 0        ? 0
                            : left < length ? left
                                            : length);
            }
            is_empty(&f.batch, 21, 24);
            cr_assert_eq(f.batch.loss_tokens, 21 - prompt);
            end(&f);
        }
}

Test(packed, no_prompt_is_causal)
{
    Fixture f, g;
    begin(&f, (Written[]){{3, 0}, {7, 0}, {12, 0}, {2, 0}, {0, 0}});
    begin(&g, (Written[]){{3, 0}, {7, 0}, {12, 0}, {2, 0}, {0, 0}});
    f.config.objective = OBJECTIVE_prefix;
    start(&f, 9, 3);
    start(&g, 9, 3);
    MUST(batches_fill(&f.batches, 1, &f.batch));
    MUST(batches_fill(&g.batches, 1, &g.batch));
    cr_assert_arr_eq(f.batch.inputs, g.batch.inputs, 27 * sizeof(int32_t));
    cr_assert_arr_eq(f.batch.targets, g.batch.targets, 27 * sizeof(int32_t));
    cr_assert_arr_eq(f.batch.first, g.batch.first, 27 * sizeof(int32_t));
    cr_assert_arr_eq(f.batch.end, g.batch.end, 27 * sizeof(int32_t));
    end(&f);
    end(&g);
}

/* Where the prompt of the only document in sequence s ends, by its losses; checks the mask too. */
static int64_t prompt_of(const Fixture *f, int64_t s)
{
    const Batch *b = &f->batch;
    int64_t prompt = 0;
    while (b->targets[s * b->context + prompt] < 0) prompt++;
    is_document(f, s * b->context, s, 0, 6, prompt);
    return prompt;
}

Test(packed, random_prompts_are_anew_each_epoch)
{
    Fixture f;
    int count[7] = {0}, changed = 0, last[2] = {0};
    begin(&f, (Written[]){{6, 0}, {6, 3}, {1, 0}, {0, 0}});
    f.config.objective = OBJECTIVE_prefix;
    f.config.prefix_split = PREFIX_SPLIT_random;
    start(&f, 6, 3);
    for (int64_t epoch = 0; epoch < 1000; epoch++) {
        MUST(batches_fill(&f.batches, epoch + 1, &f.batch));
        for (int64_t s = 0; s < 2; s++) {
            const int prompt = (int)prompt_of(&f, s);
            count[prompt]++;
            changed += prompt != last[s];
            last[s] = prompt;
        }
        is_document(&f, 12, 2, 0, 1, 0);
    }
    /* 2000 draws of 1 to 5; standard deviation 18 */
    for (int i = 1; i < 6; i++) cr_assert(count[i] > 320 && count[i] < 480, "%d", count[i]);
    cr_assert(changed > 1450 && changed < 1750, "%d", changed);
    MUST(batches_fill(&f.batches, 5, &f.batch));
    const int64_t before = prompt_of(&f, 1);
    MUST(batches_fill(&f.batches, 900, &f.batch));
    MUST(batches_fill(&f.batches, 5, &f.batch));
    cr_assert_eq(prompt_of(&f, 1), before);
    end(&f);
}

static const Written some[] = {{3, 1}, {9, 4}, {1, 0},  {8, 8}, {30, 11}, {2, 1}, {16, 0}, {17, 16},
                               {5, 2}, {1, 1}, {15, 7}, {4, 0}, {33, 2},  {6, 3}, {7, 6},  {0, 0}};

static void add_origins(const Batch *b, int *seen)
{
    int64_t count = 0;
    for (int64_t i = 0; i < b->sequences * b->context; i++)
        if (b->origins[i] >= 0) {
            seen[b->origins[i]]++;
            count++;
        }
    cr_assert_eq(count, b->loss_tokens);
}

/* What has a loss, by the documents. */
static void each_is_seen(const Fixture *f, const int *seen, int times)
{
    const Split *s = &f->dataset.train;
    const bool prompts = f->config.objective == OBJECTIVE_prefix;
    for (int64_t k = 0; k < s->documents; k++)
        for (int64_t i = (int64_t)s->offsets[k]; i < (int64_t)s->offsets[k + 1]; i++)
            cr_assert_eq(seen[i], prompts && i - (int64_t)s->offsets[k] < (int64_t)s->prefixes[k]
                                      ? 0
                                      : times);
}

Test(packed, an_epoch_and_evaluation_have_each_token_once)
{
    static const PackingKind packings[] = {PACKING_greedy, PACKING_best_fit, PACKING_spfhp,
                                           PACKING_optimal};
    for (int k = 0; k < 32; k++) {
        Fixture f;
        int seen[200] = {0}, evaluated[200] = {0}, moved = 0;
        int64_t order[64];
        begin(&f, some);
        f.config.packing = packings[k % 4];
        if (k & 4) f.config.objective = OBJECTIVE_prefix;
        if (k & 8) f.config.document_mask = false;
        if (k & 16) f.config.order = ORDER_shuffled;
        start(&f, 16, 1);
        const int64_t packs = f.batches.windows;
        for (int64_t batch_index = 1; batch_index <= 3 * packs; batch_index++) {
            MUST(batches_fill(&f.batches, batch_index, &f.batch));
            add_origins(&f.batch, seen);
            const int64_t first = f.batch.inputs[1] * 1000 + f.batch.inputs[2];
            if (batch_index <= packs) order[batch_index - 1] = first;
            if (batch_index > packs) moved += order[(batch_index - 1) % packs] != first;
            if (batch_index % packs == 0) each_is_seen(&f, seen, (int)(batch_index / packs));
        }
        cr_assert(k & 16 ? moved > packs / 2 : !moved, "%d of %d", moved, (int)packs);
        for (int64_t i = 0; i < batches_eval_count(&f.batches); i++) {
            MUST(batches_eval(&f.batches, i, &f.batch));
            add_origins(&f.batch, evaluated);
        }
        each_is_seen(&f, evaluated, 1);
        end(&f);
    }
}

Test(packed, evaluation_ends_in_empty_sequences)
{
    Fixture f;
    begin(&f, (Written[]){{8, 0}, {8, 0}, {8, 0}, {0, 0}});
    start(&f, 8, 5);
    cr_assert_eq(batches_eval_count(&f.batches), 1);
    MUST(batches_eval(&f.batches, 0, &f.batch));
    cr_assert_eq(f.batch.loss_tokens, 24);
    cr_assert_eq(f.batch.segment_starts[f.batch.segment_index[5]], 40);
    is_empty(&f.batch, 24, 40);
    end(&f);
}

Test(packed, pack_depth_limits_documents)
{
    Fixture f;
    begin(&f, some);
    f.config.pack_depth = 1;
    start(&f, 64, 15);
    cr_assert_eq(f.batches.windows, 15);
    MUST(batches_fill(&f.batches, 1, &f.batch));
    for (int k = 0; k < 15; k++) is_document(&f, 64 * k, k, 0, some[k].length, 0);
    end(&f);
}

/* A document's weights add up to 1, if it has a loss at all. */
Test(packed, weights_of_documents)
{
    for (int concat = 0; concat < 2; concat++) {
        Fixture f;
        int losses = 0;
        double weights = 0;
        begin(&f, (Written[]){{3, 1}, {5, 5}, {8, 0}, {0, 0}});
        f.config.loss_weights = LOSS_WEIGHTS_document;
        if (concat) f.config.packing = PACKING_concat;
        if (!concat) f.config.objective = OBJECTIVE_prefix;
        start(&f, 8, 2);
        MUST(batches_fill(&f.batches, 1, &f.batch));
        cr_assert(f.batch.has_weights);
        for (int i = 0; i < 16; i++) {
            if (f.batch.targets[i] < 0) continue;
            losses++;
            weights += (double)f.batch.weights[i];
            if (!concat)
                cr_assert_float_eq(f.batch.weights[i], f.batch.origins[i] < 8 ? 0.5 : 0.125, 1e-7);
        }
        cr_assert_eq(losses, concat ? 2 * (2 + 4) : 2 + 8);
        cr_assert_float_eq(f.batch.weight_sum, concat ? 4 : 2, 1e-6);
        cr_assert_float_eq(weights, f.batch.weight_sum, 1e-6);
        end(&f);
    }
}

/* torchtitan #3130: an end-of-text inside a document is a token like any other. */
Test(packed, end_of_text_inside_a_document)
{
    Fixture f;
    DatasetWriter *w;
    const int32_t tokens[] = {3, WRITTEN_END, 4, WRITTEN_END, WRITTEN_END};
    begin(&f, (Written[]){{2, 0}, {0, 0}});
    dataset_close(&f.dataset);
    MUST(dataset_writer_open(&w, in_temporary("d.h5"), WRITTEN_END + 1));
    MUST(dataset_writer_add(w, false, tokens, 5, 0, false));
    MUST(
        dataset_writer_add(w, false, tokens + 4, 1, 0, false)); /* and a document of nothing else */
    MUST(dataset_writer_finish(w, "{\"type\":\"byte\"}", 15));
    dataset_writer_close(w);
    MUST(dataset_open(&f.dataset, in_temporary("d.h5")));
    start(&f, 7, 1);
    MUST(batches_fill(&f.batches, 1, &f.batch));
    cr_assert_eq(f.batches.windows, 1);
    cr_assert_eq(f.batch.segment_index[1], 3);
    is_document(&f, 0, 0, 0, 5, 0);
    is_document(&f, 5, 1, 0, 1, 0);
    is_empty(&f.batch, 6, 7);
    /* the half without documents */
    Batches none;
    cr_assert_eq(batches_open(&none, &f.dataset, &f.dataset.val, &f.config, 7, 1, 7), E_CONFIG);
    cr_assert(strstr(error_message(), "val of "), "%s", error_message());
    cr_assert(strstr(error_message(), "has no document"), "%s", error_message());
    batches_close(&none);
    end(&f);
}
