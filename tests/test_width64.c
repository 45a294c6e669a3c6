#include "tests/test_width.c"
