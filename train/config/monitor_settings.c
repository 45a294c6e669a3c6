#include "train/config/monitor_settings.h"

#include <math.h>

enum { WINDOW_USUAL = 128, WINDOW_LEAST = 8, SNAPSHOT_USUAL = 50 };

int64_t monitor_window(const MonitorConfig *c, int64_t steps)
{
    if (c->window) return c->window;
    return steps > WINDOW_USUAL ? WINDOW_USUAL : steps > WINDOW_LEAST ? steps : WINDOW_LEAST;
}

int64_t monitor_snapshot_every(const MonitorConfig *c)
{
    if (c->snapshot_every >= 0) return c->snapshot_every;
    return c->action == ACTION_rewind ? SNAPSHOT_USUAL : 0;
}

double monitor_rms_warn(const MonitorConfig *c, double beta2)
{
    return c->rms_warn >= 0 ? c->rms_warn : 12 / sqrt(1 + 144 * (1 - beta2));
}

static Status check_window(const MonitorConfig *c, int64_t steps)
{
    if (c->window && c->window < WINDOW_LEAST)
        return FAIL(E_CONFIG,
                    "monitor.window = %lld: too few values for a median: expected at least %d, "
                    "or 0 for %d",
                    (long long)c->window, WINDOW_LEAST, WINDOW_USUAL);
    if (c->window > steps)
        return FAIL(E_CONFIG,
                    "monitor.window = %lld is longer than the run, train.steps = %lld: expected at "
                    "most that, or 0 for the default",
                    (long long)c->window, (long long)steps);
    return OK;
}

static Status check_rewind(const MonitorConfig *c, int64_t steps)
{
    const int64_t every = monitor_snapshot_every(c), reach = (c->snapshots - 1) * every;
    if (c->snapshot_every > 0 && c->snapshot_every > steps)
        return FAIL(E_CONFIG,
                    "monitor.snapshot_every = %lld is longer than the run, train.steps = %lld",
                    (long long)c->snapshot_every, (long long)steps);
    if (c->action != ACTION_rewind) return OK;
    if (!every)
        return FAIL(E_CONFIG, "monitor.action = rewind needs snapshots to go back to, and "
                              "monitor.snapshot_every = 0 makes none: expected at least 1, or -1");
    if (c->rewind_steps > reach)
        return FAIL(E_CONFIG,
                    "monitor.rewind_steps = %lld is further back than the oldest snapshot: "
                    "monitor.snapshots = %lld of monitor.snapshot_every = %lld reach back at least "
                    "%lld steps",
                    (long long)c->rewind_steps, (long long)c->snapshots, (long long)every,
                    (long long)reach);
    return OK;
}

static Status check_inject(const MonitorConfig *c)
{
    if (c->inject != INJECT_none && !c->inject_batch)
        return FAIL(E_CONFIG,
                    "monitor.inject = %s needs monitor.inject_batch, the first batch with the "
                    "fault, from 1",
                    inject_text(c->inject));
    if (c->inject == INJECT_nan && !*c->inject_where)
        return FAIL(E_CONFIG, "monitor.inject = nan needs monitor.inject_where: SCOPE/OP or "
                              "SCOPE/OP/backward, as in blocks.0.mlp/linear");
    return OK;
}

Status monitor_check(const MonitorConfig *c, int64_t steps)
{
    TRY(check_window(c, steps));
    if (c->attention_severe > 0 && c->attention_severe < c->attention_warn)
        return FAIL(E_CONFIG,
                    "monitor.attention_severe = %g is below monitor.attention_warn = %g: expected "
                    "at least that, or 0 for none",
                    c->attention_severe, c->attention_warn);
    TRY(check_rewind(c, steps));
    return check_inject(c);
}
