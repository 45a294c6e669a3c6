#include "train/step/microbatch.h"

#include <math.h>

int64_t microbatch_first(int64_t sequences, int64_t k, int64_t count)
{
    return k * sequences / count;
}

/* Sequences [first, end) of the batch, as the model reads them. */
static Status read_input(Tape *t, const StepTask *task, int64_t first, int64_t end, GptInput *in)
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

Status microbatch_run(const MicrobatchPass *pass, int64_t k, Tape *t, real *grads, bool *written,
                      MicrobatchStats *stats, double *loss)
{
    const StepTask *task = pass->task;
    const Batch *b = task->batch;
    const int64_t first = microbatch_first(b->sequences, k, pass->count),
                  end = microbatch_first(b->sequences, k + 1, pass->count),
                  row = first * b->context;
    GptInput in;

    tape_reset(t);
    t->check = pass->finding;
    if (k == task->poison_microbatch) t->poison = task->poison;
    TRY(read_input(t, task, first, end, &in));
    real *row_loss =
        pass->row_loss ? pass->row_loss + row : tape_take(t, in.rows * (int64_t)sizeof *row_loss);
    if (pass->record) tape_record(t, grads, written);
    CrossEntropy entropy = {.targets = b->targets + row,
                            .weights = b->has_weights ? b->weights + row : NULL,
                            .scale = pass->scale,
                            .z_loss = task->z_loss,
                            .smoothing = task->smoothing,
                            .row_loss = row_loss};
    if (pass->stats) microbatch_stats_request(stats, pass->stats, task->model, t, &in, &entropy);
    Tensor *objective = gpt_loss(task->model, t, &in, &entropy);
    Status status = t->status;
    if (status == OK && pass->record) status = tape_backward(t, objective);
    if (pass->finding && !pass->finding->found) *pass->finding = t->finding;
    if (status != OK) return status;

    double sum = 0;
    for (int64_t i = 0; i < in.rows; i++) sum += (double)row_loss[i];
    /* The objective holds more than the cross-entropy, such as the z-loss, which may overflow
     * alone. */
    if (pass->record && isfinite(sum) && !isfinite(objective->data[0])) sum = NAN;
    *loss = sum;
    if (pass->stats) microbatch_stats_sum(stats, pass->stats, task->model, &in);
    return OK;
}
