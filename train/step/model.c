#include "train/step/model.h"

#include "autograd/kernels/gemm.h"

Status model_open(Gpt *g, Params *p, const Config *c, int64_t vocab_size, bool for_training)
{
    gpt_init(g, p, &c->model, vocab_size, (uint64_t)c->train.seed);
    g->recompute = config_recompute(c);
    g->low = config_low(c);
    TRY(params_alloc(p, for_training));
    return g->low ? params_alloc_low(p) : OK;
}

const char *model_core(const Params *p)
{
    return p->low ? gemm_low_core() : gemm_core();
}
