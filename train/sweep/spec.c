#include "train/sweep/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/config/config.h"
#include "train/plan/account.h"

enum { CHOICES_MAX = 1000, NUMBER_TEXT = 32 };

static const ConfigNode *child(const ConfigNode *map, const char *key)
{
    const ConfigNode *n = map->first;
    while (n && strcmp(n->key, key)) n = n->next;
    return n;
}

static int64_t length(const ConfigNode *list)
{
    int64_t count = 0;
    for (const ConfigNode *n = list->first; n; n = n->next) count++;
    return count;
}

static Status number(const ConfigNode *n, const char *what, double least, double most, double *out)
{
    char *end;
    if (n->kind == NODE_SCALAR) {
        *out = strtod(n->text, &end);
        if (end > n->text && !*end && *out >= least && *out <= most) return OK;
    }
    return FAIL(E_CONFIG, "%s%s: expected a number from %g to %g%s%s", n->where, what, least, most,
                n->kind == NODE_SCALAR ? ", not " : "", n->kind == NODE_SCALAR ? n->text : "");
}

/* {from, to, count, multiple_of}: evenly spaced in the logarithm. */
typedef struct SweepRange {
    double from, to, multiple;
    int64_t count;
    bool whole;
} SweepRange;

static Status read_range(const ConfigNode *n, const char *what, bool whole, SweepRange *r)
{
    static const char expected[] = "expected a list, or {from: 1e-4, to: 1e-2, count: 5}";
    double count = 0;
    *r = (SweepRange){.multiple = 1, .whole = whole};
    if (n->kind != NODE_MAP) return FAIL(E_CONFIG, "%s%s: %s", n->where, what, expected);
    for (const ConfigNode *one = n->first; one; one = one->next)
        if (strcmp(one->key, "from") && strcmp(one->key, "to") && strcmp(one->key, "count") &&
            !(whole && !strcmp(one->key, "multiple_of")))
            return FAIL(E_CONFIG, "%s%s.%s: %s%s", one->where, what, one->key, expected,
                        whole ? ", and multiple_of" : "");
    const ConfigNode *from = child(n, "from"), *to = child(n, "to"), *many = child(n, "count"),
                     *multiple = child(n, "multiple_of");
    if (!from || !to || !many) return FAIL(E_CONFIG, "%s%s: %s", n->where, what, expected);
    TRY(number(from, what, 1e-30, 1e30, &r->from));
    TRY(number(to, what, r->from, 1e30, &r->to));
    TRY(number(many, what, 2, CHOICES_MAX, &count));
    if (multiple) TRY(number(multiple, what, 1, 1e12, &r->multiple));
    r->count = llround(count);
    return OK;
}

/* Value i, rounded to four digits. */
static void range_value(const SweepRange *r, int64_t i, char out[NUMBER_TEXT])
{
    const double x = r->from * pow(r->to / r->from, (double)i / (double)(r->count - 1));
    double rounded = x;
    snprintf(out, NUMBER_TEXT, "%.4g", x);
    if (r->whole)
        rounded = fmax(1, round(x / r->multiple)) * r->multiple;
    else
        rounded = i == 0 ? r->from : i == r->count - 1 ? r->to : strtod(out, NULL);
    text_real(rounded, out);
}

/* Numbers of a list or a range. */
static Status read_numbers(const ConfigNode *n, const char *what, bool whole, double least,
                           double most, Arena *a, double **out, int64_t *count)
{
    SweepRange range = {.count = 0};
    char text[NUMBER_TEXT];
    if (n->kind != NODE_LIST) TRY(read_range(n, what, whole, &range));
    *count = n->kind == NODE_LIST ? length(n) : range.count;
    if (!*count) return FAIL(E_CONFIG, "%s%s: an empty list", n->where, what);
    *out = arena_zero(a, *count * (int64_t)sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "%s", what);
    const ConfigNode *one = n->first;
    for (int64_t i = 0; i < *count; i++) {
        double x = 0;
        if (n->kind == NODE_LIST)
            TRY(number(one, what, least, most, &x));
        else
            range_value(&range, i, text), x = strtod(text, NULL);
        for (int64_t j = 0; j < i; j++)
            if ((*out)[j] == x)
                return FAIL(E_CONFIG, "%s%s: duplicate value %g", n->where, what, x);
        (*out)[i] = x;
        if (n->kind == NODE_LIST) one = one->next;
    }
    return OK;
}

/* Splits "optim.lr" and stores its value; config_set() checks both later. */
static Status read_setting(const char *key, const char *value, const char *where, Arena *a,
                           Setting *out)
{
    const char *dot = strchr(key, '.');
    char *section = arena_text(a, key);
    *out = (Setting){.name = arena_text(a, dot ? dot + 1 : ""),
                     .value = arena_text(a, value),
                     .where = where};
    if (!section || !out->name || !out->value) return FAIL(E_NOMEM, "a setting");
    if (dot) section[dot - key] = '\0';
    out->section = section;
    return OK;
}

static Status read_scalar_setting(const ConfigNode *n, const char *key, Arena *a, Setting *out)
{
    if (n->kind != NODE_SCALAR) return FAIL(E_CONFIG, "%s%s: expected one value", n->where, key);
    return read_setting(key, n->text, n->where, a, out);
}

/* optim.lr: [...] or a range. */
static Status read_key_axis(const ConfigNode *n, Arena *a, SweepAxis *axis)
{
    const char *dot = strchr(n->key, '.');
    char section[64] = "", text[NUMBER_TEXT];
    SweepRange range = {.count = 0};
    if (dot - n->key < (int)sizeof section) memcpy(section, n->key, (size_t)(dot - n->key));
    const Key *k = schema_find(config_keys, config_key_count, section, dot + 1);
    if (n->kind != NODE_LIST) {
        TRY(read_range(n, n->key, k && k->type == TYPE_INT, &range));
        if (k && k->type != TYPE_INT && k->type != TYPE_REAL)
            return FAIL(E_CONFIG, "%s%s is not a number: expected a list", n->where, n->key);
    }
    axis->count = n->kind == NODE_LIST ? length(n) : range.count;
    axis->choices = arena_zero(a, (axis->count + 1) * (int64_t)sizeof *axis->choices);
    Setting *all = arena_zero(a, (axis->count + 1) * (int64_t)sizeof *all);
    if (!axis->choices || !all) return FAIL(E_NOMEM, "%s", n->key);
    const ConfigNode *one = n->first;
    for (int64_t i = 0; i < axis->count; i++) {
        axis->choices[i] = (Choice){&all[i], 1};
        if (n->kind == NODE_LIST) {
            TRY(read_scalar_setting(one, n->key, a, &all[i]));
            one = one->next;
        } else {
            range_value(&range, i, text);
            TRY(read_setting(n->key, text, n->where, a, &all[i]));
        }
    }
    return OK;
}

/* size: [{model.width: 32, model.layers: 2}, ...] */
static Status read_named_axis(const ConfigNode *n, Arena *a, SweepAxis *axis)
{
    static const char expected[] =
        "expected a list of settings that change together, as in [{model.layers: 2, model.width: "
        "32}]; a single setting is written section.key";
    if (n->kind != NODE_LIST) return FAIL(E_CONFIG, "%s%s: %s", n->where, n->key, expected);
    axis->count = length(n);
    axis->choices = arena_zero(a, (axis->count + 1) * (int64_t)sizeof *axis->choices);
    if (!axis->choices) return FAIL(E_NOMEM, "%s", n->key);
    int64_t i = 0;
    for (const ConfigNode *one = n->first; one; one = one->next, i++) {
        if (one->kind != NODE_MAP || !one->first)
            return FAIL(E_CONFIG, "%s%s: %s", one->where, n->key, expected);
        Setting *all = arena_zero(a, length(one) * (int64_t)sizeof *all);
        if (!all) return FAIL(E_NOMEM, "%s", n->key);
        axis->choices[i] = (Choice){all, length(one)};
        for (const ConfigNode *setting = one->first; setting; setting = setting->next)
            TRY(read_scalar_setting(setting, setting->key, a, all++));
    }
    return OK;
}

static Status read_vary(const ConfigNode *n, Arena *a, Spec *s)
{
    if (n->kind != NODE_MAP)
        return FAIL(E_CONFIG,
                    "%ssweep.vary: expected settings and their values, as in optim.lr: "
                    "[1e-3, 2e-3]",
                    n->where);
    s->axes = arena_zero(a, (length(n) + 1) * (int64_t)sizeof *s->axes);
    if (!s->axes) return FAIL(E_NOMEM, "sweep.vary");
    for (const ConfigNode *one = n->first; one; one = one->next) {
        SweepAxis *axis = &s->axes[s->axis_count++];
        axis->name = one->key;
        TRY(strchr(one->key, '.') ? read_key_axis(one, a, axis) : read_named_axis(one, a, axis));
        if (!axis->count || axis->count > CHOICES_MAX)
            return FAIL(E_CONFIG, "%s%s: %lld values: expected 1 to %d", one->where, one->key,
                        (long long)axis->count, CHOICES_MAX);
    }
    return OK;
}

static Status read_ratio(const ConfigNode *n, Spec *s)
{
    const ConfigNode *from = n->kind == NODE_MAP ? child(n, "from") : NULL,
                     *to = n->kind == NODE_MAP ? child(n, "to") : NULL;
    if (!from && !to)
        return FAIL(E_CONFIG, "%ssweep.tokens_per_parameter: expected {from: 2, to: 200}",
                    n->where);
    if (from) TRY(number(from, "sweep.tokens_per_parameter", 0, 1e12, &s->least_ratio));
    if (to) TRY(number(to, "sweep.tokens_per_parameter", s->least_ratio, 1e12, &s->most_ratio));
    return OK;
}

static Status read_seeds(const ConfigNode *n, Arena *a, Spec *s)
{
    double *all;
    TRY(read_numbers(n, "sweep.best_seeds", true, 0, 4294967295, a, &all, &s->seed_count));
    s->seeds = arena_zero(a, s->seed_count * (int64_t)sizeof *s->seeds);
    if (!s->seeds) return FAIL(E_NOMEM, "sweep.best_seeds");
    for (int64_t i = 0; i < s->seed_count; i++) s->seeds[i] = llround(all[i]);
    return OK;
}

static Status read_whole(const ConfigNode *n, const char *what, double most, int64_t *out)
{
    double x = 0;
    TRY(number(n, what, 1, most, &x));
    if (x != floor(x))
        return FAIL(E_CONFIG, "%s%s: %s is not a whole number", n->where, what, n->text);
    *out = llround(x);
    return OK;
}

/* Numbers may repeat, unlike those of other lists. */
static Status read_batch(const ConfigNode *n, Arena *a, Spec *s)
{
    if (n->kind != NODE_LIST)
        return FAIL(E_CONFIG,
                    "%ssweep.batch: expected a list, train.batch at each of sweep.budgets",
                    n->where);
    s->batch_count = length(n);
    s->batch = arena_zero(a, (s->batch_count + 1) * (int64_t)sizeof *s->batch);
    if (!s->batch) return FAIL(E_NOMEM, "sweep.batch");
    int64_t i = 0;
    for (const ConfigNode *one = n->first; one; one = one->next)
        TRY(read_whole(one, "sweep.batch", 1e9, &s->batch[i++]));
    return OK;
}

static Status read_one(const ConfigNode *n, Arena *a, Spec *s)
{
    static const char *const keys[] = {"vary",         "budgets",    "held_out",
                                       "flops",        "trunks",     "tokens_per_parameter",
                                       "warmup_share", "best_seeds", "epochs",
                                       "batch",        NULL};
    const double most = 1e30;
    FlopsKind kind;
    const char *key = n->key, *best = NULL;
    if (!strcmp(key, "vary")) return read_vary(n, a, s);
    if (!strcmp(key, "budgets"))
        return read_numbers(n, "sweep.budgets", false, 1, most, a, &s->budgets, &s->budget_count);
    if (!strcmp(key, "held_out"))
        return read_numbers(n, "sweep.held_out", false, 1, most, a, &s->held_out,
                            &s->held_out_count);
    if (!strcmp(key, "tokens_per_parameter")) return read_ratio(n, s);
    if (!strcmp(key, "warmup_share"))
        return number(n, "sweep.warmup_share", 0, 1, &s->warmup_share);
    if (!strcmp(key, "epochs")) return number(n, "sweep.epochs", 0, 1e12, &s->most_epochs);
    if (!strcmp(key, "batch")) return read_batch(n, a, s);
    if (!strcmp(key, "best")) return read_whole(n, "sweep.best", CHOICES_MAX, &s->best);
    if (!strcmp(key, "best_seeds")) return read_seeds(n, a, s);
    if (!strcmp(key, "trunks") && n->kind == NODE_SCALAR) {
        s->trunks = !strcmp(n->text, "true");
        if (s->trunks || !strcmp(n->text, "false")) return OK;
    }
    if (!strcmp(key, "trunks"))
        return FAIL(E_CONFIG, "%ssweep.trunks: expected true or false", n->where);
    if (!strcmp(key, "flops") && n->kind == NODE_SCALAR && flops_find(n->text, &kind)) {
        snprintf(s->flops, sizeof s->flops, "%s", n->text);
        return OK;
    }
    if (!strcmp(key, "flops"))
        return FAIL(
            E_CONFIG,
            "%ssweep.flops: expected one of 6N, 6N_non_embedding, 6N+12LHQT, products, exact",
            n->where);
    for (const char *const *one = keys; *one; one++)
        if (!best || text_distance(key, *one) < text_distance(key, best)) best = *one;
    return FAIL(E_CONFIG, "%ssweep.%s: there is no such key; did you mean sweep.%s?", n->where, key,
                best);
}

Status spec_read(const ConfigNode *root, Arena *a, Spec *s)
{
    *s = (Spec){.most_ratio = INFINITY,
                .most_epochs = INFINITY,
                .warmup_share = -1,
                .best = 1,
                .trunks = true};
    snprintf(s->flops, sizeof s->flops, "%s", flops_name(FLOPS_PRODUCTS));
    if (root->kind != NODE_MAP)
        return FAIL(E_CONFIG, "%ssweep is a section: expected keys such as vary below it",
                    root->where);
    for (const ConfigNode *n = root->first; n; n = n->next) TRY(read_one(n, a, s));
    if (!s->axis_count && !s->budget_count)
        return FAIL(E_CONFIG, "%ssweep: expected vary or budgets", root->where);
    if (s->held_out_count && !s->budget_count)
        return FAIL(E_CONFIG, "%ssweep.held_out: expected sweep.budgets beside it", root->where);
    if (s->batch && s->batch_count != s->budget_count)
        return FAIL(E_CONFIG, "%ssweep.batch has %lld numbers, but sweep.budgets has %lld",
                    root->where, (long long)s->batch_count, (long long)s->budget_count);
    for (int64_t i = 0; i < s->held_out_count; i++)
        for (int64_t j = 0; j < s->budget_count; j++)
            if (s->held_out[i] == s->budgets[j])
                return FAIL(E_CONFIG, "%ssweep.held_out: %g is one of sweep.budgets", root->where,
                            s->held_out[i]);
    return OK;
}

static void write_node(const ConfigNode *n, FILE *out)
{
    if (n->kind == NODE_SCALAR) {
        fputs(n->text, out);
        return;
    }
    fputc(n->kind == NODE_LIST ? '[' : '{', out);
    for (const ConfigNode *one = n->first; one; one = one->next) {
        if (one->key) fprintf(out, "%s: ", one->key);
        write_node(one, out);
        if (one->next) fputs(", ", out);
    }
    fputc(n->kind == NODE_LIST ? ']' : '}', out);
}

void spec_write(const ConfigNode *root, FILE *out)
{
    for (const ConfigNode *n = root->first; n; n = n->next) {
        const bool is_vary = !strcmp(n->key, "vary");
        for (const ConfigNode *one = is_vary ? n->first : n; one; one = one->next) {
            fprintf(out, "sweep.%s%s: ", is_vary ? "vary." : "", one->key);
            write_node(one, out);
            fputc('\n', out);
            if (!is_vary) break;
        }
    }
}
