/* The bound's products of attention (train/bench/gemm_bound.h). */
#ifndef TRAIN_BENCH_BOUND_ATTENTION_H
#define TRAIN_BENCH_BOUND_ATTENTION_H

#include "train/bench/gemm_bound.h"

/* One layer's, forward or backward, of all sequences and heads. */
void bound_attend(const GemmBound *b, int64_t layer, bool backward);

#endif
