/* The law for a budget: from the output of capstan fit --json, or fitted to runs. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/files.h"
#include "train/scaling/budget.h"
#include "train/scaling/default_law.h"
#include "train/scaling/frontier.h"
#include "train/scaling/points.h"

static const double LEVEL = 0.95; /* of intervals, if the file does not say it */

/* The file, if it is JSON, at its beginning; NULL: it is not. */
static FILE *open_json(const char *path)
{
    const char *why;
    FILE *f = file_open_regular(path, &why);
    int c = f ? fgetc(f) : EOF;
    while (f && c != EOF && isspace(c)) c = fgetc(f);
    if (f && c == '{' && !fseek(f, 0, SEEK_SET)) return f;
    if (f) fclose(f);
    return NULL;
}

/* Reads the parameters of law->law from an object and sets theta; `key` names the object. */
static Status read_values(const char *path, const json_t *values, const char *key, FitResult *law)
{
    double x[LAW_PARAMETERS_MAX];
    law->count = law_parameters(law->law);
    for (int i = 0; i < law->count; i++) {
        const char *name = law_parameter(law->law, i);
        const json_t *one = json_object_get(values, name);
        x[i] = json_number_value(one);
        if (!json_is_number(one) || !(x[i] > 0))
            return FAIL(E_DATA, "%s: %s.%s of law %s: expected a number above 0", path, key, name,
                        law_name(law->law));
    }
    law_theta(law->law, x, law->theta);
    return OK;
}

static double number_or_nan(const json_t *o, const char *key)
{
    const json_t *one = json_object_get(o, key);
    return json_is_number(one) ? json_number_value(one) : NAN;
}

/* budget[i] of the list. */
static Status read_budget(const char *path, const json_t *list, size_t i, FitBudget *budget)
{
    const json_t *one = json_array_get(list, i), *used = json_object_get(one, "used");
    FitBudget *b = &budget[i];
    *b = (FitBudget){.flops = number_or_nan(one, "flops"),
                     .points = (int64_t)json_integer_value(json_object_get(one, "points")),
                     .params = number_or_nan(one, "params"),
                     .tokens = number_or_nan(one, "tokens"),
                     .loss = number_or_nan(one, "loss"),
                     .curvature = number_or_nan(one, "curvature"),
                     .left_out = json_is_false(used) ? "left out" : NULL};
    if (!json_is_boolean(used) || !(b->flops > 0 && b->loss > 0))
        return FAIL(E_DATA, "%s: budgets[%zu]: expected flops and loss above 0, and used", path, i);
    if (i && !(b->flops > b[-1].flops))
        return FAIL(E_DATA, "%s: budgets[%zu]: expected more flops than in the one before", path,
                    i);
    return OK;
}

/* frontier has no theta: it is fitted again to the budgets, which gives the same numbers. */
static Status read_frontier(const char *path, const json_t *root, Arena *arena, FitResult *law)
{
    const json_t *list = json_object_get(root, "budgets"),
                 *of_size = json_object_get(root, "best_size_covariance");
    double covariance[3];
    const size_t count = json_array_size(list);
    FitBudget *budget = arena_zero(arena, (int64_t)((count + 1) * sizeof *budget));
    FitResult *minima = arena_zero(arena, (int64_t)sizeof *minima);
    if (!budget || !minima) return FAIL(E_NOMEM, "%s", path);
    for (size_t i = 0; i < count; i++) TRY(read_budget(path, list, i, budget));
    *minima = (FitResult){.law = LAW_APPROACH2, .flop_factor = law->flop_factor};
    TRY(read_values(path, json_object_get(root, "best_size"), "best_size", minima));
    for (size_t i = 0; i < 3; i++) covariance[i] = json_number_value(json_array_get(of_size, i));
    law->count = law_parameters(LAW_FRONTIER);
    TRY(frontier_from(budget, (int64_t)count, minima, NULL, covariance, arena, law));
    if (!law->frontier->minima)
        return FAIL(E_DATA, "%s: the law frontier: %s", path, law->frontier->no_minima);
    law->least = budget[0].flops, law->most = budget[count - 1].flops;
    return OK;
}

static Status read_json(const char *path, const json_t *root, Arena *arena, FitResult *law)
{
    const json_t *name = json_object_get(root, "law");
    const double per = number_or_nan(root, "flops_per_param_token"),
                 level = number_or_nan(root, "level");
    *law = (FitResult){.flop_factor = per > 0 ? per : 6,
                       .level = level > 0 && level < 1 ? level : LEVEL};
    if (!json_is_string(name) || !law_find(json_string_value(name), &law->law))
        return FAIL(E_DATA, "%s: no known law; expected the output of capstan fit --json", path);
    if (law->law == LAW_FRONTIER) return read_frontier(path, root, arena, law);
    return read_values(path, json_object_get(root, "parameters"), "parameters", law);
}

Status budget_law(const char *path, Arena *arena, FitResult *law, const char **why)
{
    *why = NULL;
    FILE *file = open_json(path);
    if (file) {
        json_error_t error;
        json_t *root = json_loadf(file, 0, &error);
        const Status status =
            root ? read_json(path, root, arena, law)
                 : FAIL(E_DATA, "%s:%d: not JSON: %s", path, error.line, error.text);
        json_decref(root);
        fclose(file);
        return status;
    }
    Points points = {0};
    TRY(points_read(&points, path, arena));
    TRY(points_warn_repeated(&points, arena, stderr));
    return default_law(points.point, points.count, &FIT_DEFAULTS, arena, law, why);
}
