/* Recognises what is plainly not text by the bytes that it begins with. */
#ifndef DATA_BINARY_H
#define DATA_BINARY_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"

/* The bytes of a file that are looked at. Text has no zero bytes in them. */
enum { BINARY_LOOK = 8192 };

/* E_DATA, which says what `name` is and which command makes text of it: an archive, a compressed
 * file, a document, an image, a file of this program, text in UTF-16, or other binary data.
 * is_unpacked: the bytes come out of a gzip file. has_force: the message names --force. */
Status binary_check(const char *name, const void *bytes, int64_t size, bool is_unpacked,
                    bool has_force);

#endif
