#include "data/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/rng.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/tokenizer_file.h"

enum { SHOW_EVERY = 8 << 20 };

/* The state of prepare(). Each pass reads the whole text. */
typedef struct Work {
    const Prepare *p;
    PrepareSummary *summary;
    Arena arena;
    Documents documents;
    CharSet *characters;
    Tokenizer *tokenizer;
    int32_t *tokens; /* of one chunk */
    int64_t room;
    char *held_text; /* text whose tokens depend on the next chunk */
    int64_t held, held_room, tried;
    TextPlace held_place;
    int64_t total_size; /* bytes of all files */

    /* Counted before the last pass. */
    int64_t document_count, token_count; /* the latter without end-of-text */

    /* The last pass, which writes. */
    DatasetWriter *writer;
    int64_t document, val_left; /* current document; validation documents not yet chosen */
    int64_t cut;                /* training tokens of a single document; 0: documents stay whole */
    int64_t written, length;    /* tokens of text so far; of this document so far */
    bool in_document, to_val, has_text; /* has_text: some of the document's text was encoded */
} Work;

typedef Status (*ChunkWork)(Work *w, const TextChunk *chunk);

static void show(const Work *w, const char *what)
{
    const Documents *d = &w->documents;
    if (!w->p->show_progress) return;
    fprintf(stderr, "\r%s: %lld of %lld MB ", what,
            (long long)((d->done + d->source.consumed) >> 20), (long long)(w->total_size >> 20));
}

static Status each_chunk(Work *w, const char *what, ChunkWork work)
{
    const Prepare *p = w->p;
    Status status = OK;
    bool found = true;
    int64_t shown = SHOW_EVERY;
    documents_open(&w->documents, &p->texts);
    while (status == OK && found) {
        TextChunk chunk;
        status = documents_next(&w->documents, &chunk, &found);
        if (status == OK && found) status = work(w, &chunk);
        if (w->documents.bytes < shown) continue;
        show(w, what);
        shown = w->documents.bytes + SHOW_EVERY;
    }
    w->summary->bytes = w->documents.bytes;
    w->summary->bad = w->documents.bad;
    w->summary->separators = w->documents.separators;
    if (p->show_progress && shown > SHOW_EVERY) fprintf(stderr, "\r\x1b[K");
    documents_close(&w->documents);
    return status;
}

static Status count_document(Work *w, const TextChunk *chunk)
{
    w->document_count += chunk->ends_document;
    return OK;
}

static Status collect_characters(Work *w, const TextChunk *chunk)
{
    w->document_count += chunk->ends_document;
    return char_set_add(w->characters, &chunk->place, chunk->text, chunk->size);
}

/* Appends text to the held text of earlier chunks; false: out of memory. */
static bool hold(Work *w, const char *text, int64_t size, const TextPlace *place)
{
    if (!size) return true;
    if (w->held + size > w->held_room) {
        w->held_room = 2 * (w->held + size);
        char *wider = arena_take(&w->arena, w->held_room);
        if (!wider) return false;
        if (w->held) memcpy(wider, w->held_text, (size_t)w->held);
        w->held_text = wider;
    }
    if (!w->held) w->held_place = *place;
    memcpy(w->held_text + w->held, text, (size_t)size);
    w->held += size;
    return true;
}

static Status encode_text(Work *w, const TextPlace *place, const char *text, int64_t size,
                          int64_t *count)
{
    const int64_t room = tokenizer_room(w->tokenizer, size) + 1; /* end-of-text may follow */
    TextPlace from = *place;
    from.continues = w->has_text;
    w->has_text |= size > 0;
    if (room > w->room) {
        w->room = room > 2 * w->room ? room : 2 * w->room;
        w->tokens = arena_take(&w->arena, w->room * (int64_t)sizeof *w->tokens);
        if (!w->tokens) return FAIL(E_NOMEM, "%lld tokens", (long long)w->room);
    }
    return tokenizer_encode_at(w->tokenizer, &from, text, size, w->tokens, w->room, count);
}

/* Encodes a chunk up to the point where tokens depend on the next chunk; holds back the rest. */
static Status encode(Work *w, const TextChunk *chunk, int64_t *count)
{
    const bool is_whole = chunk->ends_document || chunk->is_prompt;
    int64_t size = chunk->size, settled;
    *count = 0;
    if (!w->held && is_whole) return encode_text(w, &chunk->place, chunk->text, chunk->size, count);
    if (!w->held) {
        TRY(tokenizer_settled(w->tokenizer, chunk->text, size, &settled));
        TRY(encode_text(w, &chunk->place, chunk->text, settled, count));
        TextPlace place = chunk->place;
        text_place_advance(&place, chunk->text, settled);
        w->tried = 0;
        return hold(w, chunk->text + settled, size - settled, &place)
                   ? OK
                   : FAIL(E_NOMEM, "%lld bytes of text", (long long)size);
    }
    if (!hold(w, chunk->text, size, &chunk->place))
        return FAIL(E_NOMEM, "%lld bytes of text", (long long)(w->held + size));
    settled = w->held;
    if (!is_whole && w->held < 2 * w->tried) return OK; /* keeps the total work linear */
    if (!is_whole) TRY(tokenizer_settled(w->tokenizer, w->held_text, w->held, &settled));
    TRY(encode_text(w, &w->held_place, w->held_text, settled, count));
    text_place_advance(&w->held_place, w->held_text, settled);
    w->held -= settled;
    memmove(w->held_text, w->held_text + settled, (size_t)w->held);
    w->tried = settled ? 0 : w->held;
    return OK;
}

static Status count_tokens(Work *w, const TextChunk *chunk)
{
    int64_t count;
    TRY(encode(w, chunk, &count));
    w->has_text &= !chunk->ends_document;
    w->token_count += count;
    return OK;
}

/* Selection sampling (Fan, Muller & Rezucha 1962): every document has the same probability, and
 * exactly val_left documents are chosen. */
static bool choose_for_val(Work *w)
{
    const Rng r = rng_stream(w->p->seed, "data.val");
    const int64_t left = w->document_count - w->document;
    const bool yes = rng_uniform(r, (uint64_t)w->document, 0) * (double)left < (double)w->val_left;
    w->val_left -= yes;
    return yes;
}

static Status add(Work *w, const int32_t *tokens, int64_t count, bool is_prompt)
{
    w->length += count;
    w->written += count;
    return dataset_writer_add(w->writer, w->to_val, tokens, count, is_prompt ? count : 0, true);
}

static Status end_document(Work *w)
{
    PrepareSummary *s = w->summary;
    const int32_t end = tokenizer_end_of_text(w->tokenizer);
    TRY(dataset_writer_add(w->writer, w->to_val, &end, 1, 0, false));
    w->length++;
    s->documents++;
    s->tokens += w->length;
    if (w->to_val) s->val_documents++, s->val_tokens += w->length;
    if (w->length == 1) s->empty++;
    if (w->length > s->longest) s->longest = w->length;
    w->length = 0;
    return OK;
}

static Status write_chunk(Work *w, const TextChunk *chunk)
{
    int64_t count, head = 0;
    if (!w->in_document) w->to_val = choose_for_val(w);
    w->in_document = true;
    TRY(encode(w, chunk, &count));
    w->has_text &= !chunk->ends_document;
    if (count && w->written < w->cut) {
        head = count < w->cut - w->written ? count : w->cut - w->written;
        TRY(add(w, w->tokens, head, chunk->is_prompt));
        if (w->written == w->cut) {
            TRY(end_document(w));
            w->to_val = true;
        }
    }
    if (count > head) TRY(add(w, w->tokens + head, count - head, chunk->is_prompt));
    if (!chunk->ends_document) return OK;
    w->in_document = false;
    w->document++;
    return end_document(w);
}

/* Finds mistakes before hours are spent. */
static Status check(Work *w)
{
    const Prepare *p = w->p;
    struct stat output, input;
    const bool exists = !stat(p->output, &output);
    if (!(p->val >= 0 && p->val < 1))
        return FAIL(E_ARG, "--val %g: expected a share of at least 0 and less than 1", p->val);
    if (exists && !S_ISREG(output.st_mode))
        return FAIL(E_ARG, "--output %s exists and is not a regular file", p->output);
    for (int i = 0; i < p->texts.path_count; i++) {
        if (stat(p->texts.paths[i], &input)) continue; /* source_open() reports it */
        w->total_size += input.st_size;
        if (exists && input.st_dev == output.st_dev && input.st_ino == output.st_ino)
            return FAIL(E_ARG, "--output %s is one of the inputs", p->output);
    }
    TRY(texts_check(&p->texts));
    return file_make_parents(p->output);
}

static Status read_tokenizer(Work *w, const char *path)
{
    char *text;
    int64_t size;
    if (access(path, F_OK))
        return FAIL(E_ARG, "--tokenizer %s: %s; expected byte, char, or a tokenizer file", path,
                    strerror(errno));
    TRY(tokenizer_file_read(&w->arena, path, &text, &size));
    return tokenizer_parse_with_end(&w->arena, text, size, path, w->p->end_of_text, &w->tokenizer);
}

static Status choose_tokenizer(Work *w)
{
    const char *name = w->p->tokenizer;
    if (w->p->end_of_text && (!strcmp(name, "byte") || !strcmp(name, "char")))
        return FAIL(E_ARG, "--end-of-text is for a tokenizer.json, not for %s", name);
    if (!strcmp(name, "byte")) return tokenizer_byte(&w->arena, &w->tokenizer);
    if (strcmp(name, "char")) return read_tokenizer(w, name);
    w->characters = arena_zero(&w->arena, sizeof *w->characters);
    return w->characters ? OK : FAIL(E_NOMEM, "no memory for a set of characters");
}

/* Sets the number of validation documents, or where a single document is split. */
static Status plan_val(Work *w)
{
    const double val = w->p->val;
    const int64_t n = w->document_count;
    if (n > 1 && val > 0) {
        w->val_left = llround(val * (double)n);
        if (w->val_left < 1) w->val_left = 1;
        if (w->val_left > n - 1) w->val_left = n - 1;
    }
    if (n != 1 || val == 0) return OK;
    TRY(each_chunk(w, "counting tokens", count_tokens));
    if (w->token_count < 2) return OK;
    w->cut = (int64_t)floor((1 - val) * (double)w->token_count);
    if (w->cut < 1) w->cut = 1;
    if (w->cut > w->token_count - 1) w->cut = w->token_count - 1;
    return OK;
}

static Status run(Work *w)
{
    const Prepare *p = w->p;
    int64_t size;
    TRY(check(w));
    TRY(choose_tokenizer(w));
    TRY(each_chunk(w, "reading", w->characters ? collect_characters : count_document));
    if (!w->document_count && w->summary->bad.skipped_count)
        return FAIL(E_DATA, "all %lld rows are bad; %s", (long long)w->summary->bad.skipped_count,
                    w->summary->bad.first);
    if (!w->document_count)
        return FAIL(E_DATA, "%s%s: no documents", p->texts.paths[0],
                    p->texts.path_count > 1 ? " and the others" : "");
    if (w->characters) TRY(char_set_tokenizer(w->characters, &w->arena, &w->tokenizer));
    TRY(plan_val(w));
    w->summary->vocab_size = tokenizer_vocab_size(w->tokenizer);
    TRY(dataset_writer_open(&w->writer, p->output, w->summary->vocab_size));
    if (tokenizer_begin_of_text(w->tokenizer) != tokenizer_end_of_text(w->tokenizer))
        dataset_writer_begin_of_text(w->writer, tokenizer_begin_of_text(w->tokenizer));
    TRY(each_chunk(w, "writing", write_chunk));
    if (w->document != w->document_count || (w->cut && w->written != w->token_count))
        return FAIL(E_DATA, "%s%s: changed while it was read", p->texts.paths[0],
                    p->texts.path_count > 1 ? " or another" : "");
    const char *text = tokenizer_text(w->tokenizer, &size);
    return dataset_writer_finish(w->writer, text, size);
}

Status prepare(const Prepare *p, PrepareSummary *summary)
{
    Work w = {.p = p, .summary = summary};
    *summary = (PrepareSummary){0};
    Status status = run(&w);
    dataset_writer_close(w.writer);
    arena_free(&w.arena);
    return status;
}
