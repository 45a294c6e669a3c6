/* The same in double. */
#include "tests/test_update.c"
