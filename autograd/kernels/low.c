#include "autograd/kernels/low.h"

#include "autograd/base/threads.h"

enum { ROWS = 64 };

typedef struct Rows {
    bf16 *y, *turned;
    const real *x;
    int64_t rows, width;
} Rows;

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Rows *r = context;
    (void)worker;
    bf16_narrow_rows(r->y ? r->y + begin * r->width : NULL, r->turned ? r->turned + begin : NULL,
                     r->rows, r->x + begin * r->width, end - begin, r->width);
}

void low_narrow_turned(bf16 *y, bf16 *turned, const real *x, int64_t rows, int64_t width)
{
    if (y || turned) threads_range(rows, ROWS, block, &(Rows){y, turned, x, rows, width});
}

void low_narrow(bf16 *y, const real *x, int64_t rows, int64_t width)
{
    low_narrow_turned(y, NULL, x, rows, width);
}
