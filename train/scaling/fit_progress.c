#include "train/scaling/fit_progress.h"

#include "train/support/clock.h"

static const double first_after = 2, then_every = 10, on_terminal_every = 0.2; /* seconds */

void fit_progress_begin(FitProgress *p, const char *what, int64_t count)
{
    if (!p) return;
    p->what = what;
    p->count = count;
    atomic_store(&p->done, 0);
    p->began = clock_seconds();
    p->due = p->began + first_after;
}

static void show(FitProgress *p, int64_t done, double now)
{
    const double left = (now - p->began) * (double)(p->count - done) / (double)done;
    fprintf(p->out, "%sfit: %s %lld of %lld, ETA %s%s", p->is_terminal ? "\r" : "", p->what,
            (long long)done, (long long)p->count, duration_text(left),
            p->is_terminal ? "\033[K" : "\n");
    fflush(p->out);
    p->line_open = p->is_terminal;
    p->due = now + (p->is_terminal ? on_terminal_every : then_every);
}

void fit_progress_add(FitProgress *p, int worker)
{
    if (!p) return;
    const int64_t done = atomic_fetch_add(&p->done, 1) + 1;
    if (worker) return;
    const double now = clock_seconds();
    if (now >= p->due) show(p, done, now);
}

void fit_progress_end(FitProgress *p)
{
    if (!p || !p->line_open) return;
    fputs("\r\033[K", p->out);
    fflush(p->out);
    p->line_open = false;
}
