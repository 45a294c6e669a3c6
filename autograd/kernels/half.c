#include "autograd/kernels/half.h"

#include <math.h>
#include <string.h>

float half_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
                   fraction = half & 0x3ff;
    uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
    float x;
    if (!exponent) return (sign ? -1.0F : 1.0F) * (float)fraction * 0x1p-24F;
    if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint16_t half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const float size = fabsf(x);
    if (size < 0x1p-14F) return (uint16_t)(sign | (uint16_t)nearbyintf(size * 0x1p24F));
    if (size >= 65520) return sign | 0x7c00;
    bits &= 0x7fffffff;
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits >> 13) - (112 << 10)));
}
