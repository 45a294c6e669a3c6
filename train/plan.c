#include "train/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "layers/mlp.h"
#include "train/probe.h"

/* A step of more operations than this is measured on fewer sequences; some ten seconds on two cores. */
static const double OPERATIONS_MAX = 1e12;
static const double SECONDS_ENOUGH = 5;

int64_t plan_memory(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t floor_log2(int64_t n)
{
    int64_t j = 0;
    while (n >> (j + 1)) j++;
    return j;
}

/* Numbers that the tape of a leaf of `rows` rows holds, as layers/ and the ops stand: each result, what
 * ops keep, and the widest place of the gradients. What arenas round up is not in it. */
static int64_t leaf_numbers(const GptConfig *c, int64_t rows)
{
    const bool gated = mlp_is_gated(c), rotated = !strcmp(c->positions, "rope") || c->qk_norm;
    const int64_t width = c->width, kv = width / c->heads * c->kv_heads,
                  hidden = c->mlp_width * (gated ? 2 : 1);
    int64_t block = 4 * width;              /* two norms, two sums */
    block += width + 2 * kv;                /* queries, keys, values */
    block += rotated ? width + kv : 0;      /* turned */
    block += width + c->heads;              /* mixed, a number a row and head */
    block += hidden + c->mlp_width;         /* before and after the activation */
    if (c->dropout > 0) block += 2 * width; /* before dropping out */
    if (!strcmp(c->norm_place, "sandwich")) block += 2 * width;
    const int64_t gradients = hidden + c->mlp_width + 2 * width;
    return rows * (c->layers * block + 3 * width + gradients);
}

static void count_bytes(Plan *p)
{
    const Config *c = p->config;
    const int64_t threads = threads_count(), size = (int64_t)sizeof(real);
    const int64_t side_by_side = p->leaves >= threads ? threads : 1,
                  sequences = (c->train.batch + p->leaves - 1) / p->leaves;
    p->value_size = p->parameters * size;
    p->gradient_size = p->value_size * least(p->leaves, floor_log2(p->leaves) + side_by_side);
    p->optimizer_size = 2 * p->value_size;
    p->activation_size =
        side_by_side * leaf_numbers(&c->model, sequences * c->model.context) * size;
    p->image_size = 3 * p->value_size;
}

static void total(Plan *p)
{
    p->total_size =
        p->value_size + p->gradient_size + p->optimizer_size + p->activation_size + p->image_size;
}

static bool is_embedding(const Param *one)
{
    return !strncmp(one->name, "embed.", 6) || !strncmp(one->name, "positions.", 10) ||
           !strncmp(one->name, "head.", 5);
}

Status plan_make(Plan *p, const Config *c, int64_t vocab_size)
{
    Gpt model;
    *p = (Plan){.config = c, .vocab_size = vocab_size};
    gpt_init(&model, &p->params, &c->model, vocab_size, 0);
    TRY(p->params.status);
    for (const Param *one = p->params.first; one; one = one->next) {
        const int64_t count = shape_count(one->tensor.shape);
        p->parameters += count;
        if (!is_embedding(one)) p->parameters_non_embedding += count;
    }
    p->flops_per_token = gpt_flops(&c->model, vocab_size);
    p->tokens_per_step = c->train.batch * c->model.context;
    p->leaves = config_leaves(c);
    count_bytes(p);
    total(p);
    return OK;
}

void plan_close(Plan *p)
{
    params_free(&p->params);
}

/* At least three steps after the first, or as many as fit into the time, but one. */
static Status time_steps(Probe *probe, double *seconds)
{
    enum { STEPS_MAX = 50 };
    double times[STEPS_MAX], sum = 0, first;
    int64_t count = 0;
    TRY(probe_step(probe, &first));
    do {
        TRY(probe_step(probe, &times[count]));
        sum += times[count++];
    } while (count < STEPS_MAX && sum < SECONDS_ENOUGH);
    *seconds = probe_middle(times, count);
    return OK;
}

/* The config with fewer sequences a step, in leaves of as many as before where that goes. */
static void shorten(const Plan *p, Config *c)
{
    const double step = p->flops_per_token * (double)p->tokens_per_step;
    if (step <= OPERATIONS_MAX) return;
    int64_t batch = (int64_t)((double)c->train.batch * OPERATIONS_MAX / step);
    if (batch < threads_count()) batch = least(threads_count(), c->train.batch);
    c->train.batch = batch;
    c->train.accumulate = 1;
    snprintf(c->train.lanes, sizeof c->train.lanes, "%lld", (long long)least(p->leaves, batch));
}

Status plan_measure(Plan *p)
{
    Probe probe;
    double seconds = 0;
    Config *c = malloc(sizeof *c);
    if (!c) return FAIL(E_NOMEM, "plan");
    *c = *p->config;
    shorten(p, c);
    Status status = OK;
    if (p->total_size > plan_memory())
        status = FAIL(E_NOMEM, "%.1f GB are needed, and this machine has %.1f",
                      1e-9 * (double)p->total_size, 1e-9 * (double)plan_memory());
    if (status == OK) {
        status = probe_open(&probe, c, p->vocab_size);
        if (status == OK) status = time_steps(&probe, &seconds);
        if (status == OK && c->train.batch == p->config->train.batch)
            p->activation_size = lanes_reserved(probe.lanes);
        probe_close(&probe);
    }
    const int64_t sequences = c->train.batch;
    free(c);
    TRY(status);
    p->measured_sequences = sequences;
    p->seconds_per_step = seconds * (double)p->config->train.batch / (double)sequences;
    p->tokens_per_second = (double)p->tokens_per_step / p->seconds_per_step;
    total(p);
    return OK;
}
