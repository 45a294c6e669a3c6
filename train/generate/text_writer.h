/* Writes the tokens of a sample as text, each as soon as possible.
 *
 * The text is always valid UTF-8: bytes of an incomplete character are held back, and invalid
 * bytes become U+FFFD. So are bytes that may begin a stop string. */
#ifndef TRAIN_GENERATE_TEXT_WRITER_H
#define TRAIN_GENERATE_TEXT_WRITER_H

#include <stdio.h>

#include "data/tokenizer.h"
#include "train/generate/stop_strings.h"

typedef struct TextWriter {
    const Tokenizer *tokenizer; /* NULL: writes token numbers with spaces between */
    FILE *out;
    StopFinder stops;
    unsigned char held[4]; /* bytes of an incomplete character */
    int count;
    bool begun;
    bool drops_blank; /* the next token begins a text: see tokenizer_leading_blank() */
} TextWriter;

/* stops may be empty. */
Status text_writer_open(TextWriter *w, Arena *a, const Tokenizer *t, const StopStrings *stops,
                        FILE *out);

/* A token of the prompt, in which no stop string is sought. */
void text_writer_prompt(TextWriter *w, int32_t token);

/* A token of the new text. *stopped: a stop string is complete; write no more. E_IO. */
Status text_writer_add(TextWriter *w, int32_t token, bool *stopped);
Status text_writer_flush(const TextWriter *w);

/* Writes what was held back. */
void text_writer_end(TextWriter *w);

#endif
