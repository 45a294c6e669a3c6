/* The same in double. */
#include "tests/test_trace.c"
