/* The products of a model, in the order of its forward pass. */
#include <stdio.h>
#include <string.h>

#include "layers/cost.h"
#include "train/bench/gemm_bound.h"

/* What a node of the model's forward pass multiplies; neither: nothing. */
typedef struct Found {
    bool is_product, is_attention;
    BoundProduct product;
    BoundAttention attention;
} Found;

/* "attn" for "blocks.3.attn". */
static void name_of(const char *scope, char name[BOUND_NAME_MAX])
{
    int length = 0;
    sscanf(scope, "blocks.%*d.%n", &length);
    snprintf(name, BOUND_NAME_MAX, "%s", scope + length);
}

/* The longest window of the key heads; 0: one sees all keys. */
static int64_t window_of(const Attention *a)
{
    int64_t longest = 0;
    for (int64_t h = 0; a->windows && h < a->kv_heads; h++) {
        if (!a->windows[h]) return 0;
        if (a->windows[h] > longest) longest = a->windows[h];
    }
    return longest;
}

static Found find(const Node *n, const OpWork *work)
{
    Found f = {.is_product = work->matrix.rank == 2, .is_attention = n->op == &op_attention};
    if (f.is_product) {
        const int64_t out = work->matrix.dim[0], in = work->matrix.dim[1];
        f.product = (BoundProduct){.out = out,
                                   .in = in,
                                   .rows = (int64_t)(work->operations / (2.0 * (double)(out * in))),
                                   .is_loss = n->op->grad_in_forward};
        name_of(n->scope, f.product.name);
    }
    if (f.is_attention) {
        const Attention *a = n->attr;
        f.attention = (BoundAttention){.heads = a->heads,
                                       .kv_heads = a->kv_heads,
                                       .head_width = a->head_width,
                                       .value_width = shape_last(n->out->shape) / a->heads,
                                       .segments = a->rows.segments,
                                       .context = a->rows.keys[1] - a->rows.keys[0],
                                       .window = window_of(a),
                                       .flops = work->operations};
    }
    return f;
}

/* Nodes come from the last to the first. The first visit only counts them. */
typedef struct List {
    Found *found; /* NULL: count */
    int64_t count;
} List;

static void add_node(void *context, const Node *n, const OpWork *work)
{
    List *l = context;
    const Found f = find(n, work);
    if (!f.is_product && !f.is_attention) return;
    if (!l->found)
        l->count++;
    else
        l->found[--l->count] = f;
}

static BoundProduct *add_product(GemmBound *b, const BoundProduct *p)
{
    for (int i = 0; i < b->product_count; i++) {
        BoundProduct *one = &b->products[i];
        if (!strcmp(one->name, p->name) && one->out == p->out && one->in == p->in &&
            one->rows == p->rows)
            return one;
    }
    if (b->product_count == BOUND_PRODUCTS_MAX) return NULL;
    b->products[b->product_count] = *p;
    return &b->products[b->product_count++];
}

static BoundAttention *add_attention(GemmBound *b, const BoundAttention *a)
{
    for (int i = 0; i < b->attention_count; i++) {
        BoundAttention *one = &b->attentions[i];
        if (one->heads == a->heads && one->kv_heads == a->kv_heads &&
            one->head_width == a->head_width && one->value_width == a->value_width &&
            one->context == a->context && one->flops == a->flops)
            return one;
    }
    if (b->attention_count == BOUND_ATTENTIONS_MAX) return NULL;
    b->attentions[b->attention_count] = *a;
    return &b->attentions[b->attention_count++];
}

static Status add_nodes(GemmBound *b, const Found *found)
{
    for (int64_t i = 0; i < b->node_count; i++) {
        const Found *f = &found[i];
        BoundNode *n = &b->nodes[i];
        if (f->is_product && (n->product = add_product(b, &f->product)))
            n->index = n->product->count++;
        if (f->is_attention && (n->attention = add_attention(b, &f->attention)))
            n->index = n->attention->count++;
        if (!n->product && !n->attention)
            return FAIL(E_ARG, "bench: this model has products of more than %d shapes",
                        BOUND_PRODUCTS_MAX);
    }
    return OK;
}

static Status read_model(GemmBound *b, const Gpt *g, int64_t sequences, Arena *arena)
{
    GptInput in;
    const int32_t *targets;
    List list = {0};
    TRY(cost_windows(g, sequences, COST_CAUSAL, arena, &in, &targets));
    TRY(cost_visit(g, &in, targets, add_node, &list));
    b->node_count = list.count;
    b->nodes = arena_zero(&b->arena, list.count * (int64_t)sizeof *b->nodes);
    list.found = arena_take(arena, list.count * (int64_t)sizeof *list.found);
    if (!b->nodes || !list.found) return FAIL(E_NOMEM, "the products of a model");
    TRY(cost_visit(g, &in, targets, add_node, &list));
    return add_nodes(b, list.found);
}

Status bound_model_read(GemmBound *b, const Gpt *g, int64_t sequences)
{
    Arena arena = {0};
    const Status status = read_model(b, g, sequences, &arena);
    arena_free(&arena);
    return status;
}
