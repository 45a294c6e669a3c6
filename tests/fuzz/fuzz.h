/* What the fuzz targets share. A target is tests/fuzz/NAME.c: LLVMFuzzerTestOneInput() gives one input to
 * one parser of the library and aborts if a promise does not hold; it is built with libFuzzer by
 * -DCAPSTAN_FUZZ=ON (.ci/fuzz), and in any other build with replay.c, as the test fuzz_NAME, which runs
 * tests/fuzz/corpus/NAME. What libFuzzer finds is put there. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "autograd/base/error.h"
#include "autograd/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_MUST(x) ((x) ? (void)0 : fuzz_abort(__LINE__, #x))

static inline void fuzz_abort(int line, const char *what)
{
    fprintf(stderr, "line %d: not true: %s\n  %s\n%s", line, what, error_message(), error_trace());
    abort();
}

/* A refusal says why, in text that no terminal obeys, and is the file's fault, not ours. */
static inline void fuzz_status(Status status)
{
    char safe[1 << 14];
    if (status == OK) return;
    const char *message = error_message(), *why = strchr(message, ':');
    FUZZ_MUST(why && strlen(why) > 3);
    FUZZ_MUST(status == E_ARG || status == E_CONFIG || status == E_DATA || status == E_FORMAT);
    text_escape(message, safe, sizeof safe);
    for (const char *a = message, *b = safe; *a; a++) {
        FUZZ_MUST(*a == *b || *a == '\n');
        b += *a == *b ? 1 : strlen("\\x0A");
    }
}

/* A path that the bytes can be read from, as of a regular file. */
typedef struct FuzzFile {
    int fd;
    char path[64];
} FuzzFile;

static inline FuzzFile fuzz_file(const uint8_t *bytes, size_t size)
{
    FuzzFile f = {.fd = memfd_create("fuzz", MFD_CLOEXEC)};
    FUZZ_MUST(f.fd >= 0 && write(f.fd, bytes, size) == (ssize_t)size);
    snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    return f;
}

#endif
