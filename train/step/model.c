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

static Status round_q8(const Gpt *g, Params *p, Tensor *x)
{
    const bool is_lookup = x == g->position_table || (x == g->embed && !g->config->tied);
    return x->shape.rank == 2 && !is_lookup ? params_round_q8(p, x) : OK;
}

Status model_round_q8(Gpt *g, Params *p)
{
    g->bf16 = false;
    for (ParamSpan *span = p->spans; span; span = span->next) TRY(round_q8(g, p, &span->tensor));
    for (Param *one = p->first; one; one = one->next)
        if (!one->spanned) TRY(round_q8(g, p, &one->tensor));
    return OK;
}

const char *model_core(const Params *p)
{
    return p->bf16 ? gemm_bf16_core() : gemm_core();
}
