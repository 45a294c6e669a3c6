/* Back-tests as text and JSON. */
#include <math.h>
#include <stdio.h>

#include "train/scaling/fit_show.h"
#include "train/support/json.h"

static void print_row(const Backtest *b, const BacktestRow *row)
{
    printf("  %-10s %7lld %10.3g %9.4f %9.4f", law_name(b->law), (long long)row->budgets,
           row->flops, row->outcome, row->predicted.value);
    if (isfinite(row->predicted.low))
        printf("    %.4f to %.4f%s", row->predicted.low, row->predicted.high,
               row->is_inside                      ? ""
               : row->outcome < row->predicted.low ? "  outcome below"
                                                   : "  outcome above");
    printf("\n");
}

void backtest_print(const Backtest *all, int count)
{
    bool any = false;
    for (int i = 0; i < count; i++) any |= all[i].count > 0;
    if (any)
        printf("\nback-test, the law of the smallest budgets predicts the next one:\n"
               "  %-10s %7s %10s %9s %9s %21s\n",
               "law", "budgets", "next", "outcome", "law", "interval for one run");
    for (int i = 0; i < count; i++)
        for (int64_t k = 0; k < all[i].count; k++) print_row(&all[i], &all[i].row[k]);
    for (int i = 0; i < count; i++) {
        const Backtest *b = &all[i];
        if (b->missing) printf("no back-test of %s: %s\n", law_name(b->law), b->missing);
        if (backtest_missed_all(b))
            printf("warning: %s has missed all of its own sweep: none of its %lld intervals holds "
                   "the outcome\n",
                   law_name(b->law), (long long)b->judged);
    }
}

static json_t *row_json(const Backtest *b, const BacktestRow *row)
{
    const FitValue *v = &row->predicted;
    const bool judged = isfinite(v->low);
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "law", law_name(b->law), "budgets",
                     (json_int_t)row->budgets, "flops", json_number(row->flops), "predicted",
                     json_number(v->value), "interval",
                     judged ? json_pack("[o, o]", json_number(v->low), json_number(v->high))
                            : json_null(),
                     "outcome", json_number(row->outcome), "inside",
                     judged ? json_boolean(row->is_inside) : json_null());
}

json_t *backtest_json(const Backtest *all, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        for (int64_t k = 0; k < all[i].count; k++)
            json_array_append_new(list, row_json(&all[i], &all[i].row[k]));
    return list;
}
