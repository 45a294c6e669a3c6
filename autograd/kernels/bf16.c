#include "autograd/kernels/bf16.h"

#include "autograd/base/threads.h"

VECTOR void to_bf16(bf16 *y, const real *x, int64_t count)
{
    to_bf16_inline(y, x, count);
}

VECTOR void from_bf16(real *y, const bf16 *x, int64_t count)
{
    from_bf16_inline(y, x, count);
}

/* 16 words. As bfloat16 they hold two rows of 16 columns, the second row in the upper halves. */
typedef uint32_t Words __attribute__((vector_size(64)));
typedef int32_t Choice __attribute__((vector_size(64)));
typedef bf16 Halves __attribute__((vector_size(32)));
enum { SIDE = 16, ROWS = 2 * SIDE /* of a tile */ };

#define PICK16(f, d)                                                                          \
    f(0, d), f(1, d), f(2, d), f(3, d), f(4, d), f(5, d), f(6, d), f(7, d), f(8, d), f(9, d), \
        f(10, d), f(11, d), f(12, d), f(13, d), f(14, d), f(15, d)
#define FIRST(i, d)  ((i) & (d) ? SIDE + (i) - (d) : (i))
#define SECOND(i, d) ((i) & (d) ? SIDE + (i) : (i) + (d))

/* Swaps blocks of d x d words across the diagonal. */
#define EXCHANGE(w, d)                                                   \
    for (int i = 0; i < SIDE; i++) {                                     \
        if (i & (d)) continue;                                           \
        const Words a = (w)[i], b = (w)[i + (d)];                        \
        (w)[i] = __builtin_shufflevector(a, b, PICK16(FIRST, d));        \
        (w)[i + (d)] = __builtin_shufflevector(a, b, PICK16(SECOND, d)); \
    }

/* Writes a tile of 32 rows and 16 columns transposed. */
VECTOR_INLINE void transpose_tile(bf16 *transposed, int64_t transposed_step, Words w[SIDE])
{
    EXCHANGE(w, 1)
    EXCHANGE(w, 2)
    EXCHANGE(w, 4)
    EXCHANGE(w, 8)
    for (int i = 0; i < SIDE; i++) memcpy(transposed + i * transposed_step, &w[i], sizeof w[i]);
}

/* bf16_of() of 16 numbers, in the upper halves; the lower ones are garbage. */
VECTOR_INLINE void round_words(Words *w, const real *x)
{
    float numbers[SIDE];
    Words bits;
    for (int i = 0; i < SIDE; i++) numbers[i] = (float)x[i];
    memcpy(&bits, numbers, sizeof bits);
    const Words rounded = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
    const Choice is_none = (Choice)((bits & 0x7fffffff) > 0x7f800000);
    *w = (rounded & ~(Words)is_none) | (quiet & (Words)is_none);
}

VECTOR_INLINE void store_halves(bf16 *y, const Words *w)
{
    const Halves halves = __builtin_convertvector(*w >> 16, Halves);
    memcpy(y, &halves, sizeof halves);
}

VECTOR void to_bf16_rows(bf16 *y, bf16 *transposed, int64_t transposed_step, const real *x,
                         int64_t rows, int64_t width)
{
    const int64_t whole_rows = transposed ? rows / ROWS * ROWS : 0, whole = width / SIDE * SIDE;
    for (int64_t r = 0; r < whole_rows; r += ROWS)
        for (int64_t c = 0; c < whole; c += SIDE) {
            Words w[SIDE];
            for (int i = 0; i < SIDE; i++) {
                const int64_t at = (r + 2 * i) * width + c;
                Words even, odd;
                round_words(&even, x + at);
                round_words(&odd, x + at + width);
                if (y) store_halves(y + at, &even);
                if (y) store_halves(y + at + width, &odd);
                w[i] = even >> 16 | (odd & 0xffff0000);
            }
            transpose_tile(transposed + c * transposed_step + r, transposed_step, w);
        }
    for (int64_t r = 0; r < rows; r++) {
        const int64_t from = r < whole_rows ? whole : 0, at = r * width;
        if (y) to_bf16_inline(y + at + from, x + at + from, width - from);
        for (int64_t c = from; transposed && c < width; c++)
            transposed[c * transposed_step + r] = bf16_of(x[at + c]);
    }
}

VECTOR void bf16_transpose(bf16 *transposed, int64_t transposed_step, const bf16 *x, int64_t rows,
                           int64_t width, int64_t step)
{
    const int64_t whole_rows = rows / ROWS * ROWS, whole = width / SIDE * SIDE;
    for (int64_t r = 0; r < whole_rows; r += ROWS)
        for (int64_t c = 0; c < whole; c += SIDE) {
            Words w[SIDE];
            for (int i = 0; i < SIDE; i++) {
                Halves even, odd;
                memcpy(&even, x + (r + 2 * i) * step + c, sizeof even);
                memcpy(&odd, x + (r + 2 * i + 1) * step + c, sizeof odd);
                w[i] = __builtin_convertvector(even, Words) | __builtin_convertvector(odd, Words)
                                                                  << 16;
            }
            transpose_tile(transposed + c * transposed_step + r, transposed_step, w);
        }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = r < whole_rows ? whole : 0; c < width; c++)
            transposed[c * transposed_step + r] = x[r * step + c];
}

enum { BLOCK_ROWS = 64 };

typedef struct Rows {
    bf16 *y, *transposed;
    const real *x;
    int64_t rows, width;
} Rows;

static void block(const void *context, int64_t begin, int64_t end, int worker)
{
    const Rows *r = context;
    (void)worker;
    to_bf16_rows(r->y ? r->y + begin * r->width : NULL,
                 r->transposed ? r->transposed + begin : NULL, r->rows, r->x + begin * r->width,
                 end - begin, r->width);
}

void to_bf16_transposed(bf16 *y, bf16 *transposed, const real *x, int64_t rows, int64_t width)
{
    if (y || transposed)
        threads_range(rows, BLOCK_ROWS, block, &(Rows){y, transposed, x, rows, width});
}

void to_bf16_matrix(bf16 *y, const real *x, int64_t rows, int64_t width)
{
    to_bf16_transposed(y, NULL, x, rows, width);
}
