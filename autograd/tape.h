/* The tape: what was computed, in order, to be differentiated in reverse.
 *
 * All that a step computes lives in the tape's arena and ends at tape_reset(): nothing to free,
 * nothing to count. Parameters live elsewhere (autograd/params.h); the tape only points to them.
 *
 * A tape remembers its first fault. From then on every op returns NULL and does nothing, so a model
 * can be written as one expression; tape_backward() hands the fault out.
 *
 * Gradients: those of parameters are written to the block that tape_record() was given. The memory
 * of the others is planned before backward runs: a gradient's memory is reused once backward of the
 * node that made the tensor has run (autograd/tape_plan.h).
 *
 * Backward recomputes the values that it needs of a segment: see tape_segment_begin().
 *
 * One tape belongs to one thread at a time. */
#ifndef AUTOGRAD_TAPE_H
#define AUTOGRAD_TAPE_H

#include "autograd/base/arena.h"
#include "autograd/op.h"
#include "autograd/profile.h"

/* The first number that was not finite: see Tape.check. */
typedef struct TapeFinding {
    bool found, in_backward;
    const char *op, *scope;
    const char *parameter; /* whose value (forward) or gradient (backward) it is, or NULL */
    int64_t place;         /* index in Params.value or grad, if there is a parameter */
} TapeFinding;

/* A NaN to write into the result of an op, or into the gradient of an input, once it has been
 * computed: for tests, and to study spikes. It replaces the middle number, in the first node that
 * matches. */
typedef struct TapePoison {
    const char *op, *scope; /* NULL: any */
    bool in_backward;
    int input; /* the input whose gradient it is, from 1; 0: the first that has one */
} TapePoison;

/* Which numbers are bfloat16. Gradients, sums and statistics never are. */
typedef enum Bf16Mode {
    BF16_NONE,
    BF16_PRODUCTS, /* the operands of matrix products; parameters must have Tensor.bf16 */
    BF16_RESULTS   /* and the results of ops with Op.bf16_result: in Tensor.bf16, data is NULL */
} Bf16Mode;

typedef struct Tape {
    Arena arena;
    Arena workspace; /* holds scratch */
    Arena inner;     /* numbers of the open segment, or of the one that backward is in */
    void *scratch;
    int64_t scratch_size;
    Node *last;
    Status status;
    const char *scope;
    bool record;   /* false: compute, but keep nothing for backward: evaluation and sampling */
    Bf16Mode bf16; /* for the ops that follow; tape_reset() sets BF16_NONE */
    real *grads;   /* the block of parameter gradients, laid out like Params.value */
    bool *written; /* by Tensor.index: this gradient holds a sum, not garbage */
    real seed;     /* d(objective) / d(loss): 1. Set it before the first op */
    bool is_done;  /* tape_backward() has run */
    /* Shapes only: nothing is computed and no numbers are allocated; dry_size is the memory that
     * they would take, scratch and gradients of results included. Parameters need not be allocated.
     * A dry tape stays dry until tape_free(). */
    bool dry;
    int64_t dry_size;
    int64_t segment, segments;           /* the open one, or 0; the number of the last one begun */
    int64_t dry_segment, dry_inner_size; /* of the open segment; of the largest one */
    bool check; /* look at every result for the first one that is not finite; slow */
    TapeFinding finding;
    Profile *profile;         /* of every forward and backward; NULL: none */
    const TapePoison *poison; /* until tape_reset() or until it has been written; NULL: none */
} Tape;

/* Forgets all tensors and the fault; from here on nothing is recorded. */
void tape_reset(Tape *t);

/* After tape_reset(): record from here on. Gradients of parameters go to grads, as many numbers as
 * Params.count; written: Params.tensors flags, cleared by the caller unless grads holds sums to add
 * to (a parameter that no op used keeps its flag false and its garbage:
 * params_zero_unwritten()). */
void tape_record(Tape *t, real *grads, bool *written);

/* A tensor that is not cleared and has no gradient: an input of the model. */
Tensor *tape_tensor(Tape *t, Shape shape);

/* The same over numbers that the caller owns, which must live until tape_reset(). */
Tensor *tape_wrap(Tape *t, Shape shape, real *data);

/* Memory until tape_reset(), not cleared; NULL and a fault when memory is out. */
void *tape_take(Tape *t, int64_t size);

/* Names the part of the model that the following ops belong to. Borrowed: must outlive the tape's
 * use. */
void tape_scope(Tape *t, const char *scope);

/* Sets the fault, unless there is one already; returns NULL. For ag_ functions and layers. */
Tensor *tape_fault(Tape *t, Status status);

/* Applies op to in[0 .. op->inputs): the ag_ functions of ops.h call this. */
Tensor *tape_apply(Tape *t, const Op *op, Tensor *const in[], const void *attr);

/* Activation checkpointing. Of the ops from here to tape_segment_end() only the result y keeps its
 * numbers. When backward reaches the segment, it runs forward again for the others that it needs:
 * the same bits, for more time and less memory, namely that of one segment and of one result per
 * segment. After the end only y may be used (E_ARG). Segments do not nest (E_ARG), and do nothing
 * unless the tape records. */
void tape_segment_begin(Tape *t);
Tensor *tape_segment_end(Tape *t, Tensor *y);

/* Adds seed * d loss / d x to the gradient of every parameter that led to the scalar loss. Returns
 * the tape's fault if it has one; E_SHAPE if loss is not a scalar; E_ARG if it depends on no
 * parameter, or not on every ag_cross_entropy() recorded, or at the second call. */
Status tape_backward(Tape *t, Tensor *loss);

void tape_free(Tape *t);

#endif
