#include "train/plan/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "layers/cost.h"
#include "train/checkpoint/checkpoint.h"
#include "train/plan/probe.h"
#include "train/step/gradient_tree.h"
#include "train/support/quantile.h"

/* A step of more FLOPs than this is measured on fewer sequences; some ten seconds on two
 * cores. */
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

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The bytes that the tape of a micro-batch needs, by a pass over the model with shapes alone. */
static Status microbatch_size(const Gpt *model, int tensors, int64_t sequences, int64_t *size)
{
    GptInput in;
    const int32_t *targets;
    Tape t = {.dry = true};
    tape_reset(&t);
    bool *written = tape_take(&t, tensors);
    if (t.status == OK)
        t.status = cost_windows(model, sequences, COST_CAUSAL, &t.arena, &in, &targets);
    if (t.status == OK) {
        in.dropout = true;
        tape_record(&t, NULL, written);
        Tensor *loss = gpt_loss(model, &t, &in, &(CrossEntropy){.targets = targets, .scale = 1});
        t.status = tape_backward(&t, loss);
    }
    const Status status = t.status;
    *size = t.dry_size + t.arena.most;
    tape_free(&t);
    return status;
}

static Status count_bytes(Plan *p, Gpt *model)
{
    const Config *c = p->config;
    const int threads = threads_count();
    const bool side_by_side = p->groups >= threads;
    const int64_t sequences = (c->train.batch + p->microbatches - 1) / p->microbatches,
                  tapes = side_by_side ? threads : 1;
    p->value_size = p->parameters * (int64_t)(sizeof(real) + (model->bf16 ? sizeof(bf16) : 0));
    p->gradient_size =
        p->parameters * (int64_t)sizeof(real) * gradient_tree_blocks(p->groups, (int)tapes);
    optim_choose(&c->optim, &p->params);
    p->optimizer_size = (p->parameters + params_count_v(&p->params) + p->params.scratch_count) *
                        (int64_t)sizeof(real);
    p->flops_optimizer = optim_flops(&c->optim, &p->params);
    p->image_size = CHECKPOINT_MEMORY;

    if (side_by_side) threads_set(1); /* as an op sees it, in a micro-batch */
    Status status = microbatch_size(model, p->params.tensors, sequences, &p->kept_size);
    model->recompute = true;
    if (status == OK)
        status = microbatch_size(model, p->params.tensors, sequences, &p->recomputed_size);
    threads_set(threads);
    p->kept_size *= tapes;
    p->recomputed_size *= tapes;
    p->activation_size = config_recompute(c) ? p->recomputed_size : p->kept_size;
    return status;
}

static void total(Plan *p)
{
    p->total_size =
        p->value_size + p->gradient_size + p->optimizer_size + p->activation_size + p->image_size;
}

Status plan_make(Plan *p, const Config *c, int64_t vocab_size)
{
    Gpt model;
    *p = (Plan){.config = c};
    gpt_init(&model, &p->params, &c->model, vocab_size, 0);
    p->vocab_size = model.vocab_size;
    TRY(p->params.status);
    TRY(account_params(&model, &p->params, &p->account));
    p->parameters = p->account.params;
    p->parameters_non_embedding = p->parameters - p->account.params_embedding;
    p->flops_per_token = p->account.flops[FLOPS_PRODUCTS];
    p->tokens_per_step = c->train.batch * c->model.context;
    p->microbatches = c->train.microbatches;
    p->groups = c->train.groups;
    model.bf16 = config_bf16(c);
    TRY(count_bytes(p, &model));
    total(p);
    return OK;
}

void plan_close(Plan *p)
{
    params_free(&p->params);
}

Status plan_data(Plan *p)
{
    enum { DRAWS = 16 };
    const Config *c = p->config;
    Dataset d;
    Batches b = {0};
    Status status = dataset_open(&d, c->data.path);
    if (status == OK)
        status = batches_open(&b, &d, &d.train, &c->data, c->model.context, c->train.batch,
                              (uint64_t)c->train.seed);
    if (status == OK) status = account_data(&c->model, &b, DRAWS, &p->account);
    batches_close(&b);
    dataset_close(&d);
    return status;
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
    *seconds = median(times, count);
    return OK;
}

/* The config with fewer sequences per step, in micro-batches of the same size unless groups need
 * more of them. */
static void shorten(const Plan *p, Config *c)
{
    const double step = p->flops_per_token * (double)p->tokens_per_step;
    if (step <= OPERATIONS_MAX) return;
    int64_t batch = (int64_t)((double)c->train.batch * OPERATIONS_MAX / step);
    if (batch < threads_count()) batch = least(threads_count(), c->train.batch);
    c->train.batch = batch;
    c->train.groups = least(p->groups, batch);
    c->train.microbatches = most(c->train.groups, p->microbatches * batch / p->config->train.batch);
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
        status = FAIL(E_NOMEM, "training needs %.1f GB of memory, but this machine has %.1f",
                      1e-9 * (double)p->total_size, 1e-9 * (double)plan_memory());
    if (status == OK) {
        status = probe_open(&probe, c, p->vocab_size);
        if (status == OK) status = time_steps(&probe, &seconds);
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
