#include "train/bench/bench_profile.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/bench/machine.h"
#include "train/support/quantile.h"

enum { STEPS_MAX = 1000, KEPT_MAX = 256 };

/* One step with a profile. */
typedef struct Kept {
    double seconds;
    Profile profile;
} Kept;

static int faster_first(const void *a, const void *b)
{
    const Kept *x = a, *y = b;
    return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

/* Takes steps without and with a profile in turns, so that a machine that is busy for a while slows
 * both. */
static Status measure(Probe *p, int64_t steps, Kept *kept, BenchProfile *out)
{
    double plain[KEPT_MAX], profiled[KEPT_MAX];
    for (int64_t i = 0; i < steps; i++) {
        TRY(probe_step(p, &plain[i]));
        kept[i].profile.count = 0;
        p->profile = &kept[i].profile;
        TRY(probe_step(p, &kept[i].seconds));
        p->profile = NULL;
        profiled[i] = kept[i].seconds;
    }
    out->plain_seconds = median(plain, steps);
    out->seconds = median(profiled, steps);
    return OK;
}

static int longer_first(const void *a, const void *b)
{
    const ProfileRow *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

/* Averages the faster half; the rows are sorted by time, and the threads' idle time follows. */
static void average(Kept *kept, int64_t steps, BenchProfile *out)
{
    Profile *p = &out->profile;
    double all = 0, busy = 0;
    qsort(kept, (size_t)steps, sizeof *kept, faster_first);
    out->steps = (steps + 1) / 2;
    for (int64_t i = 0; i < out->steps; i++) {
        profile_merge(p, &kept[i].profile);
        all += kept[i].seconds * out->threads;
    }
    for (int i = 0; i < p->count; i++) {
        ProfileRow *row = &p->rows[i];
        busy += row->seconds;
        row->calls /= out->steps;
        row->seconds /= (double)out->steps;
        row->work.operations /= (double)out->steps;
        row->work.bytes /= (double)out->steps;
    }
    qsort(p->rows, (size_t)p->count, sizeof *p->rows, longer_first);
    profile_add(p, &(ProfileRow){.name = "waiting",
                                 .seconds = (all - busy) / (double)out->steps,
                                 .pass = PASS_NONE,
                                 .team = 1});
}

/* The rate of the row's products alone; 0 if the bound has none of their shape. */
static double product_rate(const ProfileRow *row, const GemmBound *b)
{
    if (!row->work.matrix.rank)
        return strcmp(row->name, "attention") ? 0 : b->attention_rate[row->pass == PASS_BACKWARD];
    for (int i = 0; i < b->product_count; i++) {
        const BoundProduct *p = &b->products[i];
        if (!shape_equal(row->work.matrix, SHAPE(p->out, p->in))) continue;
        if (p->is_loss) return 3 / (1 / p->rate[0] + 1 / p->rate[1] + 1 / p->rate[2]);
        if (row->pass == PASS_BACKWARD) return 2 / (1 / p->rate[1] + 1 / p->rate[2]);
        return p->rate[0];
    }
    return 0;
}

/* The machine's rate at the row's mix of reads and writes, on `bytes` a thread. */
static Status memory_rate(const ProfileRow *row, int threads, int64_t bytes, double *rate)
{
    if (row->pass != PASS_NONE) return machine_triad(threads, bytes, rate);
    if (!strcmp(row->name, "norm of gradients"))
        return machine_read(threads, bytes * row->team, rate);
    return machine_update(threads, bytes, rate);
}

static Status find_limits(const GemmBound *b, BenchProfile *out)
{
    for (int i = 0; i < out->profile.count; i++) {
        const ProfileRow *row = &out->profile.rows[i];
        const double bytes = row->calls ? row->work.bytes / (double)row->calls / row->team : 0;
        if (row->work.operations > 0)
            out->limit[i] = product_rate(row, b);
        else if (bytes > 0)
            TRY(memory_rate(row, out->threads, (int64_t)bytes, &out->limit[i]));
    }
    return OK;
}

static Status run(Probe *p, const Config *c, const BenchOptions *o, BenchProfile *out)
{
    double once;
    GemmBound bound;
    TRY(probe_median(p, 1, 2, &once));
    int64_t steps = o->steps ? o->steps : once > 1 ? 1 : (int64_t)(1 / once);
    steps *= o->repeats;
    if (steps > KEPT_MAX) steps = KEPT_MAX;
    Kept *kept = calloc((size_t)steps, sizeof *kept);
    if (!kept) return FAIL(E_NOMEM, "profiles of %lld steps", (long long)steps);
    Status status = measure(p, steps, kept, out);
    if (status == OK) average(kept, steps, out);
    free(kept);
    TRY(status);
    status = gemm_bound_open(&bound, &p->model, c->train.batch, out->threads);
    if (status == OK) status = find_limits(&bound, out);
    gemm_bound_close(&bound);
    return status;
}

Status bench_profile_run(const Config *c, int64_t vocab_size, const BenchOptions *o,
                         BenchProfile *out)
{
    Probe probe;
    *out = (BenchProfile){.threads = threads_count()};
    Status status = probe_open(&probe, c, vocab_size);
    if (status == OK) status = run(&probe, c, o, out);
    probe_close(&probe);
    return status;
}

/* FLOP/s or bytes per second of all threads; 0: the row counts neither. */
static double rate_of(const BenchProfile *p, const ProfileRow *row)
{
    const double work = row->work.operations > 0 ? row->work.operations : row->work.bytes;
    return row->seconds > 0 ? work * p->threads / row->seconds : 0;
}

void bench_profile_print(const char *name, const BenchProfile *p)
{
    double sum = 0;
    for (int i = 0; i < p->profile.count; i++) sum += p->profile.rows[i].seconds;
    printf("%-6s %.3f ms per step, %.3f ms while profiled (%+.2f %%); mean of %lld steps on %d "
           "thread%s\n",
           name, 1e3 * p->plain_seconds, 1e3 * p->seconds,
           100 * (p->seconds / p->plain_seconds - 1), (long long)p->steps, p->threads,
           p->threads > 1 ? "s" : "");
    printf("       %-18s %-9s %-14s %6s %10s %6s %9s %9s %8s\n", "op", "pass", "matrix", "calls",
           "ms", "share", "GFLOP/s", "GB/s", "of limit");
    for (int i = 0; i < p->profile.count; i++) {
        const ProfileRow *row = &p->profile.rows[i];
        const double rate = rate_of(p, row);
        char speed[32] = "", limit[16] = "";
        if (rate > 0)
            snprintf(speed, sizeof speed,
                     row->work.operations > 0 ? "%9.1f          " : "          %9.1f", 1e-9 * rate);
        if (rate > 0 && p->limit[i] > 0) snprintf(limit, sizeof limit, "%.2f", rate / p->limit[i]);
        printf("       %-18s %-9s %-14s %6lld %10.3f %5.1f%% %19s %8s\n", row->name,
               pass_text(row->pass), row->work.matrix.rank ? shape_text(row->work.matrix) : "",
               (long long)row->calls, 1e3 * row->seconds / p->threads, 100 * row->seconds / sum,
               speed, limit);
    }
    fflush(stdout);
}

static json_t *number_or_null(bool is_there, double x)
{
    return is_there ? json_real(x) : json_null();
}

json_t *bench_profile_json(const char *name, const BenchProfile *p)
{
    json_t *rows = json_array();
    double sum = 0;
    for (int i = 0; i < p->profile.count; i++) sum += p->profile.rows[i].seconds;
    for (int i = 0; i < p->profile.count; i++) {
        const ProfileRow *row = &p->profile.rows[i];
        const double rate = rate_of(p, row), limit = p->limit[i];
        const bool is_product = row->work.operations > 0, has_rate = rate > 0;
        json_array_append_new(
            rows,
            json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:o, s:o, s:o}", "op", row->name, "pass",
                      pass_text(row->pass), "matrix",
                      row->work.matrix.rank ? shape_text(row->work.matrix) : "", "calls",
                      (json_int_t)row->calls, "milliseconds", 1e3 * row->seconds / p->threads,
                      "share", row->seconds / sum, "gflops",
                      number_or_null(is_product && has_rate, 1e-9 * rate), "gigabytes_per_second",
                      number_or_null(!is_product && has_rate, 1e-9 * rate), "fraction_of_limit",
                      number_or_null(has_rate && limit > 0, rate / limit)));
    }
    return json_pack("{s:s, s:f, s:f, s:f, s:I, s:i, s:o}", "name", name, "milliseconds_per_step",
                     1e3 * p->plain_seconds, "profiled_milliseconds_per_step", 1e3 * p->seconds,
                     "overhead", p->seconds / p->plain_seconds - 1, "steps", (json_int_t)p->steps,
                     "threads", p->threads, "rows", rows);
}
