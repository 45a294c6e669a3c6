#include "train/step/microbatches.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/step/gradient_sum.h"
#include "train/step/microbatch_stats.h"

enum { BUSY = -1 };

typedef struct Worker {
    Tape tape;
    bool *written;
    Profile profile; /* of this pass, if there is to be one */
    double *sums;    /* of gradient_sum() */
} Worker;

struct Microbatches {
    Arena arena;
    Params *params;
    Profile *profile; /* NULL: not wanted */
    int64_t microbatches;
    int workers_max;
    Worker *workers;
    double *losses, *squares;
    MicrobatchStats *stats; /* [microbatches]; NULL until they are wanted */
    /* The tree. Guarded by lock while threads run. */
    pthread_mutex_t lock;
    int *
        level; /* [microbatches]: this microbatch's block sums 2^level microbatches; BUSY: nobody may touch it */
    real **block; /* [microbatches] */
    real **pool;  /* [pool_count]: blocks beside the run's own */
    int64_t pool_count;
    real **spare; /* those that nobody uses now */
    int64_t spares;
    int64_t begun,
        next; /* the microbatches that workers begin with; the first that nobody has taken */
    Status status;
    char message[512];
};

static int floor_log2(int64_t n)
{
    int j = 0;
    while (n >> (j + 1)) j++;
    return j;
}

static Status open_parts(Microbatches *l)
{
    /* A microbatch that is late keeps at most one finished block a level waiting for it. */
    int64_t extra = (int64_t)l->workers_max * (floor_log2(l->microbatches) + 1);
    if (extra > l->microbatches - 1) extra = l->microbatches - 1;
    l->workers = arena_zero(&l->arena, l->workers_max * (int64_t)sizeof *l->workers);
    l->losses = arena_zero(&l->arena, l->microbatches * (int64_t)sizeof *l->losses);
    l->squares = arena_zero(&l->arena, l->microbatches * (int64_t)sizeof *l->squares);
    l->level = arena_zero(&l->arena, l->microbatches * (int64_t)sizeof *l->level);
    l->block = arena_zero(&l->arena, l->microbatches * (int64_t)sizeof *l->block);
    l->pool = arena_zero(&l->arena, l->microbatches * (int64_t)sizeof *l->pool);
    l->spare = arena_zero(&l->arena, l->microbatches * (int64_t)sizeof *l->spare);
    if (!l->workers || !l->losses || !l->squares || !l->level || !l->block || !l->pool || !l->spare)
        return FAIL(E_NOMEM, "micro-batches");
    for (int i = 0; i < l->workers_max; i++) {
        Worker *w = &l->workers[i];
        w->written = arena_zero(&l->arena, l->params->tensors);
        w->sums =
            arena_zero(&l->arena, gradient_sum_work(l->params->count) * (int64_t)sizeof *w->sums);
        if (!w->written || !w->sums) return FAIL(E_NOMEM, "micro-batches");
    }
    for (int64_t i = 0; l->params->grad && i < extra; i++) {
        /* Untouched until a step needs it: what is never needed costs no memory. */
        real *block = arena_take(&l->arena, l->params->count * (int64_t)sizeof *block);
        if (!block)
            return FAIL(E_NOMEM, "gradients of %lld microbatches, %lld numbers each",
                        (long long)extra, (long long)l->params->count);
        l->pool[l->pool_count++] = block;
    }
    return OK;
}

Status microbatches_open(Microbatches **out, Params *p, int64_t microbatches)
{
    Arena arena = {0};
    Microbatches *l = arena_zero(&arena, sizeof *l);
    *out = NULL;
    if (!l) return FAIL(E_NOMEM, "micro-batches");
    l->arena = arena;
    l->params = p;
    l->microbatches = microbatches;
    l->workers_max = threads_count();
    pthread_mutex_init(&l->lock, NULL);
    Status status = open_parts(l);
    if (status == OK)
        *out = l;
    else
        microbatches_close(l);
    return status;
}

void microbatches_close(Microbatches *l)
{
    if (!l) return;
    for (int i = 0; l->workers && i < l->workers_max; i++) tape_free(&l->workers[i].tape);
    pthread_mutex_destroy(&l->lock);
    Arena arena = l->arena; /* l lives in it */
    arena_free(&arena);
}

/* One pass of a microbatch over the model. */
typedef struct Pass {
    Microbatches *l;
    const StepTask *task;
    int64_t microbatches;
    bool record, check;
    double scale;
    real *row_loss;   /* [rows of the batch] or NULL */
    StepStats *stats; /* NULL: not wanted */
    TapeFinding *finding;
} Pass;

/* The microbatch's part of the batch as the model reads it. */
static Status microbatch_input(Tape *t, const StepTask *task, int64_t first, int64_t end,
                               GptInput *in)
{
    const Batch *b = task->batch;
    const int32_t from = b->segment_index[first], to = b->segment_index[end];
    const int64_t row = first * b->context;
    int32_t *starts = tape_take(t, (to - from + 1) * (int64_t)sizeof *starts);
    if (!starts) return t->status;
    for (int32_t i = from; i <= to; i++) starts[i - from] = b->segment_starts[i] - (int32_t)row;
    *in = (GptInput){.rows = (end - first) * b->context,
                     .tokens = b->inputs + row,
                     .positions = b->positions + row,
                     .attention = {.segments = to - from,
                                   .queries = starts,
                                   .keys = starts,
                                   .first = b->has_intervals ? b->first + row : NULL,
                                   .end = b->has_intervals ? b->end + row : NULL},
                     .dropout = task->dropout,
                     .step = task->step,
                     .first_row = row};
    return OK;
}

static Status run_microbatch(const Pass *pass, Worker *w, int64_t microbatch, real *grads)
{
    Microbatches *l = pass->l;
    const StepTask *task = pass->task;
    const Batch *b = task->batch;
    const int64_t first = microbatch * b->sequences / pass->microbatches,
                  end = (microbatch + 1) * b->sequences / pass->microbatches,
                  row = first * b->context;
    Tape *t = &w->tape;
    GptInput in;

    tape_reset(t);
    t->check = pass->check;
    t->profile = l->profile ? &w->profile : NULL;
    if (microbatch == task->poison_microbatch) t->poison = task->poison;
    TRY(microbatch_input(t, task, first, end, &in));
    real *row_loss =
        pass->row_loss ? pass->row_loss + row : tape_take(t, in.rows * (int64_t)sizeof *row_loss);
    if (pass->record) {
        memset(w->written, 0, (size_t)l->params->tensors);
        tape_record(t, grads, w->written);
    }
    CrossEntropy loss = {.targets = b->targets + row,
                         .weights = b->has_weights ? b->weights + row : NULL,
                         .scale = pass->scale,
                         .z_loss = task->z_loss,
                         .smoothing = task->smoothing,
                         .row_loss = row_loss};
    MicrobatchStats *stats = pass->stats ? &l->stats[microbatch] : NULL;
    if (stats) microbatch_stats_ask(stats, pass->stats, task->model, t, &in, &loss);
    Tensor *objective = gpt_loss(task->model, t, &in, &loss);
    Status status = t->status;
    if (status == OK && pass->record) status = tape_backward(t, objective);
    if (pass->finding && !pass->finding->found) *pass->finding = t->finding;
    if (status != OK) return status;

    double sum = 0;
    for (int64_t i = 0; i < in.rows; i++) sum += (double)row_loss[i];
    /* What is trained on holds more than the loss, z-loss for one: it may overflow alone. */
    if (pass->record && isfinite(sum) && !isfinite(objective->data[0])) sum = NAN;
    l->losses[microbatch] = sum;
    if (stats) microbatch_stats_sum(stats, pass->stats, task->model, &in);
    if (pass->record) params_zero_unwritten(l->params, w->written, grads);
    return OK;
}

/* Adds the block of microbatch to + 2^level, and what has been added to that, to microbatch to's. */
static void add_blocks(const Pass *pass, Worker *w, int64_t to, int level)
{
    Microbatches *l = pass->l;
    const int64_t from = to + (INT64_C(1) << level), count = l->params->count;
    const double begin = l->profile ? profile_clock() : 0;
    const bool measure = pass->task->noise,
               is_microbatch = !level || from + 1 == pass->microbatches;
    gradient_sum(l->block[to], l->block[from], count, w->sums,
                 measure && !level ? &l->squares[to] : NULL,
                 measure && is_microbatch ? &l->squares[from] : NULL);
    if (l->profile)
        profile_call(&w->profile, "sum of gradients", begin, 3 * (double)count * sizeof(real));
}

/* Takes a microbatch, or none: -1. wanted: which one, or -1 for the next. */
static int64_t take_microbatch(const Pass *pass, int64_t wanted, real **grads)
{
    Microbatches *l = pass->l;
    pthread_mutex_lock(&l->lock);
    int64_t microbatch = wanted >= 0 ? wanted : l->next < pass->microbatches ? l->next++ : -1;
    if (l->status != OK) microbatch = -1;
    if (microbatch >= 0 && pass->record) {
        *grads = l->params->grad;
        if (microbatch) {
            INVARIANT(l->spares > 0);
            *grads = l->spare[--l->spares];
        }
        l->level[microbatch] = BUSY;
        l->block[microbatch] = *grads;
    }
    pthread_mutex_unlock(&l->lock);
    return microbatch;
}

/* The microbatch is done: adds it to its neighbour if that is done too, and so on up the tree. The last sum is
 * left: all threads share it (see run_pass). */
static void fold(const Pass *pass, Worker *w, int64_t microbatch)
{
    Microbatches *l = pass->l;
    int level = 0;
    pthread_mutex_lock(&l->lock);
    while ((INT64_C(2) << level) < pass->microbatches) {
        const int64_t bit = INT64_C(1) << level, other = microbatch ^ bit;
        if (other < pass->microbatches) {
            if (l->level[other] != level) break; /* whoever finishes that one goes on from here */
            const int64_t to = microbatch < other ? microbatch : other, from = to + bit;
            l->level[other] = BUSY;
            pthread_mutex_unlock(&l->lock);
            add_blocks(pass, w, to, level);
            pthread_mutex_lock(&l->lock);
            l->spare[l->spares++] = l->block[from];
            microbatch = to;
        }
        level++;
    }
    l->level[microbatch] = level;
    pthread_mutex_unlock(&l->lock);
}

static void fail(Microbatches *l, Status status)
{
    pthread_mutex_lock(&l->lock);
    if (l->status == OK) {
        l->status = status;
        snprintf(l->message, sizeof l->message, "%s", error_message());
    }
    pthread_mutex_unlock(&l->lock);
}

/* Each worker begins with the microbatch of its own number, so that each arena has grown after one step. OpenMP
 * may give fewer workers than were asked for (OMP_THREAD_LIMIT): those take the others' first microbatches too. */
static void work(const Pass *pass, int number, int team)
{
    const int64_t begun = pass->l->begun;
    real *grads = NULL;
    for (int64_t own = number;; own += team) {
        const int64_t microbatch = take_microbatch(pass, own < begun ? own : -1, &grads);
        if (microbatch < 0) return;
        Status status = run_microbatch(pass, &pass->l->workers[number], microbatch, grads);
        if (status != OK)
            fail(pass->l, status);
        else if (pass->record)
            fold(pass, &pass->l->workers[number], microbatch);
    }
}

static Status run_pass(const Pass *pass, double *sum)
{
    Microbatches *l = pass->l;
    const int threads = l->workers_max;
    const bool parallel = threads > 1 && pass->microbatches >= threads && !pass->check;
    l->begun = l->next = parallel ? threads : 1;
    l->status = OK;
    l->spares = l->pool_count;
    memcpy(l->spare, l->pool, (size_t)l->pool_count * sizeof *l->pool);
    for (int64_t i = 0; i < pass->microbatches; i++) l->level[i] = BUSY;
    for (int i = 0; l->profile && i < threads; i++) l->workers[i].profile.count = 0;

    if (parallel) {
#pragma omp parallel num_threads(threads)
        work(pass, omp_get_thread_num(), omp_get_num_threads());
    } else
        work(pass, 0, 1);
    if (l->status != OK) return error_adopt(l->status, l->message);

    if (pass->record && pass->microbatches > 1)
        add_blocks(pass, &l->workers[0], 0, floor_log2(pass->microbatches - 1));
    for (int i = 0; l->profile && i < threads; i++)
        profile_merge(l->profile, &l->workers[i].profile);
    *sum = 0;
    for (int64_t i = 0; i < pass->microbatches; i++) *sum += l->losses[i];
    return OK;
}

/* What the weighted sum of losses is multiplied by, so that a step is on a mean. */
static double share(const Batch *b)
{
    const double sum = b->has_weights ? b->weight_sum : (double)b->loss_tokens;
    return sum > 0 ? 1 / sum : 0;
}

Status microbatches_step(Microbatches *l, const StepTask *task, double *loss)
{
    const Pass pass = {.l = l,
                       .task = task,
                       .microbatches = l->microbatches,
                       .record = true,
                       .scale = share(task->batch),
                       .row_loss = task->stats ? task->stats->row_loss : NULL,
                       .stats = task->stats};
    const int64_t tokens = task->batch->loss_tokens;
    INVARIANT(l->params->grad && l->microbatches <= task->batch->sequences);
    if (task->stats && !l->stats) {
        l->stats = microbatch_stats_take(&l->arena, l->microbatches, task->model->config->layers);
        if (!l->stats) return FAIL(E_NOMEM, "statistics of micro-batches");
    }
    TRY(run_pass(&pass, loss));
    *loss *= tokens ? 1 / (double)tokens : 0;
    if (task->noise) noise_sample(task->batch, l->microbatches, l->squares, task->noise);
    if (task->stats)
        microbatch_stats_join(l->stats, l->microbatches, task->model, task->batch, task->stats);
    return OK;
}

Status microbatches_loss(Microbatches *l, const Gpt *model, const Batch *batch, double *sum,
                         real *row_loss)
{
    const StepTask task = {.model = model, .batch = batch};
    const Pass pass = {.l = l,
                       .task = &task,
                       .microbatches =
                           l->microbatches < batch->sequences ? l->microbatches : batch->sequences,
                       .row_loss = row_loss};
    return run_pass(&pass, sum);
}

Status microbatches_trace(Microbatches *l, const StepTask *task, TapeFinding *finding)
{
    double sum;
    const Pass pass = {.l = l,
                       .task = task,
                       .microbatches = l->microbatches,
                       .record = true,
                       .check = true,
                       .scale = share(task->batch),
                       .finding = finding};
    *finding = (TapeFinding){0};
    TRY(run_pass(&pass, &sum));
    /* The tape knows joined parameters by the name of the first. */
    if (finding->parameter) finding->parameter = params_at(l->params, finding->place)->name;
    return OK;
}

void microbatches_profile(Microbatches *l, Profile *p)
{
    l->profile = p;
}

int64_t microbatches_memory(const Microbatches *l)
{
    int64_t size = 0;
    for (int i = 0; i < l->workers_max; i++)
        size += l->workers[i].tape.arena.most + l->workers[i].tape.workspace.most +
                l->workers[i].tape.inner.most;
    return size;
}
