/* For tests that need documents: a dataset of some, with prompts. */
#ifndef TESTS_WRITTEN_H
#define TESTS_WRITTEN_H

#include <criterion/criterion.h>
#include <string.h>

#include "autograd/base/rng.h"
#include "data/dataset.h"
#include "tests/temporary.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

/* The last token of each document, and the largest. */
enum { WRITTEN_END = 28 };

typedef struct Written {
    int length, prompt; /* end-of-text included; of length 0: no more */
} Written;

/* Writes documents as d.h5 of the temporary folder, and all of them to both halves. Token i of document k
 * is a function of both. */
static inline void written(const Written *w, const char *name)
{
    DatasetWriter *writer;
    MUST(dataset_writer_open(&writer, in_temporary(name), WRITTEN_END + 1));
    for (int half = 0; half < 2; half++)
        for (int k = 0; w[k].length; k++) {
            static int32_t tokens[1 << 12];
            const Rng r = rng_stream((uint64_t)k, "written");
            for (int i = 0; i < w[k].length; i++)
                tokens[i] = (int32_t)rng_below(r, (uint64_t)i, 0, WRITTEN_END);
            tokens[w[k].length - 1] = WRITTEN_END;
            MUST(dataset_writer_add(writer, half, tokens, w[k].length, w[k].prompt, false));
        }
    MUST(dataset_writer_finish(writer, "{\"type\":\"byte\"}", 15));
    dataset_writer_close(writer);
}

#endif
