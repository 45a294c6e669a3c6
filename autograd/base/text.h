/* Text functions that the C library lacks. */
#ifndef AUTOGRAD_BASE_TEXT_H
#define AUTOGRAD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Edit distance: the number of insertions, removals and replacements that turn a into b
 * (Levenshtein 1966), for "did you mean". Huge if a or b is longer than 255 bytes. */
int text_distance(const char *a, const char *b);

/* The shortest text that reads back as the same number; "nan" or "inf" if it is not finite. Writes
 * at most 32 bytes; returns out. */
char *text_real(double x, char out[32]);

/* Length in bytes of the UTF-8 character at s, 1 to 4; `available` bytes may be read. 0 if the end
 * cuts the character off; -1 if it is not valid UTF-8 (overlong forms and surrogates are not). */
int text_utf8_length(const unsigned char *s, size_t available);

/* Whether the UTF-8 character of `length` bytes at s changes the direction of text: U+061C, U+200E,
 * U+200F, U+202A to U+202E, U+2066 to U+2069. They make a name look like another one, so
 * text_escape() and text_put() escape them as well. */
bool text_is_bidi_control(const unsigned char *s, int length);

/* Copies s to out and writes as \xNN control characters and invalid UTF-8, which a terminal could
 * obey, and U+FEFF, the byte order mark, which is invisible: for names read from a file. Cuts the result to size; returns out. */
char *text_escape(const char *s, char *out, size_t size);

/* Writes size bytes to out, escaped in the same way, but keeps newlines and tabs. */
void text_put(FILE *out, const char *s, size_t size);

/* Writes output that the user asked for, such as a sample: unchanged to a file or pipe, escaped as
 * text_put() does to a terminal. */
void text_show(FILE *out, const char *s, size_t size);

/* Closes out = open_memstream(text, ...). Returns false if memory ran out, which fclose() alone
 * does not report: *text is then incomplete or NULL. The caller frees *text either way. */
bool text_close(FILE *out, char *const *text);

#endif
