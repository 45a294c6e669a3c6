/* Cores: the kernels that OpenBLAS has chosen for this processor, and the speed of its other
 * kernels. An OpenBLAS older than the processor may choose slow ones. */
#ifndef TRAIN_BENCH_CORES_H
#define TRAIN_BENCH_CORES_H

#include "autograd/base/error.h"

enum { CORES_MAX = 4 };

typedef struct CoreRate {
    const char *name; /* as OPENBLAS_CORETYPE takes it */
    double rate;      /* FLOP/s of a square product, on all threads */
} CoreRate;

/* A warning for the user if the kernels in use do not use this processor's longest vectors, with
 * the setting that helps; NULL if they do, or if that is unknown. Measures nothing. Valid until the
 * thread calls it again. */
const char *cores_warning(void);

/* FLOP/s of a square product with the kernels in use, on all threads. E_NOMEM. */
Status cores_rate(double *rate);

/* The same of other kernels that this processor can run and that may be fast: this program runs
 * itself as `bench --products` with each. Kernels that OpenBLAS lacks or that cannot be tried are
 * left out. Returns how many there are. */
int cores_others(CoreRate others[CORES_MAX]);

#endif
