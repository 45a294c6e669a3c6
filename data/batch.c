#include "data/batch.h"

#include <string.h>

#include "autograd/base/rng.h"
#include "data/batch_internal.h"

static bool uses_windows(const DataConfig *c)
{
    return c->packing == PACKING_none || c->packing == PACKING_concat;
}

Status data_check(const DataConfig *c)
{
    if (c->objective == OBJECTIVE_prefix && uses_windows(c))
        return FAIL(E_CONFIG,
                    "data.objective = prefix needs whole documents, which data.packing = %s cuts "
                    "anywhere; set greedy, best_fit, spfhp or optimal",
                    packing_text(c->packing));
    if (c->prefix_split == PREFIX_SPLIT_random && c->objective != OBJECTIVE_prefix)
        return FAIL(E_CONFIG, "data.prefix_split = random needs data.objective = prefix");
    if (c->loss_weights == LOSS_WEIGHTS_document && uses_windows(c) && !c->document_mask)
        return FAIL(E_CONFIG,
                    "data.loss_weights = document needs document boundaries: set "
                    "data.document_mask = true, or a data.packing other than %s",
                    packing_text(c->packing));
    return OK;
}

Status batch_alloc(Batch *b, Arena *a, int64_t sequences, int64_t context)
{
    const int64_t rows = sequences * context, size = (int64_t)sizeof(int32_t);
    if (rows >= INT32_MAX)
        return FAIL(E_CONFIG,
                    "train.batch = %lld times model.context = %lld is more than 2^31 rows",
                    (long long)sequences, (long long)context);
    *b = (Batch){.sequences = sequences, .context = context};
    b->inputs = arena_take(a, rows * size);
    b->targets = arena_take(a, rows * size);
    b->positions = arena_take(a, rows * size);
    b->segment_index = arena_take(a, (sequences + 1) * size);
    b->segment_starts = arena_take(a, (rows + 1) * size);
    b->first = arena_take(a, rows * size);
    b->end = arena_take(a, rows * size);
    b->weights = arena_take(a, rows * (int64_t)sizeof *b->weights);
    b->origins = arena_take(a, rows * (int64_t)sizeof *b->origins);
    if (!b->inputs || !b->targets || !b->positions || !b->segment_index || !b->segment_starts ||
        !b->first || !b->end || !b->weights || !b->origins)
        return FAIL(E_NOMEM, "no memory for a batch of %lld x %lld tokens", (long long)sequences,
                    (long long)context);
    return OK;
}

int64_t batch_target_bytes(const Batch *b, const Tokenizer *t)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < b->sequences * b->context; i++) {
        int64_t size = 0;
        tokenizer_bytes(t, b->targets[i], &size); /* -1 is no token: no bytes */
        sum += size;
    }
    return sum;
}

static Status open_packs(Batches *b)
{
    const Split *s = b->split;
    TRY(packs_make(&b->packs, s, packer_of(b->config->packing), b->context, b->config->pack_depth));
    b->windows = b->packs.count;
    if (!b->windows) return FAIL(E_CONFIG, "%s of %s has no document", s->name, b->dataset->path);
    return OK;
}

static Status find_ends(Batches *b)
{
    const Split *s = b->split;
    const bool matters = b->is_packed || b->dataset->begin_of_text >= 0;
    if (!matters || !b->dataset->tokenizer || !s->count) return OK;
    TRY(dataset_touch(b->dataset, s, s->count - 1, s->count));
    b->end_of_text = b->begin_of_text = split_token(s, s->count - 1);
    if (b->dataset->begin_of_text >= 0) b->begin_of_text = b->dataset->begin_of_text;
    return OK;
}

Status batches_open(Batches *b, const Dataset *d, const Split *split, const DataConfig *c,
                    int64_t context, int64_t sequences, uint64_t seed)
{
    *b = (Batches){.dataset = d,
                   .split = split,
                   .config = c,
                   .context = context,
                   .sequences = sequences,
                   .stride = context,
                   .seed = seed};
    b->is_packed = !uses_windows(c);
    TRY(find_ends(b));
    if (b->is_packed) return open_packs(b);
    if (split->count < context + 1)
        return FAIL(E_CONFIG,
                    "model.context = %lld needs %lld consecutive tokens; %s of %s has only %lld",
                    (long long)context, (long long)context + 1, split->name, d->path,
                    (long long)split->count);
    b->windows = (split->count - 1) / context;
    return OK;
}

void batches_close(Batches *b)
{
    packs_close(&b->packs);
    *b = (Batches){0};
}

/* Within a window, the last token of a document has no target. */
static bool lacks_targets(const Split *s)
{
    for (int64_t i = 0; i < s->documents; i++)
        if (s->offsets[i + 1] - s->offsets[i] > 1) return false;
    return true;
}

int64_t batches_without_loss(const Batches *b)
{
    const DataConfig *c = b->config;
    if (!b->is_packed) return c->document_mask && lacks_targets(b->split) ? b->windows : 0;
    if (c->objective != OBJECTIVE_prefix || c->prefix_split == PREFIX_SPLIT_random) return 0;
    return packs_of_prompts(&b->packs);
}

/* The image of i under the random permutation of [0, count) that belongs to an epoch, without a
 * table: a Feistel network of random functions permutes the smallest power of 4 that is at least
 * count (Luby & Rackoff 1988), and results outside [0, count) go through it again (Black &
 * Rogaway 2002). */
static int64_t shuffled(Rng r, int64_t epoch, int64_t i, int64_t count)
{
    enum { ROUNDS = 8 };
    int bits = 1;
    while (bits < 31 && (int64_t)1 << 2 * bits < count) bits++;
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    uint64_t x = (uint64_t)i;
    do {
        uint64_t left = x >> bits, right = x & mask;
        for (uint64_t round = 0; round < ROUNDS; round++) {
            uint64_t mixed = rng_u64(r, right | round << 32, (uint64_t)epoch) & mask;
            uint64_t next = left ^ mixed;
            left = right;
            right = next;
        }
        x = left << bits | right;
    } while (x >= (uint64_t)count);
    return (int64_t)x;
}

/* Which window or pack sequence j of a batch is. */
static int64_t window_of(const Batches *b, int64_t batch_index, int64_t j)
{
    const int64_t index = (batch_index - 1) * b->sequences + j, epoch = index / b->windows;
    const Rng r = rng_stream(b->seed, "data.batch");
    if (b->config->order == ORDER_sequential) return index % b->windows;
    return shuffled(r, epoch, index % b->windows, b->windows);
}

/* The first token of sequence j of a batch. */
static int64_t place(const Batches *b, int64_t batch_index, int64_t j)
{
    const Rng r = rng_stream(b->seed, "data.batch");
    if (b->config->packing == PACKING_none && b->config->order == ORDER_shuffled)
        return (int64_t)rng_below(r, (uint64_t)batch_index, (uint64_t)j,
                                  (uint64_t)(b->split->count - b->context));
    return window_of(b, batch_index, j) * b->context;
}

void batch_weigh(Batch *out, int64_t row, int64_t rows)
{
    int64_t losses = 0;
    for (int64_t i = row; i < row + rows; i++) losses += out->targets[i] >= 0;
    const real weight = losses ? (real)(1 / (double)losses) : 0;
    for (int64_t i = row; i < row + rows; i++) out->weights[i] = weight;
    out->weight_sum += (double)weight * (double)losses;
}

/* The token that the next one is predicted from: begin-of-text instead of the end-of-text of the
 * document before. */
static int32_t input_at(const Batches *b, int64_t i)
{
    const int32_t token = split_token(b->split, i);
    return token == b->end_of_text ? b->begin_of_text : token;
}

/* Fills sequence s of out with the window that begins at token p; rows past the end are empty. */
static Status fill_window(const Batches *b, int64_t p, int64_t s, Batch *out)
{
    const Split *split = b->split;
    const int64_t first = s * b->context, left = split->count - p;
    const int64_t real_rows = left > b->context ? b->context : left > 1 ? left - 1 : 0;
    const bool mask = b->config->document_mask;
    int32_t segment = out->segment_index[s], position = 0;
    int64_t end = INT64_MAX; /* of the segment, as a token */

    if (real_rows) TRY(dataset_touch(b->dataset, split, p, p + real_rows + 1));
    for (int64_t i = 0; i < b->context; i++) {
        const bool is_real = i < real_rows;
        if (i == 0 || p + i == end || (mask && i == real_rows)) {
            out->segment_starts[segment++] = (int32_t)(first + i);
            position = 0;
            end = mask && is_real ? (int64_t)split->offsets[split_document(split, p + i) + 1]
                                  : INT64_MAX;
        }
        const bool has_loss = is_real && p + i + 1 != end;
        out->inputs[first + i] = is_real ? input_at(b, p + i) : 0;
        out->targets[first + i] = has_loss ? split_token(split, p + i + 1) : -1;
        out->origins[first + i] = has_loss ? p + i + 1 : -1;
        out->positions[first + i] = position++;
        out->loss_tokens += has_loss;
    }
    out->segment_starts[segment] = (int32_t)(first + b->context);
    for (int32_t i = out->segment_index[s]; out->has_weights && i < segment; i++)
        batch_weigh(out, out->segment_starts[i],
                    out->segment_starts[i + 1] - out->segment_starts[i]);
    out->segment_index[s + 1] = segment;
    return OK;
}

static void begin(const Batches *b, Batch *out)
{
    INVARIANT(out->sequences == b->sequences && out->context == b->context);
    out->loss_tokens = 0;
    out->weight_sum = 0;
    out->segment_index[0] = 0;
    out->has_intervals = b->is_packed;
    out->has_weights = b->config->loss_weights == LOSS_WEIGHTS_document;
}

/* dataset_touch() has checked all tokens once; since then somebody may have written into the file. */
static Status check_tokens(const Batches *b, const Batch *out)
{
    const Dataset *d = b->dataset;
    for (int64_t i = 0; i < b->sequences * b->context; i++)
        if (out->inputs[i] < 0 || out->inputs[i] >= d->vocab_size ||
            out->targets[i] >= d->vocab_size)
            return FAIL(E_DATA, "%s: the file was changed while it was in use", d->path);
    return OK;
}

Status batches_fill(const Batches *b, int64_t batch_index, Batch *out)
{
    INVARIANT(batch_index > 0);
    begin(b, out);
    for (int64_t j = 0; j < b->sequences; j++) {
        const int64_t epoch = ((batch_index - 1) * b->sequences + j) / b->windows;
        TRY(b->is_packed ? batch_fill_pack(b, window_of(b, batch_index, j), epoch, j, out)
                         : fill_window(b, place(b, batch_index, j), j, out));
    }
    return check_tokens(b, out);
}

Status batches_set_stride(Batches *b, int64_t stride)
{
    if (b->is_packed)
        return FAIL(E_ARG,
                    "--stride is for windows, and data.packing = %s reads whole documents; "
                    "set data.packing=none",
                    packing_text(b->config->packing));
    if (stride < 1 || stride > b->context)
        return FAIL(E_ARG, "--stride %lld is not in [1, %lld], the context", (long long)stride,
                    (long long)b->context);
    b->stride = stride;
    return OK;
}

/* Windows that contain each target. */
static int64_t eval_windows(const Batches *b)
{
    const int64_t behind = b->split->count - 1 - b->context; /* targets after the first window */
    if (b->is_packed) return b->windows;
    return behind > 0 ? 1 + (behind + b->stride - 1) / b->stride : 1;
}

/* Removes the targets of sequence s that the window before has. */
static void drop_judged(const Batches *b, int64_t window, int64_t s, Batch *out)
{
    const int64_t first = s * b->context;
    for (int64_t i = first; window && i < first + b->context - b->stride; i++) {
        out->loss_tokens -= out->targets[i] >= 0;
        out->targets[i] = -1;
        out->origins[i] = -1;
    }
}

int64_t batches_eval_count(const Batches *b)
{
    const int64_t windows = eval_windows(b);
    return (windows + b->sequences - 1) / b->sequences;
}

Status batches_eval(const Batches *b, int64_t i, Batch *out)
{
    INVARIANT(i >= 0);
    begin(b, out);
    for (int64_t j = 0; j < b->sequences; j++) {
        const int64_t window = i * b->sequences + j;
        TRY(b->is_packed ? batch_fill_pack(b, window, 0, j, out)
                         : fill_window(b, window * b->stride, j, out));
        drop_judged(b, window, j, out);
    }
    return check_tokens(b, out);
}
