/* What the files that make up data/batch.h share. */
#ifndef DATA_BATCH_INTERNAL_H
#define DATA_BATCH_INTERNAL_H

#include "data/batch.h"

/* Makes sequence s of out pack number `pack`, as it is in an epoch; none if pack is not below windows. */
Status batch_fill_pack(const Batches *b, int64_t pack, int64_t epoch, int64_t s, Batch *out);

/* Lets the losses of `rows` rows count 1 together. */
void batch_weigh(Batch *out, int64_t row, int64_t rows);

#endif
