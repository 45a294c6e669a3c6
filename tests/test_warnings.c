/* For each rule of train/plan/warnings.c, facts under which its warning is due and no other. */
#include <criterion/criterion.h>
#include <string.h>

#include "train/plan/warnings.h"

typedef struct Case {
    const char *name, *settings[6]; /* on top of the defaults */
    WarningFacts facts;   /* beside the usual ones; data, if it is known, instead of them */
    const char *sentence; /* a part of it */
} Case;

/* clang-format off */
#define USUAL .is_known = true, .vocab_size = 257, .val_tokens = 100000
/* clang-format on */

static const Case cases[] = {
    {"other_core", {NULL}, {.core_before = "Haswell"}, "OpenBLAS's Haswell and is now on SkylakeX"},
    {"no_val_file",
     {NULL},
     {.lacks_val = true, .data = {.is_known = true, .is_raw = true, .vocab_size = 9}},
     "there is no token file with val"},
    {"short_val",
     {"model.context=128"},
     {.lacks_val = true, .data = {.is_known = true, .vocab_size = 257, .val_tokens = 99}},
     "(99 tokens) is shorter than a window of 129"},
    {"half_empty_packs",
     {"data.packing=spfhp"},
     {.packs = 200, .half_empty = 2},
     "2 of 200 packs hold a single document"},
};
enum { CASES = sizeof cases / sizeof *cases };

static Config config;

static WarningFacts facts_of(const Case *one)
{
    WarningFacts f = one->facts;
    int count = 0;
    while (one->settings[count]) count++;
    cr_assert_eq(config_load(&config, NULL, count, one->settings), OK, "%s", error_message());
    f.config = &config;
    f.core = "SkylakeX";
    if (!f.data.is_known) f.data = (DataFacts){USUAL};
    return f;
}

Test(warnings, each_rule_has_its_case)
{
    for (int i = 0; i < warning_rule_count; i++) {
        int found = 0;
        for (int k = 0; k < CASES; k++) found += !strcmp(cases[k].name, warning_rules[i].name);
        cr_expect(found, "%s: no case", warning_rules[i].name);
    }
}

Test(warnings, are_due_alone)
{
    char text[WARNING_MAX];
    for (int k = 0; k < CASES; k++) {
        const WarningFacts f = facts_of(&cases[k]);
        for (int i = 0; i < warning_rule_count; i++) {
            const bool due = warning_rules[i].is_due(&f, text);
            cr_expect_eq(due, !strcmp(cases[k].name, warning_rules[i].name), "case %s, rule %s: %s",
                         cases[k].name, warning_rules[i].name, due ? text : "not due");
            if (due) cr_expect(strstr(text, cases[k].sentence), "%s: %s", cases[k].name, text);
        }
    }
}

static void count_one(void *count, const char *text)
{
    (void)text;
    ++*(int *)count;
}

Test(warnings, are_not_due_by_default)
{
    int count = 0;
    const WarningFacts f = facts_of(&(Case){.settings = {NULL}});
    warnings_new(&f, NULL, count_one, &count);
    cr_expect_eq(count, 0);
}

Test(warnings, do_not_repeat_on_resume_unless_they_changed)
{
    const WarningFacts now = facts_of(&cases[2]);
    WarningFacts before = now;
    int count = 0;
    warnings_new(&now, &before, count_one, &count);
    cr_expect_eq(count, 0, "the same");
    before.lacks_val = false;
    warnings_new(&now, &before, count_one, &count);
    cr_expect_eq(count, 1, "not due before");
    before.lacks_val = true;
    before.data.val_tokens = 98;
    warnings_new(&now, &before, count_one, &count);
    cr_expect_eq(count, 2, "another sentence");
}
