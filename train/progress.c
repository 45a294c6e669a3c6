#include "train/progress.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "train/support/clock.h"
#include "train/support/stream.h"

enum { NOTE_MAX = 4096 };

static const double TERMINAL_SECONDS = 0.1, PLAIN_SECONDS = 5;

void progress_begin(Progress *p, const Run *r, double seconds, int64_t end, FILE *out)
{
    *p = (Progress){.out = out,
                    .is_terminal = isatty(fileno(out)),
                    .started = clock_seconds(),
                    .tokens = r->tokens,
                    .seconds = seconds,
                    .first = r->step,
                    .end = end};
    p->shown = p->started;
}

static void erase(Progress *p)
{
    if (p->line_open) fprintf(p->out, "\r\033[K");
    p->line_open = false;
}

/* Whether the next line can be shown. */
static bool begin_line(Progress *p)
{
    if (!stream_is_read(p->out)) {
        p->dropped++;
        return false;
    }
    erase(p);
    if (p->dropped)
        fprintf(p->out, "(%lld lines dropped: nobody read them)\n", (long long)p->dropped);
    p->dropped = 0;
    return true;
}

void progress_step(Progress *p, const Run *r, double seconds)
{
    const double now = clock_seconds();
    const int64_t steps = r->config->train.steps;
    const bool last = r->step == p->end, first = r->step == p->first + 1;
    if (!last && !first && now - p->shown < (p->is_terminal ? TERMINAL_SECONDS : PLAIN_SECONDS))
        return;
    const double elapsed = seconds - p->seconds,
                 speed = elapsed > 0 ? (double)(r->tokens - p->tokens) / elapsed : 0;
    p->shown = now;
    p->tokens = r->tokens;
    p->seconds = seconds;

    const double each = (now - p->started - p->paused) / (double)(r->step - p->first),
                 left = each * (double)(p->end - r->step);
    if (!begin_line(p)) return;
    fprintf(p->out, "step %*lld/%lld  ", snprintf(NULL, 0, "%lld", (long long)steps),
            (long long)r->step, (long long)steps);
    if (r->monitor.judgement.no_loss)
        fprintf(p->out, "a batch without loss tokens");
    else
        fprintf(p->out, "loss %.4f  grad %.2f", r->loss, r->grad_norm);
    fprintf(p->out, "  lr %.1e  %.0f tokens/s  ETA %s", r->lr, speed, duration_text(left));
    if (p->is_terminal && !last)
        p->line_open = true;
    else
        fputc('\n', p->out);
    fflush(p->out);
}

void progress_note(Progress *p, const char *fmt, ...)
{
    char text[NOTE_MAX];
    va_list args;
    if (!begin_line(p)) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    text_put(p->out, text, strlen(text));
    fputc('\n', p->out);
    fflush(p->out);
}

void progress_end(Progress *p)
{
    if (p->line_open) fputc('\n', p->out);
    p->line_open = false;
    if (p->out) fflush(p->out);
}
