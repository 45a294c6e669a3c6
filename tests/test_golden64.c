/* The same cases in double. */
#include "tests/test_golden.c"
