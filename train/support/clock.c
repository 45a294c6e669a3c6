#include "train/support/clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *duration_text(double seconds)
{
    static _Thread_local char texts[4][32];
    static _Thread_local unsigned turn;
    char *text = texts[turn++ % 4];
    if (!(seconds >= 0 && seconds < 3.15e8)) return "?";
    const long s = lround(seconds), hours = s / 3600;
    if (hours)
        snprintf(text, sizeof texts[0], "%ld:%02ld:%02ld", hours, s / 60 % 60, s % 60);
    else
        snprintf(text, sizeof texts[0], "%ld:%02ld", s / 60, s % 60);
    return text;
}
