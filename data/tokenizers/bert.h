/* Words as BERT has them (Devlin et al. 2019, arXiv:1810.04805; its BasicTokenizer, and Hugging Face's
 * BertNormalizer and BertPreTokenizer): text is cleaned of controls, capitals and accents taken away if
 * asked for, and cut at white space; punctuation and Chinese characters stand alone.
 *
 * What is not UTF-8 counts as U+FFFD, which cleaning takes away. */
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
    int32_t queue[BERT_QUEUE]; /* code points that the text's last character became */
    int queued, taken;
    unsigned char word[4 * BERT_WORD_MAX];
} BertWords;

typedef struct BertWord {
    const unsigned char *bytes; /* good until the next one */
    int64_t size, characters;   /* of more than BERT_WORD_MAX characters only the first are there */
} BertWord;

/* Borrows text. */
void bert_open(BertWords *b, const BertRules *rules, const unsigned char *text, int64_t size);
bool bert_next(BertWords *b, BertWord *word);

/* How many bytes have the same words whatever follows them. */
int64_t bert_settled(const unsigned char *text, int64_t size);

#endif
