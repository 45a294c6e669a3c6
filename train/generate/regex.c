#include "train/generate/regex.h"

#include <stdlib.h>
#include <string.h>

enum { NFA_MAX = 20000, TABLE = 4 * REGEX_STATES_MAX };
static const int64_t COMPILE_MAX = 2000000, WORK_MAX = 300000000; /* below a second */

/* A state of the nondeterministic automaton: reads a byte of the set and goes to out; or has no
 * set, and is in out and other at once. State 0 is the end of a match. */
typedef struct NfaState {
    bool reads;
    ByteSet set;
    int32_t out, other;
} NfaState;

typedef struct Nfa {
    NfaState *all; /* [NFA_MAX] */
    int32_t count;
    int64_t work; /* left; negative: the pattern is too large */
} Nfa;

static int32_t add_state(Nfa *n, NfaState s)
{
    if (n->count == NFA_MAX) n->work = -1;
    if (n->work < 0) return 0;
    n->all[n->count] = s;
    return n->count++;
}

static int32_t both(Nfa *n, int32_t out, int32_t other)
{
    return add_state(n, (NfaState){.out = out, .other = other});
}

static int32_t compile(Nfa *n, const RegexNode *node, int32_t next);

static int32_t compile_repeat(Nfa *n, const RegexNode *node, int32_t next)
{
    int32_t at = next;
    if (node->most < 0) {
        at = both(n, 0, next);
        const int32_t out = compile(n, node->first, at);
        if (n->work >= 0) n->all[at].out = out;
    }
    for (int64_t i = node->least; i < node->most && n->work >= 0; i++)
        at = both(n, compile(n, node->first, at), next);
    for (int64_t i = 0; i < node->least && n->work >= 0; i++) at = compile(n, node->first, at);
    return at;
}

/* Adds the states of a node that `next` follows; returns the one it begins with. */
static int32_t compile(Nfa *n, const RegexNode *node, int32_t next)
{
    int32_t at = next;
    if (--n->work < 0) return 0;
    switch (node->kind) {
    case REGEX_SET: return add_state(n, (NfaState){.reads = true, .set = node->set, .out = next});
    case REGEX_REPEAT: return compile_repeat(n, node, next);
    case REGEX_SEQUENCE:
        for (const RegexNode *p = node->first; p; p = p->next) at = compile(n, p, at);
        return at;
    case REGEX_CHOICE:
        at = compile(n, node->first, next);
        for (const RegexNode *p = node->first->next; p; p = p->next)
            at = both(n, compile(n, p, next), at);
        return at;
    }
    return at;
}

/* Bytes that no set tells apart form a class. */
static int find_classes(const Nfa *n, int class_of[256])
{
    int count = 1;
    memset(class_of, 0, 256 * sizeof *class_of);
    for (int32_t i = 0; i < n->count; i++) {
        int inside[256];
        if (!n->all[i].reads) continue;
        memset(inside, -1, sizeof inside);
        int before[256];
        bool outside[256] = {false};
        memcpy(before, class_of, sizeof before);
        for (int byte = 0; byte < 256; byte++)
            if (!byte_set_has(&n->all[i].set, byte)) outside[before[byte]] = true;
        for (int byte = 0; byte < 256; byte++) {
            int *new = &inside[before[byte]];
            if (!byte_set_has(&n->all[i].set, byte) || !outside[before[byte]]) continue;
            if (*new < 0) *new = count++;
            class_of[byte] = *new;
        }
    }
    return count;
}

/* Sets of states of the nondeterministic automaton, each a state of the other one. */
typedef struct Subsets {
    const Nfa *nfa;
    Regex *regex;
    int64_t words, work;
    uint64_t *sets; /* [REGEX_STATES_MAX + 1, words]; the last is the one being built */
    int32_t *table; /* [TABLE]: numbers of sets + 1, by hash */
    int32_t *stack; /* [2 NFA_MAX] */
} Subsets;

static uint64_t *set_at(const Subsets *s, int64_t i)
{
    return s->sets + i * s->words;
}

/* Adds a state and those that it is in at once. */
static void add_closure(Subsets *s, uint64_t *set, int32_t state)
{
    int64_t depth = 0;
    s->stack[depth++] = state;
    while (depth) {
        const int32_t at = s->stack[--depth];
        const uint64_t bit = UINT64_C(1) << at % 64;
        s->work--;
        if (set[at / 64] & bit) continue;
        set[at / 64] |= bit;
        if (!at || s->nfa->all[at].reads) continue;
        s->stack[depth++] = s->nfa->all[at].out;
        s->stack[depth++] = s->nfa->all[at].other;
    }
}

/* The number of the set that was built, which may be a new one; -1: it is empty, or one too many. */
static int32_t find_set(Subsets *s)
{
    const uint64_t *built = set_at(s, REGEX_STATES_MAX);
    uint64_t hash = 14695981039346656037u, any = 0;
    for (int64_t i = 0; i < s->words; i++) {
        any |= built[i];
        hash = (hash ^ built[i]) * 1099511628211u;
        hash ^= hash >> 29;
    }
    if (!any) return REGEX_DEAD;
    int64_t at = (int64_t)(hash % TABLE);
    const size_t size = (size_t)s->words * sizeof *built;
    for (; s->table[at]; at = (at + 1) % TABLE)
        if (!memcmp(set_at(s, s->table[at] - 1), built, size)) return s->table[at] - 1;
    if (s->regex->count == REGEX_STATES_MAX) {
        s->work = -1;
        return REGEX_DEAD;
    }
    memcpy(set_at(s, s->regex->count), built, size);
    s->table[at] = ++s->regex->count;
    return s->regex->count - 1;
}

/* The set after a byte. */
static int32_t step(Subsets *s, int32_t from, int byte)
{
    const uint64_t *set = set_at(s, from);
    uint64_t *built = set_at(s, REGEX_STATES_MAX);
    memset(built, 0, (size_t)s->words * sizeof *built);
    s->work -= s->words;
    for (int64_t w = 0; w < s->words; w++)
        for (uint64_t left = set[w]; left; left &= left - 1) {
            const NfaState *n = s->nfa->all + w * 64 + __builtin_ctzll(left);
            if (n->reads && byte_set_has(&n->set, byte)) add_closure(s, built, n->out);
        }
    return find_set(s);
}

static void build(Subsets *s, int32_t start)
{
    int class_of[256];
    const int classes = find_classes(s->nfa, class_of);
    add_closure(s, set_at(s, REGEX_STATES_MAX), start);
    find_set(s);
    for (int32_t i = 0; i < s->regex->count && s->work >= 0; i++) {
        int32_t next[256];
        s->regex->accepts[i] = *set_at(s, i) & 1;
        for (int c = 0; c < classes; c++) {
            int byte = 0;
            while (class_of[byte] != c) byte++;
            next[c] = step(s, i, byte);
        }
        for (int byte = 0; byte < 256; byte++) s->regex->next[i][byte] = next[class_of[byte]];
    }
}

static Status open_subsets(Subsets *s, Arena *scratch, Arena *a, Regex *r, const Nfa *nfa)
{
    *s = (Subsets){.nfa = nfa, .regex = r, .words = nfa->count / 64 + 1, .work = WORK_MAX};
    s->sets = arena_zero(scratch, (REGEX_STATES_MAX + 1) * s->words * (int64_t)sizeof *s->sets);
    s->table = arena_zero(scratch, TABLE * (int64_t)sizeof *s->table);
    s->stack = arena_take(scratch, 2 * NFA_MAX * (int64_t)sizeof *s->stack);
    r->next = arena_take(a, REGEX_STATES_MAX * (int64_t)sizeof *r->next);
    r->accepts = arena_zero(a, REGEX_STATES_MAX * (int64_t)sizeof *r->accepts);
    return s->sets && s->table && s->stack && r->next && r->accepts ? OK : FAIL(E_NOMEM, "--regex");
}

static Status open_with(Regex *r, Arena *scratch, Arena *a, const char *pattern)
{
    RegexNode *tree;
    Subsets s;
    Nfa nfa = {.count = 1, .work = COMPILE_MAX};
    TRY(regex_parse(pattern, scratch, &tree));
    nfa.all = arena_zero(scratch, NFA_MAX * (int64_t)sizeof *nfa.all);
    if (!nfa.all) return FAIL(E_NOMEM, "--regex");
    const int32_t start = compile(&nfa, tree, 0);
    if (nfa.work < 0) return FAIL(E_ARG, "--regex %s: the pattern is too large", pattern);
    TRY(open_subsets(&s, scratch, a, r, &nfa));
    build(&s, start);
    if (s.work < 0)
        return FAIL(E_ARG, "--regex %s: the pattern needs more than %d states, or too much work",
                    pattern, REGEX_STATES_MAX);
    return OK;
}

Status regex_open(Regex *r, Arena *a, const char *pattern)
{
    Arena scratch = {0};
    *r = (Regex){0};
    const Status status = open_with(r, &scratch, a, pattern);
    arena_free(&scratch);
    return status;
}
