#include <criterion/criterion.h>
#include <math.h>
#include <sys/stat.h>

#include "temporary.h"
#include "train/sweep/store.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

static SweepRun some[2] = {{.id = "0123456789abcdef",
                            .state = SWEEP_done,
                            .overrides = "model.width=32\ntrain.steps=10\n",
                            .reason = "",
                            .budget = 1e11,
                            .params = 1234,
                            .params_embedding = 234,
                            .steps = 10,
                            .tokens = 7680,
                            .unique_tokens = 100000,
                            .flops_per_token = 1e4,
                            .flops = 7.68e7,
                            .loss = 2.5,
                            .seed = 4294967295},
                           {.id = "fedcba9876543210",
                            .state = SWEEP_diverged,
                            .overrides = "",
                            .reason = "the loss is nan",
                            .held_out = true,
                            .extra = true,
                            .loss = NAN}};

static Sweep sweep_of(int64_t count)
{
    Sweep s = {.flops = "exact", .config = "model.layers: 2\n", .runs = some, .count = count};
    snprintf(s.folder, sizeof s.folder, "%s", temporary);
    return s;
}

TestSuite(sweep_store, .init = temporary_open, .fini = temporary_close);

Test(sweep_store, reads_what_was_written)
{
    Sweep s = sweep_of(2), back;
    MUST(sweep_store_write(&s));
    cr_assert(sweep_is_store(temporary));
    cr_assert(sweep_is_store(in_temporary("sweep.h5")));
    MUST(sweep_store_read(in_temporary("sweep.h5"), &back));
    cr_assert_eq(back.count, 2);
    cr_assert_str_eq(back.folder, temporary);
    cr_assert_str_eq(back.flops, "exact");
    cr_assert_str_eq(back.config, "model.layers: 2\n");
    const SweepRun *a = &back.runs[0], *b = &back.runs[1];
    cr_assert_str_eq(a->id, some[0].id);
    cr_assert_eq(a->state, SWEEP_done);
    cr_assert_str_eq(a->overrides, some[0].overrides);
    cr_assert_eq(a->budget, 1e11);
    cr_assert(!a->held_out && !a->extra);
    cr_assert_eq(a->params, 1234);
    cr_assert_eq(a->params_embedding, 234);
    cr_assert_eq(a->steps, 10);
    cr_assert_eq(a->tokens, 7680);
    cr_assert_eq(a->unique_tokens, 100000);
    cr_assert_eq(a->flops, 7.68e7);
    cr_assert_eq(a->loss, 2.5);
    cr_assert_eq(a->seed, 4294967295);
    cr_assert_eq(b->state, SWEEP_diverged);
    cr_assert_str_eq(b->reason, "the loss is nan");
    cr_assert(b->held_out && b->extra && isnan(b->loss));
    sweep_close(&back);
}

Test(sweep_store, of_no_runs_is_a_store)
{
    Sweep s = sweep_of(0), back;
    MUST(sweep_store_write(&s));
    MUST(sweep_store_read(temporary, &back));
    cr_assert_eq(back.count, 0);
    sweep_close(&back);
}

Test(sweep_store, equal_sweeps_give_equal_bytes)
{
    Sweep s = sweep_of(2);
    long size, again;
    MUST(sweep_store_write(&s));
    unsigned char *first = file_bytes(in_temporary("sweep.h5"), &size);
    MUST(sweep_store_write(&s));
    unsigned char *second = file_bytes(in_temporary("sweep.h5"), &again);
    cr_assert_eq(size, again);
    cr_assert_arr_eq(first, second, (size_t)size);
    free(first);
    free(second);
}

Test(sweep_store, that_is_not_there_or_damaged_is_refused)
{
    Sweep s = sweep_of(2), back;
    cr_assert_eq(sweep_store_read(temporary, &back), E_DATA);
    sweep_close(&back);
    cr_assert(!sweep_is_store(temporary));
    MUST(sweep_store_write(&s));
    FILE *file = fopen(in_temporary("sweep.h5"), "r+");
    fseek(file, 700, SEEK_SET);
    fputc(1, file);
    fclose(file);
    cr_assert_eq(sweep_store_read(temporary, &back), E_DATA);
    sweep_close(&back);
}

/* What a trunk did for a branch is not counted twice. */
Test(sweep_store, counts_seconds_of_a_branch_from_where_it_branched)
{
    static const char lines[] = "{\"step\":1,\"loss\":3,\"seconds\":10}\n"
                                "{\"step\":2,\"loss\":2,\"seconds\":20}\n"
                                "{\"step\":2,\"val_loss\":2}\n"
                                "{\"step\":3,\"loss\":1,\"seconds\":23}\n";
    static const char event[] =
        "{\"step\":2,\"event\":\"branched\",\"message\":\"from another\"}\n";
    Sweep s = sweep_of(2);
    cr_assert(!mkdir(in_temporary("runs"), 0777));
    for (int i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, "runs/%s", some[i].id);
        cr_assert(!mkdir(in_temporary(path), 0777));
        snprintf(path, sizeof path, "runs/%s/metrics.jsonl", some[i].id);
        file_put(in_temporary(path), lines, sizeof lines - 1);
        snprintf(path, sizeof path, "runs/%s/events.jsonl", some[i].id);
        if (i) file_put(in_temporary(path), event, sizeof event - 1);
    }
    sweep_seconds(&s);
    cr_assert_eq(some[0].seconds, 23);
    cr_assert_eq(some[1].seconds, 3);
}
