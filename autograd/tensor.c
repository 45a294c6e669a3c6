#include "autograd/tensor.h"

#include <inttypes.h>
#include <stdio.h>

int64_t shape_count(Shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.rank; i++) n *= s.dim[i];
    return n;
}

int64_t shape_last(Shape s)
{
    return s.rank ? s.dim[s.rank - 1] : 1;
}

int64_t shape_rows(Shape s)
{
    return shape_last(s) ? shape_count(s) / shape_last(s) : 0;
}

bool shape_equal(Shape a, Shape b)
{
    if (a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i]) return false;
    return true;
}

const char *shape_text(Shape s)
{
    static _Thread_local char texts[4][96];
    static _Thread_local unsigned turn;
    char *text = texts[turn++ % 4], *end = text;
    end += sprintf(end, "[");
    for (int i = 0; i < s.rank; i++) end += sprintf(end, i ? ", %" PRId64 : "%" PRId64, s.dim[i]);
    sprintf(end, "]");
    return text;
}
