/* IEEE 754 half precision (float16), as files and the scales of q8.h have it. */
#ifndef AUTOGRAD_KERNELS_HALF_H
#define AUTOGRAD_KERNELS_HALF_H

#include <stdint.h>

float half_float(uint16_t half);

/* The nearest one, ties to even. An infinity if its magnitude would be more than 65504. */
uint16_t half_of(float x);

#endif
