/* Corpora: datasets of English texts from Debian packages. */
#ifndef DATA_CORPORA_H
#define DATA_CORPORA_H

#include "data/packages.h"
#include "data/prepare.h"

/* Name and description of the i-th corpus; NULL after the last. */
const char *corpus_name(int i);
const char *corpus_title(int i);

typedef struct Corpus {
    char text[PATH_MAX], dataset[PATH_MAX]; /* FOLDER/NAME.jsonl, FOLDER/NAME.h5 */
    PrepareSummary summary;
} Corpus;

/* Fetches the text unless its package is installed, and prepares it like `capstan prepare` with
 * its defaults. Makes the folder. E_ARG: unknown corpus. E_DATA: it cannot be fetched (no
 * apt-get, no network), or the package has changed. */
Status corpus_make(Corpus *c, const char *name, const char *folder, const char *tokenizer,
                   bool tell);

#endif
