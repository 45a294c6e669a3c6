/* The same in the double build. */
#include "tests/test_vector.c"
