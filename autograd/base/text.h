/* Text: what several modules need and the C library does not have. */
#ifndef AUTOGRAD_BASE_TEXT_H
#define AUTOGRAD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How many letters must be inserted, removed or replaced to make b of a (Levenshtein 1966): for "did you
 * mean". Words longer than 255 bytes are as far apart as can be. */
int text_distance(const char *a, const char *b);

/* The shortest text that reads back as the same number; "nan" and "inf" if it is none. Writes at most 32
 * bytes, returns out. */
char *text_real(double x, char out[32]);

/* Length in bytes of the UTF-8 character that begins at s, of which `available` bytes are there: 1 to 4;
 * 0 if it is cut off by the end; -1 if it is not valid UTF-8 (overlong forms and surrogates are not). */
int text_utf8_length(const unsigned char *s, size_t available);

/* Copies s to out with every byte that a terminal could obey (controls, invalid UTF-8) as \xNN: for names
 * that come from a file. Cut to size. Returns out. */
char *text_escape(const char *s, char *out, size_t size);

/* Writes size bytes to out in that way, but for ends of lines and tabs, which stay. */
void text_put(FILE *out, const char *s, size_t size);

/* What a user asked to have, a model's text for one: as it is, and to a terminal as text_put() does. */
void text_show(FILE *out, const char *s, size_t size);

/* Closes out = open_memstream(text, ...). false: memory was out, and *text, to be freed, is not all of it or
 * NULL; fclose() alone does not tell. */
bool text_close(FILE *out, char *const *text);

#endif
