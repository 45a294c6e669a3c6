/* Cores: which kernels OpenBLAS has chosen for this processor, and what its others would give. A version that
 * does not know the processor falls back to slow ones. */
#ifndef TRAIN_BENCH_CORES_H
#define TRAIN_BENCH_CORES_H

#include "autograd/base/error.h"

enum { CORES_MAX = 4 };

typedef struct CoreRate {
    const char *name; /* as OPENBLAS_CORETYPE takes it */
    double rate;      /* operations a second of a square product, on all threads */
} CoreRate;

/* What to tell the user if the kernels in use leave this processor's longer vectors idle, and what to set; NULL if
 * they do not, or if it is not known. Nothing is measured. The text is of the thread, until it asks again. */
const char *cores_warning(void);

/* Of the kernels that are in use: E_NOMEM. */
Status cores_rate(double *rate);

/* Of others that this processor can run and that may be as fast: this program runs itself again with each,
 * as `bench --products`, for a moment. Those that OpenBLAS does not have, or that cannot be tried, are left
 * out. Returns how many. */
int cores_others(CoreRate others[CORES_MAX]);

#endif
