#include "train/generate/regex_tree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

enum { DEPTH_MAX = 100, NODES_MAX = 1 << 18, REPEAT_MAX = 10000, ASCII = 128 };

typedef struct Parser {
    const char *pattern, *at, *end;
    Arena *arena;
    int64_t nodes;
    int depth;
} Parser;

/* E_ARG with the place. */
#define PART_FAIL(p, ...)                                      \
    (snprintf(part, sizeof part, __VA_ARGS__),                 \
     FAIL(E_ARG, "--regex %s: at byte %lld: %s", (p)->pattern, \
          (long long)((p)->at - (p)->pattern) + 1, part))
static _Thread_local char part[160];

static Status new_node(Parser *p, RegexKind kind, RegexNode **out)
{
    if (++p->nodes > NODES_MAX) return PART_FAIL(p, "the pattern is too large");
    *out = arena_zero(p->arena, sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "--regex");
    (*out)->kind = kind;
    return OK;
}

static void add_part(RegexNode *n, RegexNode *new)
{
    new->next = n->first;
    n->first = new;
}

static Status add_byte(Parser *p, RegexNode *sequence, int byte)
{
    RegexNode *n;
    TRY(new_node(p, REGEX_SET, &n));
    byte_set_add(&n->set, byte);
    add_part(sequence, n);
    return OK;
}

static void complement(ByteSet *s)
{
    for (int i = 0; i < 4; i++) s->bits[i] = ~s->bits[i];
}

static bool is_word(int byte)
{
    return byte < ASCII && (isalnum(byte) || byte == '_');
}

/* Adds the bytes of \d, \w, \s, \D, \W or \S; returns false if `letter` is none of them. */
static bool add_shorthand(ByteSet *s, char letter)
{
    ByteSet set = {{0}};
    for (int byte = 0; byte < ASCII; byte++)
        if (letter == 'd' || letter == 'D'   ? isdigit(byte)
            : letter == 'w' || letter == 'W' ? is_word(byte)
                                             : isspace(byte))
            byte_set_add(&set, byte);
    if (!letter || !strchr("dDwWsS", letter)) return false;
    if (isupper((unsigned char)letter)) complement(&set);
    for (int i = 0; i < 4; i++) s->bits[i] |= set.bits[i];
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape sequence names; p->at is after the backslash. */
static Status read_escape(Parser *p, int *byte)
{
    static const char names[] = "ntrfv", bytes[] = "\n\t\r\f\v";
    if (p->at == p->end) return PART_FAIL(p, "nothing follows the backslash");
    const char c = *p->at;
    const char *name = strchr(names, c);
    if (c == 'x') {
        const int high = p->at + 1 < p->end ? hex_digit(p->at[1]) : -1,
                  low = p->at + 2 < p->end ? hex_digit(p->at[2]) : -1;
        if (high < 0 || low < 0) return PART_FAIL(p, "expected two hexadecimal digits after \\x");
        *byte = 16 * high + low;
        p->at += 2;
    } else if (name)
        *byte = (unsigned char)bytes[name - names];
    else if (isalnum((unsigned char)c))
        return PART_FAIL(p, "\\%c is not supported", c);
    else
        *byte = (unsigned char)c;
    p->at++;
    return OK;
}

/* Reads a character; one that is not UTF-8 is its first byte. Returns its length. */
static int read_character(Parser *p, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)p->at;
    int length = text_utf8_length(s, (size_t)(p->end - p->at));
    if (length < 1) length = 1;
    *code = length < 2 ? *s : *s & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++) *code = *code << 6 | (s[i] & 0x3Fu);
    p->at += length;
    return length;
}

/* A sequence of the bytes of a character of at least two. */
static Status character_node(Parser *p, uint32_t code, RegexNode **out)
{
    const int length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    TRY(new_node(p, REGEX_SEQUENCE, out));
    TRY(add_byte(p, *out, (int)((0xF00u >> length & 0xFFu) | code >> 6 * (length - 1))));
    for (int i = length - 2; i >= 0; i--)
        TRY(add_byte(p, *out, (int)(0x80u | (code >> 6 * i & 0x3Fu))));
    return OK;
}

/* One end of a range in a class. *is_byte: it is a byte, and no character beyond ASCII. */
static Status read_bound(Parser *p, uint32_t *code, bool *is_byte)
{
    *is_byte = true;
    if (*p->at == '\\') {
        int byte;
        p->at++;
        TRY(read_escape(p, &byte));
        *code = (uint32_t)byte;
        return OK;
    }
    if (*p->at == '[' && p->at + 1 < p->end && strchr(":.=", p->at[1]))
        return PART_FAIL(p, "[%c is not supported; write \\[ for a bracket", p->at[1]);
    *is_byte = read_character(p, code) == 1;
    return OK;
}

/* Adds the characters first .. last: bytes to the set, others as choices. */
static Status add_range(Parser *p, RegexNode *choice, ByteSet *set, uint32_t first, uint32_t last,
                        bool are_bytes)
{
    for (uint32_t code = first; code <= last; code++) {
        RegexNode *n;
        if (are_bytes || code < ASCII)
            byte_set_add(set, (int)code);
        else if (code < 0xD800 || code > 0xDFFF) {
            TRY(character_node(p, code, &n));
            add_part(choice, n);
        }
    }
    return OK;
}

static Status read_range(Parser *p, RegexNode *choice, ByteSet *set)
{
    uint32_t first, last;
    bool is_byte, last_is_byte;
    if (*p->at == '\\' && p->at + 1 < p->end && add_shorthand(set, p->at[1])) {
        p->at += 2;
        return OK;
    }
    TRY(read_bound(p, &first, &is_byte));
    last = first;
    last_is_byte = is_byte;
    if (p->at + 1 < p->end && *p->at == '-' && p->at[1] != ']') {
        p->at++;
        TRY(read_bound(p, &last, &last_is_byte));
        if (last < first) return PART_FAIL(p, "a range whose end is before its beginning");
        if (!last_is_byte && is_byte && first >= ASCII)
            return PART_FAIL(p, "a range from a byte to a character");
    }
    return add_range(p, choice, set, first, last, is_byte && last_is_byte);
}

/* A class; p->at is behind its bracket. */
static Status read_class(Parser *p, RegexNode **out)
{
    RegexNode *set;
    const bool is_negated = p->at < p->end && *p->at == '^';
    p->at += is_negated;
    TRY(new_node(p, REGEX_CHOICE, out));
    TRY(new_node(p, REGEX_SET, &set));
    for (bool begins = true;; begins = false) {
        if (p->at == p->end) return PART_FAIL(p, "expected ] at the end of a class");
        if (*p->at == ']' && !begins) break;
        TRY(read_range(p, *out, &set->set));
    }
    p->at++;
    if (is_negated && (*out)->first)
        return PART_FAIL(p, "a negated class is one of bytes: expected ASCII characters in it");
    if (is_negated) complement(&set->set);
    add_part(*out, set);
    return OK;
}

static Status read_choice(Parser *p, RegexNode **out);

/* A group; p->at is behind its parenthesis. */
static Status read_group(Parser *p, RegexNode **out)
{
    if (p->at < p->end && *p->at == '?') {
        if (p->at + 1 == p->end || p->at[1] != ':')
            return PART_FAIL(p, "of the groups that begin with (? only (?: is supported");
        p->at += 2;
    }
    if (++p->depth > DEPTH_MAX) return PART_FAIL(p, "more than %d groups in each other", DEPTH_MAX);
    TRY(read_choice(p, out));
    p->depth--;
    if (p->at == p->end) return PART_FAIL(p, "expected ) at the end of a group");
    p->at++;
    return OK;
}

static Status read_literal(Parser *p, RegexNode **out)
{
    uint32_t code;
    if (read_character(p, &code) > 1) return character_node(p, code, out);
    TRY(new_node(p, REGEX_SET, out));
    byte_set_add(&(*out)->set, (int)code);
    return OK;
}

static Status read_atom(Parser *p, RegexNode **out)
{
    const char c = *p->at;
    if (strchr("*+?{", c))
        return PART_FAIL(p, "%c has nothing to repeat; write \\%c for itself", c, c);
    if (c == '^' || c == '$')
        return PART_FAIL(p, "%c inside a pattern: the whole text must match; write \\%c for itself",
                         c, c);
    if (c == '(') return p->at++, read_group(p, out);
    if (c == '[') return p->at++, read_class(p, out);
    if (c != '.' && c != '\\') return read_literal(p, out);

    int byte = '\n';
    p->at++;
    TRY(new_node(p, REGEX_SET, out));
    if (c == '\\' && p->at < p->end && add_shorthand(&(*out)->set, *p->at)) return p->at++, OK;
    if (c == '\\') TRY(read_escape(p, &byte));
    byte_set_add(&(*out)->set, byte);
    if (c == '.') complement(&(*out)->set);
    return OK;
}

/* "3}", "3,}" or "3,5}" */
static Status read_counts(Parser *p, int64_t *least, int64_t *most)
{
    char *end;
    *least = *most = -1;
    if (isdigit((unsigned char)*p->at)) {
        *least = *most = strtol(p->at, &end, 10);
        if (*end == ',') {
            *most = -1;
            if (isdigit((unsigned char)*++end)) *most = strtol(end, &end, 10);
        }
        if (*end != '}') *least = -1;
    }
    if (*least < 0) return PART_FAIL(p, "expected {n}, {n,} or {n,m}; write \\{ for a brace");
    if (*least > REPEAT_MAX || *most > REPEAT_MAX)
        return PART_FAIL(p, "more than %d repetitions", REPEAT_MAX);
    if (*most >= 0 && *most < *least) return PART_FAIL(p, "the largest count is below the least");
    p->at = end + 1;
    return OK;
}

/* Reads * + ? {n,m} behind an atom, and puts it into a node that repeats it. */
static Status read_repeats(Parser *p, RegexNode **atom)
{
    while (p->at < p->end && *p->at && strchr("*+?{", *p->at)) {
        const char c = *p->at++;
        int64_t least = c == '+', most = c == '?' ? 1 : -1;
        RegexNode *n;
        if (c == '{') TRY(read_counts(p, &least, &most));
        if (p->at < p->end && *p->at == '?') p->at++; /* lazy: the same texts match */
        if (p->at < p->end && *p->at == '+')
            return PART_FAIL(p, "possessive repetition is not supported");
        TRY(new_node(p, REGEX_REPEAT, &n));
        n->least = least;
        n->most = most;
        n->first = *atom;
        *atom = n;
        if (p->at < p->end && strchr("*?{", *p->at))
            return PART_FAIL(p, "%c after a repetition; put what is repeated into ( )", *p->at);
    }
    return OK;
}

static Status read_sequence(Parser *p, RegexNode **out)
{
    TRY(new_node(p, REGEX_SEQUENCE, out));
    while (p->at < p->end && *p->at != '|' && *p->at != ')') {
        RegexNode *n;
        TRY(read_atom(p, &n));
        TRY(read_repeats(p, &n));
        add_part(*out, n);
    }
    return OK;
}

static Status read_choice(Parser *p, RegexNode **out)
{
    TRY(new_node(p, REGEX_CHOICE, out));
    for (;;) {
        RegexNode *n;
        TRY(read_sequence(p, &n));
        add_part(*out, n);
        if (p->at == p->end || *p->at != '|') return OK;
        p->at++;
    }
}

/* Whether the pattern ends in a $ that no backslash makes a dollar. */
static bool ends_in_anchor(const char *pattern, const char *end)
{
    int backslashes = 0;
    if (end == pattern || end[-1] != '$') return false;
    for (const char *at = end - 1; at > pattern && at[-1] == '\\'; at--) backslashes++;
    return backslashes % 2 == 0;
}

Status regex_parse(const char *pattern, Arena *a, RegexNode **out)
{
    Parser p = {.pattern = pattern, .at = pattern, .end = pattern + strlen(pattern), .arena = a};
    if (ends_in_anchor(pattern, p.end)) p.end--;
    if (p.at < p.end && *p.at == '^') p.at++;
    TRY(read_choice(&p, out));
    if (p.at < p.end) return PART_FAIL(&p, "there is no ( before this )");
    return OK;
}
