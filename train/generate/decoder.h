/* A decoder reads tokens one by one and returns, after each, the logits of the next token.
 *
 * A KV cache holds the keys and values of the tokens read so far, so that a token costs one row
 * instead of a forward pass over the whole text (the same to rounding). When the context is
 * full, the cache is dropped and the last half of it is read again: absolute positions do not
 * reach beyond the context, and this costs one longer pass every context / 2 tokens.
 *
 * Streams are texts with a common prompt and different continuations. A step reads one token of
 * each, so it loads the weights once for all streams. The logits of a stream are the same bits
 * with or without the others. Not thread-safe. */
#ifndef TRAIN_GENERATE_DECODER_H
#define TRAIN_GENERATE_DECODER_H

#include "autograd/kernels/skinny_gemm.h"
#include "layers/cache.h"

typedef struct Decoder {
    const Gpt *model;
    Arena arena;
    Tape tape;
    GptCache cache;
    int32_t *window;      /* [streams, context]: the tokens in the cache */
    int32_t *positions;   /* [context]: 0, 1, 2 ... */
    int32_t *first, *end; /* [context]: scratch */
    int32_t *step;        /* [5, streams + 1]: scratch of decoder_step() */
    real *logits;  /* [streams, vocab_size]: filled when a step reads its streams one by one */
    int32_t *same; /* [streams, streams]: first tokens that two streams certainly share */
    int64_t text_length; /* tokens of the text at its end, for GptInput.rope_length; 0: context */
    int64_t prompt;      /* the first tokens of the window, which attend to each other */
} Decoder;

enum { DECODER_STREAMS_MAX = SKINNY_GEMM_ROWS };

/* Borrows the model; after its parameters change, call decoder_restart(). Close d whatever this
 * returns. streams: 1 to DECODER_STREAMS_MAX. */
Status decoder_open(Decoder *d, const Gpt *model, int64_t streams);
void decoder_close(Decoder *d);

/* Empties the cache. */
void decoder_restart(Decoder *d);

/* Empties the cache and reads a prompt with bidirectional attention, as in training with
 * data.objective = prefix. Otherwise like decoder_read(). */
Status decoder_read_prompt(Decoder *d, const int32_t *tokens, int64_t count, const real **logits);

/* Reads count >= 1 tokens, of more than `context` only the last, into stream 0. *logits:
 * [vocab_size], of the next token; valid until the next call. E_ARG: a token is not in the
 * vocabulary. */
Status decoder_read(Decoder *d, const int32_t *tokens, int64_t count, const real **logits);

/* Copies stream 0 to the streams 1 .. count - 1. */
void decoder_split(Decoder *d, int64_t count);

/* Copies stream `from` to stream `to`: only what follows the tokens that they share already. */
void decoder_copy(Decoder *d, int32_t from, int32_t to);

/* The first tokens of both streams that are certainly the same, so that a copy is cheap. */
int64_t decoder_same(const Decoder *d, int32_t a, int32_t b);

/* Reads one token of each of count >= 1 streams; a stream that is left out once has ended.
 * streams [count], ascending; tokens [count]. *logits: [count, vocab_size]. */
Status decoder_step(Decoder *d, const int32_t *streams, const int32_t *tokens, int64_t count,
                    const real **logits);

#endif
