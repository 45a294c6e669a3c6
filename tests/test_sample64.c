/* The same in double, where the cache and the full pass agree to 1e-12. */
#include "tests/test_sample.c"
