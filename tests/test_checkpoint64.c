/* The same in double. */
#include "tests/test_checkpoint.c"
