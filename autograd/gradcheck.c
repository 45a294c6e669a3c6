#include "autograd/gradcheck.h"

#include <math.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "autograd/tape.h"

static const double STEP = sizeof(real) == sizeof(double) ? 1e-5 : 1e-2;

/* One case of an op. The inputs are parameters in a block of their own, because some ops accept
 * gradients only of parameters. */
typedef struct Check {
    Arena arena; /* the block; it outlives tape_reset() */
    Tape tape;
    const Op *op;
    const OpCase *c;
    Tensor input[OP_INPUTS_MAX], *in[OP_INPUTS_MAX];
    int64_t count;        /* numbers of all inputs */
    real *value, *kept;   /* kept: a copy of value, restored after backward */
    real *sum, *grad, *g; /* sum: gradients are added to it; g: dL/dy */
    double seed;          /* the tape's seed / g, for a scalar result: 1 */
    double *numeric;
    bool written[OP_INPUTS_MAX];
} Check;

/* Rounds to float: the same numbers in both builds. */
static void draw(real *x, int64_t count, Rng rng)
{
    for (int64_t i = 0; i < count; i++) x[i] = (real)(float)rng_normal(rng, (uint64_t)i, 0);
}

static real *take(Check *k, int64_t count, const char *stream)
{
    real *x = arena_take(&k->arena, count * (int64_t)sizeof *x);
    if (x) draw(x, count, rng_stream(1, stream));
    return x;
}

static Status inputs(Check *k)
{
    for (int i = 0; i < k->op->inputs; i++) {
        if (k->c->absent >> i & 1) continue;
        k->in[i] = &k->input[i];
        k->input[i] =
            (Tensor){.shape = k->c->in[i], .name = "input", .offset = k->count, .index = i};
        k->count += shape_count(k->c->in[i]);
    }
    k->value = take(k, k->count, k->op->name);
    k->kept = take(k, k->count, k->op->name);
    k->sum = take(k, k->count, "sum");
    k->grad = take(k, k->count, "grad");
    k->numeric = arena_zero(&k->arena, k->count * (int64_t)sizeof *k->numeric);
    if (!k->value || !k->kept || !k->sum || !k->grad || !k->numeric)
        return FAIL(E_NOMEM, "%s", k->op->name);
    for (int i = 0; i < k->op->inputs; i++) k->input[i].data = k->value + k->input[i].offset;
    return OK;
}

/* The result, with gradients recorded for the inputs in the set `wanted`. */
static Tensor *apply(Check *k, unsigned wanted)
{
    for (int i = 0; i < k->op->inputs; i++) k->input[i].wants_grad = wanted >> i & 1;
    if (wanted) tape_record(&k->tape, k->grad, k->written);
    if (k->g) k->tape.seed = (real)(k->seed * (double)k->g[0]);
    return tape_apply(&k->tape, k->op, k->in, k->c->attr);
}

/* Draws g, whose size only the result's shape tells. */
static Status draw_g(Check *k)
{
    tape_reset(&k->tape);
    Tensor *y = apply(k, 0);
    if (!y) return k->tape.status;
    k->g = take(k, shape_count(y->shape), "g");
    return k->g ? OK : FAIL(E_NOMEM, "%s", k->op->name);
}

static Status differences(Check *k)
{
    for (int64_t j = 0; j < k->count; j++) {
        real x = k->value[j];
        tape_reset(&k->tape);
        k->value[j] = (real)((double)x + STEP);
        Tensor *up = apply(k, 0);
        k->value[j] = (real)((double)x - STEP);
        Tensor *down = apply(k, 0);
        k->value[j] = x;
        if (!up || !down) return k->tape.status;
        for (int64_t i = 0; i < shape_count(up->shape); i++)
            k->numeric[j] +=
                (double)k->g[i] * ((double)up->data[i] - (double)down->data[i]) / (2 * STEP);
    }
    return OK;
}

/* Overwrites each number that backward says it does not read with NaN. */
static void spoil_unread(const Check *k, const Node *n)
{
    for (int i = 0; i < k->op->inputs; i++)
        if (n->in[i] && !(k->op->needs_inputs >> i & 1))
            memset(n->in[i]->data, 255, (size_t)shape_count(n->in[i]->shape) * sizeof(real));
    if (!(k->op->needs_inputs >> OP_RESULT & 1))
        memset(n->out->data, 255, (size_t)shape_count(n->out->shape) * sizeof(real));
}

/* Runs forward for a backward with gradients of the inputs in the set `wanted`. Those gradients
 * overwrite garbage (bytes of 255 make a NaN) or, if add, are added to sum. */
static Status record(Check *k, unsigned wanted, bool add)
{
    tape_reset(&k->tape);
    memset(k->grad, 255, (size_t)k->count * sizeof *k->grad);
    if (add) memcpy(k->grad, k->sum, (size_t)k->count * sizeof *k->grad);
    for (int i = 0; i < k->op->inputs; i++) k->written[i] = add;
    return apply(k, wanted) ? OK : k->tape.status;
}

static void run_backward(Check *k, unsigned wanted, bool add)
{
    Node *n = k->tape.last;
    n->dout = k->g;
    for (int i = 0; i < k->op->inputs; i++) {
        n->din[i] = k->in[i] && wanted >> i & 1 ? k->grad + k->input[i].offset : NULL;
        n->add[i] = add || k->op->grad_in_forward >> i & 1;
    }
    if (n->scratch) memset(n->scratch, 255, (size_t)n->scratch_size);
    spoil_unread(k, n);
    k->op->backward(n);
    memcpy(k->value, k->kept, (size_t)k->count * sizeof *k->value);
}

static Status compare(Check *k, unsigned wanted, bool add, double *worst)
{
    TRY(record(k, wanted, add));
    run_backward(k, wanted, add);
    for (int i = 0; i < k->op->inputs; i++) {
        if (!k->in[i]) continue;
        const int64_t from = k->input[i].offset, to = from + shape_count(k->input[i].shape);
        for (int64_t j = from; j < to; j++) {
            double found = (double)k->grad[j] - (add ? (double)k->sum[j] : 0);
            double error = fabs(found - k->numeric[j]) / fmax(1, fabs(k->numeric[j]));
            if (!(wanted >> i & 1)) error = isnan(found) ? 0 : INFINITY; /* must not be touched */
            *worst = fmax(*worst, isnan(error) ? INFINITY : error);
        }
    }
    return OK;
}

static unsigned all_inputs(const Check *k)
{
    unsigned all = 0;
    for (int i = 0; i < k->op->inputs; i++) all |= k->in[i] ? 1u << i : 0;
    return all;
}

static Status check(Check *k, double *worst)
{
    TRY(inputs(k));
    TRY(draw_g(k));
    TRY(differences(k));
    TRY(compare(k, all_inputs(k), false, worst));
    TRY(compare(k, all_inputs(k), true, worst));
    for (k->seed = 0; k->seed < 1 && k->op->grad_in_forward; k->seed += 0.75) {
        TRY(compare(k, all_inputs(k), false, worst)); /* dL/dy differs from the seed */
        TRY(compare(k, all_inputs(k), true, worst));
    }
    k->seed = 1;
    for (int i = 0; i < k->op->inputs; i++)
        if (k->in[i]) TRY(compare(k, 1u << i, false, worst));
    return OK;
}

static Status values_of(Check *k, Arena *arena, double **values, int64_t *count)
{
    TRY(inputs(k));
    TRY(draw_g(k));
    TRY(record(k, all_inputs(k), false));
    const Tensor *y = k->tape.last->out;
    const int64_t results = shape_count(y->shape);
    *count = results + k->count;
    *values = arena_take(arena, *count * (int64_t)sizeof **values);
    if (!*values) return FAIL(E_NOMEM, "%s", k->op->name);
    for (int64_t i = 0; i < results; i++) (*values)[i] = (double)y->data[i];
    run_backward(k, all_inputs(k), false); /* overwrites y */
    for (int64_t i = 0; i < k->count; i++) (*values)[results + i] = (double)k->grad[i];
    return OK;
}

static Status check_free(Check *k, Status status)
{
    tape_free(&k->tape);
    arena_free(&k->arena);
    return status;
}

Status gradcheck(const Op *op, const OpCase *c, double *worst)
{
    Check k = {.op = op, .c = c, .seed = 1};
    *worst = 0;
    return check_free(&k, check(&k, worst));
}

Status gradcheck_values(const Op *op, const OpCase *c, Arena *arena, double **values,
                        int64_t *count)
{
    Check k = {.op = op, .c = c, .seed = 1};
    return check_free(&k, values_of(&k, arena, values, count));
}
