/* What jsonl.c and tsv.c have in common: the rows of a text, as capstan prepare reads them. */
#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H

#include "data/documents.h"
#include "tests/fuzz/fuzz.h"

static inline Status fuzz_read_rows(Documents *d, size_t size)
{
    int64_t parts = 0, total = 0;
    for (;;) {
        TextChunk p;
        bool found;
        TRY(documents_next(d, &p, &found));
        if (!found) break;
        FUZZ_MUST(p.size >= 0 && p.place.name && p.is_prompt != p.ends_document);
        FUZZ_MUST(!p.size || memchr(p.text, p.text[p.size - 1], (size_t)p.size));
        parts++;
        total += p.size;
    }
    FUZZ_MUST(parts >= d->rows && parts <= 2 * d->rows && total == d->bytes);
    FUZZ_MUST(d->done == (int64_t)size);
    return OK;
}

static inline void fuzz_rows(const uint8_t *bytes, size_t size, Format format)
{
    const FuzzFile file = fuzz_file(bytes, size);
    const char *const paths[] = {file.path};
    Documents d;
    documents_open(&d, &(Texts){.paths = paths, .path_count = 1, .format = format});
    fuzz_status(fuzz_read_rows(&d, size));
    documents_close(&d);
    close(file.fd);
}

#endif
