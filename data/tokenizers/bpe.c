/* Byte-level BPE, as in GPT-2 and its successors: any bytes can be encoded, and decode to the
 * same bytes. Read from Hugging Face's tokenizer.json or from tiktoken's ranks. */
#include <stdio.h>
#include <string.h>

#include "data/tokenizers/bpe_write.h"
#include "data/tokenizers/kind.h"

static Status read_model(Tokenizer *t, Arena *a, const json_t *description, const char *name)
{
    BpeModel *m = arena_zero(a, sizeof *m);
    if (!m) return FAIL(E_NOMEM, "%s: a BPE tokenizer", name);
    memset(m->byte, -1, sizeof m->byte);
    t->state = m;
    return json_object_get(description, "ranks") ? bpe_read_ranks(t, m, a, description, name)
                                                 : bpe_read_huggingface(t, m, a, description, name);
}

/* E_DATA with the byte that has no token, and its position. */
static Status refuse(const BpeModel *m, const TextPlace *start, const unsigned char *text,
                     const unsigned char *word)
{
    TextPlace p = *start;
    while (m->byte[*word] >= 0) word++;
    text_place_advance(&p, (const char *)text, word - text);
    return FAIL(E_DATA, "%s:%lld:%lld (byte %lld): the tokenizer has no token for the byte 0x%02X",
                p.name ? p.name : "text", (long long)p.line + 1, (long long)p.column + 1,
                (long long)p.byte, *word);
}

static Status encode_words(const BpeModel *m, Pretokenizer *p, const TextPlace *place, int32_t *out,
                           int64_t *count)
{
    const unsigned char *word;
    int64_t size, used = 0;
    while (pretokenize_next(p, &word, &size)) {
        const Word *w = words_find(&m->words, word, size);
        if (w) {
            out[used++] = (int32_t)w->value;
            continue;
        }
        for (int64_t i = 0; i < size; i++)
            if ((out[used + i] = m->byte[word[i]]) < 0) return refuse(m, place, p->text, word);
        TRY(merges_apply(&m->merges, out + used, &size));
        used += size;
    }
    *count = used;
    return OK;
}

static Status encode(const Tokenizer *t, const TextPlace *place, const unsigned char *text,
                     int64_t size, int32_t *out, int64_t *count)
{
    const BpeModel *m = t->state;
    Pretokenizer p;
    Status status = pretokenize_open(&p, m->pattern, text, size);
    if (status == OK) status = encode_words(m, &p, place, out, count);
    pretokenize_close(&p);
    return status;
}

static const char *bytes(const Tokenizer *t, int32_t token, int64_t *size)
{
    const BpeModel *m = t->state;
    const TokenBytes *b = &m->tokens[token];
    *size = b->size;
    return b->bytes ? (const char *)b->bytes : "";
}

static Status settled(const Tokenizer *t, const unsigned char *text, int64_t size, int64_t *length)
{
    const BpeModel *m = t->state;
    return pretokenize_settled(m->pattern, text, size, length);
}

static Status describe(const Tokenizer *t, Arena *a, json_t **description)
{
    const BpeModel *m = t->state;
    *description = NULL;
    return m->from_ranks ? bpe_describe_ranks(t, a, description) : OK;
}

const TokenizerKind tokenizer_kind_bpe = {
    .name = "bpe",
    .model = "BPE",
    .read = read_model,
    .encode = encode,
    .bytes = bytes,
    .settled = settled,
    .describe = describe,
};
