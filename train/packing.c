#include "train/packing.h"

#include <stdio.h>
#include <string.h>

#include "train/json.h"
#include "train/progress.h"

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
        r->deepest = packing.deepest;
        r->bound = packing_bound(&l);
        r->depths = arena_take(&r->arena, (r->deepest + 1) * (int64_t)sizeof *r->depths);
        if (r->depths)
            memcpy(r->depths, packing.depths, (size_t)(r->deepest + 1) * sizeof *r->depths);
        else
            status = FAIL(E_NOMEM, "a report");
    }
    packing_close(&packing);
    return status;
}

void packing_report_close(PackingReport *r)
{
    arena_free(&r->arena);
}

/* What of all pairs of slots attention inside documents looks at. */
static double pairs_share(const PackingReport *r)
{
    const double capacity = (double)r->lengths.capacity;
    return r->lengths.squares / ((double)r->packs * capacity * capacity);
}

static double efficiency(const PackingReport *r)
{
    return (double)r->lengths.tokens / ((double)r->packs * (double)r->lengths.capacity);
}

static double factor(const PackingReport *r)
{
    return (double)r->lengths.documents / (double)r->packs;
}

static int64_t depth_bound(const PackingReport *r)
{
    return r->depth_limit ? (r->lengths.pieces + r->depth_limit - 1) / r->depth_limit : 0;
}

static Status print_json(const PackingReport *r)
{
    const LengthCounts *l = &r->lengths;
    json_t *depths = json_array();
    for (int64_t i = 0; depths && i <= r->deepest; i++)
        json_array_append_new(depths, json_integer(r->depths[i]));
    const double capacity = (double)l->capacity;
    json_t *root = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:o, s:f, s:f}",
        "algorithm", r->algorithm, "capacity", (json_int_t)l->capacity, "depth",
        (json_int_t)r->deepest, "documents", (json_int_t)l->documents, "tokens",
        (json_int_t)l->tokens, "packs", (json_int_t)r->packs, "efficiency", efficiency(r), "factor",
        factor(r), "lower_bound", (json_int_t)r->bound, "seconds", r->seconds, "gap",
        (json_int_t)(r->packs - r->bound), "depth_limit", (json_int_t)r->depth_limit, "depth_bound",
        (json_int_t)depth_bound(r), "empty", (json_int_t)l->empty, "cut", (json_int_t)l->cut,
        "pieces", (json_int_t)l->pieces, "padding",
        (json_int_t)(r->packs * l->capacity - l->tokens), "packs_by_depth", depths,
        "attention_pairs", l->squares, "attention_pairs_dense",
        (double)r->packs * capacity * capacity);
    if (root && r->batch) {
        json_object_set_new(root, "batch", json_integer(r->batch));
        json_object_set_new(root, "steps_per_epoch",
                            json_integer((r->packs + r->batch - 1) / r->batch));
        json_object_set_new(root, "epochs_per_step",
                            json_real((double)r->batch / (double)r->packs));
    }
    return json_print(root);
}

static void print_depths(const PackingReport *r)
{
    printf("documents a pack\n");
    for (int64_t i = 1; i <= r->deepest; i++)
        if (r->depths[i])
            printf("  %10lld  %12lld packs  %6.2f %%\n", (long long)i, (long long)r->depths[i],
                   100.0 * (double)r->depths[i] / (double)r->packs);
}

Status packing_report_print(const PackingReport *r, bool json)
{
    const LengthCounts *l = &r->lengths;
    if (json) return print_json(r);
    const int64_t gap = r->packs - r->bound, padding = r->packs * l->capacity - l->tokens;
    printf("algorithm        %s", r->algorithm);
    if (r->depth_limit) printf(", at most %lld documents a pack", (long long)r->depth_limit);
    printf("\ncapacity         %lld slots\n", (long long)l->capacity);
    printf("documents        %lld of %lld tokens, the longest of %lld\n", (long long)l->documents,
           (long long)l->tokens, (long long)l->longest);
    if (l->empty) printf("empty            %lld more without a token\n", (long long)l->empty);
    printf("cuts             %lld in %lld documents longer than a pack\n",
           (long long)(l->pieces - l->documents), (long long)l->cut);
    printf("packs            %lld\n", (long long)r->packs);
    printf("lower bound      %lld (Martello-Toth L2); gap %lld packs, %.4f %%\n",
           (long long)r->bound, (long long)gap, 100.0 * (double)gap / (double)r->bound);
    if (depth_bound(r) > r->bound)
        printf("                 %lld by the depth alone\n", (long long)depth_bound(r));
    printf("efficiency       %.4f %%; packing factor %.5f\n", 100 * efficiency(r), factor(r));
    printf("padding          %lld slots\n", (long long)padding);
    printf("attention        %.4g pairs of tokens in documents, %.2f %% of dense\n", l->squares,
           100 * pairs_share(r));
    if (r->batch)
        printf("an epoch         %lld updates of %lld packs, the last of %lld\n",
               (long long)((r->packs + r->batch - 1) / r->batch), (long long)r->batch,
               (long long)((r->packs - 1) % r->batch + 1));
    printf("packed in        %.3f s\n", r->seconds);
    print_depths(r);
    return OK;
}
