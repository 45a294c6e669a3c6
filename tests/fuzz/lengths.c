/* A histogram of lengths: what capstan pack --histogram reads, and packs. */
#include "data/lengths.h"
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
        packing_close(&p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const FuzzFile file = fuzz_file(bytes, size);
    Arena a = {0};
    LengthCounts l;
    FUZZ_MUST(lengths_init(&l, &a, CAPACITY) == OK);
    const Status status = lengths_read(&l, file.path);
    fuzz_status(status);
    if (status == OK) pack(&l);
    arena_free(&a);
    close(file.fd);
    return 0;
}
