#include "layers/positions.h"

#include <math.h>

Tensor *positions_sinusoidal(Params *p, int64_t context, int64_t width)
{
    Tensor *x = params_constant(p, SHAPE(context, width));
    if (!x) return NULL;
    for (int64_t i = 0; i < context; i++)
        for (int64_t k = 0; k < width; k++) {
            double angle = (double)i * pow(10000, -(double)(k / 2 * 2) / (double)width);
            x->data[i * width + k] = (real)(k % 2 ? cos(angle) : sin(angle));
        }
    return x;
}

double *positions_alibi(Params *p, int64_t heads)
{
    double *slopes = arena_zero(&p->arena, heads * (int64_t)sizeof *slopes);
    if (!slopes) return NULL;
    int64_t below = 1;
    while (2 * below <= heads) below *= 2;
    for (int64_t h = 0; h < heads; h++)
        slopes[h] = h < below ? exp2(-8.0 * (double)(h + 1) / (double)below)
                              : exp2(-4.0 * (double)(2 * (h - below) + 1) / (double)below);
    return slopes;
}
