#include "train/scaling/default_law.h"

#include <stdio.h>
#include <string.h>

#include "train/scaling/frontier.h"

enum { REASON = 512 };

static const LawKind candidates[] = {LAW_FRONTIER, LAW_CHINCHILLA, LAW_KAPLAN};
enum { CANDIDATES = sizeof candidates / sizeof *candidates };

typedef struct Choice {
    const LawPoint *points;
    int64_t count;
    const FitOptions *options;
    Arena *arena;
    char reasons[CANDIDATES * REASON];
} Choice;

static void add_reason(Choice *c, LawKind law, const char *why)
{
    const size_t length = strlen(c->reasons);
    snprintf(c->reasons + length, sizeof c->reasons - length, "%s%s: %s", length ? "; " : "",
             law_name(law), why);
}

/* Sets *fits, and *holds if the law has not missed all of its own sweep. */
static Status try_law(Choice *c, LawKind law, FitResult *r, bool *fits, bool *holds)
{
    Backtest b;
    *fits = *holds = false;
    const Status status = fit_law(law, c->points, c->count, c->options, c->arena, r);
    if (status == E_NOMEM) return status;
    if (status != OK || !fit_has_optimum(r)) {
        add_reason(c, law,
                   status == OK ? r->frontier->no_minima
                                : error_message() + strlen(status_text(status)) + 2);
        return OK;
    }
    *fits = true;
    TRY(backtest(law, c->points, c->count, c->options, c->arena, &b));
    *holds = !backtest_missed_all(&b);
    if (!*holds) add_reason(c, law, "it has missed all of its own sweep");
    return OK;
}

static Status choose(Choice *c, FitResult *r)
{
    FitResult first;
    bool any = false, fits, holds;
    for (int i = 0; i < CANDIDATES; i++) {
        TRY(try_law(c, candidates[i], r, &fits, &holds));
        if (holds) return OK;
        if (fits && !any) first = *r, any = true;
    }
    if (!any) return FAIL(E_DATA, "no law fits these points: %s", c->reasons);
    *r = first;
    return OK;
}

Status default_law(const LawPoint *points, int64_t count, const FitOptions *options, Arena *arena,
                   FitResult *r, const char **why)
{
    Choice *c = arena_zero(arena, (int64_t)sizeof *c);
    *why = NULL;
    if (!c) return FAIL(E_NOMEM, "a law");
    c->points = points, c->count = count, c->options = options, c->arena = arena;
    TRY(choose(c, r));
    if (*c->reasons) *why = c->reasons;
    return OK;
}
