/* A leak test: does the output for one document depend on the other documents in its pack?
 *
 * A pack's first document is replaced by other tokens, and the last hidden layer of all rows, of
 * the config's model with its initial numbers, compared before and after: with document_mask the
 * rows of other documents must be the same to the last bit; without, those behind it must not. So
 * the test also proves that it would see a leak. */
#ifndef TRAIN_PLAN_LEAK_H
#define TRAIN_PLAN_LEAK_H

#include "train/config/config.h"

typedef struct LeakTest {
    int64_t window;            /* index of the pack or window */
    int64_t documents;         /* in it */
    int64_t changed, others;   /* rows of the first document, and of the others */
    double inside;             /* largest change of a number in the rows of the document itself */
    double with_mask, without; /* in the rows of others; without: document_mask = false */
} LeakTest;

/* E_CONFIG if no sequence holds two documents. */
Status leak_test(const Config *c, LeakTest *out);

#endif
