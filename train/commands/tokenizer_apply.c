#include "train/commands/tokenizer_apply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/tokenizer_file.h"
#include "train/support/clock.h"
#include "train/support/json.h"

enum { TEXT_MAX_HERE = 1 << 30 };

/* Reads the whole file or standard input; appends a NUL. */
static Status read_text(TokenizerArgs *q, char **text, int64_t *size)
{
    const char *path = q->input ? q->input : "-";
    return source_read_all(&q->arena, path, TEXT_MAX_HERE, texts_content(&q->training.texts), text,
                           size);
}

Status tokenizer_apply_open(TokenizerArgs *q, Tokenizer **t)
{
    char *text;
    int64_t size;
    if (!q->tokenizer)
        return FAIL(E_ARG, "--tokenizer is missing: a tokenizer.json, a rank file, or byte");
    const bool is_byte = !strcmp(q->tokenizer, "byte");
    if (!is_byte) TRY(tokenizer_file_read(&q->arena, q->tokenizer, &text, &size));
    if (q->pattern && (is_byte || *text == '{'))
        return FAIL(E_ARG, "--pattern is for rank files, and %s is not one", q->tokenizer);
    if (q->end_of_text && (is_byte || q->pattern))
        return FAIL(E_ARG, "--end-of-text is for a tokenizer.json, and %s is not one",
                    q->tokenizer);
    if (is_byte) return tokenizer_byte(&q->arena, t);
    return q->pattern
               ? tokenizer_ranks(&q->arena, text, size, q->tokenizer, q->pattern, t)
               : tokenizer_parse_with_end(&q->arena, text, size, q->tokenizer, q->end_of_text, t);
}

/* The parts of a tokenizer.json that change no token of a text. */
static void print_left_aside(const Tokenizer *t)
{
    static const char *const parts[] = {"truncation", "padding"};
    int64_t size;
    const char *text = tokenizer_text(t, &size);
    json_t *description = json_loadb(text, (size_t)size, 0, NULL);
    for (int i = 0; i < 2; i++)
        if (json_is_object(json_object_get(description, parts[i])))
            fprintf(stderr, "capstan: %s is left aside: documents keep their length\n", parts[i]);
    json_decref(description);
}

Status tokenizer_apply_info(TokenizerArgs *q)
{
    Tokenizer *t;
    TRY(tokenizer_apply_open(q, &t));
    const long long vocab_size = tokenizer_vocab_size(t);
    json_t *specials = json_object();
    for (int64_t i = 0; i < tokenizer_special_count(t); i++) {
        int32_t token;
        const char *text = tokenizer_special(t, i, &token);
        json_object_set_new(specials, text, json_integer(token));
    }
    if (q->json)
        return json_print(json_pack("{s:s, s:I, s:i, s:i, s:o}", "kind", tokenizer_kind(t),
                                    "vocab_size", (json_int_t)vocab_size, "end_of_text",
                                    (int)tokenizer_end_of_text(t), "bytes_a_token_stored",
                                    vocab_size > 65536 ? 4 : 2, "special", specials));
    print_left_aside(t);
    printf("kind         %s\nvocabulary   %lld\nend of text  %d\n", tokenizer_kind(t), vocab_size,
           (int)tokenizer_end_of_text(t));
    const char *text;
    json_t *token;
    json_object_foreach(specials, text, token)
    {
        char shown[256];
        printf("special      %lld %s\n", (long long)json_integer_value(token),
               text_escape(text, shown, sizeof shown));
    }
    json_decref(specials);
    return OK;
}

static Status print_tokens(const TokenizerArgs *q, const int32_t *tokens, int64_t count,
                           int64_t size, double seconds)
{
    if (q->json) {
        json_t *list = q->count ? NULL : json_array();
        for (int64_t i = 0; list && i < count; i++)
            json_array_append_new(list, json_integer(tokens[i]));
        return json_print(json_pack("{s:I, s:I, s:f, s:o*}", "count", (json_int_t)count, "bytes",
                                    (json_int_t)size, "seconds", seconds, "tokens", list));
    }
    if (q->count) {
        printf("%lld tokens of %lld bytes (%.2f bytes per token), in %.3f s\n", (long long)count,
               (long long)size, count ? (double)size / (double)count : 0.0, seconds);
        return OK;
    }
    for (int64_t i = 0; i < count; i++) printf("%d%c", (int)tokens[i], i + 1 < count ? ' ' : '\n');
    return OK;
}

Status tokenizer_apply_encode(TokenizerArgs *q)
{
    Tokenizer *t;
    char *text = (char *)q->text;
    int64_t size = text ? (int64_t)strlen(text) : 0, count;
    TRY(tokenizer_apply_open(q, &t));
    if (!text) TRY(read_text(q, &text, &size));
    const char *from = q->text ? "--text" : q->input ? q->input : "standard input";
    const TextPlace place = {.name = from};
    const int64_t room = tokenizer_room(t, size);
    int32_t *tokens = arena_take(&q->arena, (room + 1) * (int64_t)sizeof *tokens);
    if (!tokens) return FAIL(E_NOMEM, "%lld tokens", (long long)room);
    const double start = clock_seconds();
    if (q->special)
        TRY(tokenizer_encode_marked(t, &place, text, size, tokens, room, &count));
    else
        TRY(tokenizer_encode_at(t, &place, text, size, tokens, room, &count));
    return print_tokens(q, tokens, count, size, clock_seconds() - start);
}

/* The text of end-of-text, so that encode --marked gives it back; none if it has no text. */
static const char *end_of_text(const Tokenizer *t, int64_t *size)
{
    int32_t token;
    for (int64_t i = 0; i < tokenizer_special_count(t); i++) {
        const char *text = tokenizer_special(t, i, &token);
        *size = (int64_t)strlen(text);
        if (token == tokenizer_end_of_text(t)) return text;
    }
    *size = 0;
    return "";
}

static Status write_decoded(TokenizerArgs *q, FILE *out)
{
    Tokenizer *t;
    char *text = (char *)q->text;
    int64_t size;
    TRY(tokenizer_apply_open(q, &t));
    if (!text) TRY(read_text(q, &text, &size));
    const char *name = q->text ? "--text" : q->input ? q->input : "standard input";
    for (int64_t i = 0;; i++) {
        char *end, shown[32];
        text += strspn(text, " \t\r\n,[]");
        if (!*text) break;
        const long long token = strtoll(text, &end, 10);
        if (end == text || !strchr(" \t\r\n,]", *end) || token < 0 ||
            token >= tokenizer_vocab_size(t))
            return FAIL(E_DATA, "%s: token %lld is \"%.*s\"; expected a number from 0 to %lld",
                        name, (long long)i, 16, text_escape(text, shown, sizeof shown),
                        (long long)tokenizer_vocab_size(t) - 1);
        text = end;
        const char *bytes = tokenizer_bytes(t, (int32_t)token, &size);
        if (token == tokenizer_end_of_text(t)) bytes = end_of_text(t, &size);
        if (i == 0 && size && *bytes == ' ' && tokenizer_leading_blank(t)) bytes++, size--;
        fwrite(bytes, 1, (size_t)size, out);
    }
    return OK;
}

/* Several tokens may form one character, so the text is shown once it is complete. */
Status tokenizer_apply_decode(TokenizerArgs *q)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return FAIL(E_NOMEM, "the text");
    Status status = write_decoded(q, out);
    const bool is_whole = text_close(out, &text);
    if (status == OK && !is_whole) status = FAIL(E_NOMEM, "the text");
    if (status == OK) text_show(stdout, text, size);
    free(text);
    return status;
}
