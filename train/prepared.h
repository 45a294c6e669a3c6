/* What `prepare` and `corpus` say when they are done. */
#ifndef TRAIN_PREPARED_H
#define TRAIN_PREPARED_H

#include "data/prepare.h"

double prepared_clock(void); /* seconds since some moment */

/* To stdout: for a reader, or one JSON object. E_ARG: a name is not UTF-8. */
Status prepared_print(const PrepareSummary *s, const char *tokenizer, const char *output,
                      double seconds, bool json);

#endif
