/* A CSV of runs that a law is fitted to. */
#include <math.h>

#include "tests/fuzz/fuzz.h"
#include "train/scaling/points.h"

static void check(const LawPoint *all, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const LawPoint p = all[i];
        FUZZ_MUST(p.params > 0 || isnan(p.params));
        FUZZ_MUST(p.tokens > 0 || isnan(p.tokens));
        FUZZ_MUST(p.flops > 0 && isfinite(p.flops) && p.loss > 0 && isfinite(p.loss));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const FuzzFile file = fuzz_file(bytes, size);
    Arena a = {0};
    Points p = {.count = 0};
    const Status status = points_read_csv(&p, file.path, &a);
    fuzz_status(status);
    if (status == OK) {
        check(p.point, p.count);
        check(p.held, p.held_count);
    }
    arena_free(&a);
    close(file.fd);
    return 0;
}
