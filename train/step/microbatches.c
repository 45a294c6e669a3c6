#include "train/step/microbatches.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/step/gradient_tree.h"
#include "train/step/microbatch.h"

typedef struct Worker {
    Tape tape;
    bool *written;
    Profile profile; /* of this pass, if one is wanted */
} Worker;

struct Microbatches {
    Arena arena;
    Params *params;
    Profile *profile; /* NULL: not wanted */
    int64_t count, groups;
    int worker_count;
    Worker *workers;
    double *losses;         /* [count] */
    MicrobatchStats *stats; /* [count]; NULL until they are wanted */
    GradientTree tree;
    /* Guarded by the lock while threads run. */
    pthread_mutex_t lock;
    int64_t next; /* the first group that no worker has taken */
    Status status;
    char message[512];
};

static Status open_parts(Microbatches *m)
{
    m->workers = arena_zero(&m->arena, m->worker_count * (int64_t)sizeof *m->workers);
    m->losses = arena_zero(&m->arena, m->count * (int64_t)sizeof *m->losses);
    if (!m->workers || !m->losses) return FAIL(E_NOMEM, "micro-batches");
    for (int i = 0; i < m->worker_count; i++) {
        m->workers[i].written = arena_zero(&m->arena, m->params->tensors);
        if (!m->workers[i].written) return FAIL(E_NOMEM, "micro-batches");
    }
    return gradient_tree_open(&m->tree, &m->arena, m->params, m->groups, m->worker_count);
}

Status microbatches_open(Microbatches **out, Params *p, int64_t count, int64_t groups)
{
    Arena arena = {0};
    Microbatches *m = arena_zero(&arena, sizeof *m);
    *out = NULL;
    if (!m) return FAIL(E_NOMEM, "micro-batches");
    m->arena = arena;
    m->params = p;
    m->count = count;
    m->groups = groups;
    m->worker_count = threads_count();
    pthread_mutex_init(&m->lock, NULL);
    Status status = open_parts(m);
    if (status == OK)
        *out = m;
    else
        microbatches_close(m);
    return status;
}

void microbatches_close(Microbatches *m)
{
    if (!m) return;
    for (int i = 0; m->workers && i < m->worker_count; i++) tape_free(&m->workers[i].tape);
    gradient_tree_close(&m->tree);
    pthread_mutex_destroy(&m->lock);
    Arena arena = m->arena; /* m lives in it */
    arena_free(&arena);
}

/* One pass over a batch. */
typedef struct Pass {
    Microbatches *m;
    MicrobatchPass each;
    int64_t groups;
    int64_t first_groups; /* one for each worker to begin with */
} Pass;

static void fail(Microbatches *m, Status status)
{
    pthread_mutex_lock(&m->lock);
    if (m->status == OK) {
        m->status = status;
        snprintf(m->message, sizeof m->message, "%s", error_message());
    }
    pthread_mutex_unlock(&m->lock);
}

/* Runs the micro-batches of a group. The first one overwrites the gradients in the group's block,
 * the others add to them. */
static Status run_group(const Pass *pass, Worker *w, int64_t group, real *grads)
{
    Microbatches *m = pass->m;
    const int64_t count = pass->each.count, first = microbatch_first(count, group, pass->groups),
                  end = microbatch_first(count, group + 1, pass->groups);
    w->tape.profile = m->profile ? &w->profile : NULL;
    memset(w->written, 0, (size_t)m->params->tensors);
    for (int64_t k = first; k < end; k++)
        TRY(microbatch_run(&pass->each, k, &w->tape, grads, w->written,
                           m->stats ? &m->stats[k] : NULL, &m->losses[k]));
    if (pass->each.record) params_zero_unwritten(m->params, w->written, grads);
    return OK;
}

/* Takes a group: `wanted`, or the next if that is -1. Returns -1 when none is left, or a worker has
 * failed. */
static int64_t take_group(const Pass *pass, int64_t wanted)
{
    Microbatches *m = pass->m;
    pthread_mutex_lock(&m->lock);
    int64_t group = wanted >= 0 ? wanted : m->next < pass->groups ? m->next++ : -1;
    if (m->status != OK) group = -1;
    pthread_mutex_unlock(&m->lock);
    return group;
}

/* Each worker begins with the group of its own number, so that every arena has grown after one
 * step. OpenMP may start fewer workers than were asked for (OMP_THREAD_LIMIT): those take the first
 * groups of the others, too. */
static void work(const Pass *pass, int number, int team)
{
    Microbatches *m = pass->m;
    Worker *w = &m->workers[number];
    Profile *profile = m->profile ? &w->profile : NULL;
    for (int64_t own = number;; own += team) {
        const int64_t group = take_group(pass, own < pass->first_groups ? own : -1);
        if (group < 0) return;
        real *grads = pass->each.record ? gradient_tree_block(&m->tree, group) : NULL;
        const Status status = run_group(pass, w, group, grads);
        if (status != OK)
            fail(m, status);
        else if (grads)
            gradient_tree_add(&m->tree, group, number, profile);
    }
}

/* *sum: the sum of the losses. */
static Status run_pass(Microbatches *m, const MicrobatchPass *each, double *sum)
{
    const int threads = m->worker_count;
    const int64_t groups = m->groups < each->count ? m->groups : each->count;
    const bool parallel = threads > 1 && groups >= threads && !each->finding;
    const Pass pass = {m, *each, groups, parallel ? threads : 1};
    m->next = pass.first_groups;
    m->status = OK;
    gradient_tree_begin(&m->tree, groups, each->task->noise);
    for (int i = 0; m->profile && i < threads; i++) m->workers[i].profile.count = 0;

    if (parallel) {
#pragma omp parallel num_threads(threads)
        work(&pass, omp_get_thread_num(), omp_get_num_threads());
    } else
        work(&pass, 0, 1);
    if (m->status != OK) return error_adopt(m->status, m->message);

    if (each->record) gradient_tree_finish(&m->tree, m->profile ? &m->workers[0].profile : NULL);
    for (int i = 0; m->profile && i < threads; i++)
        profile_merge(m->profile, &m->workers[i].profile);
    *sum = 0;
    for (int64_t k = 0; k < each->count; k++) *sum += m->losses[k];
    return OK;
}

Status microbatches_step(Microbatches *m, const StepTask *task, double *loss)
{
    const Batch *b = task->batch;
    const MicrobatchPass each = {.task = task,
                                 .count = m->count,
                                 .scale = step_task_scale(task),
                                 .record = true,
                                 .row_loss = task->stats ? task->stats->row_loss : NULL,
                                 .stats = task->stats};
    INVARIANT(m->params->grad && m->count <= b->sequences);
    if (task->stats && !m->stats) {
        m->stats = microbatch_stats_take(&m->arena, m->count, task->model->config->layers);
        if (!m->stats) return FAIL(E_NOMEM, "statistics of micro-batches");
    }
    TRY(run_pass(m, &each, loss));
    *loss *= b->loss_tokens ? 1 / (double)b->loss_tokens : 0;
    if (task->noise) noise_sample(b, m->count, m->groups, m->tree.squares, task->noise);
    if (task->stats) microbatch_stats_join(m->stats, m->count, task->model, b, task->stats);
    return OK;
}

Status microbatches_loss(Microbatches *m, const Gpt *model, const Batch *batch, double *sum,
                         real *row_loss)
{
    const StepTask task = {.model = model, .batch = batch};
    const MicrobatchPass each = {.task = &task,
                                 .count = m->count < batch->sequences ? m->count : batch->sequences,
                                 .row_loss = row_loss};
    return run_pass(m, &each, sum);
}

Status microbatches_trace(Microbatches *m, const StepTask *task, TapeFinding *finding)
{
    double sum;
    const MicrobatchPass each = {.task = task,
                                 .count = m->count,
                                 .scale = step_task_scale(task),
                                 .record = true,
                                 .finding = finding};
    *finding = (TapeFinding){0};
    TRY(run_pass(m, &each, &sum));
    /* The tape knows joined parameters by the name of the first. */
    if (finding->parameter) finding->parameter = params_at(m->params, finding->place)->name;
    return OK;
}

void microbatches_profile(Microbatches *m, Profile *p)
{
    m->profile = p;
}

int64_t microbatches_memory(const Microbatches *m)
{
    int64_t size = 0;
    for (int i = 0; i < m->worker_count; i++) {
        const Tape *t = &m->workers[i].tape;
        size += t->arena.most + t->workspace.most + t->inner.most;
    }
    return size;
}
