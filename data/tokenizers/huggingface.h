/* The parts of Hugging Face's tokenizer.json that BPE and WordPiece share. Unsupported parts are
 * refused by name. */
#ifndef DATA_TOKENIZERS_HUGGINGFACE_H
#define DATA_TOKENIZERS_HUGGINGFACE_H

#include <stdbool.h>

#include "data/tokenizers/kind.h"
#include "data/tokenizers/merge.h"

/* Limits on token numbers and on numbers without a token, so that a small file cannot claim much
 * memory. */
enum { VOCABULARY_MAX = 1 << 24, VOCABULARY_GAPS_MAX = 1 << 16 };

#define PART_FAIL(name, part, ...) \
    part_fail((name), (part), __FILE__, __LINE__, __func__, __VA_ARGS__)

/* "NAME: PART: what is wrong", E_DATA. */
Status part_fail(const char *name, const char *part, const char *file, int line, const char *func,
                 const char *fmt, ...) __attribute__((format(printf, 6, 7), cold));

/* The "type" of a part of the description; "null" if it is null or missing, "?" if it has none. */
const char *part_type(const json_t *part);

/* E_DATA unless a part is null or missing. */
Status part_must_be_null(const json_t *holder, const char *key, const char *name);

/* A bool of a part; fallback if it is null or missing. */
bool part_bool(const json_t *part, const char *key, bool fallback);

/* E_DATA: an unsupported post-processor. Truncation and padding are left aside: a dataset has
 * documents of any length. */
Status huggingface_check(const json_t *description, const char *name);

/* Sets begin_of_text if a TemplateProcessing puts a token before a text; what follows the text is
 * left aside: documents end in end-of-text. E_DATA: several tokens, or one that is not there. */
Status huggingface_begin(Tokenizer *t, const json_t *description, const char *name);

/* The key by which a tokenizer.json that Capstan stores names another end-of-text than the usual
 * ones. */
#define HUGGINGFACE_END "capstan_end_of_text"

/* Fills vocab_size, specials and end_of_text of t from model.vocab and added_tokens, and *texts
 * [vocab_size] with the tokens' texts, borrowed from the description; NULL: no such token. */
Status huggingface_vocabulary(Tokenizer *t, Arena *a, const json_t *description, const char *name,
                              const char ***texts);

/* Reads model.merges, ["A B", ...] or [["A", "B"], ...]. */
Status huggingface_merges(Merges *m, Arena *a, const json_t *model, const char *name);

/* The special token that ends a text, "<|endoftext|>" or another of its names; -1: none. */
int32_t special_end_of_text(const Special *specials, int64_t count);
json_t *specials_describe(const Special *specials, int64_t count); /* as added_tokens */
Status specials_mark(Tokenizer *t, Arena *a);       /* once vocab_size and specials are there */
bool is_special(const Tokenizer *t, int32_t token); /* or added */

#endif
