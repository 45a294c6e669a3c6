#include "train/sweep/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/sweep/trunk.h"

enum { CELLS_MAX = 10000, NAME_SIZE = 512, NAMES_SHOWN = 4 };

/* Collects impossible cells. */
typedef struct Faults {
    Status status;
    int64_t count;
    char first[3072], others[NAMES_SHOWN * NAME_SIZE];
    size_t used;
} Faults;

static void note_fault(Faults *f, Status status, const Cell *cell)
{
    char name[NAME_SIZE];
    cell_name(&cell->run, name, sizeof name);
    if (!f->count++) {
        f->status = status;
        snprintf(f->first, sizeof f->first, "the cell (%s) is impossible: %s", name,
                 error_message() + strlen(status_text(status)) + 2);
    } else if (f->count <= NAMES_SHOWN) {
        f->used +=
            (size_t)snprintf(f->others + f->used, sizeof f->others - f->used, "\n  (%s)", name);
    }
}

static Status report_faults(const Faults *f)
{
    if (!f->count) return OK;
    if (f->count == 1) return FAIL(f->status, "%s", f->first);
    return FAIL(f->status, "%s\n%lld more are impossible too:%s%s", f->first,
                (long long)f->count - 1, f->others, f->count > NAMES_SHOWN ? "\n  ..." : "");
}

static Status new_cell(SweepGrid *g, Cell **out)
{
    if (g->count == g->room) {
        const int64_t room = g->room ? 2 * g->room : 64;
        Cell *more = arena_zero(&g->arena, room * (int64_t)sizeof *more);
        if (!more) return FAIL(E_NOMEM, "%lld cells", (long long)room);
        if (g->count) memcpy(more, g->cells, (size_t)g->count * sizeof *more);
        g->cells = more;
        g->room = room;
    }
    *out = &g->cells[g->count++];
    **out = (Cell){.trunk = -1};
    return OK;
}

/* The settings of combination number `index`; the last axis changes fastest. */
static Status combine(SweepGrid *g, int64_t index, Cell *cell)
{
    int64_t chosen[64], count = 0;
    const Spec *s = &g->spec;
    for (int64_t i = s->axis_count; i-- > 0; index /= s->axes[i].count) {
        chosen[i] = index % s->axes[i].count;
        count += s->axes[i].choices[chosen[i]].count;
    }
    cell->settings = arena_zero(&g->arena, (count + 1) * (int64_t)sizeof *cell->settings);
    if (!cell->settings) return FAIL(E_NOMEM, "the settings of a run");
    for (int64_t i = 0; i < s->axis_count; i++) {
        const Choice *c = &s->axes[i].choices[chosen[i]];
        for (int64_t j = 0; j < c->count; j++)
            cell->settings[cell->setting_count++] = &c->settings[j];
    }
    return OK;
}

static bool is_out(const Spec *s, const SweepRun *r)
{
    const double ratio = (double)r->tokens / (double)r->params;
    return r->budget && (ratio < s->least_ratio || ratio > s->most_ratio ||
                         (double)r->tokens > s->most_epochs * (double)r->unique_tokens);
}

/* Adds all combinations with a budget; 0: no budget. batch: 0: train.batch. */
static Status add_budget(SweepGrid *g, double budget, int64_t batch, bool held_out,
                         int64_t combinations, Faults *f)
{
    for (int64_t i = 0; i < combinations; i++) {
        Cell *cell = NULL;
        TRY(new_cell(g, &cell));
        TRY(combine(g, i, cell));
        cell->batch = batch;
        cell->run.budget = budget;
        cell->run.held_out = held_out;
        const Status status = cell_make(&g->maker, cell);
        if (status == E_NOMEM) return status;
        if (status != OK) note_fault(f, status, cell);
        if (status != OK || !is_out(&g->spec, &cell->run)) continue;
        g->count--;
        g->left_out++;
    }
    return OK;
}

static Status add_all(SweepGrid *g)
{
    const Spec *s = &g->spec;
    Faults f = {.status = OK};
    int64_t combinations = 1;
    const int64_t budgets = s->budget_count + s->held_out_count;
    if (s->axis_count > 64) return FAIL(E_CONFIG, "sweep.vary: more than 64 entries");
    for (int64_t i = 0; i < s->axis_count && combinations <= CELLS_MAX; i++)
        combinations *= s->axes[i].count;
    if (combinations * (budgets ? budgets : 1) > CELLS_MAX)
        return FAIL(E_CONFIG, "sweep: more than %d runs", CELLS_MAX);
    if (!budgets) TRY(add_budget(g, 0, 0, false, combinations, &f));
    for (int64_t i = 0; i < s->budget_count; i++)
        TRY(add_budget(g, s->budgets[i], s->batch ? s->batch[i] : 0, false, combinations, &f));
    for (int64_t i = 0; i < s->held_out_count; i++)
        TRY(add_budget(g, s->held_out[i], 0, true, combinations, &f));
    TRY(report_faults(&f));
    if (!g->count)
        return FAIL(E_CONFIG,
                    "sweep.tokens_per_parameter and sweep.epochs leave out all %lld cells",
                    (long long)g->left_out);
    return OK;
}

static int by_id(const void *a, const void *b)
{
    const Cell *const *x = a, *const *y = b;
    return strcmp((*x)->run.id, (*y)->run.id);
}

/* Cells with the same config would share one run folder. */
static Status check_different(const SweepGrid *g)
{
    const Cell **all = malloc((size_t)g->count * sizeof *all);
    char name[2][NAME_SIZE];
    Status status = all ? OK : FAIL(E_NOMEM, "%lld cells", (long long)g->count);
    for (int64_t i = 0; all && i < g->count; i++) all[i] = &g->cells[i];
    if (all) qsort(all, (size_t)g->count, sizeof *all, by_id);
    for (int64_t i = 1; status == OK && i < g->count; i++)
        if (!strcmp(all[i - 1]->run.id, all[i]->run.id))
            status = FAIL(E_CONFIG, "two cells have the same config: (%s) and (%s)",
                          cell_name(&all[i - 1]->run, name[0], NAME_SIZE),
                          cell_name(&all[i]->run, name[1], NAME_SIZE));
    free(all);
    return status;
}

typedef struct Taken {
    bool is_taken;
    const char *section, *name, *text;
} Taken;

/* What a key of the section sweep sets, the grid may not set as well. */
static Status check_setting(const Spec *s, const Setting *one)
{
    const Taken all[] = {
        {s->budget_count, "train", "steps", "sweep.budgets sets it already"},
        {s->batch, "train", "batch", "sweep.batch sets it already"},
        {s->warmup_share >= 0, "optim", "warmup", "sweep.warmup_share sets it already"},
        {s->warmup_share >= 0, "optim", "warmup_share", "sweep.warmup_share sets it already"},
        {s->seed_count, "train", "seed",
         "sweep.best_seeds gives further ones; leave one of the two out"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].is_taken && !strcmp(one->section, all[i].section) &&
            !strcmp(one->name, all[i].name))
            return FAIL(E_CONFIG, "%s%s.%s: %s", one->where, one->section, one->name, all[i].text);
    return OK;
}

static Status check_settings(const SweepGrid *g)
{
    const Spec *s = &g->spec;
    for (int64_t i = 0; i < s->axis_count; i++)
        for (int64_t j = 0; j < s->axes[i].count; j++)
            for (int64_t k = 0; k < s->axes[i].choices[j].count; k++)
                TRY(check_setting(s, &s->axes[i].choices[j].settings[k]));
    return OK;
}

/* The number of threads changes no result, and earlier definitions lack settings that were added. */
static bool is_defined(const Key *k, const char *value)
{
    if (!strcmp(k->section, "train") && !strcmp(k->name, "threads")) return false;
    return !(k->flags & SETTING_ADDED) || strcmp(value, k->fallback);
}

static Status define(SweepGrid *g)
{
    char *text = NULL, value[TEXT_MAX];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return FAIL(E_NOMEM, "the definition of a sweep");
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (is_defined(k, config_value(g->base, k, value, sizeof value)))
            fprintf(out, "%s.%s: %s\n", k->section, k->name, value);
    for (const CellData *d = g->maker.data; d; d = d->next)
        fprintf(out, "tokens of %s: %s\n", d->path, d->digest);
    spec_write(g->tree.root, out);
    g->definition = text_close(out, &text) ? arena_text(&g->arena, text) : NULL;
    free(text);
    return g->definition ? OK : FAIL(E_NOMEM, "the definition of a sweep");
}

static void count_epochs(SweepGrid *g)
{
    for (int64_t i = 0; i < g->count; i++) {
        const SweepRun *r = &g->cells[i].run;
        const double epochs = (double)r->tokens / (double)r->unique_tokens;
        if (epochs > 1) g->repeating++;
        if (epochs > g->most_epochs) g->most_epochs = epochs;
    }
}

Status grid_read(SweepGrid *g, const char *path, int count, const char *const overrides[])
{
    *g = (SweepGrid){.count = 0};
    g->base = arena_take(&g->arena, (int64_t)sizeof *g->base);
    if (!g->base) return FAIL(E_NOMEM, "a config");
    TRY(config_read(g->base, path, &g->tree));
    TRY(config_override(g->base, count, overrides));
    if (!g->tree.root) return FAIL(E_CONFIG, "%s: there is no section `sweep`", path);
    TRY(spec_read(g->tree.root, &g->arena, &g->spec));
    TRY(check_settings(g));
    g->maker = (CellMaker){.arena = &g->arena, .base = g->base, .spec = &g->spec};
    TRY(add_all(g));
    TRY(check_different(g));
    if (g->spec.trunks) trunk_find(g->cells, g->count);
    count_epochs(g);
    return define(g);
}

void grid_close(SweepGrid *g)
{
    arena_free(&g->tree.arena);
    arena_free(&g->arena);
    *g = (SweepGrid){.count = 0};
}

/* Whether run i of the grid has ended and is one of the budget's `best` lowest. */
static bool is_best(const SweepGrid *g, const Sweep *s, double budget, int64_t count, int64_t i)
{
    const SweepRun *r = &s->runs[i];
    int64_t lower = 0;
    if (r->budget != budget || r->state != SWEEP_done) return false;
    for (int64_t j = 0; j < count; j++) {
        const SweepRun *other = &s->runs[j];
        if (other->budget == budget && other->state == SWEEP_done)
            lower += other->loss < r->loss || (other->loss == r->loss && j < i);
    }
    return lower < g->spec.best;
}

/* Adds a copy of a cell with another seed. */
static Status add_seed(SweepGrid *g, int64_t of, int64_t seed)
{
    Cell *cell = NULL;
    Setting *setting = arena_zero(&g->arena, (int64_t)sizeof *setting);
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)seed);
    TRY(new_cell(g, &cell));
    const Cell *old = &g->cells[of];
    const int64_t n = old->setting_count;
    cell->settings = arena_zero(&g->arena, (n + 1) * (int64_t)sizeof *cell->settings);
    char *value = arena_text(&g->arena, text);
    if (!setting || !cell->settings || !value) return FAIL(E_NOMEM, "the settings of a run");
    if (n) memcpy(cell->settings, old->settings, (size_t)n * sizeof *cell->settings);
    *setting = (Setting){"train", "seed", value, "sweep.best_seeds: "};
    cell->settings[n] = setting;
    cell->setting_count = n + 1;
    cell->batch = old->batch;
    cell->run.budget = old->run.budget;
    cell->run.held_out = old->run.held_out;
    cell->run.extra = true;
    TRY(cell_make(&g->maker, cell));
    for (int64_t i = 0; i < g->count - 1; i++)
        if (!strcmp(g->cells[i].run.id, cell->run.id)) {
            g->count--; /* it has this seed already */
            break;
        }
    return OK;
}

Status grid_add_seeds(SweepGrid *g, const Sweep *s)
{
    const Spec *spec = &g->spec;
    const int64_t count = g->count, budgets = spec->budget_count + spec->held_out_count;
    INVARIANT(s->count >= count);
    for (int64_t i = 0; i < count; i++) INVARIANT(!strcmp(s->runs[i].id, g->cells[i].run.id));
    for (int64_t i = 0; i < (budgets ? budgets : 1); i++) {
        const double budget = !budgets                 ? 0
                              : i < spec->budget_count ? spec->budgets[i]
                                                       : spec->held_out[i - spec->budget_count];
        for (int64_t k = 0; k < count; k++)
            for (int64_t j = 0; is_best(g, s, budget, count, k) && j < spec->seed_count; j++)
                TRY(add_seed(g, k, spec->seeds[j]));
    }
    return OK;
}

/* The value in `text` of the key at the start of `line`; NULL: none. */
static const char *find_line(const char *text, const char *line, size_t key)
{
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!strncmp(at, line, key)) return at + key;
    return NULL;
}

char *grid_compare(const char *old, const char *new, char *out, size_t size)
{
    size_t used = 0;
    *out = '\0';
    for (int pass = 0; pass < 2; pass++) { /* keys of old, then keys only in new */
        const char *text = pass ? new : old, *other = pass ? old : new;
        for (const char *at = text; *at && used < size;
             at += strcspn(at, "\n"), at += *at == '\n') {
            const char *colon = strstr(at, ": ");
            const size_t key = colon ? (size_t)(colon - at) + 2 : strcspn(at, "\n");
            const char *there = find_line(other, at, key), *value = at + key;
            const int length = (int)strcspn(value, "\n");
            if (there && (pass || ((int)strcspn(there, "\n") == length &&
                                   !strncmp(value, there, (size_t)length))))
                continue;
            const char *was = pass ? "nothing" : value, *is = pass ? value : there;
            if (!is) is = "nothing";
            used += (size_t)snprintf(out + used, size - used, "\n  %.*s%.*s in the sweep, %.*s now",
                                     (int)key, at, (int)strcspn(was, "\n"), was,
                                     (int)strcspn(is, "\n"), is);
        }
    }
    return out;
}
