#include "layers/width.h"

#include <math.h>
#include <string.h>

static bool is_mup(const GptConfig *c)
{
    return !strcmp(c->parametrization, "mup");
}

double width_ratio(const GptConfig *c)
{
    return is_mup(c) ? (double)c->width / (double)c->base_width : 1;
}

double width_score_scale(const GptConfig *c)
{
    const double head_width = (double)(c->width / c->heads);
    const bool is_auto = !strcmp(c->attention_scale, "auto");
    if (!strcmp(c->attention_scale, "none")) return 1;
    if (is_auto ? is_mup(c) : !strcmp(c->attention_scale, "linear")) return 1 / head_width;
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
