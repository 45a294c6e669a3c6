/* Output whose reader may be gone. */
#ifndef TRAIN_SUPPORT_STREAM_H
#define TRAIN_SUPPORT_STREAM_H

#include <stdbool.h>
#include <stdio.h>

/* Whether a line of up to 4096 bytes can be written without waiting for a reader: false for a full
 * pipe, a pipe without a reader, and a terminal that is stopped or gone. */
bool stream_is_read(FILE *out);

#endif
