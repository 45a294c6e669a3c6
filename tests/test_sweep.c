#include <math.h>

#include "support.h"
#include "train/sweep/grid.h"
#include "train/sweep/table.h"
#include "train/sweep/trunk.h"

static Place place;
static SweepGrid grid;

static void init(void)
{
    place = place_make();
}

static void fini(void)
{
    grid_close(&grid);
    place_remove(&place);
}

TestSuite(sweep, .init = init, .fini = fini);

/* The grid of a config that ends with such a section. */
static Status read_grid(const char *sweep)
{
    char path[96];
    snprintf(path, sizeof path, "%s/grid.yaml", place.folder);
    FILE *file = fopen(path, "w");
    fprintf(file,
            "model: {layers: 1, heads: 2, width: 16, context: 16}\n"
            "data: {path: %s}\n"
            "optim: {warmup: 3, schedule: wsd}\n"
            "train: {batch: 4, steps: 100}\n"
            "monitor: {action: \"off\"}\n"
            "sweep:\n%s",
            place.train, sweep);
    fclose(file);
    return grid_read(&grid, path, 0, NULL);
}

static void must_refuse(const char *sweep, const char *words)
{
    cr_assert_eq(read_grid(sweep), E_CONFIG);
    cr_assert(strstr(error_message(), words) != NULL, "%s", error_message());
}

Test(sweep, crosses_what_varies_and_the_last_changes_fastest)
{
    MUST(read_grid("  vary: {optim.lr: [1e-3, 2e-3], train.seed: [1, 2, 3]}\n"));
    cr_assert_eq(grid.count, 6);
    cr_assert_str_eq(grid.cells[0].run.overrides, "optim.lr=1e-3\ntrain.seed=1\n");
    cr_assert_str_eq(grid.cells[1].run.overrides, "optim.lr=1e-3\ntrain.seed=2\n");
    cr_assert_str_eq(grid.cells[5].run.overrides, "optim.lr=2e-3\ntrain.seed=3\n");
    cr_assert_eq(grid.cells[5].config->optim.lr, 2e-3);
    cr_assert_eq(grid.cells[5].config->optim.min_lr, 2e-4); /* follows lr */
    cr_assert_eq(grid.cells[5].run.seed, 3);
    cr_assert_eq(grid.cells[5].run.tokens, 100 * 4 * 16);
    cr_assert_eq(grid.cells[5].run.unique_tokens, 4000);
}

Test(sweep, ranges_are_even_in_the_logarithm)
{
    MUST(read_grid("  vary: {optim.lr: {from: 1e-4, to: 1e-2, count: 5}}\n"));
    const double expected[] = {1e-4, 3.162e-4, 1e-3, 3.162e-3, 1e-2};
    cr_assert_eq(grid.count, 5);
    for (int i = 0; i < 5; i++)
        cr_assert_float_eq(grid.cells[i].config->optim.lr, expected[i], 1e-15);
}

Test(sweep, whole_numbers_of_a_range_are_multiples)
{
    MUST(read_grid("  vary: {model.width: {from: 16, to: 100, count: 3, multiple_of: 8}}\n"));
    cr_assert_eq(grid.cells[0].config->model.width, 16);
    cr_assert_eq(grid.cells[1].config->model.width, 40);
    cr_assert_eq(grid.cells[2].config->model.width, 104);
}

Test(sweep, a_budget_is_met_within_half_a_step)
{
    MUST(read_grid("  vary: {model.width: [8, 16, 32]}\n  budgets: [1e8, 1e9]\n  held_out: "
                   "[4e9]\n  warmup_share: 0.1\n"));
    cr_assert_eq(grid.count, 9);
    for (int64_t i = 0; i < grid.count; i++) {
        const Cell *c = &grid.cells[i];
        const double update = c->run.flops_per_token * 64;
        cr_assert_leq(fabs(c->run.flops - c->run.budget), update / 2);
        cr_assert_eq(c->run.steps, c->config->train.steps);
        cr_assert_eq(c->config->optim.decay_steps, c->run.steps); /* follows steps */
        cr_assert_eq(c->config->optim.warmup, llround(0.1 * (double)c->run.steps));
        cr_assert_eq(c->run.held_out, c->run.budget == 4e9);
    }
}

Test(sweep, each_budget_may_have_its_own_batch)
{
    MUST(read_grid("  vary: {model.width: [8, 16]}\n  budgets: [1e8, 1e9]\n  batch: [1, 2]\n"
                   "  held_out: [4e9]\n"));
    cr_assert_eq(grid.count, 6);
    for (int64_t i = 0; i < grid.count; i++) {
        const Cell *c = &grid.cells[i];
        const int64_t batch = i < 2 ? 1 : i < 4 ? 2 : 4;
        cr_assert_eq(c->config->train.batch, batch);
        cr_assert_leq(fabs(c->run.flops - c->run.budget),
                      c->run.flops_per_token * 8 * (double)batch);
        cr_assert_eq(strncmp(c->run.overrides + strcspn(c->run.overrides, "\n"),
                             "\ntrain.batch=", 13) == 0,
                     i < 4);
    }
}

/* As optim.warmup of the same number of steps. */
Test(sweep, a_share_of_warmup_follows_the_steps)
{
    static const char base[] = "model: {layers: 1, heads: 2, width: 16, context: 16}\n"
                               "data: {path: %s}\noptim: {%s}\n"
                               "train: {batch: 4, steps: 100}\nmonitor: {action: \"off\"}\n"
                               "sweep: {vary: {train.steps: [40, 100]}}\n";
    static const char *const optim[] = {"warmup_share: 0.1", "warmup: 4"};
    char path[96], ids[2][SWEEP_ID + 1];
    snprintf(path, sizeof path, "%s/grid.yaml", place.folder);
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(path, "w");
        fprintf(file, base, place.train, optim[i]);
        fclose(file);
        MUST(grid_read(&grid, path, 0, NULL));
        cr_assert_eq(grid.cells[0].config->optim.warmup, 4);
        cr_assert_eq(grid.cells[1].config->optim.warmup, i ? 4 : 10);
        strcpy(ids[i], grid.cells[0].run.id);
        if (!i) grid_close(&grid);
    }
    cr_assert_str_eq(ids[0], ids[1]);
}

Test(sweep, the_best_runs_get_more_seeds)
{
    MUST(read_grid("  vary: {optim.lr: [1e-3, 2e-3, 3e-3, 4e-3]}\n  budgets: [1e8, 1e9]\n"
                   "  batch: [1, 2]\n  best: 2\n  best_seeds: [7, 8]\n"));
    SweepRun runs[8];
    static const double loss[] = {3, 2, 1, 4, 2, 2, 2, 1};
    Sweep s = {.runs = runs, .count = 8};
    for (int i = 0; i < 8; i++) {
        runs[i] = grid.cells[i].run;
        runs[i].loss = loss[i], runs[i].state = i == 7 ? SWEEP_failed : SWEEP_done;
    }
    MUST(grid_add_seeds(&grid, &s));
    static const double rates[] = {2e-3, 2e-3, 3e-3, 3e-3, 1e-3, 1e-3, 2e-3, 2e-3};
    cr_assert_eq(grid.count, 16);
    for (int i = 0; i < 8; i++) {
        const Cell *c = &grid.cells[8 + i];
        cr_assert(c->run.extra && c->run.seed == (i % 2 ? 8 : 7), "%d", i);
        cr_assert(c->config->optim.lr == rates[i] && c->config->train.batch == (i < 4 ? 1 : 2),
                  "%d", i);
    }
}

Test(sweep, budgets_with_few_steps_are_named)
{
    char text[TABLE_WARNING];
    SweepRun runs[] = {
        {.state = SWEEP_done, .budget = 1e9, .loss = 3, .steps = 5000},
        {.state = SWEEP_done, .budget = 1e9, .loss = 2, .steps = 1499},
        {.state = SWEEP_done, .budget = 2e9, .loss = 2, .steps = 1500},
        {.state = SWEEP_done, .budget = 2e9, .loss = 3, .steps = 100},
        {.state = SWEEP_done, .budget = 4e9, .loss = 2, .steps = 100, .held_out = true},
        {.state = SWEEP_done, .loss = 1, .steps = 100},
        {.state = SWEEP_planned, .budget = 8e9, .loss = NAN, .steps = 100},
    };
    const Sweep s = {.runs = runs, .count = sizeof runs / sizeof *runs};
    for (int64_t i = 0; i < s.count; i++)
        cr_assert_eq(table_few_steps(&s, i, text), i == 1, "%lld", (long long)i);
    cr_assert(strstr(text, "budget 1e+09: its best run has 1499 steps"), "%s", text);
}

Test(sweep, ids_tell_configs_apart_and_not_threads)
{
    char first[SWEEP_ID + 1];
    MUST(read_grid("  vary: {optim.lr: [1e-3, 2e-3]}\n"));
    cr_assert_str_neq(grid.cells[0].run.id, grid.cells[1].run.id);
    strcpy(first, grid.cells[0].run.id);
    grid_close(&grid);
    MUST(read_grid("  vary: {train.threads: [2], optim.lr: [1e-3]}\n"));
    cr_assert_str_eq(grid.cells[0].run.id, first);
}

Test(sweep, the_longest_of_those_that_begin_alike_is_their_trunk)
{
    MUST(read_grid("  vary: {train.steps: [50, 100, 200], optim.lr: [1e-3, 2e-3]}\n"));
    const Cell *c = grid.cells;
    cr_assert_eq(c[0].trunk, 4); /* 50 steps: the last fifth is a cool-down */
    cr_assert_eq(c[0].branch, 40);
    cr_assert_eq(c[3].trunk, 5);
    cr_assert_eq(c[3].branch, 80);
    cr_assert_eq(c[4].trunk, -1);
    const TrunkSaving s = trunk_saving(c, grid.count);
    cr_assert_eq(s.branches, 4);
    cr_assert_eq(s.steps, 700);
    cr_assert_eq(s.saved_steps, 240);
}

Test(sweep, what_has_another_past_has_no_trunk)
{
    MUST(read_grid("  trunks: true\n  vary: {train.steps: [50, 100], optim.schedule: [cosine]}\n"));
    cr_assert_eq(grid.cells[0].trunk, -1);
    grid_close(&grid);
    MUST(read_grid("  trunks: false\n  vary: {train.steps: [50, 100]}\n"));
    cr_assert_eq(grid.cells[0].trunk, -1);
}

Test(sweep, differences_are_named)
{
    char text[512];
    cr_assert_str_eq(grid_compare("a: 1\nb: 2\n", "a: 1\nb: 2\n", text, sizeof text), "");
    cr_assert_str_eq(grid_compare("a: 1\nb: 2\n", "b: 22\nc: 3\n", text, sizeof text),
                     "\n  a: 1 in the sweep, nothing now\n  b: 2 in the sweep, 22 now"
                     "\n  c: nothing in the sweep, 3 now");
}

Test(sweep, what_is_wrong_is_named)
{
    must_refuse("  {}\n", "expected vary or budgets");
    must_refuse("  vary: {optim.lr: 1}\n", "expected a list, or {from");
    must_refuse("  vary: {optim.lr: []}\n", "0 values");
    must_refuse("  vary: {optim.schedule: {from: 1, to: 2, count: 2}}\n", "is not a number");
    must_refuse("  vary: {size: [1, 2]}\n", "settings that change together");
    must_refuse("  vary: {optim.lr: [[1]]}\n", "expected one value");
    must_refuse("  budgets: [1e12, 1e12]\n", "duplicate value");
    must_refuse("  budgets: [none]\n", "expected a number");
    must_refuse("  budgets: [1e12]\n  held_out: [1e12]\n", "is one of sweep.budgets");
    must_refuse("  budgets: [1e12]\n  vary: {train.steps: [3]}\n", "sweep.budgets sets it already");
    must_refuse("  budgets: [1e9]\n  epochs: 0.001\n", "leave out all 1 cells");
    must_refuse("  vary: {optim.lr: [1e-3]}\n  flops: many\n", "expected one of 6N");
    must_refuse("  budgets: [1e8, 1e9]\n  batch: [1]\n", "has 1 numbers, but sweep.budgets has 2");
    must_refuse("  budgets: [1e8]\n  batch: 2\n", "expected a list");
    must_refuse("  budgets: [1e8]\n  batch: [1.5]\n", "1.5 is not a whole number");
    must_refuse("  budgets: [1e8]\n  batch: [1]\n  vary: {train.batch: [2]}\n",
                "train.batch: sweep.batch sets it already");
    must_refuse("  vary: {optim.lr: [1e-3]}\n  best: 0\n", "sweep.best: expected a number from 1");
    must_refuse("  vary: {optim.lr: [1e-3]}\n  trunks: 7\n", "expected true or false");
}
