/* The output of a worker. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/support/clock.h"
#include "train/support/stream.h"
#include "train/sweep/worker.h"

/* ---- time estimates */

Status estimate_open(Estimate *e, int64_t count)
{
    *e = (Estimate){calloc((size_t)count + 1, sizeof *e->rates), count};
    return e->rates ? OK : FAIL(E_NOMEM, "an estimate of %lld runs", (long long)count);
}

static double flops(const Cell *c, int64_t steps)
{
    return c->run.flops * (double)steps / (double)c->run.steps;
}

void estimate_note(Estimate *e, const Cell *cells, int64_t i, int64_t steps, double seconds)
{
    if (i < e->count && steps > 0 && seconds > 0) e->rates[i] = seconds / flops(&cells[i], steps);
}

double estimate_seconds(const Estimate *e, const Cell *cells, int64_t i, int64_t steps)
{
    int64_t best = -1;
    double least = INFINITY;
    for (int64_t j = 0; j < e->count; j++) {
        const double apart = fabs(log((double)cells[j].run.params / (double)cells[i].run.params));
        if (e->rates[j] > 0 && apart < least) best = j, least = apart;
    }
    return best < 0 ? 0 : flops(&cells[i], steps) * e->rates[best];
}

/* ---- output */

static const double TERMINAL_SECONDS = 0.5, PLAIN_SECONDS = 60;

static void erase(SweepWorker *w)
{
    if (w->line_open) fprintf(w->options->out, "\r\033[K");
    w->line_open = false;
}

void show_line(SweepWorker *w, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    if (!stream_is_read(w->options->out)) return;
    erase(w);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    text_put(w->options->out, text, strlen(text));
    fputc('\n', w->options->out);
    fflush(w->options->out);
}

typedef struct Counts {
    int64_t states[SWEEP_STATES], over;
} Counts;

static Counts count(const Sweep *s)
{
    Counts c = {.over = 0};
    for (int64_t i = 0; i < s->count; i++) {
        c.states[s->runs[i].state]++;
        c.over += sweep_state_is_over(s->runs[i].state);
    }
    return c;
}

void show_plan(SweepWorker *w)
{
    const SweepGrid *g = &w->grid;
    const TrunkSaving t = trunk_saving(g->cells, g->count);
    const Counts c = count(&w->sweep);
    show_line(w, "%s: %lld runs, %lld of them finished; %.3g FLOPs (%s); up to %lld at a time",
              w->sweep.folder, (long long)w->sweep.count, (long long)c.over, t.flops, g->spec.flops,
              (long long)w->jobs);
    if (t.branches)
        show_line(w,
                  "%lld of them branch off a longer run: %lld steps instead of %lld (%.2f times "
                  "fewer), %.3g FLOPs instead of %.3g (%.2f times fewer)",
                  (long long)t.branches, (long long)(t.steps - t.saved_steps), (long long)t.steps,
                  (double)t.steps / (double)(t.steps - t.saved_steps), t.flops - t.saved_flops,
                  t.flops, t.flops / (t.flops - t.saved_flops));
    if (g->left_out)
        show_line(w, "sweep.tokens_per_parameter and sweep.epochs leave out %lld cells",
                  (long long)g->left_out);
    if (g->repeating)
        show_line(w, "warning: %lld runs read the dataset more than once, up to %.2f times",
                  (long long)g->repeating, g->most_epochs);
}

/* Whether the warning is due for a run; text is its sentence. */
static bool is_due(const WarningRule *rule, const Cell *c, char text[WARNING_MAX])
{
    WarningFacts f = config_facts(c->config);
    f.data = *c->data;
    f.parameters = c->run.params;
    return rule->is_due(&f, text);
}

/* Each warning once, with the sentence for the first run. */
void show_warnings(SweepWorker *w)
{
    const SweepGrid *g = &w->grid;
    const Counts states = count(&w->sweep);
    if (states.states[SWEEP_planned] < w->sweep.count && !w->options->extend) return;
    for (const WarningRule *rule = warnings_of_run; rule->name; rule++) {
        char text[WARNING_MAX], other[WARNING_MAX];
        int64_t runs = 0;
        for (int64_t i = 0; i < g->count; i++)
            runs += is_due(rule, &g->cells[i], runs ? other : text);
        if (runs)
            fprintf(stderr, "capstan: warning: %lld of %lld runs: %s\n", (long long)runs,
                    (long long)g->count, text);
    }
}

/* Estimated seconds until all runs have finished. */
static double left(const SweepWorker *w)
{
    double sum = 0, longest = 0;
    for (int64_t i = 0; i < w->sweep.count && i < w->grid.count; i++) {
        const Cell *cell = &w->grid.cells[i];
        int64_t done = cell->trunk >= 0 ? cell->branch : 0;
        if (sweep_state_is_over(w->sweep.runs[i].state)) continue;
        for (int64_t j = 0; j < w->jobs; j++)
            if (w->children[j].pid && w->children[j].cell == i && w->children[j].seen.step > done)
                done = w->children[j].seen.step;
        const double seconds =
            estimate_seconds(&w->estimate, w->grid.cells, i, cell->run.steps - done);
        sum += seconds;
        if (seconds > longest) longest = seconds;
    }
    const double shared = sum / (double)(w->jobs < w->threads ? w->jobs : w->threads);
    return shared > longest ? shared : longest;
}

static void print_whole(SweepWorker *w)
{
    const Counts c = count(&w->sweep);
    const double seconds = left(w);
    FILE *out = w->options->out;
    fprintf(out, "%lld/%lld finished", (long long)c.over, (long long)w->sweep.count);
    for (int s = SWEEP_running; s < SWEEP_STATES; s++)
        if (c.states[s] && s != SWEEP_done)
            fprintf(out, ", %lld %s", (long long)c.states[s], sweep_state_name((SweepState)s));
    for (int64_t j = 0, shown = 0; j < w->jobs && shown < 4; j++) {
        const Child *child = &w->children[j];
        if (!child->pid) continue;
        const SweepRun *r = &w->grid.cells[child->cell].run;
        fprintf(out, "  %.6s %.0f %%", r->id,
                100 * (double)child->seen.step / (double)(r->steps ? r->steps : 1));
        shown++;
    }
    if (seconds > 0) fprintf(out, "  ETA %s", duration_text(seconds));
}

void show_end(SweepWorker *w, int64_t cell)
{
    const SweepRun *r = &w->sweep.runs[cell];
    const Counts c = count(&w->sweep);
    char name[512], how[1200];
    if (r->state == SWEEP_done)
        snprintf(how, sizeof how, "loss %.4f", r->loss);
    else
        snprintf(how, sizeof how, "%s: %s", sweep_state_name(r->state), r->reason);
    const double to_go = left(w);
    show_line(w, "[%lld/%lld] %s  (%s)  %s%s%s", (long long)c.over, (long long)w->sweep.count,
              r->id, cell_name(r, name, sizeof name), how, to_go > 0 ? "  ETA " : "",
              to_go > 0 ? duration_text(to_go) : "");
}

void show_progress(SweepWorker *w)
{
    const double now = clock_seconds();
    if (now - w->shown < (w->is_terminal ? TERMINAL_SECONDS : PLAIN_SECONDS)) return;
    w->shown = now;
    if (!stream_is_read(w->options->out)) return;
    erase(w);
    print_whole(w);
    w->line_open = w->is_terminal;
    if (!w->is_terminal) fputc('\n', w->options->out);
    fflush(w->options->out);
}
