/* The machine's limits, measured: arithmetic and memory. */
#ifndef TRAIN_BENCH_MACHINE_H
#define TRAIN_BENCH_MACHINE_H

#include <stdint.h>

#include "autograd/base/error.h"

/* FLOP/s of fused multiply-adds (two FLOPs each) on vectors of real in registers, on all threads at
 * once. */
double machine_fma(int threads);

/* Bytes a second of a[i] = b[i] + s c[i] over and over, three numbers an element (McCalpin 1995,
 * STREAM). size: bytes of a thread's three arrays together; 0: larger than any cache. E_NOMEM. */
Status machine_triad(int threads, int64_t size, double *rate);

/* The same of a[i] += s b[i]. Memory is faster at it: no cache line is read only to be
 * overwritten. */
Status machine_update(int threads, int64_t size, double *rate);

/* Bytes a second of reading `size` bytes over and over. Each thread reads its own part, which comes
 * from its cache if it fits there. E_NOMEM. */
Status machine_read(int threads, int64_t size, double *rate);

#endif
