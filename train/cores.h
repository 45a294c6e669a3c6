/* Cores: which kernels OpenBLAS has chosen for this processor, and what its others would give. A version that
 * does not know the processor falls back to slow ones. */
#ifndef TRAIN_CORES_H
#define TRAIN_CORES_H

#include "autograd/base/error.h"

enum { CORES_MAX = 4 };

typedef struct CoreRate {
    const char *name; /* as OPENBLAS_CORETYPE takes it */
    double rate;      /* operations a second of a square product, on all threads */
} CoreRate;

/* Of the kernels that are in use: E_NOMEM. */
Status cores_rate(double *rate);

/* Of others that this processor can run and that may be as fast: this program runs itself again with each,
 * as `bench --products`, for a moment. Those that OpenBLAS does not have, or that cannot be tried, are left
 * out. Returns how many. */
int cores_others(CoreRate others[CORES_MAX]);

#endif
