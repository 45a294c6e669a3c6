#include "train/scaling/backtest.h"

#include <math.h>

#include "train/scaling/frontier.h"

/* A back-test fits each law many times, so each fit takes less time than a final one. */
enum { BUDGETS_MIN = 3, STARTS = 300, BOOTSTRAPS = 400, SIMULATIONS = 50 };

typedef struct Origin {
    LawKind law;
    FitOptions options; /* the progress is of back-tests, not of their fits */
    FitProgress *progress;
    const FitBudget *budget; /* used ones */
    int64_t used;
    const LawPoint *point;
    int64_t points;
} Origin;

/* The points to fit, of the first `budgets`: all of them, or the lowest of each. */
static int64_t take_points(const Origin *o, int64_t budgets, LawPoint *out)
{
    int64_t count = 0;
    if (o->law == LAW_COMPUTE) {
        for (; count < budgets; count++)
            out[count] = (LawPoint){.params = o->budget[count].params,
                                    .tokens = o->budget[count].tokens,
                                    .flops = o->budget[count].flops,
                                    .loss = o->budget[count].loss};
        return count;
    }
    const double end = sqrt(o->budget[budgets - 1].flops * o->budget[budgets].flops);
    for (int64_t i = 0; i < o->points; i++)
        if (o->point[i].flops < end) out[count++] = o->point[i];
    return count;
}

/* Fits the first `budgets` and predicts the next; false: the law does not fit. */
static bool predict_next(const Origin *o, int64_t budgets, Arena *arena, FitValue *run)
{
    const double flops = o->budget[budgets].flops;
    FitPrediction p;
    if (o->law == LAW_FRONTIER) {
        Frontier f = {0};
        frontier_curves(o->budget, budgets, &f);
        *run = frontier_predict(&f, log(flops), o->options.level).run;
        return true;
    }
    FitResult r;
    LawPoint *point = arena_take(arena, (o->points + budgets) * (int64_t)sizeof *point);
    if (!point) return false;
    const int64_t count = take_points(o, budgets, point);
    if (fit_law(o->law, point, count, &o->options, arena, &r) != OK ||
        fit_predict(&r, &(LawPoint){.flops = flops}, &p) != OK)
        return false;
    *run = p.run;
    return true;
}

static void add_rows(const Origin *o, Backtest *b)
{
    fit_progress_begin(o->progress, "back-tests", o->used - BUDGETS_MIN);
    for (int64_t k = BUDGETS_MIN; k < o->used; k++) {
        Arena arena = {0};
        BacktestRow *row = &b->row[b->count];
        *row =
            (BacktestRow){.budgets = k, .flops = o->budget[k].flops, .outcome = o->budget[k].loss};
        if (predict_next(o, k, &arena, &row->predicted)) {
            row->is_inside =
                row->predicted.low <= row->outcome && row->outcome <= row->predicted.high;
            b->judged += isfinite(row->predicted.low);
            b->inside += row->is_inside;
            b->count++;
        }
        fit_progress_add(o->progress, 0);
        arena_free(&arena);
    }
    fit_progress_end(o->progress);
}

Status backtest(LawKind law, const LawPoint *points, int64_t count, const FitOptions *options,
                Arena *arena, Backtest *b)
{
    FitBudget *budget;
    int64_t budgets;
    *b = (Backtest){.law = law};
    TRY(frontier_budgets(points, count, arena, &budget, &budgets));
    Origin o = {.law = law,
                .options = *options,
                .progress = options->progress,
                .budget = budget,
                .point = points,
                .points = count};
    o.options.progress = NULL;
    o.used = frontier_used(budget, budgets);
    if (o.options.starts < 1 || o.options.starts > STARTS) o.options.starts = STARTS;
    if (o.options.bootstraps > BOOTSTRAPS) o.options.bootstraps = BOOTSTRAPS;
    if (o.options.simulations > SIMULATIONS) o.options.simulations = SIMULATIONS;
    b->row = arena_take(arena, (o.used + 1) * (int64_t)sizeof *b->row);
    if (!b->row) return FAIL(E_NOMEM, "%lld budgets", (long long)o.used);
    add_rows(&o, b);
    if (o.used <= BUDGETS_MIN)
        b->missing = "it needs 4 budgets with their lowest loss between the smallest and the "
                     "largest size";
    else if (!b->count)
        b->missing = "the law cannot be fitted to fewer budgets";
    return OK;
}

bool backtest_missed_all(const Backtest *b)
{
    return b->judged && !b->inside;
}
