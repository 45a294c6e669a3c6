/* The same in double. */
#include "tests/test_optimizers.c"
