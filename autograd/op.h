/* Ops, and the nodes that a tape records. Every op is one file in autograd/ops/ and one row of
 * OP_LIST in autograd/ops.h.
 *
 * Only the shape rule may fail. Forward and backward return nothing and allocate nothing: the shape
 * rule requests the memory that they need (keep, scratch). Both work on blocks of rows through
 * threads_range(), so that the bits do not depend on the number of threads. */
#ifndef AUTOGRAD_OP_H
#define AUTOGRAD_OP_H

#include "autograd/base/error.h"
#include "autograd/tensor.h"

enum { OP_INPUTS_MAX = 8, OP_RESULT = OP_INPUTS_MAX };

typedef struct Op Op;

/* The work of one pass of a node, for profiles (autograd/profile.h). */
typedef struct OpWork {
    double operations; /* FLOPs of matrix products, padding excluded; 0: none */
    double bytes;      /* of all numbers read and written, each once */
    Shape matrix;      /* shape of the weight, if the op multiplies by one; else rank 0 */
} OpWork;

/* One application of an op, as the tape records it. */
struct Node {
    const Op *op;
    const char *scope;         /* where in the model, for messages: see tape_scope() */
    const void *attr;          /* the op's own parameters, copied; NULL if it has none */
    Tensor *in[OP_INPUTS_MAX]; /* NULL: an optional input that is absent */
    Tensor *out;
    bool record;        /* backward will run: forward fills keep */
    bool bf16_products; /* operands of matrix products are bfloat16: Tape.bf16 is not BF16_NONE */
    bool bf16_result;   /* the result is bfloat16; a shape rule may clear it */
    real seed;          /* the tape's d(objective) / d(loss), for ops with grad_in_forward */

    /* Sizes in bytes, set by the shape rule. keep lives until the tape is reset, and is NULL if
     * record is false. scratch is shared by all nodes and holds garbage at each call. */
    int64_t keep_size, scratch_size;
    void *keep, *scratch;

    /* Valid during backward. din[i] is NULL if no gradient of in[i] is wanted. If add[i], din[i]
     * holds a sum to add to; else it holds garbage, all of which backward overwrites. din[i]
     * aliases nothing else, with two exceptions: Op.passthrough, and a tensor that is two inputs of
     * one node, which has one gradient: add is false for the first of them and true for the
     * second. */
    const real *dout;
    real *din[OP_INPUTS_MAX];
    bool add[OP_INPUTS_MAX];
    bool in_backward; /* the loss depends on its result: tape_plan() */

    Node *before; /* the recorded node that ran before this one */

    /* See tape_segment_begin(). */
    int64_t segment;        /* the segment that it is in, from 1; 0: none */
    bool is_segment_result; /* its result outlives the segment */
    bool recompute;         /* backward of the segment runs its forward again first */
    Node *recompute_next;   /* the next node in the segment */
};

/* A case for gradcheck: input shapes, small and all different, and attributes. */
typedef struct OpCase {
    const char *label; /* NULL ends the list */
    Shape in[OP_INPUTS_MAX];
    const void *attr;
    unsigned absent; /* bit i: optional input i is not given */
} OpCase;

struct Op {
    const char *name;
    int inputs;
    unsigned optional; /* bit i: in[i] may be NULL */
    int64_t attr_size;
    const OpCase *cases;

    /* 1 + the input whose derivative is the identity (0: none). The tape may let it share the
     * gradient of out: then din[i] == dout, add[i] is false, and backward has nothing to do for
     * it. */
    int passthrough;

    /* Bit i: forward itself writes the gradient of in[i], a parameter, as if dout were the tape's
     * seed. So din[i] and add[i] are valid in forward if record is true. In backward din[i] already
     * holds that gradient; if dout is not the seed, backward adds the difference. */
    unsigned grad_in_forward;

    /* Bit i: backward reads the numbers of in[i]; bit OP_RESULT: those of out. A recomputed segment
     * computes only numbers that are read. Gradcheck overwrites all others before it runs
     * backward. */
    unsigned needs_inputs;

    /* With BF16_RESULTS the result is bfloat16. Every op takes bfloat16 inputs. */
    bool bf16_result;

    /* Sets out->shape, keep_size and scratch_size; fails if shapes or attributes are wrong. Only
     * this function may fail. */
    Status (*shape)(Node *n);
    void (*forward)(const Node *n); /* fills keep, and out->data or, if n->bf16_result, out->bf16 */
    void (*backward)(const Node *n); /* fills or adds to each din[i] that is not NULL */

    /* Corrects the default count of op_work(); NULL: nothing to correct. */
    void (*work)(const Node *n, bool backward, OpWork *w);
};

/* The work of forward or backward of a recorded node. By default it counts each number of the
 * inputs and the result (in backward: those in needs_inputs) and of the gradients as moved once;
 * Op.work corrects that. For backward din and add must be set. */
OpWork op_work(const Node *n, bool backward);

/* For backward: x += y if add, else x = y, for count numbers. */
void grad_store(real *x, const real *y, int64_t count, bool add);

/* Buffers of `count` reals per worker, at the end of scratch, for conversion from and to bfloat16:
 * the size of all of them in bytes, and the buffer of one worker. 0 and NULL unless
 * n->bf16_products. */
int64_t op_bf16_buffer_size(const Node *n, int64_t count);
real *op_bf16_buffer(const Node *n, int64_t count, int worker);

/* Rows of a block for threads_range(), if a row has `width` numbers: about 16 k numbers in all. */
int64_t op_block(int64_t width);

#endif
