#include "train/plan/packing_report.h"

#include <stdio.h>
#include <string.h>

#include "data/packs.h"
#include "train/support/clock.h"
#include "train/support/json.h"

Status packing_report_histogram(PackingReport *r, const char *path, const Packer *packer,
                                int64_t capacity, int64_t depth)
{
    Packing packing;
    *r = (PackingReport){.algorithm = packer->name, .depth_limit = depth};
    TRY(lengths_init(&r->lengths, &r->arena, capacity));
    TRY(lengths_read(&r->lengths, path));
    const Lengths l = {capacity, depth, r->lengths.counts};
    const double begin = clock_seconds();
    Status status = packing_make(&packing, packer, &l);
    r->seconds = clock_seconds() - begin;
    if (status == OK) {
        r->packs = packing.packs;
        r->cuts = r->lengths.chunks - r->lengths.documents;
        r->deepest = packing.deepest;
        r->bound = packing_bound(&l);
        r->notes = packing.notes;
        r->depths = arena_take(&r->arena, (r->deepest + 1) * (int64_t)sizeof *r->depths);
        if (r->depths)
            memcpy(r->depths, packing.depths, (size_t)(r->deepest + 1) * sizeof *r->depths);
        else
            status = FAIL(E_NOMEM, "a report");
    }
    packing_close(&packing);
    return status;
}

/* Windows of the stream: token i + 1 is the target of row i. */
static void count_windows(PackingReport *r, const Split *s, bool mask)
{
    const int64_t context = r->lengths.capacity;
    r->packs = (s->count - 1) / context;
    r->bound = r->packs;
    r->unused = s->count - 1 - r->packs * context;
    r->lengths.squares = r->lengths.cut = 0;
    r->loss_tokens = r->packs * context;
    for (int64_t i = 0; i < s->documents; i++) {
        const int64_t begin = (int64_t)s->offsets[i], all = (int64_t)s->offsets[i + 1];
        const int64_t end = all < r->packs * context ? all : r->packs * context;
        int64_t chunks = 0;
        for (int64_t at = begin, next; at < end; at = next, chunks++) {
            next = (at / context + 1) * context;
            if (next > end) next = end;
            r->lengths.squares += (double)(next - at) * (double)(next - at);
        }
        if (mask && all <= r->packs * context && i + 1 < s->documents)
            r->loss_tokens--; /* the next document's first token has none */
        if (chunks > 1) r->cuts += chunks - 1;
        r->lengths.cut += chunks > 1;
    }
}

static Status count_packs(PackingReport *r, const Config *c, const Split *s)
{
    const int64_t context = c->model.context;
    const bool by_chance = c->data.prefix_split == PREFIX_SPLIT_random,
               prefix = c->data.objective == OBJECTIVE_prefix;
    Packs packs;
    const double begin = clock_seconds();
    Status status = packs_make(&packs, s, packer_of(c->data.packing), context, c->data.pack_depth);
    r->seconds = clock_seconds() - begin;
    if (status == OK) {
        r->packs = packs.count;
        r->deepest = packs.deepest;
        r->cuts = r->lengths.chunks - r->lengths.documents;
        r->bound = packing_bound(&(Lengths){context, 0, r->lengths.counts});
        r->notes = packs.notes;
        r->depths = arena_take(&r->arena, (r->deepest + 1) * (int64_t)sizeof *r->depths);
        if (r->depths)
            memcpy(r->depths, packs.depths, (size_t)(r->deepest + 1) * sizeof *r->depths);
        else
            status = FAIL(E_NOMEM, "a report");
        if (prefix && !by_chance) r->silent = packs_of_prompts(&packs);
    }
    packs_close(&packs);
    r->loss_tokens = prefix && by_chance ? -1 : r->lengths.tokens;
    for (int64_t i = 0; prefix && r->loss_tokens >= 0 && i < s->documents; i++)
        r->loss_tokens -= s->prefixes[i];
    return status;
}

static Status of_dataset(PackingReport *r, const Config *c, const Dataset *d)
{
    const Split *s = &d->train;
    TRY(lengths_init(&r->lengths, &r->arena, c->model.context));
    lengths_of_split(&r->lengths, s);
    r->in_windows = !packer_of(c->data.packing);
    if (s->count < (r->in_windows ? c->model.context + 1 : 1))
        return FAIL(E_CONFIG, "model.context = %lld: %s of %s has only %lld tokens",
                    (long long)c->model.context, s->name, d->path, (long long)s->count);
    if (!r->in_windows) return count_packs(r, c, s);
    count_windows(r, s, c->data.document_mask);
    return OK;
}

Status packing_report_config(PackingReport *r, const Config *c)
{
    Dataset d;
    *r = (PackingReport){.algorithm = packing_text(c->data.packing),
                         .drawn = c->data.packing == PACKING_none,
                         .depth_limit = c->data.pack_depth,
                         .batch = c->train.batch};
    Status status = dataset_open(&d, c->data.path);
    if (status == OK) status = of_dataset(r, c, &d);
    dataset_close(&d);
    return status;
}

void packing_report_close(PackingReport *r)
{
    arena_free(&r->arena);
}

/* The share of all pairs of slots that are pairs within a document. */
static double pairs_share(const PackingReport *r)
{
    const double capacity = (double)r->lengths.capacity;
    return r->lengths.squares / ((double)r->packs * capacity * capacity);
}

static int64_t padding(const PackingReport *r)
{
    return r->in_windows ? 0 : r->packs * r->lengths.capacity - r->lengths.tokens;
}

static double efficiency(const PackingReport *r)
{
    return 1 - (double)padding(r) / ((double)r->packs * (double)r->lengths.capacity);
}

static double factor(const PackingReport *r)
{
    return (double)r->lengths.documents / (double)r->packs;
}

static int64_t depth_bound(const PackingReport *r)
{
    return r->depth_limit ? (r->lengths.chunks + r->depth_limit - 1) / r->depth_limit : 0;
}

/* The largest of the bounds. */
static int64_t lower_bound(const PackingReport *r)
{
    int64_t bound = r->bound;
    if (r->in_windows) return bound;
    if (r->notes.bound > bound) bound = r->notes.bound;
    return depth_bound(r) > bound ? depth_bound(r) : bound;
}

static void add_notes(json_t *root, const PackingReport *r)
{
    const PackingNotes *n = &r->notes;
    json_object_set_new(root, "packs_half_empty", json_integer(n->half_empty));
    json_object_set_new(root, "bound_l2", json_integer(r->bound));
    json_object_set_new(root, "bound_prices", n->bound ? json_integer(n->bound) : json_null());
    json_object_set_new(root, "lengths", json_integer(n->lengths));
    json_object_set_new(root, "price_classes", json_integer(n->classes));
    json_object_set_new(root, "price_unit", json_integer(n->unit));
    json_object_set_new(root, "by_best_fit", json_boolean(n->by_best_fit));
}

static Status print_json(const PackingReport *r)
{
    const LengthCounts *l = &r->lengths;
    json_t *depths = json_array();
    for (int64_t i = 0; depths && r->depths && i <= r->deepest; i++) /* NULL for windows */
        json_array_append_new(depths, json_integer(r->depths[i]));
    const double capacity = (double)l->capacity;
    json_t *root = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:o, s:f, s:f}",
        "algorithm", r->algorithm, "capacity", (json_int_t)l->capacity, "depth",
        (json_int_t)r->deepest, "documents", (json_int_t)l->documents, "tokens",
        (json_int_t)l->tokens, "packs", (json_int_t)r->packs, "efficiency", efficiency(r), "factor",
        factor(r), "lower_bound", (json_int_t)lower_bound(r), "seconds", r->seconds, "gap",
        (json_int_t)(r->packs - lower_bound(r)), "depth_limit", (json_int_t)r->depth_limit,
        "depth_bound", (json_int_t)depth_bound(r), "empty", (json_int_t)l->empty, "cut",
        (json_int_t)l->cut, "cuts", (json_int_t)r->cuts, "padding", (json_int_t)padding(r),
        "packs_by_depth", depths, "attention_pairs", l->squares, "attention_pairs_dense",
        (double)r->packs * capacity * capacity);
    if (root) add_notes(root, r);
    if (root && r->batch) {
        json_object_set_new(root, "batch", json_integer(r->batch));
        json_object_set_new(root, "steps_per_epoch",
                            json_integer((r->packs + r->batch - 1) / r->batch));
        json_object_set_new(root, "loss_tokens",
                            r->loss_tokens < 0 ? json_null() : json_integer(r->loss_tokens));
        json_object_set_new(root, "packs_without_loss", json_integer(r->silent));
        json_object_set_new(root, "unused", json_integer(r->unused));
        json_object_set_new(root, "epochs_per_step",
                            json_real((double)r->batch / (double)r->packs));
    }
    return json_print(root);
}

static void print_depths(const PackingReport *r)
{
    printf("documents per pack\n");
    for (int64_t i = 1; i <= r->deepest; i++)
        if (r->depths[i])
            printf("  %10lld  %12lld packs  %6.2f %%\n", (long long)i, (long long)r->depths[i],
                   100.0 * (double)r->depths[i] / (double)r->packs);
}

static void print_epoch(const PackingReport *r)
{
    const int64_t steps = (r->packs + r->batch - 1) / r->batch,
                  rest = (r->packs - 1) % r->batch + 1;
    printf("epoch            %lld steps of %lld sequences", (long long)steps, (long long)r->batch);
    if (rest < r->batch)
        printf("; of the last, %lld, and %lld of the next epoch", (long long)rest,
               (long long)(r->batch - rest));
    printf("\n");
    if (r->loss_tokens >= 0)
        printf("loss             on %lld tokens per epoch\n", (long long)r->loss_tokens);
    if (r->silent)
        printf("without loss     %lld packs hold only prompts: model.context is too small\n",
               (long long)r->silent);
    if (r->unused)
        printf("unused           %lld tokens after the last whole window\n", (long long)r->unused);
}

static void print_bounds(const PackingReport *r)
{
    const int64_t gap = r->packs - lower_bound(r);
    printf("lower bound      %lld (Martello-Toth L2)", (long long)r->bound);
    if (r->notes.bound) printf(", %lld (Farley, from prices)", (long long)r->notes.bound);
    if (depth_bound(r)) printf(", %lld (depth limit)", (long long)depth_bound(r));
    printf("; gap %lld packs, %.4f %%\n", (long long)gap,
           100.0 * (double)gap / (double)lower_bound(r));
}

static void print_notes(const PackingReport *r)
{
    const PackingNotes *n = &r->notes;
    if (n->classes && (n->classes < n->lengths || n->unit > 1)) {
        printf("priced           approximately: %lld lengths in %lld classes of neighbours",
               (long long)n->lengths, (long long)n->classes);
        if (n->unit > 1) printf(", rounded up to %lld slots", (long long)n->unit);
        printf("\n");
    }
    if (n->by_best_fit)
        printf(
            "                 best_fit needs fewer packs for these lengths: its packing is used\n");
    if (packing_is_half_empty(n->half_empty, r->packs))
        printf("warning          " PACKING_HALF_EMPTY_TEXT "\n", (long long)n->half_empty,
               (long long)r->packs);
}

Status packing_report_print(const PackingReport *r, bool json)
{
    const LengthCounts *l = &r->lengths;
    if (json) return print_json(r);
    printf("algorithm        %s", r->algorithm);
    if (r->depth_limit) printf(", at most %lld documents per pack", (long long)r->depth_limit);
    printf("\ncapacity         %lld slots\n", (long long)l->capacity);
    printf("documents        %lld of %lld tokens, the longest of %lld\n", (long long)l->documents,
           (long long)l->tokens, (long long)l->longest);
    if (l->empty) printf("empty            %lld more without a token\n", (long long)l->empty);
    printf("cuts             %lld, in %lld documents%s\n", (long long)r->cuts, (long long)l->cut,
           r->in_windows ? "" : " longer than a pack");
    printf("%-16s %lld\n", r->in_windows ? "windows" : "packs", (long long)r->packs);
    if (r->drawn)
        printf("                 (at random positions: some tokens twice per epoch, some not at "
               "all)\n");
    if (!r->in_windows) print_bounds(r);
    print_notes(r);
    printf("efficiency       %.4f %%; packing factor %.5f\n", 100 * efficiency(r), factor(r));
    printf("padding          %lld slots\n", (long long)padding(r));
    printf("attention        %.4g pairs of tokens in documents, %.2f %% of dense\n", l->squares,
           100 * pairs_share(r));
    if (r->batch) print_epoch(r);
    if (!r->in_windows) printf("packed in        %.3f s\n", r->seconds);
    if (!r->in_windows) print_depths(r);
    return OK;
}
