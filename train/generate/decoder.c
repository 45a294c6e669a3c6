#include "train/generate/decoder.h"

#include <string.h>

/* The rows of Decoder.step. */
enum { TOKENS, POSITIONS, QUERIES, KEYS, KEY_ENDS, STEP_ROWS };

static const int32_t first_stream[] = {0};

Status decoder_open(Decoder *d, const Gpt *model, int64_t streams)
{
    const int64_t context = model->config->context, index = (int64_t)sizeof(int32_t);
    INVARIANT(streams >= 1 && streams <= DECODER_STREAMS_MAX);
    *d = (Decoder){.model = model, .cache = {.capacity = context, .streams = streams}};
    d->cache.data = arena_take(&d->arena, streams * cache_count(model->config, context) *
                                              (int64_t)sizeof *d->cache.data);
    d->window = arena_take(&d->arena, streams * context * index);
    d->positions = arena_take(&d->arena, context * index);
    d->first = arena_zero(&d->arena, context * index);
    d->end = arena_take(&d->arena, context * index);
    d->step = arena_take(&d->arena, STEP_ROWS * (streams + 1) * index);
    d->logits = arena_take(&d->arena, streams * model->vocab_size * (int64_t)sizeof *d->logits);
    d->same = arena_zero(&d->arena, streams * streams * index);
    if (!d->cache.data || !d->window || !d->same || !d->positions || !d->first || !d->end ||
        !d->step || !d->logits)
        return FAIL(E_NOMEM, "keys and values of %lld times %lld tokens", (long long)streams,
                    (long long)context);
    for (int64_t i = 0; i < context; i++) d->positions[i] = (int32_t)i;
    return OK;
}

void decoder_close(Decoder *d)
{
    tape_free(&d->tape);
    arena_free(&d->arena);
    *d = (Decoder){0};
}

/* From here on no two streams share tokens. */
static void forget_shared(Decoder *d)
{
    const int64_t count = d->cache.streams * d->cache.streams;
    memset(d->same, 0, (size_t)count * sizeof *d->same);
}

void decoder_restart(Decoder *d)
{
    forget_shared(d);
    d->cache.length = 0;
    d->prompt = 0;
}

/* If the cache has no room for `count` more tokens, empties it and returns true: the caller must
 * read the last *old tokens of each stream again. */
static bool make_room(Decoder *d, int64_t count, int64_t *old)
{
    const int64_t context = d->cache.capacity, length = d->cache.length;
    *old = 0;
    if (length + count <= context) return false;
    if (context / 2 > count) *old = context / 2 - count;
    if (*old > length) *old = length;
    d->prompt = d->prompt > length - *old ? d->prompt - (length - *old) : 0;
    d->cache.length = 0;
    forget_shared(d);
    return true;
}

/* Moves the last `old` of `length` tokens of a window to its front. */
static void move_window(int32_t *window, int64_t length, int64_t old)
{
    memmove(window, window + length - old, (size_t)old * sizeof *window);
}

static Status forward(Decoder *d, const GptInput *in, const real **logits)
{
    tape_reset(&d->tape);
    const Tensor *next = gpt_next(d->model, &d->tape, in);
    TRY(d->tape.status);
    *logits = next->data;
    return OK;
}

/* It does not change while the cache is filled, since keys are cached rotated. */
static int64_t text_length(const Decoder *d)
{
    const int64_t context = d->cache.capacity;
    return d->text_length && d->text_length < context ? d->text_length : context;
}

/* Reads the `rows` tokens of a stream's window that follow those in the cache. */
static Status read_rows(Decoder *d, const int32_t *stream, int64_t rows, const real **logits)
{
    const int64_t begin = d->cache.length;
    const int32_t queries[] = {0, (int32_t)rows}, keys[] = {0, (int32_t)(begin + rows)};
    GptInput in = {.rows = rows,
                   .tokens = d->window + *stream * d->cache.capacity + begin,
                   .positions = d->positions + begin,
                   .attention = {.segments = 1, .queries = queries, .keys = keys},
                   .rope_length = text_length(d),
                   .cache = &d->cache};
    d->cache.stream = stream;
    if (begin < d->prompt) { /* a prompt is read in one pass, so begin is 0 */
        for (int64_t i = 0; i < rows; i++) d->end[i] = (int32_t)(i < d->prompt ? d->prompt : i + 1);
        in.attention.first = d->first;
        in.attention.end = d->end;
    }
    return forward(d, &in, logits);
}

/* Appends the tokens to the first window and reads them. */
static Status append(Decoder *d, const int32_t *tokens, int64_t count, const real **logits)
{
    const int64_t length = d->cache.length;
    int64_t old;
    const bool restarted = make_room(d, count, &old);
    if (restarted) move_window(d->window, length, old);
    memcpy(d->window + (restarted ? old : length), tokens, (size_t)count * sizeof *tokens);
    return read_rows(d, first_stream, old + count, logits);
}

Status decoder_read_prompt(Decoder *d, const int32_t *tokens, int64_t count, const real **logits)
{
    const int64_t context = d->cache.capacity, used = count < context ? count : context;
    INVARIANT(count > 0);
    decoder_restart(d);
    d->prompt = used;
    return append(d, tokens + count - used, used, logits);
}

Status decoder_read(Decoder *d, const int32_t *tokens, int64_t count, const real **logits)
{
    INVARIANT(count > 0);
    if (count > d->cache.capacity) {
        tokens += count - d->cache.capacity;
        count = d->cache.capacity;
        decoder_restart(d);
    }
    return append(d, tokens, count, logits);
}

void decoder_split(Decoder *d, int64_t count)
{
    const GptCache *c = &d->cache;
    cache_split(d->model->config, &d->cache, count);
    for (int64_t stream = 1; stream < count; stream++)
        memcpy(d->window + stream * c->capacity, d->window, (size_t)c->length * sizeof *d->window);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < count; k++) d->same[i * c->streams + k] = (int32_t)c->length;
}

int64_t decoder_same(const Decoder *d, int32_t a, int32_t b)
{
    return d->same[a * d->cache.streams + b];
}

void decoder_copy(Decoder *d, int32_t from, int32_t to)
{
    const int64_t streams = d->cache.streams, capacity = d->cache.capacity,
                  length = d->cache.length, same = decoder_same(d, from, to);
    cache_copy(d->model->config, &d->cache, from, to, same);
    memcpy(d->window + to * capacity + same, d->window + from * capacity + same,
           (size_t)(length - same) * sizeof *d->window);
    for (int64_t i = 0; i < streams; i++)
        d->same[to * streams + i] = d->same[i * streams + to] = d->same[from * streams + i];
    d->same[to * streams + from] = d->same[from * streams + to] = (int32_t)length;
}

/* Reads the old tokens and the new one of each stream, one stream after the other: with this
 * many rows per stream, batching the streams would gain nothing. */
static Status step_rereading(Decoder *d, const int32_t *streams, const int32_t *tokens,
                             int64_t count, int64_t length, int64_t old, const real **logits)
{
    const int64_t vocab_size = d->model->vocab_size;
    for (int64_t i = 0; i < count; i++) {
        int32_t *window = d->window + streams[i] * d->cache.capacity;
        const real *one = NULL;
        d->cache.length = 0;
        move_window(window, length, old);
        window[old] = tokens[i];
        TRY(read_rows(d, streams + i, old + 1, &one));
        memcpy(d->logits + i * vocab_size, one, (size_t)vocab_size * sizeof *one);
    }
    *logits = d->logits;
    return OK;
}

Status decoder_step(Decoder *d, const int32_t *streams, const int32_t *tokens, int64_t count,
                    const real **logits)
{
    const int64_t context = d->cache.capacity, length = d->cache.length;
    int64_t old;
    INVARIANT(count >= 1 && count <= d->cache.streams);
    if (make_room(d, 1, &old))
        return step_rereading(d, streams, tokens, count, length, old, logits);
    for (int64_t i = 0; i < count; i++) d->window[streams[i] * context + length] = tokens[i];
    if (count == 1) return read_rows(d, streams, 1, logits);

    int32_t *of[STEP_ROWS];
    for (int i = 0; i < STEP_ROWS; i++) of[i] = d->step + i * (d->cache.streams + 1);
    for (int64_t i = 0; i <= count; i++) {
        of[QUERIES][i] = (int32_t)i;
        if (i == count) break;
        of[TOKENS][i] = tokens[i];
        of[POSITIONS][i] = (int32_t)length;
        of[KEYS][i] = (int32_t)(streams[i] * context);
        of[KEY_ENDS][i] = (int32_t)(of[KEYS][i] + length + 1);
    }
    d->cache.stream = streams;
    return forward(d,
                   &(GptInput){.rows = count,
                               .tokens = of[TOKENS],
                               .positions = of[POSITIONS],
                               .attention = {.segments = count,
                                             .queries = of[QUERIES],
                                             .keys = of[KEYS],
                                             .key_ends = of[KEY_ENDS]},
                               .rope_length = text_length(d),
                               .cache = &d->cache},
                   logits);
}
