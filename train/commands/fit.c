/* capstan fit: a scaling law from runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "train/commands/commands.h"
#include "train/scaling/fit_show.h"
#include "train/scaling/isoflop.h"
#include "train/support/json.h"

enum { INPUTS_MAX = 4096 };

typedef struct Args {
    const char *law, *minima, *given, *svg;
    const char *at[OPTION_VALUES_MAX];
    int at_count;
    int64_t drop, threads;
    bool compare, varpro, json;
    FitOptions options;
} Args;

/* "a,b,c" as the names of all laws. */
static const char *law_names(char *out, size_t size)
{
    *out = '\0';
    for (int i = 0; i < LAW_COUNT; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? ", " : "",
                 law_name((LawKind)i));
    return out;
}

/* "1e9,2e10": params and tokens; "6e20": flops. */
static Status read_place(const char *text, LawPoint *at)
{
    char *end;
    double x[2] = {strtod(text, &end), 0};
    bool right = end != text;
    const bool two = *end == ',';
    if (two) {
        const char *second = end + 1;
        x[1] = strtod(second, &end);
        right &= end != second;
    }
    if (!right || *end || !(x[0] > 0) || !isfinite(x[0]) ||
        (two && (!(x[1] > 0) || !isfinite(x[1]))))
        return FAIL(E_ARG, "--at %s: expected PARAMS,TOKENS or FLOPS, as in 1e9,2e10 or 6e20",
                    text);
    *at = two ? (LawPoint){.params = x[0], .tokens = x[1]} : (LawPoint){.flops = x[0]};
    return OK;
}

/* "E=1.69,alpha=0.34": values [law_parameters()]. */
static Status read_given(const char *text, LawKind law, unsigned *mask, double *values)
{
    for (const char *at = text; *at;) {
        char *end;
        int which = 0;
        const size_t length = strcspn(at, "=,");
        while (which < law_parameters(law) && (strlen(law_parameter(law, which)) != length ||
                                               strncmp(law_parameter(law, which), at, length)))
            which++;
        if (which == law_parameters(law) || at[length] != '=')
            return FAIL(E_ARG,
                        "--given %s: expected NAME=VALUE,... with the names of the law %s: %s, ...",
                        text, law_name(law), law_parameter(law, 0));
        values[which] = strtod(at + length + 1, &end);
        if (end == at + length + 1 || (*end && *end != ',') || !(values[which] > 0) ||
            !isfinite(values[which]))
            return FAIL(E_ARG, "--given %s: %s: expected a positive number", text,
                        law_parameter(law, which));
        *mask |= 1u << which;
        at = *end ? end + 1 : end;
    }
    return *mask ? OK : FAIL(E_ARG, "--given: expected NAME=VALUE,...");
}

static Status fill_places(const Args *w, FitReport *r)
{
    for (; r->queries < w->at_count; r->queries++) {
        FitQuery *p = &r->query[r->queries];
        const FitValue none = {NAN, NAN, NAN};
        *p = (FitQuery){.prediction = {none, none}, .params = none, .tokens = none, .loss = none};
        TRY(read_place(w->at[r->queries], &p->at));
        if (r->fit.law < LAW_LOSSES) TRY(fit_predict(&r->fit, &p->at, &p->prediction));
        if (p->at.params > 0 && r->fit.law >= LAW_LOSSES)
            return FAIL(E_ARG, "--at %s: %s gives the optimum for FLOPs, not the loss",
                        w->at[r->queries], law_name(r->fit.law));
        if (p->at.flops > 0 && fit_has_optimum(&r->fit))
            TRY(fit_optimum(&r->fit, p->at.flops, &p->params, &p->tokens, &p->loss));
    }
    return OK;
}

/* Approach 2's own error, by the law that the same points give. */
static void find_bias(const Args *w, Arena *arena, FitReport *r)
{
    FitResult law;
    FitOptions f = w->options;
    f.bootstraps = 0;
    r->bias_a = r->bias_params = NAN;
    if (fit_law(LAW_CHINCHILLA, r->points->point, r->points->count, &f, arena, &law) != OK ||
        isoflop_bias(r->points->point, r->points->count, &f, law.theta, law.flop_factor, &r->bias_a,
                     &r->bias_params) != OK)
        r->bias_missing = arena_text(arena, error_message());
}

/* Back-tests the law, with --compare all that fit. */
static Status test_back(const Args *w, LawKind law, Arena *arena, FitReport *r)
{
    const Points *p = r->points;
    for (int i = 0; i < LAW_LOSSES; i++)
        if (i == (int)law || (r->is_compared && r->comparison[i].is_fitted))
            TRY(backtest((LawKind)i, p->point, p->count, &w->options, arena,
                         &r->backtest[r->backtests++]));
    return OK;
}

static Status find_all(const Args *w, LawKind law, const Points *p, Arena *arena, FitReport *r)
{
    unsigned mask = 0;
    double given[LAW_PARAMETERS_MAX];
    LawPoint place;
    for (int i = 0; i < w->at_count; i++) TRY(read_place(w->at[i], &place)); /* before any work */
    if (w->given) {
        if (law >= LAW_FORMS || law == LAW_KAPLAN)
            return FAIL(E_ARG, "--given: not of the law %s", law_name(law));
        TRY(read_given(w->given, law, &mask, given));
    }
    if (w->varpro && law != LAW_CHINCHILLA)
        return FAIL(E_ARG, "--varpro finds the law chinchilla, not %s", law_name(law));
    r->points = p;
    TRY(fit_law(law, p->point, p->count, &w->options, arena, &r->fit));
    if (law == LAW_APPROACH2) find_bias(w, arena, r);
    TRY(fill_places(w, r));
    if (p->held_count && law < LAW_LOSSES)
        TRY(fit_predict_all(&r->fit, p->held, p->held_count, arena, &r->held));
    if (w->varpro) {
        TRY(varpro_fit(p->point, p->count, w->options.huber, &r->varpro));
        r->is_projected = true;
    }
    if (w->compare) {
        TRY(compare_laws(p->point, p->count, p->held, p->held_count, &w->options, r->comparison));
        r->is_compared = true;
    }
    TRY(test_back(w, law, arena, r));
    if (w->given) {
        TRY(compare_given(&r->fit, p->point, &w->options, mask, given, &r->ratio));
        r->is_given = true;
    }
    return OK;
}

/* Points that count twice make intervals too narrow. */
static Status check_twice(const char *const *inputs, int count)
{
    struct stat one, other;
    for (int i = 1; i < count; i++) {
        if (stat(inputs[i], &one)) continue; /* reading it says why */
        for (int j = 0; j < i; j++)
            if (!stat(inputs[j], &other) && one.st_dev == other.st_dev &&
                one.st_ino == other.st_ino)
                return FAIL(E_ARG, "%s: given twice, as %s before", inputs[i], inputs[j]);
    }
    return OK;
}

static Status fit(const Args *w, const char *const *inputs, int count)
{
    LawKind law = LAW_CHINCHILLA;
    char names[128];
    if (w->law && !law_find(w->law, &law))
        return FAIL(E_ARG, "--law %s: expected one of %s", w->law, law_names(names, sizeof names));
    Arena arena = {0};
    Points points = {0};
    static FitReport report; /* large; and the only one */
    Status status = OK;
    for (int i = 0; i < count && status == OK; i++)
        status = points_read(&points, inputs[i], &arena);
    if (status == OK) status = points_warn_repeated(&points, &arena, stderr);
    if (status == OK) points_drop(&points, w->drop);
    if (law == LAW_COMPUTE) points_keep_lowest(&points);
    if (status == OK && !points.count)
        status = FAIL(E_DATA,
                      "no point is left to fit: %lld diverged, %lld not finished or failed, %lld "
                      "held out, %lld dropped",
                      (long long)points.diverged, (long long)points.unfinished,
                      (long long)points.held_count, (long long)points.dropped);
    if (status == OK) status = find_all(w, law, &points, &arena, &report);
    if (status == OK && w->svg) status = fit_plot_save(&report, &arena, w->svg);
    if (status == OK && w->json) status = json_print(fit_json(&report));
    if (status == OK && !w->json) fit_print(&report);
    arena_free(&arena);
    return status;
}

Status command_fit(const Command *self, int argc, char *argv[])
{
    static Args w;
    const char *inputs[INPUTS_MAX];
    bool helped;
    int count;
    int64_t seed = 0;
    FitProgress progress = {.out = stderr, .is_terminal = isatty(STDERR_FILENO)};
    w.options = FIT_DEFAULTS;
    const Option options[] = {
        OPTION_USAGE("CSV|SWEEP|RUN|CONFIG..."),
        OPTION_TEXT(
            "--law", &w.law, "NAME",
            "chinchilla (default), kaplan, compute, repeated, frontier, approach1 or approach2"),
        OPTION_TEXTS(
            "--at", w.at, &w.at_count, "N,D|C",
            "predict the loss for parameters,tokens, or for FLOPs with the best split of them"),
        OPTION_INT("--starts", &w.options.starts, "N", 0, 1e6,
                   "starting points, evenly spread over the grid; 0: the whole grid"),
        OPTION_INT("--bootstraps", &w.options.bootstraps, "N", 0, 1e6,
                   "bootstrap refits for the intervals (default: 4000); 0: none"),
        OPTION_REAL("--level", &w.options.level, "P", 0.5, 0.999,
                    "confidence level of the intervals (default: 0.95)"),
        OPTION_INT("--seed", &seed, "S", 0, 0, "seed of the bootstrap (default: 0)"),
        OPTION_REAL("--huber", &w.options.huber, "X", 1e-9, 1e9,
                    "Huber delta of the residuals of log loss (default: 0.001)"),
        OPTION_INT("--drop-largest", &w.drop, "N", 0, 1e9,
                   "leave out the N points with the largest loss"),
        OPTION_TEXT("--minima", &w.minima, "HOW", "approach2: parabola (default) or akima"),
        OPTION_FLAG(
            "--compare", &w.compare,
            "compare all laws: likelihood, AIC, and error on the held-out or largest budget"),
        OPTION_TEXT("--given", &w.given, "E=X,...",
                    "test these parameter values by the likelihood ratio"),
        OPTION_FLAG("--varpro", &w.varpro, "also fit by variable projection"),
        OPTION_PATH("--svg", &w.svg, "FILE", "also plot the law and the points as an SVG file"),
        OPTION_THREADS(&w.threads),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, inputs, INPUTS_MAX, &count, &helped));
    if (helped) return OK;
    if (!count)
        return FAIL(E_ARG, "capstan fit needs a CSV, a sweep or runs; see capstan fit --help");
    if (w.at_count > FIT_QUERIES_MAX)
        return FAIL(E_ARG, "--at: more than %d predictions", (int)FIT_QUERIES_MAX);
    if (w.minima && strcmp(w.minima, "parabola") && strcmp(w.minima, "akima"))
        return FAIL(E_ARG, "--minima %s: expected parabola or akima", w.minima);
    if (w.minima && !strcmp(w.minima, "akima")) w.options.minima = FIT_AKIMA;
    w.options.seed = (uint64_t)seed;
    w.options.progress = &progress;
    threads_set((int)w.threads);
    TRY(check_twice(inputs, count));
    return fit(&w, inputs, count);
}
