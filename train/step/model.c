#include "train/step/model.h"

#include "autograd/base/threads.h"
#include "autograd/kernels/gemm.h"

Status model_open(Gpt *g, Params *p, const Config *c, int64_t vocab_size, bool for_training)
{
    TRY(gemm_reserve(threads_count())); /* before other things take the address space */
    if (config_bf16(c)) TRY(gemm_bf16_reserve(threads_count()));
    gpt_init(g, p, &c->model, vocab_size, (uint64_t)c->train.seed);
    g->recompute = config_recompute(c);
    g->bf16 = config_bf16(c);
    if (for_training) optim_choose(&c->optim, p);
    TRY(params_alloc(p, for_training));
    return g->bf16 ? params_alloc_bf16(p) : OK;
}

const char *model_core(const Params *p)
{
    return p->bf16 ? gemm_bf16_core() : gemm_core();
}
