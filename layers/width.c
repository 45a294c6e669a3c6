#include "layers/width.h"

#include <math.h>

static bool is_mup(const GptConfig *c)
{
    return c->parametrization == PARAMETRIZATION_mup;
}

double width_ratio(const GptConfig *c)
{
    return is_mup(c) ? (double)c->width / (double)c->base_width : 1;
}

double width_score_scale(const GptConfig *c)
{
    const double head_width = (double)gpt_head_width(c);
    switch (c->attention_scale) {
    case ATTENTION_SCALE_none: return 1;
    case ATTENTION_SCALE_linear: return 1 / head_width;
    case ATTENTION_SCALE_sqrt: break;
    case ATTENTION_SCALE_auto:
        if (is_mup(c)) return 1 / head_width;
    }
    return 1 / sqrt(head_width);
}

Tensor *width_hidden(Params *p, const char *prefix, const char *name, int64_t rows, int64_t columns,
                     double std, const GptConfig *c)
{
    const double ratio = width_ratio(c);
    Tensor *x = params_matrix(p, prefix, name, rows, columns, std / sqrt(ratio));
    params_rate(p, x, 1 / ratio);
    return x;
}
