#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/faulty.h"
#include "tests/temporary.h"
#include "train/checkpoint/checkpoints.h"

static const char config[] = "model:\n  layers: 2\n";
static const char tokenizer[] = "{\"kind\": \"byte\"}";
static const double numbers[] = {1.5, -2, 1e300};

/* A little model; blocks: how many pairs of parameters beside the first two. */
static void declare(Params *p, int blocks, int64_t width, bool for_training)
{
    char prefix[32];
    *p = (Params){0};
    params_matrix(p, "embed", "weight", 300, width, 1);
    params_vector(p, "norm", "bias", 7, 0);
    for (int i = 0; i < blocks; i++) {
        snprintf(prefix, sizeof prefix, "blocks.%d.attn.q", i);
        params_matrix(p, prefix, "weight", width, width, 1);
        params_vector(p, prefix, "bias", width, 0);
    }
    cr_assert_eq(params_alloc(p, for_training), OK);
}

/* Numbers that are a function of their place and of `from`, one of them not a number. */
static void fill(Params *p, double from)
{
    for (int64_t i = 0; i < p->count; i++) {
        p->value[i] = (real)(from + (double)i);
        if (p->m) p->m[i] = (real)(from - (double)i / 3);
        if (p->v) p->v[i] = (real)(from + (double)i / 7);
    }
    p->value[5] = (real)NAN;
}

static Status save(const char *name, const Params *p, int64_t step)
{
    const CheckpointList lists[] = {{"monitor", NUMBER_F64, 3, numbers},
                                    {"nothing", NUMBER_I64, 0, NULL}};
    const Checkpoint c = {.info = {.step = step,
                                   .batch_index = step + 2,
                                   .tokens = step * 1000,
                                   .vocab_size = 257,
                                   .dataset = "0123456789abcdef0123456789abcdef",
                                   .config = config,
                                   .config_size = sizeof config - 1,
                                   .tokenizer = tokenizer,
                                   .tokenizer_size = sizeof tokenizer - 1},
                          .params = p,
                          .lists = lists,
                          .list_count = 2};
    return checkpoint_save(in_temporary(name), &c);
}

static Status open_only(const char *name)
{
    CheckpointReader r;
    Status status = checkpoint_open(&r, in_temporary(name));
    checkpoint_close(&r);
    return status;
}

static bool equal_bits(const real *a, const real *b, int64_t count)
{
    return !memcmp(a, b, (size_t)count * sizeof *a);
}

static Status load(const char *name, Params *p, bool with_optimizer)
{
    CheckpointReader r;
    Status status = checkpoint_open(&r, in_temporary(name));
    if (!status) status = checkpoint_load(&r, p, with_optimizer);
    checkpoint_close(&r);
    return status;
}

TestSuite(checkpoint, .init = temporary_open, .fini = temporary_close);

Test(checkpoint, comes_back_as_saved)
{
    Params a, b;
    CheckpointReader r;
    int64_t count;
    const void *data;
    declare(&a, 40, 33, true);
    declare(&b, 40, 33, true);
    fill(&a, 3);
    cr_assert_eq(save("c.h5", &a, 12), OK, "%s", error_message());
    cr_assert_eq(checkpoint_open(&r, in_temporary("c.h5")), OK, "%s", error_message());
    cr_expect_eq(r.info.step, 12);
    cr_expect_eq(r.info.batch_index, 14);
    cr_expect_eq(r.info.tokens, 12000);
    cr_expect_eq(r.info.vocab_size, 257);
    cr_expect_str_eq(r.info.dataset, "0123456789abcdef0123456789abcdef");
    cr_expect_str_eq(r.info.precision, sizeof(real) == 4 ? "float32" : "float64");
    cr_expect_gt(strlen(r.info.core), 0);
    cr_expect_eq(r.info.config_size, (int64_t)sizeof config - 1);
    cr_expect(!memcmp(r.info.config, config, sizeof config - 1));
    cr_expect(!memcmp(r.info.tokenizer, tokenizer, sizeof tokenizer - 1));
    cr_assert_eq(checkpoint_load(&r, &b, true), OK, "%s", error_message());
    cr_expect(equal_bits(a.value, b.value, a.count));
    cr_expect(equal_bits(a.m, b.m, a.count));
    cr_expect(equal_bits(a.v, b.v, a.count));
    cr_assert_eq(checkpoint_list(&r, "monitor", NUMBER_F64, &count, &data), OK);
    cr_expect_eq(count, 3);
    cr_expect(!memcmp(data, numbers, sizeof numbers));
    cr_expect_eq(checkpoint_list(&r, "monitor", NUMBER_I64, &count, &data), E_FORMAT);
    cr_expect_eq(checkpoint_list(&r, "absent", NUMBER_I64, &count, &data), OK);
    cr_expect_null(data);
    checkpoint_close(&r);
    params_free(&a);
    params_free(&b);
}

Test(checkpoint, two_may_be_open_at_once)
{
    Params p, q;
    CheckpointReader r, s;
    declare(&p, 1, 8, true);
    declare(&q, 1, 8, false);
    fill(&p, 1);
    cr_assert_eq(save("a.h5", &p, 1), OK);
    fill(&p, 2);
    cr_assert_eq(save("b.h5", &p, 2), OK);
    cr_assert_eq(checkpoint_open(&r, in_temporary("a.h5")), OK);
    cr_assert_eq(checkpoint_open(&s, in_temporary("b.h5")), OK);
    cr_assert_eq(checkpoint_load(&r, &q, false), OK);
    cr_expect_eq(q.value[0], 1);
    cr_assert_eq(checkpoint_load(&s, &q, false), OK);
    cr_expect_eq(q.value[0], 2);
    checkpoint_close(&r);
    checkpoint_close(&s);
    params_free(&p);
    params_free(&q);
}

Test(checkpoint, equal_content_gives_equal_bytes)
{
    Params p;
    long a_size, b_size;
    declare(&p, 60, 16, true);
    fill(&p, 1);
    pid_t child = fork(); /* another heap, other handles */
    if (!child) {
        for (int i = 0; i < 1000; i++) free(memset(malloc(3000), 0x5A, 3000));
        _exit(save("x.h5", &p, 4) || save("a.h5", &p, 3));
    }
    int ended;
    waitpid(child, &ended, 0);
    cr_assert_eq(ended, 0);
    cr_assert_eq(save("b.h5", &p, 3), OK);
    unsigned char *a = file_bytes(in_temporary("a.h5"), &a_size);
    unsigned char *b = file_bytes(in_temporary("b.h5"), &b_size);
    cr_assert_eq(a_size, b_size);
    cr_expect(!memcmp(a, b, (size_t)a_size));
    const int64_t slack = a_size - checkpoint_size(p.count, true);
    cr_expect(slack > 0 && slack < 400000, "%lld", (long long)slack);
    free(a);
    free(b);
    params_free(&p);
}

static void check_misfit(const Params *saved, Params *p, bool with_optimizer, const char *words)
{
    cr_assert_eq(save("c.h5", saved, 1), OK);
    real *before = malloc((size_t)p->count * sizeof *before);
    memcpy(before, p->value, (size_t)p->count * sizeof *before);
    cr_expect_eq(load("c.h5", p, with_optimizer), E_FORMAT);
    cr_expect(strstr(error_message(), words), "%s", error_message());
    cr_expect(strstr(error_message(), "c.h5"), "%s", error_message());
    cr_expect(equal_bits(before, p->value, p->count), "a refused checkpoint changes nothing");
    free(before);
}

Test(checkpoint, names_the_first_misfit)
{
    Params two, three, wide, plain;
    declare(&two, 2, 16, true);
    declare(&three, 3, 16, true);
    declare(&wide, 2, 24, true);
    declare(&plain, 2, 16, false);
    check_misfit(&wide, &two, true,
                 "/model/embed.weight is [300, 16] in the model and [300, 24] in the checkpoint");
    check_misfit(
        &two, &three, true,
        "/model/blocks.2.attn.q.weight [16, 16] is in the model and not in the checkpoint");
    check_misfit(&three, &two, true,
                 "/model/blocks.2.attn.q.bias is in the checkpoint and not in the model");
    check_misfit(&plain, &two, true, "no /optim");
    cr_expect_eq(load("c.h5", &two, false), OK, "%s", error_message());
    cr_assert_eq(save("c.h5", &two, 1), OK);
    cr_expect_eq(load("c.h5", &plain, false), OK, "%s", error_message());
    cr_expect(equal_bits(two.value, plain.value, two.count));
    params_free(&two);
    params_free(&three);
    params_free(&wide);
    params_free(&plain);
}

Test(checkpoint, another_tokenizer_is_refused)
{
    Params p;
    Dataset d;
    CheckpointReader r;
    DatasetWriter *w;
    const int32_t tokens[] = {1, 2, 256};
    const struct {
        int64_t vocab_size;
        const char *text;
        Status status;
    } cases[] = {{257, tokenizer, OK}, {257, "{}", E_FORMAT}, {300, tokenizer, E_FORMAT}};
    declare(&p, 1, 8, false);
    cr_assert_eq(save("c.h5", &p, 1), OK);
    cr_assert_eq(checkpoint_open(&r, in_temporary("c.h5")), OK);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(dataset_writer_open(&w, in_temporary("d.h5"), cases[i].vocab_size), OK);
        cr_assert_eq(dataset_writer_add(w, false, tokens, 3, 0, false), OK);
        cr_assert_eq(dataset_writer_finish(w, cases[i].text, (int64_t)strlen(cases[i].text)), OK);
        dataset_writer_close(w);
        cr_assert_eq(dataset_open(&d, in_temporary("d.h5")), OK, "%s", error_message());
        cr_expect_eq(checkpoint_check_dataset(&r, &d), cases[i].status);
        dataset_close(&d);
    }
    checkpoint_close(&r);
    params_free(&p);
}

Test(checkpoint, a_name_that_is_printed_is_harmless)
{
    cr_expect_eq(open_only("missing\033[2J.h5"), E_FORMAT);
    cr_expect(strstr(error_message(), "missing\\x1B[2J.h5"), "%s", error_message());
}

/* ENOSPC and EIO stop a save; an interrupted or a short call (0) does not. */
static const int errors[] = {ENOSPC, EIO, EINTR, 0};

ParameterizedTestParameters(checkpoint, any_call_may_fail)
{
    static const int which[] = {0, 1, 2, 3};
    return cr_make_param_array(const int, which, 4);
}

ParameterizedTest(const int *which, checkpoint, any_call_may_fail)
{
    Params p;
    long old_size, size;
    const int error = errors[*which];
    const bool goes_on = !error || error == EINTR;
    int n = 0;
    declare(&p, 3, 40, true);
    cr_assert_eq(save("c.h5", &p, 1), OK);
    unsigned char *old = file_bytes(in_temporary("c.h5"), &old_size);
    for (;; n++) {
        fill(&p, n);
        faulty_begin(n, error);
        const Status status = save("c.h5", &p, 2);
        faulty_end();
        if (!faulty_burnt) break;
        if (goes_on) cr_assert_eq(status, OK, "call %d: %s", n, error_message());
        cr_assert_eq(temporary_files(0), 1, "call %d leaves a draft", n);
        if (faulty_settled) { /* whole, whatever the folder then said */
            cr_assert_eq(open_only("c.h5"), OK);
            continue;
        }
        cr_assert_eq(status, E_IO, "call %d", n);
        cr_expect(strstr(error_message(), strerror(error)), "%s", error_message());
        cr_expect(strstr(error_message(), "c.h5"), "%s", error_message());
        unsigned char *now = file_bytes(in_temporary("c.h5"), &size);
        cr_assert(size == old_size && !memcmp(now, old, (size_t)size), "call %d", n);
        free(now);
        cr_assert_eq(save("c.h5", &p, 1), OK); /* and the next save is as good as any */
        free(old);
        old = file_bytes(in_temporary("c.h5"), &old_size);
    }
    cr_expect_gt(n, 4);
    cr_expect_eq(open_only("c.h5"), OK);
    free(old);
    params_free(&p);
}

static int warned;

static void count_warning(void *context, const char *message)
{
    (void)context;
    cr_expect(strstr(message, ".h5"), "%s", message);
    warned++;
}

static Status save_step(Params *p, int64_t step, bool best)
{
    const Checkpoint c = {.info = {.step = step, .config = config, .config_size = 5}, .params = p};
    return checkpoints_save(in_temporary("k"), &c, 2, best);
}

static int64_t newest(Status expected)
{
    CheckpointReader r;
    bool found;
    cr_expect_eq(checkpoints_open_newest(in_temporary("k"), &r, &found, count_warning, NULL),
                 expected, "%s", error_message());
    const int64_t step = found ? r.info.step : -1;
    checkpoint_close(&r);
    return step;
}

static void damage(const char *name)
{
    long size;
    unsigned char *bytes = file_bytes(in_temporary(name), &size);
    bytes[size / 2] ^= 1;
    file_put(in_temporary(name), bytes, (size_t)size);
    free(bytes);
}

static void remove_run(void)
{
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -rf %s", in_temporary("k"));
    if (system(command)) abort();
}

Test(checkpoints, keep_the_newest_the_first_and_the_best, .init = temporary_open,
     .fini = temporary_close)
{
    Params p;
    Arena a = {0};
    int64_t *steps, count;
    char target[64] = "";
    declare(&p, 1, 8, true);
    cr_expect_eq(newest(OK), -1);
    for (int64_t step = 0; step <= 60; step += 10)
        cr_assert_eq(save_step(&p, step, step == 20), OK, "%s", error_message());
    cr_assert_eq(checkpoints_list(in_temporary("k"), &a, &steps, &count), OK);
    cr_assert_eq(count, 3);
    cr_expect(steps[0] == 0 && steps[1] == 50 && steps[2] == 60);
    cr_expect_gt(readlink(in_temporary("k/latest.h5"), target, sizeof target - 1), 0);
    cr_expect_str_eq(target, "step-00000060.h5");
    CheckpointReader r;
    cr_assert_eq(checkpoint_open(&r, in_temporary("k/best.h5")), OK, "%s", error_message());
    cr_expect_eq(r.info.step, 20);
    checkpoint_close(&r);
    for (int64_t best = 20; best <= 60; best += 40) { /* 20 is best.h5 by now and nothing else */
        cr_expect_eq(checkpoints_link(in_temporary("k"), 50, best), OK);
        cr_expect_eq(checkpoints_link(in_temporary("k"), 50, best), OK, "%s", error_message());
        cr_assert_eq(checkpoint_open(&r, in_temporary("k/best.h5")), OK, "%s", error_message());
        cr_expect_eq(r.info.step, best);
        checkpoint_close(&r);
    }
    cr_expect_gt(readlink(in_temporary("k/latest.h5"), target, sizeof target - 1), 0);
    cr_expect_str_eq(target, "step-00000050.h5");
    cr_expect_neq(access(in_temporary("k/best.h5.tmp"), F_OK), 0);
    cr_assert_eq(save_step(&p, 123456789, false), OK);
    cr_expect_eq(newest(OK), 123456789);
    cr_expect_eq(warned, 0);
    arena_free(&a);
    params_free(&p);
    remove_run();
}

Test(checkpoints, a_damaged_one_is_passed_over, .init = temporary_open, .fini = temporary_close)
{
    Params p;
    declare(&p, 1, 8, true);
    cr_assert_eq(save_step(&p, 0, false), OK);
    cr_assert_eq(save_step(&p, 10, false), OK);
    cr_assert_eq(save_step(&p, 20, false), OK);
    damage("k/step-00000020.h5");
    cr_expect_eq(newest(OK), 10);
    cr_expect_eq(warned, 1);
    cr_assert_eq(save_step(&p, 15, false), OK);
    cr_expect_eq(newest(OK), 15); /* rotation does not count the damaged one for newer */
    damage("k/step-00000015.h5");
    damage("k/step-00000010.h5");
    damage("k/step-00000000.h5");
    warned = 0;
    cr_expect_eq(newest(E_FORMAT), -1);
    cr_expect_eq(warned, 3);
    params_free(&p);
    remove_run();
}

Test(checkpoints, drafts_of_the_dead_are_removed, .init = temporary_open, .fini = temporary_close)
{
    char name[64];
    pid_t dead = fork();
    if (!dead) _exit(0);
    waitpid(dead, NULL, 0);
    snprintf(name, sizeof name, "step-00000001.h5.tmp.%ld", (long)dead);
    file_put(in_temporary(name), "x", 1);
    snprintf(name, sizeof name, "step-00000002.h5.tmp.%ld", (long)getppid());
    file_put(in_temporary(name), "x", 1);
    file_put(in_temporary("notes.tmp.txt"), "x", 1);
    file_put(in_temporary("notes.tmp.1x"), "x", 1);
    checkpoints_clean(temporary);
    cr_expect_eq(temporary_files(0), 3);
}

/* Saves step 1, 2, 3 ... until it is killed; tells each once it is saved. */
static void save_forever(int tell)
{
    Params p;
    declare(&p, 2, 64, true);
    for (int64_t step = 1;; step++) {
        fill(&p, (double)step);
        if (save("c.h5", &p, step) || write(tell, &step, sizeof step) != sizeof step) _exit(1);
    }
}

Test(checkpoint, a_kill_loses_nothing_that_was_saved)
{
    enum { KILLS = 30 };
    Params p;
    declare(&p, 2, 64, true);
    for (int i = 0; i < KILLS; i++) {
        int ends[2];
        int64_t told = 0, step;
        CheckpointReader r;
        cr_assert_eq(pipe(ends), 0);
        pid_t child = fork();
        if (!child) save_forever(ends[1]);
        close(ends[1]);
        cr_assert_eq(read(ends[0], &told, sizeof told), (ssize_t)sizeof told);
        usleep((useconds_t)(i * 391 % 3000));
        kill(child, SIGKILL);
        while (read(ends[0], &step, sizeof step) == sizeof step) told = step;
        waitpid(child, NULL, 0);
        close(ends[0]);

        files_clean(temporary, "");
        cr_assert_eq(temporary_files(0), 1);
        cr_assert_eq(checkpoint_open(&r, in_temporary("c.h5")), OK, "%s", error_message());
        cr_assert_geq(r.info.step, told);
        cr_assert_eq(checkpoint_load(&r, &p, true), OK, "%s", error_message());
        cr_assert_eq(p.value[1], (real)(r.info.step + 1));
        cr_assert_eq(p.value[p.count - 1], (real)(r.info.step + p.count - 1));
        checkpoint_close(&r);
    }
    params_free(&p);
}

/* Power may fail at any moment: all is on the disk before the name changes, and then the name is. */
Test(checkpoint, is_on_the_disk_before_it_has_its_name)
{
    Params p;
    declare(&p, 3, 40, true);
    faulty_begin(-1, 0);
    cr_expect_eq(save("c.h5", &p, 1), OK);
    faulty_end();
    cr_expect_str_eq(faulty_log, "owscdrsc");
    params_free(&p);
}
