/* Batches: what a training step reads, as a pure function of (seed, batch index). */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include "autograd/base/schema.h"
#include "autograd/tensor.h"
#include "data/packs.h"
#include "data/tokenizer.h"

#define ORDER_CHOICES(X)            X(ORDER, shuffled) X(ORDER, sequential)
#define OBJECTIVE_CHOICES(X)        X(OBJECTIVE, causal) X(OBJECTIVE, prefix)
#define PREFIX_ATTENTION_CHOICES(X) X(PREFIX_ATTENTION, bidirectional) X(PREFIX_ATTENTION, causal)
#define PREFIX_SPLIT_CHOICES(X)     X(PREFIX_SPLIT, given) X(PREFIX_SPLIT, random)
#define LOSS_WEIGHTS_CHOICES(X)     X(LOSS_WEIGHTS, token) X(LOSS_WEIGHTS, document)

CHOICES(DataOrder, ORDER_CHOICES, order_text)
CHOICES(DataObjective, OBJECTIVE_CHOICES, objective_text)
CHOICES(PrefixAttention, PREFIX_ATTENTION_CHOICES, prefix_attention_text)
CHOICES(PrefixSplit, PREFIX_SPLIT_CHOICES, prefix_split_text)
CHOICES(LossWeights, LOSS_WEIGHTS_CHOICES, loss_weights_text)

/* clang-format off */
/* [data] name, default, help */
#define DATA_SETTINGS(S, INT, REAL, BOOL, TEXT, CHOICE, AUTO) \
    TEXT(S, path,            "data/corpus.h5", \
         "dataset made by `capstan prepare`, or a raw token file") \
    CHOICE(S, packing, none, PackingKind, PACKING_CHOICES, \
         "none: windows at random offsets; concat: consecutive windows, each token once per " \
         "epoch; the others: whole documents share a sequence (see `capstan pack`)") \
    INT (S, pack_depth,          0,     0, 1048576, \
         "most documents per packed sequence; 0: no limit") \
    BOOL(S, document_mask,   false, "attention, positions and targets stay within a document") \
    CHOICE(S, order, shuffled, DataOrder, ORDER_CHOICES, \
         "order of the sequences: shuffled anew each epoch, or as in the file") \
    CHOICE(S, objective, causal, DataObjective, OBJECTIVE_CHOICES, \
         "causal language modeling, or prefix LM: a document's prompt has no loss (needs a " \
         "packing of whole documents)") \
    CHOICE(S, prefix_attention, bidirectional, PrefixAttention, PREFIX_ATTENTION_CHOICES, \
         "attention among the tokens of a prompt") \
    CHOICE(S, prefix_split, given, PrefixSplit, PREFIX_SPLIT_CHOICES, \
         "where a prompt ends: as the dataset says, or at a random token, anew each epoch " \
         "(UL2's S-denoiser)") \
    CHOICE(S, loss_weights, token, LossWeights, LOSS_WEIGHTS_CHOICES, \
         "what weighs the same in the training loss: each token with a loss, or each document " \
         "with one")
/* clang-format on */

typedef struct DataConfig {
    SCHEMA_FIELDS(DATA_SETTINGS)
} DataConfig;

/* Rules across several settings: E_CONFIG. */
Status data_check(const DataConfig *c);

/* Rows of a batch are sequences x context; sequence s has rows s * context .. (s + 1) * context.
 * A segment is a range of rows that attention is confined to: the whole sequence or, with
 * document_mask, the part of one document in it. The caller of batch_alloc() owns all arrays.
 *
 * Packed: a document of n tokens d1 .. dn, dn end-of-text, has n rows: inputs end-of-text, d1 ..
 * d(n-1), targets d1 .. dn. Each chunk of a document longer than the context (data/lengths.h)
 * counts as a document, but the first input of a later chunk is the token before it. Rows left
 * over attend to nothing and have no loss; without document_mask the other rows of a sequence
 * are one segment with consecutive positions.
 *
 * With objective prefix and a prompt of p tokens, rows 0 .. p of the document attend to each
 * other if prefix_attention is bidirectional, and rows p .. n - 1 have the loss. With
 * prefix_split random, p is uniform in 1 .. n - 1, a function of (seed, epoch, first token of
 * the chunk). */
typedef struct Batch {
    int64_t sequences, context;
    int32_t *inputs;    /* [rows] tokens */
    int32_t *targets;   /* [rows] tokens; -1: no loss here */
    int32_t *positions; /* [rows] position in the segment, below context */
    /* [sequences + 1]: sequence s has the segments from segment_index[s] up to segment_index[s +
     * 1] */
    int32_t *segment_index;
    /* [segment_index[sequences] + 1]: first row of each; the last is rows */
    int32_t *segment_starts;
    bool has_intervals;   /* false: attention is causal, and first and end are not filled */
    int32_t *first, *end; /* [rows]: row i sees the rows [first[i], end[i]) of its segment */
    bool has_weights;     /* false: each loss has weight 1, and weights is not filled */
    real *weights;        /* [rows] of the loss */
    double weight_sum;    /* over rows that have a loss */
    int64_t *origins;     /* [rows]: index of the target in the split; -1: no target */
    int64_t loss_tokens;  /* targets that are not -1; 0 only if no document has any */
} Batch;

/* E_CONFIG if there are 2^31 rows or more. */
Status batch_alloc(Batch *b, Arena *a, int64_t sequences, int64_t context);

/* Bytes of text in the targets, 0 for end-of-text: for bits per byte. */
int64_t batch_target_bytes(const Batch *b, const Tokenizer *t);

/* Where batches come from. Borrows dataset, split and config. */
typedef struct Batches {
    const Dataset *dataset;
    const Split *split;
    const DataConfig *config;
    int64_t context, sequences;
    int64_t stride; /* between evaluation windows: see batches_set_stride() */
    uint64_t seed;
    int64_t windows; /* per epoch: (count - 1) / context, or the number of packs */
    bool is_packed;
    Packs packs; /* if is_packed: a function of the split and the config */
    /* Last token of a document, and the input before its first one; both 0 in raw token files,
     * which do not tell. */
    int32_t end_of_text, begin_of_text;
} Batches;

/* Close b whatever this returns. E_CONFIG: the split is shorter than a window of context + 1
 * tokens, or has no document to pack. */
Status batches_open(Batches *b, const Dataset *d, const Split *split, const DataConfig *c,
                    int64_t context, int64_t sequences, uint64_t seed);
void batches_close(Batches *b);

/* The number of windows or packs without a loss token, whatever the epoch: packs of prompts, or all
 * if no document has a second token. */
int64_t batches_without_loss(const Batches *b);

/* Batch number `batch_index`, from 1, into out (same sequences and context). E_DATA if tokens
 * that it touches are damaged. Threads may call it at once. */
Status batches_fill(const Batches *b, int64_t batch_index, Batch *out);

/* Evaluation windows begin at multiples of `stride` tokens, and a window's targets are those that no
 * earlier one has: each has at least context - stride tokens before it, but for the first ones of
 * the split. E_ARG: stride is not in [1, context], or packs are evaluated. */
Status batches_set_stride(Batches *b, int64_t stride);

/* The number of batches in the whole split: non-overlapping windows, the last one partial, or
 * packs. */
int64_t batches_eval_count(const Batches *b);

/* Evaluation batch i, from 0: windows i * sequences and following, in file order; rows past the
 * end have target -1. Random prefix splits are those of epoch 0. */
Status batches_eval(const Batches *b, int64_t i, Batch *out);

#endif
