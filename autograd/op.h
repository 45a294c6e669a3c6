/* What an op is, and what the tape records of it. Every op is one file in autograd/ops/ and one row
 * of OP_LIST in autograd/ops.h.
 *
 * Only the shape rule may fail. Forward and backward return nothing and allocate nothing: the shape
 * rule asks for the memory that they need (keep, scratch). Both work on blocks of rows through
 * threads_range(), so that the bits do not depend on the number of threads. */
#ifndef AUTOGRAD_OP_H
#define AUTOGRAD_OP_H

#include "autograd/base/error.h"
#include "autograd/tensor.h"

enum { OP_INPUTS_MAX = 8, OP_RESULT = OP_INPUTS_MAX };

typedef struct Op Op;

/* What one pass of a node amounts to, for profiles (autograd/profile.h). */
typedef struct OpWork {
    double operations; /* useful ones, of matrix products; 0: memory is what counts */
    double bytes;      /* of all numbers read and written, each once */
    Shape matrix;      /* the weight of an op that multiplies by one; of others rank 0 */
} OpWork;

/* One application of an op, as the tape records it. */
struct Node {
    const Op *op;
    const char *scope;         /* where in the model, for messages: see tape_scope() */
    const void *attr;          /* the op's own parameters, copied; NULL if it has none */
    Tensor *in[OP_INPUTS_MAX]; /* NULL: an optional input that is not there */
    Tensor *out;
    bool record;        /* backward will run: forward fills keep */
    bool bf16_products; /* operands of matrix products are bfloat16: Tape.bf16 is not BF16_NONE */
    bool
        bf16_result; /* the result is: Op.bf16_result and BF16_RESULTS; a shape rule may clear it */
    real seed;       /* the tape's d(objective) / d(loss), for ops with grad_in_forward */

    /* Set by the shape rule, in bytes. keep lives until the tape is reset and is not there (NULL)
     * if record is false; scratch is garbage at each call, is shared by all nodes, and is there
     * always. */
    int64_t keep_size, scratch_size;
    void *keep, *scratch;

    /* There during backward. din[i] is NULL if no gradient of in[i] is wanted. If add[i], din[i]
     * holds a sum to add to; else it holds garbage to overwrite, all of it. Never aliases anything
     * else, but for Op.passthrough, and that one tensor given twice has one gradient: the first of
     * the two finds add false, the second add true. */
    const real *dout;
    real *din[OP_INPUTS_MAX];
    bool add[OP_INPUTS_MAX];
    bool in_backward; /* the loss depends on its result: tape_plan() */

    Node *before; /* the recorded node that ran before this one */

    /* See tape_segment_begin(). */
    int64_t segment;        /* which one it is in, from 1; 0: none */
    bool is_segment_result; /* its result outlives the segment */
    bool recompute;         /* backward of the segment runs its forward again first */
    Node *recompute_next;   /* the next node in the segment */
};

/* Something to check the op with: input shapes, small and all different, and attributes. */
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

    /* 1 + the input whose derivative is the identity (0: none). The tape may give it out's gradient
     * as its own: then din[i] == dout and add[i] is false, and backward has nothing to do for
     * it. */
    int passthrough;

    /* Bit i: forward itself writes the gradient of in[i], a parameter, as if dout were the tape's
     * seed. So din[i] and add[i] are there in forward, if record is true. Backward finds din[i]
     * with that gradient in it, and adds what is missing if dout is not the seed. */
    unsigned grad_in_forward;

    /* Bit i: backward reads the numbers of in[i]; bit OP_RESULT: those of out. A recomputed segment
     * computes only numbers that are read. Gradcheck overwrites all others before it runs
     * backward. */
    unsigned needs_inputs;

    /* With BF16_RESULTS the result is bfloat16. Every op takes bfloat16 inputs. */
    bool bf16_result;

    /* Sets out->shape, keep_size and scratch_size, or fails: whatever can go wrong goes wrong
     * here. */
    Status (*shape)(Node *n);
    void (*forward)(const Node *n); /* fills keep, and out->data or, if n->bf16_result, out->bf16 */
    void (*backward)(const Node *n); /* fills or adds to each din[i] that is not NULL */

    /* Corrects what op_work() takes for granted; NULL: nothing to correct. */
    void (*work)(const Node *n, bool backward, OpWork *w);
};

/* What forward or backward of a recorded node does: if the op says nothing else, each number of
 * inputs and result, or that backward looks at, and of gradients moves once. In backward din and
 * add are there. */
OpWork op_work(const Node *n, bool backward);

/* For backward: x += y if add, else x = y, for count numbers. */
void grad_store(real *x, const real *y, int64_t count, bool add);

/* If n->bf16_products: bytes of scratch that give each worker a buffer of `count` reals, for
 * numbers from and to bfloat16; and the worker's buffer, at the end of scratch. Else 0 and NULL. */
int64_t op_bf16_buffer_size(const Node *n, int64_t count);
real *op_bf16_buffer(const Node *n, int64_t count, int worker);

/* How many rows of so many numbers make a block for threads_range(): about 16 k numbers. */
int64_t op_block(int64_t width);

#endif
