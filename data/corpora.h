/* Corpora: English texts that any Debian has a package of, made into datasets. */
#ifndef DATA_CORPORA_H
#define DATA_CORPORA_H

#include "data/packages.h"
#include "data/prepare.h"

/* The i-th corpus: its name and what it is; NULL behind the last. */
const char *corpus_name(int i);
const char *corpus_title(int i);

typedef struct Corpus {
    char text[PATH_MAX], dataset[PATH_MAX]; /* FOLDER/NAME.jsonl, FOLDER/NAME.h5 */
    PrepareSummary summary;
} Corpus;

/* Fetches the text unless its package is installed, and prepares it as `capstan prepare` would: a tenth
 * held out by seed 1. Makes the folder. E_ARG: no such corpus. E_DATA: it cannot be had (no apt-get, no
 * network), with what to do; or it is not what it was. */
Status corpus_make(Corpus *c, const char *name, const char *folder, const char *tokenizer,
                   bool tell);

#endif
