#include "train/generate/text_writer.h"

#include <errno.h>
#include <string.h>

#include "autograd/base/text.h"

Status text_writer_open(TextWriter *w, Arena *a, const Tokenizer *t, const StopStrings *stops,
                        FILE *out)
{
    *w = (TextWriter){.tokenizer = t, .out = out, .drops_blank = t && tokenizer_leading_blank(t)};
    return stop_finder_open(&w->stops, a, stops);
}

static void write_held(TextWriter *w, bool last)
{
    while (w->count) {
        int length = text_utf8_length(w->held, (size_t)w->count);
        if (!length && !last) return;
        if (length > 0)
            text_show(w->out, (const char *)w->held, (size_t)length);
        else {
            fputs("\xEF\xBF\xBD", w->out);
            length = length ? 1 : w->count;
        }
        w->count -= length;
        memmove(w->held, w->held + length, (size_t)w->count);
    }
}

static void write_bytes(TextWriter *w, const char *bytes, int64_t size)
{
    for (int64_t i = 0; i < size; i++) {
        w->held[w->count++] = (unsigned char)bytes[i];
        write_held(w, false);
    }
}

static void write_number(TextWriter *w, int32_t token)
{
    fprintf(w->out, w->begun ? " %d" : "%d", (int)token);
    w->begun = true;
}

/* The bytes of a token, without a blank that is not part of the text. */
static const char *bytes_of(TextWriter *w, int32_t token, int64_t *size)
{
    const char *bytes = tokenizer_bytes(w->tokenizer, token, size);
    const bool drops = w->drops_blank && *size && *bytes == ' ';
    w->drops_blank = false;
    *size -= drops;
    return bytes + drops;
}

void text_writer_prompt(TextWriter *w, int32_t token)
{
    int64_t size;
    if (!w->tokenizer) {
        write_number(w, token);
        return;
    }
    const char *bytes = bytes_of(w, token, &size);
    write_bytes(w, bytes, size);
}

/* Writes the bytes up to a stop string; returns whether there is one. */
static bool write_to_stop(TextWriter *w, const char *bytes, int64_t size)
{
    StopFinder *f = &w->stops;
    for (int64_t i = 0; i < size && !f->found; i++) {
        const int64_t settled = stop_finder_add(f, bytes[i]);
        write_bytes(w, f->held, settled);
        stop_finder_release(f, settled);
    }
    return f->found;
}

Status text_writer_add(TextWriter *w, int32_t token, bool *stopped)
{
    *stopped = false;
    if (w->tokenizer) {
        int64_t size;
        const char *bytes = bytes_of(w, token, &size);
        *stopped = write_to_stop(w, bytes, size);
    } else
        write_number(w, token);
    return text_writer_flush(w);
}

Status text_writer_flush(const TextWriter *w)
{
    if (fflush(w->out) || ferror(w->out)) return FAIL(E_IO, "sample: %s", strerror(errno));
    return OK;
}

void text_writer_end(TextWriter *w)
{
    if (!w->stops.found) write_bytes(w, w->stops.held, w->stops.held_count);
    write_held(w, true);
}
