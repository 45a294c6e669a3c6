#include "autograd/kernels/gemm_onednn.h"

#include "autograd/base/error.h"

#ifdef CAPSTAN_ONEDNN
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

/* What the environment leaves of the processor: ONEDNN_MAX_CPU_ISA. */
static bool has(dnnl_cpu_isa_t isa)
{
    return (dnnl_get_effective_cpu_isa() & isa) == isa;
}

const char *gemm_onednn_missing(void)
{
    return has(dnnl_cpu_isa_avx512_core_bf16)
               ? NULL
               : "this processor has no instructions for products of bfloat16 (AVX512-BF16 or "
                 "AMX-BF16), or ONEDNN_MAX_CPU_ISA hides them";
}

const char *gemm_onednn_core(void)
{
    static char text[64];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d (%s)", v->major, v->minor, v->patch,
             has(dnnl_cpu_isa_avx512_core_amx) ? "amx" : "avx512_bf16");
    return text;
}
#else
const char *gemm_onednn_missing(void)
{
    return "this program was built without oneDNN (libdnnl-dev)";
}

const char *gemm_onednn_core(void)
{
    return "";
}
#endif

#if defined(CAPSTAN_ONEDNN) && !defined(CAPSTAN_DOUBLE)
enum { OP, M, N, K, HOW, KEY };
enum { ADD = 1, LOW = 2, BIAS = 4 };
enum { PLANS = 256, WAYS = 8 };

typedef struct Plan {
    int64_t key[KEY]; /* K is 0: none */
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, bias, c;
} Plan;

#define TAKE(call) INVARIANT((call) == dnnl_success)

static dnnl_engine_t engine(void)
{
    static dnnl_engine_t one;
#pragma omp critical(gemm_onednn_engine)
    if (!one) TAKE(dnnl_engine_create(&one, dnnl_cpu, 0));
    return one;
}

static dnnl_memory_t matrix(dnnl_memory_desc_t *d, int64_t rows, int64_t columns, bool turned,
                            dnnl_data_type_t type)
{
    dnnl_memory_t made;
    const dnnl_dims_t dims = {rows, columns}, strides = {turned ? 1 : columns, turned ? rows : 1};
    TAKE(dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides));
    TAKE(dnnl_memory_create(&made, d, engine(), DNNL_MEMORY_NONE));
    return made;
}

static void plan_make(Plan *plan, const int64_t key[KEY])
{
    const int64_t m = key[M], n = key[N], k = key[K], how = key[HOW];
    dnnl_memory_desc_t a, b, bias = {0}, c;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t d;
    memcpy(plan->key, key, sizeof plan->key);
    plan->a = matrix(&a, m, k, key[OP] == GEMM_TN, dnnl_bf16);
    plan->b = matrix(&b, k, n, key[OP] == GEMM_NT, dnnl_bf16);
    plan->c = matrix(&c, m, n, false, how & LOW ? dnnl_bf16 : dnnl_f32);
    plan->bias = how & BIAS ? matrix(&bias, 1, n, false, dnnl_f32) : NULL;

    TAKE(dnnl_matmul_desc_init(&product, &a, &b, how & BIAS ? &bias : NULL, &c));
    TAKE(dnnl_primitive_attr_create(&attr));
    if (how & ADD) {
        dnnl_post_ops_t then;
        TAKE(dnnl_post_ops_create(&then));
        TAKE(dnnl_post_ops_append_sum(then, 1));
        TAKE(dnnl_primitive_attr_set_post_ops(attr, then));
        dnnl_post_ops_destroy(then);
    }
    TAKE(dnnl_primitive_desc_create(&d, &product, attr, engine(), NULL));
    TAKE(dnnl_primitive_create(&plan->primitive, d));
    dnnl_primitive_desc_destroy(d);
    dnnl_primitive_attr_destroy(attr);
}

static void plan_drop(Plan *plan)
{
    dnnl_primitive_destroy(plan->primitive);
    dnnl_memory_destroy(plan->a);
    dnnl_memory_destroy(plan->b);
    dnnl_memory_destroy(plan->c);
    if (plan->bias) dnnl_memory_destroy(plan->bias);
}

/* A thread's own; it ends with the thread, for OpenMP ends some when a team becomes smaller. */
typedef struct Plans {
    Plan plans[PLANS];
    unsigned turn;
    dnnl_stream_t stream;
} Plans;

static tss_t plans_key;

static void plans_end(void *own)
{
    Plans *p = own;
    for (int i = 0; i < PLANS; i++)
        if (p->plans[i].key[K]) plan_drop(&p->plans[i]);
    dnnl_stream_destroy(p->stream);
    free(p);
}

static void plans_begin(void)
{
    INVARIANT(tss_create(&plans_key, plans_end) == thrd_success);
}

static Plans *plans_here(void)
{
    static once_flag once = ONCE_FLAG_INIT;
    static _Thread_local Plans *here;
    if (here) return here;
    call_once(&once, plans_begin);
    here = calloc(1, sizeof *here);
    INVARIANT(here && tss_set(plans_key, here) == thrd_success);
    TAKE(dnnl_stream_create(&here->stream, engine(), dnnl_stream_default_flags));
    return here;
}

/* How oneDNN cuts a product may depend on how many threads it thinks there are: always one. */
static Plan *plan_find(Plans *own, const int64_t key[KEY])
{
    Plan *plans = own->plans;
    uint64_t hash = 0;
    for (int i = 0; i < KEY; i++)
        hash = (hash ^ (uint64_t)key[i]) * UINT64_C(0x9e3779b97f4a7c15) >> 7 ^ hash;
    for (unsigned i = 0; i < WAYS; i++) {
        Plan *plan = &plans[(hash + i) % PLANS];
        if (!plan->key[K]) {
            plan_make(plan, key);
            return plan;
        }
        if (!memcmp(plan->key, key, sizeof plan->key)) return plan;
    }
    Plan *plan = &plans[(hash + own->turn++ % WAYS) % PLANS];
    plan_drop(plan);
    plan_make(plan, key);
    return plan;
}

void gemm_onednn(const GemmLow *p)
{
    const int64_t how = (p->add ? ADD : 0) | (p->low ? LOW : 0) | (p->bias ? BIAS : 0),
                  key[KEY] = {p->op, p->m, p->n, p->k, how};
    omp_set_num_threads(1);
    Plans *own = plans_here();
    const Plan *plan = plan_find(own, key);
    void *c = p->low ? (void *)p->low : (void *)p->c;
    TAKE(dnnl_memory_set_data_handle(plan->a, (void *)p->a));
    TAKE(dnnl_memory_set_data_handle(plan->b, (void *)p->b));
    TAKE(dnnl_memory_set_data_handle(plan->c, c));
    if (p->bias) TAKE(dnnl_memory_set_data_handle(plan->bias, (void *)p->bias));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, plan->a},
                                    {DNNL_ARG_WEIGHTS, plan->b},
                                    {DNNL_ARG_DST, plan->c},
                                    {DNNL_ARG_BIAS, plan->bias}};
    TAKE(dnnl_primitive_execute(plan->primitive, own->stream, p->bias ? 4 : 3, args));
    TAKE(dnnl_stream_wait(own->stream));
}
#else
void gemm_onednn(const GemmLow *p)
{
    (void)p;
    INVARIANT(!"gemm_low() asks what is missing");
}
#endif
