#include "autograd/kernels/gemm_onednn.h"

#include "autograd/base/error.h"

#ifdef CAPSTAN_ONEDNN
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <threads.h>

/* Whether oneDNN may use isa: ONEDNN_MAX_CPU_ISA can forbid what the processor has. */
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
enum { OP, M, N, K, FLAGS, KEY };
enum { ADD = 1, BF16 = 2, BIAS = 4 };
enum { CACHE_SIZE = 256, WAYS = 8 };

typedef struct Matmul {
    int64_t key[KEY]; /* K is 0: none */
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, bias, c;
} Matmul;

#define DNNL(call) INVARIANT((call) == dnnl_success)

static dnnl_engine_t engine(void)
{
    static dnnl_engine_t one;
#pragma omp critical(gemm_onednn_engine)
    if (!one) DNNL(dnnl_engine_create(&one, dnnl_cpu, 0));
    return one;
}

static dnnl_memory_t matrix(dnnl_memory_desc_t *d, int64_t rows, int64_t columns, bool transposed,
                            dnnl_data_type_t type)
{
    dnnl_memory_t made;
    const dnnl_dims_t dims = {rows, columns},
                      strides = {transposed ? 1 : columns, transposed ? rows : 1};
    DNNL(dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides));
    DNNL(dnnl_memory_create(&made, d, engine(), DNNL_MEMORY_NONE));
    return made;
}

/* Address space that is kept free for products to be compiled in: oneDNN crashes where it gets
 * none. A thread of a small model compiles about 16 products, of 1 to 4 MiB each. */
enum { ROOM = 4 << 20, ROOMS = 16 };
static char *rooms, *rooms_end;

Status gemm_onednn_reserve(int threads)
{
    static int reserved;
    const size_t size = (size_t)threads * ROOMS * ROOM;
    struct rlimit limit;
    if (threads <= reserved || getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return OK;
    if (rooms < rooms_end) munmap(rooms, (size_t)(rooms_end - rooms));
    rooms = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (rooms == MAP_FAILED) {
        rooms = rooms_end = NULL;
        return FAIL(E_NOMEM,
                    "bfloat16 products on %d threads need %lld MiB of address space more; take "
                    "fewer threads, or raise the limit (ulimit -v)",
                    threads, (long long)size >> 20);
    }
    rooms_end = rooms + size;
    reserved = threads;
    return OK;
}

/* Gives a room to what oneDNN allocates next. */
static void free_room(void)
{
#pragma omp critical(gemm_onednn_room)
    if (rooms < rooms_end) {
        munmap(rooms, ROOM);
        rooms += ROOM;
    }
}

static void matmul_make(Matmul *matmul, const int64_t key[KEY])
{
    const int64_t m = key[M], n = key[N], k = key[K], flags = key[FLAGS];
    dnnl_memory_desc_t a, b, bias = {0}, c;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t d;
    free_room();
    memcpy(matmul->key, key, sizeof matmul->key);
    matmul->a = matrix(&a, m, k, key[OP] == GEMM_TN, dnnl_bf16);
    matmul->b = matrix(&b, k, n, key[OP] == GEMM_NT, dnnl_bf16);
    matmul->c = matrix(&c, m, n, false, flags & BF16 ? dnnl_bf16 : dnnl_f32);
    matmul->bias = flags & BIAS ? matrix(&bias, 1, n, false, dnnl_f32) : NULL;

    DNNL(dnnl_matmul_desc_init(&product, &a, &b, flags & BIAS ? &bias : NULL, &c));
    DNNL(dnnl_primitive_attr_create(&attr));
    if (flags & ADD) {
        dnnl_post_ops_t then;
        DNNL(dnnl_post_ops_create(&then));
        DNNL(dnnl_post_ops_append_sum(then, 1));
        DNNL(dnnl_primitive_attr_set_post_ops(attr, then));
        dnnl_post_ops_destroy(then);
    }
    DNNL(dnnl_primitive_desc_create(&d, &product, attr, engine(), NULL));
    DNNL(dnnl_primitive_create(&matmul->primitive, d));
    dnnl_primitive_desc_destroy(d);
    dnnl_primitive_attr_destroy(attr);
}

static void matmul_drop(Matmul *matmul)
{
    dnnl_primitive_destroy(matmul->primitive);
    dnnl_memory_destroy(matmul->a);
    dnnl_memory_destroy(matmul->b);
    dnnl_memory_destroy(matmul->c);
    if (matmul->bias) dnnl_memory_destroy(matmul->bias);
}

/* One per thread, freed when the thread ends: OpenMP ends threads when a team becomes smaller. */
typedef struct Cache {
    Matmul matmuls[CACHE_SIZE];
    unsigned turn;
    dnnl_stream_t stream;
} Cache;

static tss_t cache_key;

static void cache_free(void *own)
{
    Cache *p = own;
    for (int i = 0; i < CACHE_SIZE; i++)
        if (p->matmuls[i].key[K]) matmul_drop(&p->matmuls[i]);
    dnnl_stream_destroy(p->stream);
    free(p);
}

static void cache_key_make(void)
{
    INVARIANT(tss_create(&cache_key, cache_free) == thrd_success);
}

static Cache *cache_here(void)
{
    static once_flag once = ONCE_FLAG_INIT;
    static _Thread_local Cache *here;
    if (here) return here;
    call_once(&once, cache_key_make);
    here = calloc(1, sizeof *here);
    INVARIANT(here && tss_set(cache_key, here) == thrd_success);
    DNNL(dnnl_stream_create(&here->stream, engine(), dnnl_stream_default_flags));
    return here;
}

/* How oneDNN divides a product may depend on flags many threads it thinks there are: always one. */
static Matmul *cache_find(Cache *own, const int64_t key[KEY])
{
    Matmul *matmuls = own->matmuls;
    uint64_t hash = 0;
    for (int i = 0; i < KEY; i++)
        hash = (hash ^ (uint64_t)key[i]) * UINT64_C(0x9e3779b97f4a7c15) >> 7 ^ hash;
    for (unsigned i = 0; i < WAYS; i++) {
        Matmul *matmul = &matmuls[(hash + i) % CACHE_SIZE];
        if (!matmul->key[K]) {
            matmul_make(matmul, key);
            return matmul;
        }
        if (!memcmp(matmul->key, key, sizeof matmul->key)) return matmul;
    }
    Matmul *matmul = &matmuls[(hash + own->turn++ % WAYS) % CACHE_SIZE];
    matmul_drop(matmul);
    matmul_make(matmul, key);
    return matmul;
}

void gemm_onednn(const GemmBf16 *p)
{
    const int64_t flags = (p->add ? ADD : 0) | (p->c_bf16 ? BF16 : 0) | (p->bias ? BIAS : 0),
                  key[KEY] = {p->op, p->m, p->n, p->k, flags};
    omp_set_num_threads(1);
    Cache *own = cache_here();
    const Matmul *matmul = cache_find(own, key);
    void *c = p->c_bf16 ? (void *)p->c_bf16 : (void *)p->c;
    DNNL(dnnl_memory_set_data_handle(matmul->a, (void *)p->a));
    DNNL(dnnl_memory_set_data_handle(matmul->b, (void *)p->b));
    DNNL(dnnl_memory_set_data_handle(matmul->c, c));
    if (p->bias) DNNL(dnnl_memory_set_data_handle(matmul->bias, (void *)p->bias));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, matmul->a},
                                    {DNNL_ARG_WEIGHTS, matmul->b},
                                    {DNNL_ARG_DST, matmul->c},
                                    {DNNL_ARG_BIAS, matmul->bias}};
    DNNL(dnnl_primitive_execute(matmul->primitive, own->stream, p->bias ? 4 : 3, args));
    DNNL(dnnl_stream_wait(own->stream));
}
#else
Status gemm_onednn_reserve(int threads)
{
    (void)threads;
    return OK;
}

void gemm_onednn(const GemmBf16 *p)
{
    (void)p;
    INVARIANT(!"gemm_bf16() asks what is missing");
}
#endif
