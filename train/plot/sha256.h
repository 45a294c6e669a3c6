/* SHA-256 (FIPS 180-4), in base64, as a page's Content-Security-Policy names its scripts. */
#ifndef TRAIN_PLOT_SHA256_H
#define TRAIN_PLOT_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_TEXT = 45 }; /* bytes of a digest in base64, with the zero at its end */

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    unsigned char block[64];
} Sha256;

void sha256_begin(Sha256 *h);
void sha256_add(Sha256 *h, const void *bytes, size_t size);

/* The digest of all that was added; h is used up. Returns out. */
char *sha256_base64(Sha256 *h, char out[SHA256_TEXT]);

#endif
