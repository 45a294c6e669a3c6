#include "train/monitor/tally.h"

Status tally_open(Tally *t, Arena *a, int64_t size)
{
    *t = (Tally){.size = size, .marks = arena_zero(a, size)};
    return t->marks ? OK : FAIL(E_NOMEM, "a tally of %lld", (long long)size);
}

void tally_clear(Tally *t)
{
    t->count = t->next = t->marked = 0;
}

void tally_add(Tally *t, bool marked)
{
    if (t->count == t->size)
        t->marked -= t->marks[t->next];
    else
        t->count++;
    t->marks[t->next] = marked;
    t->marked += marked;
    t->next = (t->next + 1) % t->size;
}

bool tally_at(const Tally *t, int64_t i)
{
    INVARIANT(i >= 0 && i < t->count);
    return t->marks[(t->next + t->size - t->count + i) % t->size];
}
