#include "tests/fuzz/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_rows(bytes, size, FORMAT_tsv);
    return 0;
}
