#include "train/generate/stop_strings.h"

#include <string.h>

static void find_borders(StopString *s)
{
    s->border[0] = 0;
    if (s->size) s->border[1] = 0;
    for (int64_t k = 1, border = 0; k < s->size; k++) {
        while (border && s->bytes[border] != s->bytes[k]) border = s->border[border];
        border += s->bytes[border] == s->bytes[k];
        s->border[k + 1] = border;
    }
}

Status stop_strings_open(StopStrings *s, Arena *a, const char *const *texts, int64_t count)
{
    *s = (StopStrings){.all = arena_take(a, count * (int64_t)sizeof *s->all), .count = count};
    if (!s->all) return FAIL(E_NOMEM, "%lld stop strings", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        StopString *one = s->all + i;
        *one = (StopString){.bytes = texts[i], .size = (int64_t)strlen(texts[i])};
        if (!one->size) return FAIL(E_ARG, "a stop string is empty: expected at least one byte");
        one->border = arena_take(a, (one->size + 1) * (int64_t)sizeof *one->border);
        if (!one->border) return FAIL(E_NOMEM, "a stop string");
        find_borders(one);
        if (one->size > s->longest) s->longest = one->size;
    }
    return OK;
}

Status stop_finder_open(StopFinder *f, Arena *a, const StopStrings *s)
{
    *f = (StopFinder){.strings = s,
                      .matched = arena_zero(a, s->count * (int64_t)sizeof *f->matched),
                      .held = arena_take(a, s->longest + 1)};
    return f->matched && f->held ? OK : FAIL(E_NOMEM, "stop strings");
}

/* How many bytes of s the text ends with after one more byte, given that it was `matched`. */
static int64_t extend(const StopString *s, int64_t matched, char byte)
{
    while (matched && s->bytes[matched] != byte) matched = s->border[matched];
    return matched + (s->bytes[matched] == byte);
}

int64_t stop_finder_add(StopFinder *f, char byte)
{
    int64_t complete = 0, begun = 0;
    f->held[f->held_count++] = byte;
    for (int64_t i = 0; i < f->strings->count; i++) {
        const StopString *s = f->strings->all + i;
        f->matched[i] = extend(s, f->matched[i], byte);
        if (f->matched[i] > begun) begun = f->matched[i];
        if (f->matched[i] == s->size && s->size > complete) complete = s->size;
    }
    f->found = complete > 0;
    return f->held_count - (f->found ? complete : begun);
}

void stop_finder_release(StopFinder *f, int64_t count)
{
    f->held_count -= count;
    memmove(f->held, f->held + count, (size_t)f->held_count);
}

void stop_finder_copy(StopFinder *to, const StopFinder *from)
{
    memcpy(to->matched, from->matched, (size_t)from->strings->count * sizeof *to->matched);
    memcpy(to->held, from->held, (size_t)from->held_count);
    to->held_count = from->held_count;
    to->found = from->found;
}
