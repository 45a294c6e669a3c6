#include "train/run/run_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "autograd/base/text.h"
#include "data/files.h"

/* The number of threads changes no bit of the result, so it is left out. */
static Status config_text(RunState *s, const Config *c, size_t *size)
{
    Config *copy = arena_take(&s->arena, (int64_t)sizeof *copy);
    FILE *out = copy ? open_memstream(&s->text, size) : NULL;
    if (!out) return FAIL(E_NOMEM, "the config's text");
    *copy = *c;
    copy->train.threads = 0;
    Status status = config_write(copy, false, out);
    if (!text_close(out, &s->text) && status == OK) status = FAIL(E_NOMEM, "the config's text");
    return status;
}

Status run_state_open(RunState *s, const Run *r)
{
    size_t size = 0;
    int count;
    *s = (RunState){.record = {r->best_val_loss, (double)r->best_step}};
    TRY(config_text(s, r->config, &size));
    s->lists[0] = (CheckpointList){"best", NUMBER_F64, 2, s->record};
    noise_write(&r->noise, s->noise);
    s->lists[1] = (CheckpointList){"noise", NUMBER_F64, NOISE_NUMBERS, s->noise};
    TRY(monitor_save(&r->monitor, &s->arena, s->lists + 2, &count));
    s->checkpoint = (Checkpoint){.info = {.step = r->step,
                                          .batch_index = r->batch_index,
                                          .tokens = r->tokens,
                                          .vocab_size = r->model.vocab_size,
                                          .config = s->text,
                                          .config_size = (int64_t)size,
                                          .tokenizer = r->dataset.tokenizer,
                                          .tokenizer_size = r->dataset.tokenizer_size},
                                 .params = &r->params,
                                 .lists = s->lists,
                                 .list_count = 2 + count};
    snprintf(s->checkpoint.info.dataset, sizeof s->checkpoint.info.dataset, "%s",
             r->dataset.digest);
    return OK;
}

void run_state_close(RunState *s)
{
    free(s->text);
    arena_free(&s->arena);
    *s = (RunState){0};
}

Status run_state_save(const Run *r, const char *path)
{
    RunState s;
    Status status = run_state_open(&s, r);
    if (status == OK) status = checkpoint_save(path, &s.checkpoint);
    run_state_close(&s);
    return file_saved(path, status);
}

/* The monitor last: nothing can fail after it. */
static Status restore(Run *r, const CheckpointReader *reader, bool rewind)
{
    const void *noise;
    int64_t count;
    TRY(checkpoint_check_dataset(reader, &r->dataset));
    TRY(checkpoint_list(reader, "noise", NUMBER_F64, &count, &noise));
    TRY(monitor_check_state(&r->monitor, reader));
    TRY(checkpoint_load(reader, &r->params, true));
    monitor_restore(&r->monitor, reader, rewind);
    noise_read(&r->noise, noise, count);
    r->step = reader->info.step;
    r->batch_index = reader->info.batch_index;
    r->tokens = reader->info.tokens;
    return OK;
}

Status run_state_restore(Run *r, const CheckpointReader *reader)
{
    const void *record;
    int64_t count;
    TRY(checkpoint_list(reader, "best", NUMBER_F64, &count, &record));
    TRY(restore(r, reader, false));
    const double *best = record;
    if (count != 2 || !(best[1] >= 0 && best[1] <= (double)r->step)) return OK;
    r->best_val_loss = best[0];
    r->best_step = (int64_t)best[1];
    return OK;
}

Status run_state_rewind(Run *r, const CheckpointReader *reader)
{
    TRY(restore(r, reader, true));
    if (r->best_step > r->step) r->best_step = 0;
    return OK;
}
