/* A histogram of lengths: what capstan pack --histogram reads, and packs. */
#include "data/lengths.h"
#include "data/packers/classes.h"
#include "data/packers/columns.h"
#include "tests/fuzz/fuzz.h"

enum { CAPACITY = 64 };

static void pack(const LengthCounts *l)
{
    const Lengths lengths = {.capacity = l->capacity, .counts = l->counts};
    const Packer *packer;
    for (int i = 0; (packer = packer_at(i)); i++) {
        Packing p;
        if (!strcmp(packer->name, "greedy")) continue; /* it places documents one by one */
        FUZZ_MUST(packing_make(&p, packer, &lengths) == OK);
        FUZZ_MUST(p.documents == l->chunks && p.tokens == l->tokens);
        FUZZ_MUST(p.packs >= packing_bound(&lengths) && p.packs <= p.documents);
        FUZZ_MUST(p.packs >= p.notes.bound && p.notes.half_empty <= p.packs);
        packing_close(&p);
    }
}

/* What `optimal` does with more lengths or slots than this. */
static void bound_by_classes(const LengthCounts *l, int64_t most, int64_t unit)
{
    const Lengths lengths = {.capacity = l->capacity, .depth = 5, .counts = l->counts};
    Arena a = {0};
    Packing p;
    Classes c;
    Columns solution = {0};
    double bound = 0;
    FUZZ_MUST(classes_make(&c, &lengths, most, unit, &a) == OK);
    if (c.count) {
        FUZZ_MUST(columns_solve(&c.lengths, c.layers, 1e7, &a, &solution) == OK);
        FUZZ_MUST(classes_bound(&c, solution.price, &a, &bound) == OK);
    }
    FUZZ_MUST(c.count <= most && solution.count == c.count);
    FUZZ_MUST(packing_make(&p, packer_find("best_fit"), &lengths) == OK);
    FUZZ_MUST(bound <= (double)p.packs * (1 + 1e-9));
    packing_close(&p);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const FuzzFile file = fuzz_file(bytes, size);
    Arena a = {0};
    LengthCounts l;
    FUZZ_MUST(lengths_init(&l, &a, CAPACITY) == OK);
    const Status status = lengths_read(&l, file.path);
    fuzz_status(status);
    if (status == OK) {
        pack(&l);
        bound_by_classes(&l, 1 + (int64_t)size % 9, 1 + (int64_t)size % 5);
    }
    arena_free(&a);
    close(file.fd);
    return 0;
}
