/* Command lines: what they fill, and what is said of those that are wrong. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <string.h>

#include "train/commands/options.h"

static struct {
    bool flag;
    const char *text, *inputs[OPTION_VALUES_MAX];
    int input_count;
    int64_t count;
    double share, any;
} got;

static const Option options[] = {
    OPTION_USAGE("[WORD ...]"),
    OPTION_USAGE("list"),
    OPTION_FLAG("--flag", &got.flag, "a switch"),
    OPTION_TEXT("--text", &got.text, "T", "a text", .usage = IN_USAGE(0)),
    OPTION_TEXTS("--input", got.inputs, &got.input_count, "FILE", "files", .required = IN_USAGE(1)),
    OPTION_INT("--count", &got.count, "N", 1, 100, "how many"),
    OPTION_REAL("--share", &got.share, "X", 0, 1, "what share"),
    OPTION_REAL("--any", &got.any, "X", 0, 0, "a number"),
    {0},
};
static const Command command = {.name = "try", .help = "tries"};

static const char *positional[2];
static int positional_count;
static bool helped;

/* The arguments are the words of a line. */
static Status read_line(const char *line)
{
    static char words[1024];
    char *argv[64];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    memset(&got, 0, sizeof got);
    return options_read(&command, options, argc, argv, positional, 2, &positional_count, &helped);
}

Test(options, fill_what_they_say)
{
    cr_assert_eq(read_line("a --flag --text=x=y --count 7 --share=.5 --any -1e3 b=c"), OK, "%s",
                 error_message());
    cr_assert(got.flag);
    cr_assert_str_eq(got.text, "x=y");
    cr_assert_eq(got.count, 7);
    cr_assert_eq(got.share, 0.5);
    cr_assert_eq(got.any, -1000);
    cr_assert_eq(positional_count, 2);
    cr_assert_str_eq(positional[0], "a");
    cr_assert_str_eq(positional[1], "b=c");
    cr_assert_not(helped);
}

Test(options, take_lists_up_to_the_next)
{
    cr_assert_eq(read_line("--input a - b --flag c --input=d e"), OK, "%s", error_message());
    cr_assert_eq(got.input_count, 4);
    cr_assert_str_eq(got.inputs[1], "-");
    cr_assert_str_eq(got.inputs[3], "d");
    cr_assert_eq(positional_count, 2);
    cr_assert_str_eq(positional[0], "c");
    cr_assert_str_eq(positional[1], "e");
}

Test(options, limit_lists)
{
    static char *argv[OPTION_VALUES_MAX + 2], input[] = "--input=x";
    for (int i = 0; i < OPTION_VALUES_MAX + 1; i++) argv[i] = input;
    cr_assert_eq(options_read(&command, options, OPTION_VALUES_MAX, argv, positional, 2,
                              &positional_count, &helped),
                 OK);
    got.input_count = 0;
    cr_assert_eq(options_read(&command, options, OPTION_VALUES_MAX + 1, argv, positional, 2,
                              &positional_count, &helped),
                 E_ARG);
    cr_assert(strstr(error_message(), "--input: more than 4096 values"), "%s", error_message());
}

Test(options, a_value_may_look_like_an_option)
{
    cr_assert_eq(read_line("--text -h --count 1"), OK, "%s", error_message());
    cr_assert_str_eq(got.text, "-h");
    cr_assert_not(helped);
}

Test(options, help_ends_it, .init = cr_redirect_stdout)
{
    cr_assert_eq(read_line("--flag --help --bogus"), OK);
    cr_assert(helped);
    cr_assert_eq(read_line("-h"), OK);
    cr_assert(helped);
}

Test(options, usage_is_made_of_the_table, .init = cr_redirect_stdout)
{
    cr_assert_eq(read_line("--help"), OK);
    fflush(stdout);
    cr_assert_stdout_eq_str(
        "usage: capstan try [WORD ...] [--flag] [--text T] [--input FILE...] [--count N] [--share "
        "X]\n"
        "                   [--any X]\n"
        "       capstan try list --input FILE... [--flag] [--count N] [--share X] [--any X]\n"
        "\n"
        "tries\n"
        "\n"
        "options:\n"
        "  --flag                    a switch\n"
        "  --text T                  a text\n"
        "  --input FILE...           files\n"
        "  --count N                 how many\n"
        "  --share X                 what share\n"
        "  --any X                   a number\n");
}

static const struct {
    const char *line, *says;
} refused[] = {
    {"--flg", "capstan try has no option --flg; did you mean --flag?"},
    {"--cuont=12345678", "capstan try has no option --cuont; did you mean --count?"},
    {"-x", "capstan try has no option -x"},
    {"--flag=1", "--flag takes no value"},
    {"--count", "--count needs N"},
    {"--input", "--input needs FILE"},
    {"--count x", "--count x: expected a whole number"},
    {"--count 1.5", "--count 1.5: expected a whole number"},
    {"--count 99999999999999999999", "expected a whole number"},
    {"--count=", "--count : expected a whole number"},
    {"--count 101", "--count 101 is not in [1, 100]"},
    {"--share 2", "--share 2 is not in [0, 1]"},
    {"--any inf", "--any inf: expected a number"},
    {"--any nan", "--any nan: expected a number"},
    {"--any 0x10", "--any 0x10: expected a number"},
    {"--any 1e999", "--any 1e999: expected a number"},
    {"a b c", "capstan try does not expect \"c\"; see capstan try --help"},
};

ParameterizedTestParameters(options, refuse)
{
    static size_t index[sizeof refused / sizeof *refused];
    for (size_t i = 0; i < sizeof index / sizeof *index; i++) index[i] = i;
    return cr_make_param_array(size_t, index, sizeof index / sizeof *index);
}

ParameterizedTest(size_t *i, options, refuse)
{
    cr_assert_eq(read_line(refused[*i].line), E_ARG, "%s was accepted", refused[*i].line);
    cr_assert(strstr(error_message(), refused[*i].says), "%s: %s", refused[*i].line,
              error_message());
}

/* Settings that are written as other programs want them, and "-" for a file. */
static const char *page;
static const Option of_settings[] = {
    OPTION_USAGE("[CONFIG] [section.key=value ...]"),
    OPTION_PATH("--output", &page, "FILE", "a page"),
    {0},
};

static const struct {
    const char *line, *says;
} unlike_settings[] = {
    {"m.yaml --train.steps=5", "--train.steps=5: settings are written train.steps=5"},
    {"m.yaml --train.steps 5", "--train.steps: settings are written train.steps=5"},
    {"m.yaml -train.steps=5", "settings are written train.steps=5"},
    {"m.yaml train.steps 5", "train.steps: settings are written train.steps=5"},
    {"m.yaml train.steps= 5", "train.steps=: settings are written train.steps=5"},
    {"m.yaml train.steps = 5", "train.steps: settings are written train.steps=VALUE"},
    {"m.yaml --lr 3e-4", "--lr: settings are written optim.lr=3e-4"},
    {"m.yaml --weight-decay=0.1", "settings are written optim.weight_decay=0.1"},
    {"--learning_rate 1e-3", "settings are written optim.lr=1e-3"},
    {"--block_size=8", "settings are written model.context=8"},
    {"--model.width", "settings are written model.width=VALUE"},
    {"--train.widht=5", "no option --train.widht; did you mean --output?"},
    {"--output -", "--output: - is not a standard stream here; name a file (./- for"},
    {"--output=-", "--output: - is not a standard stream here"},
    {"-", "try: - is not a standard stream here"},
};

Test(options, say_how_settings_are_written)
{
    for (size_t i = 0; i < sizeof unlike_settings / sizeof *unlike_settings; i++) {
        char words[256], *argv[16];
        int argc = 0;
        snprintf(words, sizeof words, "%s", unlike_settings[i].line);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
        cr_expect_eq(options_read(&command, of_settings, argc, argv, positional, 2,
                                  &positional_count, &helped),
                     E_ARG, "%s was accepted", unlike_settings[i].line);
        cr_expect(strstr(error_message(), unlike_settings[i].says), "%s: %s",
                  unlike_settings[i].line, error_message());
    }
}
