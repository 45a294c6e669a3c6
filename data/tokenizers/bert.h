/* Words as in BERT (Devlin et al. 2019, arXiv:1810.04805; its BasicTokenizer, Hugging Face's
 * BertNormalizer and BertPreTokenizer): removes control characters and, as the rules say,
 * capitals and accents; cuts at white space; makes each punctuation mark and each Chinese
 * character a word.
 *
 * A byte that is not UTF-8 counts as U+FFFD, which cleaning removes. */
#ifndef DATA_TOKENIZERS_BERT_H
#define DATA_TOKENIZERS_BERT_H

#include <stdbool.h>
#include <stdint.h>

enum { BERT_WORD_MAX = 1000, BERT_QUEUE = 32 };

typedef struct BertRules {
    bool clean, chinese, strip_accents, lowercase;
} BertRules;

typedef struct BertWords {
    BertRules rules;
    const unsigned char *text;
    int64_t size, at;
    int32_t queue[BERT_QUEUE]; /* code points that the last character became */
    int queued, taken;
    unsigned char word[4 * BERT_WORD_MAX];
} BertWords;

typedef struct BertWord {
    const unsigned char *bytes; /* valid until the next word */
    int64_t size, characters;   /* bytes ends after BERT_WORD_MAX characters */
} BertWord;

/* Borrows text. */
void bert_open(BertWords *b, const BertRules *rules, const unsigned char *text, int64_t size);
bool bert_next(BertWords *b, BertWord *word);

/* The number of bytes whose words do not depend on text that follows. */
int64_t bert_settled(const unsigned char *text, int64_t size);

#endif
