#include "train/bench/bound_attention.h"

#include <omp.h>

#include "autograd/kernels/gemm.h"

/* Of one sequence and one head of keys. */
static void attend(const GemmBound *b, int64_t layer, int64_t sequence, int64_t kv_head,
                   bool backward)
{
    const GptConfig *c = b->config;
    const int64_t width = c->width / c->heads, kv = c->kv_heads * width, ld = c->width + 2 * kv,
                  row = sequence * c->context, group = c->heads / c->kv_heads;
    const BoundProduct *qkv = &b->products[0], *out = &b->products[1];
    const real *all = qkv->y + (layer * b->rows + row) * ld, *k = all + c->width + kv_head * width,
               *v = k + kv;
    real *dall = b->dqkv + row * ld, *dk = dall + c->width + kv_head * width, *dv = dk + kv,
         *p = b->scores + omp_get_thread_num() * 2 * b->query_block * c->context,
         *dp = p + b->query_block * c->context;

    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        for (int64_t i = 0; i < c->context; i += b->query_block) {
            const int64_t left = c->context - i, m = left < b->query_block ? left : b->query_block,
                          n = i + m;
            const real *q = all + i * ld + head * width;
            real *y = out->x + (layer * b->rows + row + i) * c->width + head * width;
            if (!backward) {
                gemm(GEMM_NT, m, n, width, q, ld, k, ld, p, n, false);
                gemm(GEMM_NN, m, width, n, p, n, v, ld, y, c->width, false);
            } else {
                gemm(GEMM_NT, m, n, width, y, c->width, v, ld, dp, n, false);
                gemm(GEMM_NN, m, width, n, dp, n, k, ld, dall + i * ld + head * width, ld, false);
                gemm(GEMM_TN, n, width, m, p, n, y, c->width, dv, ld, false);
                gemm(GEMM_TN, n, width, m, dp, n, q, ld, dk, ld, false);
            }
        }
}

static void product(GemmOp op, int64_t m, int64_t n, int64_t k, const bf16 *a, const bf16 *b,
                    real *c, bf16 *low)
{
    gemm_bf16(&(GemmBf16){.op = op, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .c_bf16 = low});
}

/* In bfloat16 each head's rows lie side by side, and scores are there turned: as fast as oneDNN gets. */
static void attend_low(const GemmBound *b, int64_t layer, int64_t sequence, int64_t kv_head,
                       bool backward)
{
    const GptConfig *c = b->config;
    const int64_t width = c->width / c->heads, kv = c->kv_heads * width, ld = c->width + 2 * kv,
                  group = c->heads / c->kv_heads, size = c->context * width;
    const BoundProduct *qkv = &b->products[0], *out = &b->products[1];
    const int64_t keys = b->rows * c->width + (sequence * c->kv_heads + kv_head) * size,
                  values = keys + b->rows * kv;
    const bf16 *all = qkv->y_bf16 + layer * b->rows * ld, *k = all + keys, *v = all + values;
    bf16 *p = b->scores_bf16 + omp_get_thread_num() * b->query_block * c->context;

    for (int64_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        for (int64_t i = 0; i < c->context; i += b->query_block) {
            const int64_t left = c->context - i, m = left < b->query_block ? left : b->query_block,
                          n = i + m, at = (sequence * c->heads + head) * size + i * width;
            const bf16 *dy = out->x_bf16 + layer * b->rows * c->width + at;
            if (!backward) {
                product(GEMM_NT, m, n, width, all + at, k, NULL, p);
                product(GEMM_NN, m, width, n, p, v, out->x + layer * b->rows * c->width + at, NULL);
            } else {
                product(GEMM_NT, m, n, width, dy, v, NULL, p);
                product(GEMM_NN, m, width, n, p, k, b->dqkv + at, NULL);
                product(GEMM_NN, n, width, m, p, dy, b->dqkv + values, NULL);
                product(GEMM_NN, n, width, m, p, all + at, b->dqkv + keys, NULL);
            }
        }
}

void bound_attend(const GemmBound *b, int64_t layer, bool backward)
{
    const int64_t count = b->batch * b->config->kv_heads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(b->threads)
    for (int64_t i = 0; i < count; i++)
        (b->low ? attend_low : attend)(b, layer, i / b->config->kv_heads, i % b->config->kv_heads,
                                       backward);
}
