/* capstan bench: the speed of training, compared with the machine's limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"
#include "train/bench/bench.h"
#include "train/bench/bench_decode.h"
#include "train/bench/bench_profile.h"
#include "train/bench/cores.h"
#include "train/bench/machine.h"
#include "train/checkpoint/init_from.h"
#include "train/commands/commands.h"
#include "train/support/json.h"
#include "train/support/precision.h"

enum { NAMES_MAX = 64 };

typedef struct Bench {
    BenchOptions options;
    int64_t vocab_size;               /* of configs that are files */
    const char *overrides[NAMES_MAX]; /* of every config */
    int override_count;
    bool json, profile, sampling;
    json_t *results;
    double fma_one, fma_all, triad, products;
    CoreRate others[CORES_MAX];
    int other_count;
} Bench;

static void print_cores(const Bench *b)
{
    const CoreRate *best = NULL;
    printf("products      %.1f GFLOP/s", 1e-9 * b->products);
    for (int i = 0; i < b->other_count; i++) {
        const CoreRate *other = &b->others[i];
        printf("%s %s %.1f", i ? "," : "; with OPENBLAS_CORETYPE", other->name, 1e-9 * other->rate);
        if (other->rate > 1.15 * b->products && (!best || other->rate > best->rate)) best = other;
    }
    printf("\n");
    if (best) printf("              faster: export OPENBLAS_CORETYPE=%s\n", best->name);
}

static Status measure_machine(Bench *b)
{
    const char *core = getenv("OPENBLAS_CORETYPE");
    b->fma_one = machine_fma(1);
    b->fma_all = machine_fma(threads_count());
    TRY(machine_triad(threads_count(), 0, &b->triad));
    TRY(cores_rate(&b->products));
    b->other_count = cores_others(b->others);
    if (b->json) return OK;
    printf("core type     %s, %s%s%s%s\n", gemm_core(), precision_here(),
           core ? " (OPENBLAS_CORETYPE=" : "", core ? core : "", core ? ")" : "");
    printf("multiply-add  %.1f GFLOP/s on one thread, %.1f on %d\n", 1e-9 * b->fma_one,
           1e-9 * b->fma_all, threads_count());
    print_cores(b);
    printf("memory        %.1f GB/s on %d threads (triad)\n\n", 1e-9 * b->triad, threads_count());
    fflush(stdout);
    return OK;
}

static void print_result(const char *name, const BenchResult *r)
{
    printf("%-6s %10.0f tokens/s  %9.3f ms per step (%.3f to %.3f)  %6.1f GFLOP/s\n", name,
           (double)r->tokens / r->seconds, 1e3 * r->seconds, 1e3 * r->fastest, 1e3 * r->slowest,
           1e-9 * r->flops * (double)r->tokens / r->seconds);
    printf("       products alone, by %s: %.3f ms: %.3f of the step; linear %.1f, attention %.1f "
           "GFLOP/s\n",
           r->core, 1e3 * r->bound_seconds, r->bound_seconds / r->seconds, 1e-9 * r->linear_rate,
           1e-9 * r->attention_rate);
    for (int i = 0; i < r->product_count; i++) {
        const BoundProduct *p = &r->products[i];
        printf("       %-5s [%lld, %lld]: y %.0f, dx %.0f, dw %.0f GFLOP/s\n", p->name,
               (long long)p->out, (long long)p->in, 1e-9 * p->rate[0], 1e-9 * p->rate[1],
               1e-9 * p->rate[2]);
    }
    fflush(stdout);
}

static json_t *describe(const char *name, const BenchResult *r)
{
    json_t *products = json_array();
    for (int i = 0; i < r->product_count; i++) {
        const BoundProduct *p = &r->products[i];
        json_array_append_new(products,
                              json_pack("{s:s, s:I, s:I, s:f, s:f, s:f}", "name", p->name, "out",
                                        (json_int_t)p->out, "in", (json_int_t)p->in,
                                        "forward_gflops", 1e-9 * p->rate[0], "dx_gflops",
                                        1e-9 * p->rate[1], "dw_gflops", 1e-9 * p->rate[2]));
    }
    return json_pack("{s:s, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:f, s:I, s:o}", "name", name,
                     "tokens_per_second", (double)r->tokens / r->seconds, "milliseconds_per_step",
                     1e3 * r->seconds, "fraction_of_gemm_bound", r->bound_seconds / r->seconds,
                     "core", r->core, "gemm_bound_milliseconds", 1e3 * r->bound_seconds, "gflops",
                     1e-9 * r->flops * (double)r->tokens / r->seconds, "fastest_milliseconds",
                     1e3 * r->fastest, "slowest_milliseconds", 1e3 * r->slowest, "steps",
                     (json_int_t)r->steps, "products", products);
}

static Status profile(Bench *b, const char *name, const Config *c, int64_t vocab_size)
{
    static BenchProfile p; /* large */
    TRY(bench_profile_run(c, vocab_size, &b->options, &p));
    if (!b->json) bench_profile_print(name, &p);
    json_array_append_new(b->results, bench_profile_json(name, &p));
    return OK;
}

static Status sampling(Bench *b, const char *name, const Config *c, int64_t vocab_size)
{
    BenchDecode d;
    TRY(bench_decode_run(c, vocab_size, &b->options, &d));
    if (!b->json) bench_decode_print(name, &d);
    json_array_append_new(b->results, bench_decode_json(name, &d));
    return OK;
}

static Status run(Bench *b, const char *name, const Config *c, int64_t vocab_size)
{
    if (b->sampling) return sampling(b, name, c, vocab_size);
    if (b->profile) return profile(b, name, c, vocab_size);
    BenchResult r;
    TRY(bench_run(c, vocab_size, &b->options, &r));
    if (!b->json) print_result(name, &r);
    json_array_append_new(b->results, describe(name, &r));
    return OK;
}

static const BenchCase *find_case(const char *name)
{
    for (int i = 0; i < bench_case_count; i++)
        if (!strcmp(bench_cases[i].name, name)) return &bench_cases[i];
    return NULL;
}

/* The config of a case or a file. */
static Status load(const Bench *b, const char *name, Config *c)
{
    const BenchCase *one = find_case(name);
    const char *all[NAMES_MAX + BENCH_OVERRIDES_MAX];
    int count = 0;
    while (one && count < BENCH_OVERRIDES_MAX && one->overrides[count]) {
        all[count] = one->overrides[count];
        count++;
    }
    for (int i = 0; i < b->override_count; i++) all[count++] = b->overrides[i];
    return init_from_config(c, one ? NULL : name, count, all);
}

/* A name that is not a case is a file. The precision decides which program runs. */
static Status check_names(const Bench *b, int count, const char *const names[], Config *c,
                          char *argv[])
{
    for (int i = 0; i < count; i++) {
        if (!find_case(names[i]) && !strpbrk(names[i], "./"))
            return FAIL(E_ARG, "there is no case %s: expected %s to %s, or a config file", names[i],
                        bench_cases[0].name, bench_cases[bench_case_count - 1].name);
        TRY(load(b, names[i], c));
        TRY(precision_switch(precision_number(c->train.precision), argv));
    }
    return OK;
}

static Status run_name(Bench *b, const char *name, Config *c)
{
    const BenchCase *one = find_case(name);
    TRY(load(b, name, c));
    if (one) return run(b, name, c, one->vocab_size);
    if (b->vocab_size) return run(b, name, c, b->vocab_size);
    Dataset d;
    Status status = dataset_open(&d, c->data.path);
    const int64_t vocab_size = d.vocab_size;
    dataset_close(&d);
    TRY(status);
    return run(b, name, c, vocab_size);
}

/* The output for bench itself, which runs this program with other OpenBLAS kernels
 * (train/bench/cores.h). */
static Status products_only(void)
{
    double rate;
    TRY(cores_rate(&rate));
    printf("%s %.3f\n", gemm_core(), 1e-9 * rate);
    return OK;
}

static Status finish(Bench *b)
{
    const char *core = getenv("OPENBLAS_CORETYPE");
    json_t *others = json_object();
    for (int i = 0; i < b->other_count; i++)
        json_object_set_new(others, b->others[i].name, json_real(1e-9 * b->others[i].rate));
    return json_print(json_pack("{s:s, s:f, s:o, s:s?, s:s, s:i, s:f, s:f, s:f, s:O}", "core",
                                gemm_core(), "products_gflops", 1e-9 * b->products,
                                "products_gflops_of_other_cores", others, "openblas_coretype", core,
                                "precision", precision_here(), "threads", threads_count(),
                                "fma_gflops_one_thread", 1e-9 * b->fma_one, "fma_gflops",
                                1e-9 * b->fma_all, "memory_gigabytes_per_second", 1e-9 * b->triad,
                                "results", b->results));
}

Status command_bench(const Command *self, int argc, char *argv[])
{
    Bench b = {.options.repeats = 5};
    int64_t threads = 0;
    bool all = false, products = false, helped;
    const char *names[NAMES_MAX], *weights = "trained";
    int count;
    const Option options[] = {
        OPTION_USAGE("[c1 ... c5 | CONFIG ...] [section.key=value ...]"),
        OPTION_INT("--steps", &b.options.steps, "N", 1, 1000,
                   "steps per repeat (default: about a second's worth)"),
        OPTION_INT("--repeat", &b.options.repeats, "N", 1, 100,
                   "repeats, of which the median counts (default: 5)"),
        OPTION_INT("--vocab", &b.vocab_size, "N", 1, 2147483647,
                   "vocabulary size of a config whose dataset does not exist yet"),
        OPTION_FLAG("--all", &all, "c1 to c5, instead of c1 and c2"),
        OPTION_FLAG("--profile", &b.profile,
                    "break the time of a step down by op, against the limits of the machine"),
        OPTION_FLAG("--sampling", &b.sampling,
                    "measure generation instead: tokens per second of one stream, of many, and of "
                    "a prompt"),
        OPTION_FLAG("--products", &products,
                    "print only OpenBLAS's core type and its GFLOP/s on a square matrix product"),
        OPTION_WEIGHTS(&weights),
        OPTION_THREADS(&threads),
        OPTION_JSON(&b.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, names, NAMES_MAX, &count, &helped));
    if (helped) {
        printf("\ncases (layers x heads x width):\n");
        for (int i = 0; i < bench_case_count; i++)
            printf("  %-22s %s, vocabulary %lld\n", bench_cases[i].name, bench_cases[i].what,
                   (long long)bench_cases[i].vocab_size);
        return OK;
    }
    int named = 0;
    for (int i = 0; i < count; i++)
        if (strchr(names[i], '='))
            b.overrides[b.override_count++] = names[i];
        else
            names[named++] = names[i];
    if (b.profile && b.sampling) return FAIL(E_ARG, "--profile and --sampling exclude each other");
    b.options.q8 = !strcmp(weights, "q8");
    if (!b.options.q8 && strcmp(weights, "trained"))
        return FAIL(E_ARG, "--weights %s: expected trained or q8", weights);
    if (b.options.q8 && !b.sampling) return FAIL(E_ARG, "--weights q8 needs --sampling");
    if (products) {
        threads_set((int)threads);
        return products_only();
    }
    const bool is_open = !named;
    for (int i = 0; i < bench_case_count && is_open; i++)
        if (all || bench_cases[i].by_default) names[named++] = bench_cases[i].name;
    static Config c; /* large; and the only one */
    TRY(check_names(&b, named, names, &c, argv));
    threads_set((int)threads);
    b.results = json_array();
    Status status = measure_machine(&b);
    for (int i = 0; i < named && status == OK; i++) status = run_name(&b, names[i], &c);
    if (status == OK && b.json) status = finish(&b);
    json_decref(b.results);
    return status;
}
