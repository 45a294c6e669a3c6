/* The sum of the groups' gradients: a binary tree, group i += group i + 2^j for j = 0, 1, 2, ...
 *
 *     j = 0    0+1     2+3     4
 *     j = 1    0+1+2+3         4
 *     j = 2    0+1+2+3+4
 *
 * The bits of the sum depend on the number of groups alone, not on which thread adds which blocks,
 * or when. Group 0 writes straight into Params.grad. The blocks of the others are reused as soon as
 * they have been added: usually threads + log2(groups) of them are alive. */
#ifndef TRAIN_STEP_GRADIENT_TREE_H
#define TRAIN_STEP_GRADIENT_TREE_H

#include <pthread.h>

#include "autograd/params.h"
#include "autograd/profile.h"

typedef struct GradientTree {
    Params *params;
    int64_t groups;
    double *squares; /* [groups]: |gradient|^2 of each group, if the pass measures it */
    bool measures;
    double **scratch; /* [workers] */
    /* Guarded by the lock while threads run. */
    pthread_mutex_t lock;
    int *level;   /* [groups]: the group's block is the sum of 2^level groups; -1: in use */
    real **block; /* [groups] */
    real **pool;  /* [pool_count]: the blocks beside Params.grad */
    int64_t pool_count;
    real **free; /* [free_count]: those of the pool that hold nothing */
    int64_t free_count;
} GradientTree;

/* For at most `groups` groups and `workers` threads; all memory comes from a. Blocks that no step
 * needs stay untouched and cost no memory. Borrows p. E_NOMEM; close it in any case. */
Status gradient_tree_open(GradientTree *t, Arena *a, Params *p, int64_t groups, int workers);
void gradient_tree_close(GradientTree *t);

/* Starts the sum over `groups` groups. */
void gradient_tree_begin(GradientTree *t, int64_t groups, bool measures);

/* The block for the gradient of a group: [Params.count], uninitialized. Called by any thread. */
real *gradient_tree_block(GradientTree *t, int64_t group);

/* The group's block is complete: adds it to its neighbour's if that is complete too, and so on up
 * the tree. The last sum is left to gradient_tree_finish(). Called by any thread, with its own
 * worker number. */
void gradient_tree_add(GradientTree *t, int64_t group, int worker, Profile *profile);

/* After the threads are done: the last sum, by all threads together. Params.grad is then the
 * sum. */
void gradient_tree_finish(GradientTree *t, Profile *profile);

/* How many blocks are usually alive at once, Params.grad included. */
int64_t gradient_tree_blocks(int64_t groups, int threads);

#endif
