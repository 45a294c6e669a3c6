/* What the machine can do at best: the limits that throughput is held against. */
#ifndef TRAIN_BENCH_MACHINE_H
#define TRAIN_BENCH_MACHINE_H

#include <stdint.h>

#include "autograd/base/error.h"

/* Operations a second of fused multiply-adds (each counts two) on vectors of real, all in registers, on
 * so many threads at once. */
double machine_fma(int threads);

/* Bytes a second of a[i] = b[i] + s c[i], three numbers counted an element (McCalpin 1995, STREAM), again and
 * again on arrays of so many bytes together on each thread; 0: on arrays that no cache holds. E_NOMEM. */
Status machine_triad(int threads, int64_t size, double *rate);

/* The same of a[i] += s b[i]. Memory is faster at it: nothing is fetched only to be overwritten. */
Status machine_update(int threads, int64_t size, double *rate);

/* Bytes a second that so many threads together read of so many bytes, again and again: each thread a part of
 * its own, which it finds in its cache if that holds it. E_NOMEM. */
Status machine_read(int threads, int64_t size, double *rate);

#endif
