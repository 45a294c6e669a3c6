/* What tokenizer.c and ranks.c have in common: a tokenizer that was taken from a file does its work. */
#ifndef TESTS_FUZZ_TOKENIZING_H
#define TESTS_FUZZ_TOKENIZING_H

#include "data/tokenizer.h"
#include "tests/fuzz/fuzz.h"

/* Each token is one, the text's own size of them at most, and their bytes are there. */
static inline void fuzz_encode(const Tokenizer *t, const char *text, int64_t size, bool marked)
{
    int32_t tokens[256];
    int64_t count, settled, length, total = 0;
    const TextPlace place = {0};
    FUZZ_MUST(size <= (int64_t)(sizeof tokens / sizeof *tokens));
    const Status status = marked
                              ? tokenizer_encode_marked(t, &place, text, size, tokens, size, &count)
                              : tokenizer_encode(t, text, size, tokens, size, &count);
    fuzz_status(status);
    if (status != OK) return;
    FUZZ_MUST(count >= 0 && count <= size);
    for (int64_t i = 0; i < count; i++) {
        FUZZ_MUST(tokens[i] >= 0 && tokens[i] < tokenizer_vocab_size(t));
        const char *bytes = tokenizer_bytes(t, tokens[i], &length);
        FUZZ_MUST(!length || memchr(bytes, bytes[length - 1], (size_t)length));
        total += length;
    }
    FUZZ_MUST(total >= 0);
    fuzz_status(tokenizer_settled(t, text, size, &settled));
    FUZZ_MUST(settled >= 0 && settled <= size);
}

static inline void fuzz_tokenizer(const Tokenizer *t, const char *own, int64_t own_size)
{
    static const char sample[] = "The naïve café's 1234 x  y\t\r\n\n don't\xE2\x80\xA6 "
                                 "\xE4\xBD\xA0\xE5\xA5\xBD <|endoftext|>[SEP]";
    const int64_t cut = own_size < 256 ? own_size : 256;
    Arena a = {0};
    Tokenizer *again;
    const char *text;
    int64_t size;
    FUZZ_MUST(tokenizer_vocab_size(t) > 0);
    FUZZ_MUST(tokenizer_end_of_text(t) >= 0 && tokenizer_end_of_text(t) < tokenizer_vocab_size(t));
    for (int marked = 0; marked < 2; marked++) {
        fuzz_encode(t, sample, sizeof sample - 1, marked);
        fuzz_encode(t, own, cut, marked);
    }
    text = tokenizer_text(t, &size);
    FUZZ_MUST(tokenizer_parse(&a, text, size, "again", &again) == OK);
    FUZZ_MUST(tokenizer_vocab_size(again) == tokenizer_vocab_size(t));
    const Status status = tokenizer_huggingface(t, &a, &text, &size);
    fuzz_status(status);
    if (status == OK) FUZZ_MUST(tokenizer_parse(&a, text, size, "exported", &again) == OK);
    arena_free(&a);
}

#endif
