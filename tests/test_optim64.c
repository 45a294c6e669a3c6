/* The same in double. */
#include "tests/test_optim.c"
