#define VECTOR_BYTES 16
#define ROWS         2
#define COLUMNS_NAME skinny_gemm_columns_plain

#include "autograd/kernels/skinny_gemm.h"

#include "autograd/base/threads.h"
#include "autograd/kernels/skinny_gemm_tile.h"
#include "autograd/kernels/vector.h"

/* ALONE: numbers of w, times rows / 8, below which one thread is faster than waking another. Else
 * there are enough blocks that no thread waits long for another. */
enum { ALONE = 1 << 15, BLOCKS_A_THREAD = 2, GRAIN = 16 };

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    if (VECTOR_HAS_AVX512)
        skinny_gemm_columns_avx512(context, begin, end);
    else if (VECTOR_HAS_AVX2)
        skinny_gemm_columns_avx2(context, begin, end);
    else
        skinny_gemm_columns_plain(context, begin, end);
}

void skinny_gemm(const SkinnyGemm *f)
{
    const int64_t blocks = (int64_t)threads_team() * BLOCKS_A_THREAD,
                  part = ((f->width + blocks - 1) / blocks + GRAIN - 1) / GRAIN * GRAIN;
    const bool alone = f->width * f->k * ((f->rows + 7) / 8) < ALONE;
    if (f->rows && f->width) threads_range(f->width, alone ? f->width : part, block, f);
}
