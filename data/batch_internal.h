/* Shared by data/batch.c and data/batch_pack.c. */
#ifndef DATA_BATCH_INTERNAL_H
#define DATA_BATCH_INTERNAL_H

#include "data/batch.h"

/* Fills sequence s of out with pack number `pack` as of an epoch; with empty rows if there is no
 * such pack. */
Status batch_fill_pack(const Batches *b, int64_t pack, int64_t epoch, int64_t s, Batch *out);

/* Gives the losses of `rows` rows from `row` on equal weights with the sum 1. */
void batch_weigh(Batch *out, int64_t row, int64_t rows);

#endif
