/* What `prepare` and `corpus` say when they are done. */
#ifndef TRAIN_COMMANDS_PREPARE_SUMMARY_H
#define TRAIN_COMMANDS_PREPARE_SUMMARY_H

#include "data/prepare.h"

/* To stdout: for a reader, or one JSON object. */
Status prepared_print(const PrepareSummary *s, const char *tokenizer, const char *output,
                      double seconds, bool json);

/* A line on how many rows were left out or repaired, if any were. */
void bad_rows_print(const BadRows *b);

#endif
