#include "train/step/step_task.h"

StepTask step_task(const Config *c, const Gpt *model, const Batch *batch, int64_t step)
{
    return (StepTask){.model = model,
                      .batch = batch,
                      .step = (uint64_t)step,
                      .dropout = true,
                      .z_loss = c->train.z_loss,
                      .smoothing = c->train.label_smoothing};
}

double step_task_scale(const StepTask *task)
{
    const Batch *b = task->batch;
    const double sum = b->has_weights ? b->weight_sum : (double)b->loss_tokens;
    return sum > 0 ? 1 / sum : 0;
}
