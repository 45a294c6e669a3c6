/* Parameters: all trained numbers in one block, made of named tensors.
 *
 * A layer declares its parameters; params_alloc() then lays all of them out, in the order declared
 * and without gaps, as value and, for training, grad, m and v. So clipping, AdamW and the
 * checkpoint are loops over one array or one list of names, and know no layer. Like a tape, Params
 * remembers its first fault, and params_alloc() returns it. */
#ifndef AUTOGRAD_PARAMS_H
#define AUTOGRAD_PARAMS_H

#include "autograd/tape.h"

enum { PARAM_NAME_MAX = 64 };

typedef struct Param Param;
struct Param {
    char name[PARAM_NAME_MAX]; /* "blocks.3.mlp.up.weight": in the checkpoint, and of its stream */
    Tensor tensor;
    real std;         /* initial values are drawn from N(0, std^2); if std is 0, */
    real fill;        /* all are this */
    bool decay;       /* whether weight decay applies: to every parameter of rank 2 */
    double rate;      /* factor of the learning rate, but not of weight decay: 1 */
    bool spanned;     /* ops use it only through a span */
    bool has_v;       /* whether the optimizer keeps a second moment of it: true */
    int64_t v_offset; /* where that begins in Params.v */
    Param *next;
};

/* Several parameters, declared one after the other, used as one tensor. */
typedef struct ParamSpan ParamSpan;
struct ParamSpan {
    Tensor tensor;
    const Param *first;
    ParamSpan *next;
};

typedef struct Params {
    Arena arena;
    Param *first, *last; /* in the order declared */
    ParamSpan *spans;
    int64_t count;              /* numbers, over all of them */
    int tensors;                /* parameters and spans: how many flags Tape.written has */
    real *value, *grad, *m, *v; /* the last three NULL if not for training */
    bf16 *bf16;                 /* value in bfloat16; NULL: not wanted */
    real *scratch;              /* of the optimizer: what it needs within a step */
    int64_t scratch_count;
    Status status;
} Params;

/* Declares "prefix.name": a matrix drawn from N(0, std^2), or a vector filled with one number. The
 * tensor's data is there after params_alloc(). NULL after a fault. */
Tensor *params_matrix(Params *p, const char *prefix, const char *name, int64_t rows,
                      int64_t columns, double std);
Tensor *params_vector(Params *p, const char *prefix, const char *name, int64_t length, double fill);

/* Sets the rate of the parameter declared last, x. */
void params_rate(Params *p, const Tensor *x, double rate);

/* The parameters first .. last as one, joined along the first dimension: a fused projection. They
 * must be declared one after the other and agree in the other dimension (E_SHAPE). From then on ops
 * use them only through the span; each keeps its name, initial values and checkpoint entry. */
Tensor *params_span(Params *p, Tensor *first, Tensor *last);

/* A constant table that lives as long as the parameters. Zero; its data is there at once. */
Tensor *params_constant(Params *p, Shape shape);

int64_t params_named(const Params *p);   /* how many parameters there are */
int64_t params_count_v(const Params *p); /* numbers of those with has_v */

/* The parameter that holds number `index` of value. */
const Param *params_at(const Params *p, int64_t index);

/* for_training: grad, m, v and scratch as well; they are zero. v holds the parameters with has_v
 * alone, in the order declared. E_ARG if two have one name, E_NOMEM. */
Status params_alloc(Params *p, bool for_training);

/* After params_alloc(): adds a bfloat16 copy of value, for tapes with Tape.bf16. E_NOMEM. */
Status params_alloc_bf16(Params *p);

/* Copies value to bf16: call it whenever value has changed. Does nothing if bf16 is NULL. */
void params_update_bf16(const Params *p);

/* After params_alloc(): rounds the numbers of x, a parameter of rank 2 or a span of such ones, to 8 bits, also those
 * in x->data, and keeps them in x->q8. E_FAILED: a number cannot be rounded; E_NOMEM. */
Status params_round_q8(Params *p, Tensor *x);

/* Draws initial values: each parameter from its own stream of seed. */
void params_init(Params *p, uint64_t seed);

/* In a block laid out like value, zeroes the gradients that backward did not write. */
void params_zero_unwritten(const Params *p, const bool *written, real *grads);

void params_free(Params *p);

#endif
