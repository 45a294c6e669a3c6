/* Tensors: a shape and its numbers. */
#ifndef AUTOGRAD_TENSOR_H
#define AUTOGRAD_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number type. CAPSTAN_DOUBLE makes it double, for users who ask for it, and for gradcheck
 * (autograd/gradcheck.h), which compares the same source with finite differences. */
#ifdef CAPSTAN_DOUBLE
typedef double real;
#else
typedef float real;
#endif

/* The upper half of a float: see autograd/kernels/bf16.h. */
typedef uint16_t bf16;

enum { RANK_MAX = 4 };

typedef struct Shape {
    int rank;
    int64_t dim[RANK_MAX]; /* row-major: the last one is contiguous */
} Shape;

/* SHAPE(2, 3): two rows of three. SHAPE_OF(2, 3): the same, inside an initialiser. */
#define SHAPE(...) ((Shape)SHAPE_OF(__VA_ARGS__))
#define SHAPE_OF(...)                                              \
    {                                                              \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
        {                                                          \
            __VA_ARGS__                                            \
        }                                                          \
    }

typedef struct Node Node;

/* Made by a tape, or by Params. The tape owns the gradient (autograd/tape.h), so that threads share
 * parameters but not gradients. */
typedef struct Tensor {
    Shape shape;
    real *data; /* shape_count(shape) numbers; NULL: they are in bf16 */
    /* The numbers as bfloat16, or NULL. A parameter has them beside data, as a copy
     * (params_update_bf16()); a result has them instead of data (Tape.bf16). */
    bf16 *bf16;
    struct Q8Block *
        q8; /* of a parameter: the numbers of data in 8 bits (params_round_q8()); NULL: not rounded */
    const char *name; /* of a parameter; NULL: no parameter */
    /* In numbers: of a parameter, in Params.value; of a result's gradient, in the region of
     * tape_plan(). */
    int64_t offset;
    int index; /* of a parameter or span, in Tape.written; else -1 */
    bool wants_grad;
    bool has_grad; /* of a result, for tape_plan(): some node's backward has written its gradient */
    Node *from;    /* the recorded node whose result it is; NULL: an input or a parameter */
} Tensor;

int64_t shape_count(Shape s); /* how many numbers */
int64_t shape_rows(Shape s);  /* count / last: the number of rows; 0 if last is 0 */
int64_t shape_last(Shape s);  /* the last dimension, the length of a row; 1 for rank 0 */
bool shape_equal(Shape a, Shape b);
const char *shape_text(Shape s); /* "[8, 16]"; good for three more calls in this thread */

#endif
