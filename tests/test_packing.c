/* Packing: the pack counts equal published ones, best-fit-decreasing equals an item-by-item
 * packer, and every token of every document is in exactly one pack. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "data/packers/classes.h"
#include "data/packs.h"
#include "tests/temporary.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

/* Lengths of Wikipedia's articles in BERT's tokens, cut to 512: graphcore/examples, packedBERT. */
static LengthCounts wikipedia(Arena *a)
{
    LengthCounts l;
    MUST(lengths_init(&l, a, 512));
    MUST(lengths_read(&l, "tests/data/wikipedia_lengths.csv"));
    cr_assert_eq(l.documents, 16279552);
    cr_assert_eq(l.tokens, 4164796173);
    return l;
}

static int64_t packs_of(const char *packer, const LengthCounts *l, int64_t depth)
{
    Packing p;
    MUST(packing_make(&p, packer_find(packer), &(Lengths){l->capacity, depth, l->counts}));
    const int64_t packs = p.packs;
    cr_assert(!depth || p.deepest <= depth);
    cr_assert_eq(p.documents, l->chunks);
    cr_assert_eq(p.tokens, l->tokens);
    packing_close(&p);
    return packs;
}

/* Krell et al. 2021 and the program that came with it, run at these depths; 0: any. */
Test(packing, wikipedia_counts_are_the_published_ones)
{
    static const int depths[] = {1, 2, 3, 4, 8, 12, 0};
    static const int64_t spfhp[] = {16279552, 10101683, 9094695, 8658996,
                                    8224673,  8166708,  8166708};
    static const int64_t best[] = {16279552, 10099081, 9090154, 8657119, 8207569, 8149619, 8138483};
    Arena a = {0};
    const LengthCounts l = wikipedia(&a);
    for (int i = 0; i < 7; i++) {
        cr_expect_eq(packs_of("spfhp", &l, depths[i]), spfhp[i], "depth %d", depths[i]);
        cr_expect_eq(packs_of("best_fit", &l, depths[i]), best[i], "depth %d", depths[i]);
    }
    arena_free(&a);
}

/* Few lengths share a pack in few ways, which L2 does not see: lengths as in SQuAD 1.1, a bell
 * around 0.38 of the capacity. */
Test(packing, prices_prove_more_than_l2)
{
    int64_t counts[385] = {0};
    for (int w = 35; w < 384; w++)
        counts[w] = (int64_t)(780 * exp(-pow(log(w / 147.0) / 0.34, 2) / 2));
    counts[384] = 1054;
    const Lengths l = {384, 0, counts};
    Packing p;
    MUST(packing_make(&p, packer_find("optimal"), &l));
    cr_expect_leq(p.packs, p.notes.bound + 3, "%lld above %lld", (long long)p.packs,
                  (long long)p.notes.bound);
    cr_expect_geq(p.notes.bound, packing_bound(&l) + 200, "%lld", (long long)packing_bound(&l));
    packing_close(&p);
}

Test(packing, optimal_comes_close_to_the_bound)
{
    Arena a = {0};
    const LengthCounts l = wikipedia(&a);
    const Lengths lengths = {512, 0, l.counts};
    cr_assert_eq(packing_bound(&lengths), 8135727);
    cr_expect_leq(packs_of("optimal", &l, 0), 8135740);
    cr_expect_leq(packs_of("optimal", &l, 12), 8135740);
    Packing p;
    MUST(packing_make(&p, packer_find("optimal"), &lengths));
    cr_expect_eq(p.notes.bound, 8135727); /* L2 is tight here: the prices prove the same */
    cr_expect_eq(p.notes.classes, p.notes.lengths);
    packing_close(&p);
    /* 99.75 % full, that is; NNLSHP's published 99.75 took 24 s */
    cr_expect_leq(packs_of("optimal", &l, 3), (int64_t)(4164796173 / 512 / 0.9975));
    arena_free(&a);
}

/* Documents one by one into the pack with the least room, the last touched of equals. */
static int64_t brute_best_fit(int64_t capacity, int64_t depth, const int64_t *counts)
{
    struct {
        int64_t room, documents, touched;
    } packs[2000];
    int64_t count = 0, clock = 0;
    for (int64_t length = capacity; length > 0; length--)
        for (int64_t k = 0; k < counts[length]; k++) {
            int64_t best = -1;
            for (int64_t i = 0; i < count; i++) {
                if (packs[i].room < length || (depth && packs[i].documents >= depth)) continue;
                if (best < 0 || packs[i].room < packs[best].room ||
                    (packs[i].room == packs[best].room && packs[i].touched > packs[best].touched))
                    best = i;
            }
            if (best < 0) {
                best = count++;
                packs[best].room = capacity;
                packs[best].documents = 0;
            }
            packs[best].room -= length;
            packs[best].documents++;
            packs[best].touched = clock++;
        }
    return count;
}

static int64_t below(Rng r, uint64_t *i, int64_t limit)
{
    return (int64_t)rng_below(r, (*i)++, 0, (uint64_t)limit);
}

/* Some documents of some lengths: each a histogram of its own kind. */
static void draw_lengths(Rng r, uint64_t *i, int64_t capacity, int64_t most, int64_t *counts)
{
    const int64_t kinds = 1 + below(r, i, 12);
    memset(counts, 0, (size_t)(capacity + 1) * sizeof *counts);
    for (int64_t k = 0; k < kinds; k++)
        counts[1 + below(r, i, capacity)] += below(r, i, most / kinds + 1);
}

Test(packing, best_fit_is_the_item_by_item_one)
{
    const Rng r = rng_stream(1, "best_fit");
    uint64_t at = 0;
    int64_t counts[200];
    for (int k = 0; k < 2000; k++) {
        const int64_t capacity = 1 + below(r, &at, 60);
        draw_lengths(r, &at, capacity, 200, counts);
        Packing p;
        MUST(packing_make(&p, packer_find("best_fit"), &(Lengths){capacity, 0, counts}));
        cr_assert_eq(p.packs, brute_best_fit(capacity, 0, counts), "case %d", k);
        packing_close(&p);
    }
}

/* What a packing holds, by length. */
static void holds(const Packing *p, int64_t depth, const int64_t *counts)
{
    static int64_t left[1 << 15];
    memcpy(left, counts, (size_t)(p->capacity + 1) * sizeof *left);
    for (int64_t i = 0; i < p->pattern_count; i++) {
        const PackPattern *g = &p->patterns[i];
        int64_t slots = 0, documents = 0;
        for (int64_t k = g->begin; k < g->end; k++) {
            slots += (int64_t)p->parts[k].length * p->parts[k].times;
            documents += p->parts[k].times;
            left[p->parts[k].length] -= g->packs * p->parts[k].times;
        }
        cr_assert(slots <= p->capacity && documents > 0 && g->packs > 0);
        cr_assert(!depth || documents <= depth);
    }
    for (int64_t w = 1; w <= p->capacity; w++) cr_assert_eq(left[w], 0);
}

Test(packing, packers_hold_what_they_were_given)
{
    const Rng r = rng_stream(2, "packers");
    uint64_t at = 0;
    int64_t counts[200], better = 0, proven = 0;
    for (int k = 0; k < 3000; k++) {
        const int64_t capacity = 1 + below(r, &at, 150), depth = below(r, &at, 6);
        int64_t best = 0;
        draw_lengths(r, &at, capacity, 1 + below(r, &at, 3000), counts);
        const Lengths l = {capacity, depth, counts};
        for (int i = 0; packer_at(i); i++) {
            Packing p;
            MUST(packing_make(&p, packer_at(i), &l));
            if (strcmp(packer_at(i)->name, "greedy")) holds(&p, depth, counts);
            cr_assert_geq(p.packs, packing_bound(&l), "%s", packer_at(i)->name);
            cr_assert_geq(p.packs, p.notes.bound, "%s", packer_at(i)->name);
            if (!strcmp(packer_at(i)->name, "best_fit")) best = p.packs;
            if (!strcmp(packer_at(i)->name, "optimal")) {
                cr_assert_leq(p.packs, best);
                better += p.packs < best;
                proven += p.packs == p.notes.bound;
            }
            packing_close(&p);
        }
    }
    cr_assert_gt(better, 300, "optimal is better than best_fit in %lld cases", (long long)better);
    cr_assert_gt(proven, 2000, "optimal is proven in %lld cases", (long long)proven);
}

/* More lengths than are priced, or more slots: prices of classes still beat best_fit. */
static void many_lengths(int64_t capacity, int64_t depth, int64_t from, int64_t to, double gain)
{
    const Rng r = rng_stream(5, "many lengths");
    uint64_t at = 0;
    Arena a = {0};
    LengthCounts l;
    Packing p;
    MUST(lengths_init(&l, &a, capacity));
    for (int64_t i = 0; i < 60000; i++) l.counts[from + below(r, &at, to - from)]++;
    const Lengths lengths = {capacity, depth, l.counts};
    MUST(packing_make(&p, packer_find("best_fit"), &lengths));
    const double best = (double)p.packs;
    packing_close(&p);
    MUST(packing_make(&p, packer_find("optimal"), &lengths));
    holds(&p, depth, l.counts);
    cr_expect_leq((double)p.packs, best * (1 - gain), "%lld of %.0f", (long long)p.packs, best);
    cr_expect(p.packs >= p.notes.bound && p.packs >= packing_bound(&lengths));
    cr_expect_gt((double)p.notes.bound, 0.8 * best);
    cr_expect(!p.notes.by_best_fit && (p.notes.classes < p.notes.lengths || p.notes.unit > 1));
    packing_close(&p);
    arena_free(&a);
}

Test(packing, optimal_of_many_lengths_is_still_better)
{
    many_lengths(4096, 0, 700, 2048, 0.03);
    many_lengths(2048, 3, 200, 1400, 0.1);
    many_lengths(20000, 0, 3800, 7000, 0.05); /* many slots, too */
}

/* A document fits where its class does, and prices of classes bound any packing. */
Test(packing, classes_of_lengths_hold_their_documents)
{
    const Rng r = rng_stream(6, "classes");
    uint64_t at = 0;
    int64_t counts[200];
    double price[200], bound;
    for (int k = 0; k < 2000; k++) {
        const int64_t capacity = 1 + below(r, &at, 150), most = 1 + below(r, &at, 8);
        draw_lengths(r, &at, capacity, 1 + below(r, &at, 3000), counts);
        const Lengths l = {capacity, 1 + below(r, &at, capacity), counts};
        const int64_t unit = below(r, &at, 2) ? 1 : 1 + below(r, &at, capacity);
        Arena a = {0};
        Classes c;
        MUST(classes_make(&c, &l, most, unit, &a));
        cr_assert_leq(c.count, most);
        int64_t inside = 0, all = 0, classes = 0, class = c.lengths.capacity + 1;
        for (int64_t w = capacity; w > 0; w--) {
            const int64_t units = (w + c.unit - 1) / c.unit;
            all += counts[w];
            if (!counts[w] || units > c.lengths.capacity) continue;
            if (c.lengths.counts[units] && units < class) class = units;
            cr_assert_geq(c.slots[class], w);
            inside += counts[w];
        }
        for (int64_t u = 1; u <= c.lengths.capacity; u++) {
            classes += c.lengths.counts[u] > 0;
            inside -= c.lengths.counts[u];
            cr_assert_leq(c.lengths.counts[u] ? c.slots[u] : 0, u * c.unit);
        }
        cr_assert(inside == 0 && classes == c.count);
        for (int64_t i = 0; i < c.count; i++) price[i] = (double)below(r, &at, 1000);
        MUST(classes_bound(&c, price, &a, &bound));
        Packing p;
        MUST(packing_make(&p, packer_find("optimal"), &l));
        cr_assert_leq(bound, (double)p.packs * (1 + 1e-9), "case %d", k);
        cr_assert(all > 0 || !c.count);
        packing_close(&p);
        arena_free(&a);
    }
}

/* spfhp opens a pack for each document of a length that fits nowhere: if the length is above a
 * third, the pack may stay half empty. */
Test(packing, half_empty_packs_are_named)
{
    static const int64_t third[101] = {[35] = 500}, mixed[101] = {[35] = 500, [70] = 100000};
    static const struct {
        const char *packer;
        const int64_t *counts;
        int64_t depth, half_empty;
        bool warns;
    } cases[] = {
        {"spfhp", third, 0, 500, true},   {"spfhp", third, 1, 0, false},
        {"best_fit", third, 0, 0, false}, {"optimal", third, 0, 0, false},
        {"spfhp", mixed, 0, 500, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Packing p;
        const Lengths l = {100, cases[i].depth, cases[i].counts};
        MUST(packing_make(&p, packer_find(cases[i].packer), &l));
        cr_expect_eq(p.notes.half_empty, cases[i].half_empty, "case %zu: %lld", i,
                     (long long)p.notes.half_empty);
        cr_expect_eq(packing_is_half_empty(p.notes.half_empty, p.packs), cases[i].warns, "case %zu",
                     i);
        packing_close(&p);
    }
}

/* A split of documents of these lengths, without a file. */
static Split split_of(const int64_t *lengths, int64_t documents, uint64_t *offsets)
{
    offsets[0] = 0;
    for (int64_t i = 0; i < documents; i++) offsets[i + 1] = offsets[i] + (uint64_t)lengths[i];
    return (Split){.name = "train",
                   .count = (int64_t)offsets[documents],
                   .documents = documents,
                   .offsets = offsets};
}

static void each_token_is_in_one_pack(const Packs *p, const Split *s, int64_t depth)
{
    static unsigned char seen[1 << 16];
    int64_t last_first = -1, cuts = 0;
    memset(seen, 0, (size_t)s->count);
    for (int64_t k = 0; k < p->count; k++) {
        int64_t slots = 0, last = -1;
        cr_assert_lt(p->starts[k], p->starts[k + 1]);
        cr_assert_gt(p->begins[p->starts[k]], last_first);
        last_first = p->begins[p->starts[k]];
        cr_assert(!depth || p->starts[k + 1] - p->starts[k] <= depth);
        for (int64_t i = p->starts[k]; i < p->starts[k + 1]; i++) {
            const PackChunk chunk = packs_chunk(p, i);
            const int64_t length = chunk.document_end - chunk.document_begin;
            cr_assert_eq(chunk.document_begin, (int64_t)s->offsets[chunk.document]);
            cr_assert_eq(chunk.document_end, (int64_t)s->offsets[chunk.document + 1]);
            cr_assert(chunk.begin >= chunk.document_begin && chunk.end <= chunk.document_end);
            cr_assert(chunk.begin > last && chunk.begin < chunk.end);
            last = chunk.begin;
            /* only what does not fit is cut, and into full windows */
            if (length <= p->capacity) cr_assert_eq(chunk.end - chunk.begin, length);
            if (chunk.end < chunk.document_end) {
                cr_assert_eq(chunk.end - chunk.begin, p->capacity);
                cuts++;
            }
            for (int64_t t = chunk.begin; t < chunk.end; t++) cr_assert_eq(seen[t]++, 0);
            slots += chunk.end - chunk.begin;
        }
        cr_assert_leq(slots, p->capacity);
    }
    for (int64_t t = 0; t < s->count; t++) cr_assert_eq(seen[t], 1);
    cr_assert_eq(cuts, p->chunks - s->documents);
    cr_assert_eq(p->starts[p->count], p->chunks);
}

Test(packs, every_token_is_in_exactly_one)
{
    static int64_t lengths[100];
    static uint64_t offsets[101];
    const Rng r = rng_stream(3, "packs");
    uint64_t at = 0;
    for (int k = 0; k < 10000; k++) {
        const int64_t capacity = 1 + below(r, &at, 70), documents = below(r, &at, 60);
        const int64_t depth = below(r, &at, 3) ? 0 : 1 + below(r, &at, 4);
        const int64_t longest = 1 + below(r, &at, 3 * capacity);
        for (int64_t i = 0; i < documents; i++) lengths[i] = 1 + below(r, &at, longest);
        const Split s = split_of(lengths, documents, offsets);
        Packs p, again;
        const Packer *packer = packer_at(k % 4);
        MUST(packs_make(&p, &s, packer, capacity, depth));
        each_token_is_in_one_pack(&p, &s, depth);
        if (k % 100 == 0) { /* the same every time */
            MUST(packs_make(&again, &s, packer, capacity, depth));
            cr_assert_eq(p.count, again.count);
            cr_assert_arr_eq(p.begins, again.begins, (size_t)p.chunks * sizeof *p.begins);
            cr_assert_arr_eq(p.starts, again.starts, (size_t)(p.count + 1) * sizeof *p.starts);
            packs_close(&again);
        }
        packs_close(&p);
    }
}

/* TRL #3887 packed nothing when a length was 2^k + 1, and #4632 lost what was longer than a
 * pack. */
Test(packs, lengths_around_the_capacity)
{
    static const int64_t capacities[] = {1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 64, 65, 129};
    static uint64_t offsets[64];
    for (int i = 0; packer_at(i); i++)
        for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
            const int64_t t = capacities[c];
            const int64_t lengths[] = {t, t + 1, 2 * t, 1, 2 * t + 1, 3 * t - 1, t > 1 ? t - 1 : 1};
            for (int64_t documents = 0; documents <= 7; documents++) {
                const Split s = split_of(lengths, documents, offsets);
                Packs p;
                MUST(packs_make(&p, &s, packer_at(i), t, 0));
                each_token_is_in_one_pack(&p, &s, 0);
                packs_close(&p);
            }
        }
}

Test(packs, short_documents_share)
{
    static uint64_t offsets[4];
    const Split s = split_of((const int64_t[]){3, 9, 6}, 3, offsets);
    for (int i = 0; packer_at(i); i++) {
        Packs p;
        MUST(packs_make(&p, &s, packer_at(i), 9, 0));
        cr_assert_eq(p.count, 2, "%s", packer_at(i)->name);
        cr_assert_eq(p.begins[0], 0);
        cr_assert_eq(p.begins[1], 12); /* the pack of the first document comes first */
        cr_assert_eq(p.begins[2], 3);
        packs_close(&p);
    }
}

typedef struct BadFile {
    const char *text, *says;
} BadFile;

Test(lengths, malformed_histograms_are_refused)
{
    static const BadFile files[] = {
        {"", ": empty"},
        {"length;count\n", ":1: a histogram begins with the line length,count"},
        {"length,count\n0,5\n", "all documents are empty"},
        {"length,count\n3,4\n-3,4\n", ":3: expected a length and a count"},
        {"length,count\n3\n", ":2: expected"},
        {"length,count\n3,4,5\n", ":2: expected"},
        {"length,count\n3,4x\n", ":2: expected"},
        {"length,count\n99999999999999999999,1\n", ":2: expected"},
        {"length,count\n1000000000000,1000000000000\n", ":2: "},
        {"length,count\n3,4\n1,4503599627370496\n", ":3: 4503599627370496 documents"},
    };
    temporary_open();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        Arena a = {0};
        LengthCounts l;
        file_put(in_temporary("h.csv"), files[i].text, strlen(files[i].text));
        MUST(lengths_init(&l, &a, 16));
        cr_expect_eq(lengths_read(&l, in_temporary("h.csv")), E_DATA, "%s", files[i].text);
        cr_expect(strstr(error_message(), files[i].says), "%s", error_message());
        arena_free(&a);
    }
    temporary_close();
}

Test(lengths, histogram_of_an_editor_that_marks_files)
{
    static const char text[] = "\xEF\xBB\xBFlength,count\r\n3,4\r\n";
    Arena a = {0};
    LengthCounts l;
    temporary_open();
    file_put(in_temporary("h.csv"), text, sizeof text - 1);
    MUST(lengths_init(&l, &a, 16));
    MUST(lengths_read(&l, in_temporary("h.csv")));
    cr_assert_eq(l.documents, 4);
    arena_free(&a);
    temporary_close();
}

Test(lengths, long_documents_are_windows_and_a_rest)
{
    Arena a = {0};
    LengthCounts l;
    MUST(lengths_init(&l, &a, 10));
    lengths_add(&l, 0, 2);
    lengths_add(&l, 10, 1);
    lengths_add(&l, 25, 3);
    cr_assert_eq(l.counts[10], 7);
    cr_assert_eq(l.counts[5], 3);
    cr_assert_eq(l.documents, 4);
    cr_assert_eq(l.empty, 2);
    cr_assert_eq(l.tokens, 85);
    cr_assert_eq(l.chunks, 10);
    cr_assert_eq(l.cut, 3);
    cr_assert_float_eq(l.squares, 7 * 100 + 3 * 25, 0);
    arena_free(&a);
}

Test(packs, any_allocation_may_fail)
{
    static int64_t lengths[400];
    static uint64_t offsets[401];
    const Rng r = rng_stream(4, "packs");
    uint64_t at = 0;
    for (int i = 0; i < 400; i++) lengths[i] = 1 + below(r, &at, 90);
    const Split s = split_of(lengths, 400, offsets);
    for (int i = 0; packer_at(i); i++) {
        Status status = E_NOMEM;
        int64_t fuse = 0;
        for (; status == E_NOMEM; fuse++) {
            Packs p;
            arena_fuse = fuse;
            status = packs_make(&p, &s, packer_at(i), 70, 0);
            arena_fuse = -1;
            if (status == OK) each_token_is_in_one_pack(&p, &s, 0);
            packs_close(&p);
        }
        cr_assert_eq(status, OK, "%s", error_message());
        cr_assert_gt(fuse, 5);
    }
}

/* Few lengths and many slots: nobody has time for all slots squared. */
Test(packing, optimal_of_very_long_packs_is_no_worse)
{
    static int64_t counts[PACK_CAPACITY_MAX + 1];
    for (int depth = 0; depth < 9; depth += 8) {
        LengthCounts l = {.capacity = PACK_CAPACITY_MAX, .counts = counts};
        memset(counts, 0, sizeof counts);
        for (int64_t i = 1; i < 900; i++) lengths_add(&l, i * 1000 + i % 7, i);
        cr_assert_leq(packs_of("optimal", &l, depth), packs_of("best_fit", &l, depth));
    }
}

Test(packing, numbers_out_of_range_are_refused)
{
    static const int64_t counts[] = {0, 3, -1}, many[] = {0, INT64_MAX / 2};
    static const Lengths wrong[] = {
        {0, 0, counts}, {PACK_CAPACITY_MAX + 1, 0, counts}, {1, -1, counts}, {2, 0, counts},
        {1, 0, many},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Packing p;
        cr_assert_eq(packing_make(&p, packer_find("best_fit"), &wrong[i]), E_ARG, "%zu", i);
        packing_close(&p);
    }
    cr_assert_null(packer_find("concat"));
}
