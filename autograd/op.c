#include "autograd/op.h"

#include <string.h>

#include "autograd/kernels/vector.h"

VECTOR void grad_store(real *x, const real *y, int64_t count, bool add)
{
    if (!add)
        memcpy(x, y, (size_t)count * sizeof *x);
    else
        for (int64_t i = 0; i < count; i++) x[i] += y[i];
}

int64_t op_block(int64_t width)
{
    enum { NUMBERS = 1 << 14 };
    return width < NUMBERS ? NUMBERS / (width ? width : 1) : 1;
}
