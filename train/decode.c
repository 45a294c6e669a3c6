#include "train/decode.h"

#include <string.h>

Status decoder_open(Decoder *d, const Gpt *model)
{
    const int64_t context = model->config->context;
    *d = (Decoder){.model = model, .cache.capacity = context};
    d->cache.data = arena_take(&d->arena, gpt_cache_count(model->config, context) *
                                              (int64_t)sizeof *d->cache.data);
    d->window = arena_take(&d->arena, context * (int64_t)sizeof *d->window);
    d->positions = arena_take(&d->arena, context * (int64_t)sizeof *d->positions);
    d->first = arena_zero(&d->arena, context * (int64_t)sizeof *d->first);
    d->end = arena_take(&d->arena, context * (int64_t)sizeof *d->end);
    if (!d->cache.data || !d->window || !d->positions || !d->first || !d->end)
        return FAIL(E_NOMEM, "keys and values of %lld tokens", (long long)context);
    for (int64_t i = 0; i < context; i++) d->positions[i] = (int32_t)i;
    return OK;
}

void decoder_close(Decoder *d)
{
    tape_free(&d->tape);
    arena_free(&d->arena);
    *d = (Decoder){0};
}

void decoder_restart(Decoder *d)
{
    d->cache.length = 0;
    d->prompt = 0;
}

/* Puts the tokens behind those in the window; makes room first, if need be, by forgetting the cache and
 * moving what is to be read again to the front. Returns how many are to be read. */
static int64_t append(Decoder *d, const int32_t *tokens, int64_t count)
{
    const int64_t context = d->cache.capacity, length = d->cache.length;
    if (length + count > context) {
        int64_t old = context / 2 - count;
        old = old < 0 ? 0 : old > length ? length : old;
        memmove(d->window, d->window + length - old, (size_t)old * sizeof *tokens);
        memcpy(d->window + old, tokens, (size_t)count * sizeof *tokens);
        d->cache.length = 0;
        d->prompt = d->prompt > length - old ? d->prompt - (length - old) : 0;
        return old + count;
    }
    memcpy(d->window + length, tokens, (size_t)count * sizeof *tokens);
    return count;
}

/* Reads what is in the window behind the cache, `rows` tokens. */
static Status read_rows(Decoder *d, int64_t rows, const real **logits)
{
    const int64_t begin = d->cache.length;
    const int32_t queries[] = {0, (int32_t)rows}, keys[] = {0, (int32_t)(begin + rows)};
    GptInput in = {.rows = rows,
                   .tokens = d->window + begin,
                   .positions = d->positions + begin,
                   .attention = {.segments = 1, .queries = queries, .keys = keys},
                   .cache = &d->cache};
    if (begin < d->prompt) { /* of a prompt, all is read at once */
        for (int64_t i = 0; i < rows; i++) d->end[i] = (int32_t)(i < d->prompt ? d->prompt : i + 1);
        in.attention.first = d->first;
        in.attention.end = d->end;
    }
    tape_reset(&d->tape);
    const Tensor *next = gpt_next(d->model, &d->tape, &in);
    TRY(d->tape.status);
    *logits = next->data;
    return OK;
}

Status decoder_read_prompt(Decoder *d, const int32_t *tokens, int64_t count, const real **logits)
{
    const int64_t context = d->cache.capacity, used = count < context ? count : context;
    INVARIANT(count > 0);
    decoder_restart(d);
    d->prompt = used;
    return read_rows(d, append(d, tokens + count - used, used), logits);
}

Status decoder_read(Decoder *d, const int32_t *tokens, int64_t count, const real **logits)
{
    INVARIANT(count > 0);
    if (count > d->cache.capacity) {
        tokens += count - d->cache.capacity;
        count = d->cache.capacity;
        decoder_restart(d);
    }
    return read_rows(d, append(d, tokens, count), logits);
}
