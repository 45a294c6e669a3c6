/* A decoder: reads tokens one after the other and tells, after each, what the model expects next.
 *
 * Keys and values of what was read stay in a cache, so that a token costs one row and not a whole pass
 * (equal to the full pass to rounding). When the context is full, the decoder starts over from the last
 * half of what it has read: models with absolute positions cannot look further back, and going on
 * from half costs one longer pass every context / 2 tokens.
 *
 * Several streams are texts that begin alike and go on each in its own way: a step reads a token of each,
 * and the weights once for all. What a stream expects does not depend, to the last bit, on whether others
 * go along. One thread at a time. */
#ifndef TRAIN_GENERATE_DECODE_H
#define TRAIN_GENERATE_DECODE_H

#include "autograd/kernels/skinny_gemm.h"
#include "layers/gpt.h"

typedef struct Decoder {
    const Gpt *model;
    Arena arena;
    Tape tape;
    GptCache cache;
    int32_t *window;      /* [streams, context]: the tokens in the cache, and room for more */
    int32_t *positions;   /* [context]: 0, 1, 2 ... */
    int32_t *first, *end; /* [context]: scratch */
    int32_t *each;        /* [5, streams + 1]: likewise */
    real *logits;         /* [streams, vocab_size]: of streams that were read one after the other */
    int64_t prompt;       /* so many tokens of the window see each other */
} Decoder;

enum { DECODER_STREAMS_MAX = SKINNY_GEMM_ROWS };

/* Borrows the model, whose numbers may change as long as decoder_restart() follows. d is to be closed
 * whatever this returns. streams: 1 to DECODER_STREAMS_MAX. */
Status decoder_open(Decoder *d, const Gpt *model, int64_t streams);
void decoder_close(Decoder *d);

/* Forgets what was read. */
void decoder_restart(Decoder *d);

/* Forgets what was read, and reads a prompt whose tokens see each other, as those of a document do under
 * objective prefix with bidirectional attention; otherwise like decoder_read(). */
Status decoder_read_prompt(Decoder *d, const int32_t *tokens, int64_t count, const real **logits);

/* Reads count >= 1 tokens, the last `context` of them if there are more, into the first stream, the one there
 * is. *logits: [vocab_size], of the token that follows; good until the next call. E_ARG if a token is not in
 * the vocabulary. */
Status decoder_read(Decoder *d, const int32_t *tokens, int64_t count, const real **logits);

/* Makes the streams 1 to count - 1 go on from where the first one is. */
void decoder_split(Decoder *d, int64_t count);

/* Reads a token of each of count >= 1 streams, all that shall go on: streams [count], ascending; tokens
 * [count]. *logits: [count, vocab_size]. */
Status decoder_step(Decoder *d, const int32_t *streams, const int32_t *tokens, int64_t count,
                    const real **logits);

#endif
