#include "train/commands/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "train/config/config.h"

enum { LINE_MAX_COLUMNS = 100, HELP_COLUMN = 28 };

/* The next option after o, or the first at o itself; NULL: there are no more. */
static const Option *option_from(const Option *o)
{
    while (o->name && (o->type == TYPE_USAGE || o->type == TYPE_NOTE)) o++;
    return o->name ? o : NULL;
}

#define EACH_OPTION(o, options)             \
    const Option *o = option_from(options); \
    o;                                      \
    o = option_from(o + 1)

/* Appends a word to a line; begins a new, indented line if it gets too long. */
static void put_word(const char *word, int indent, int *column)
{
    const int length = (int)strlen(word);
    if (*column + 1 + length > LINE_MAX_COLUMNS && *column > indent) {
        printf("\n%*s", indent, "");
        *column = indent;
    } else if (*column > indent) {
        putchar(' ');
        ++*column;
    }
    fputs(word, stdout);
    *column += length;
}

void options_put_text(const char *text, int indent)
{
    char word[256];
    int column = indent;
    for (const char *at = text; *at; at += strspn(at, " ")) {
        const size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        put_word(word, indent, &column);
        at += length;
    }
    putchar('\n');
}

/* Prints a text word by word; brackets are not broken. */
static void put_words(const char *text, int indent, int *column)
{
    char word[256];
    while (*text) {
        size_t length = strcspn(text, " ");
        if (*text == '[' && strchr(text, ']')) length = (size_t)(strchr(text, ']') + 1 - text);
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        put_word(word, indent, column);
        text += length;
        text += strspn(text, " ");
    }
}

/* "--name N", "--name FILE..." */
static char *spelled(const Option *o, char out[96])
{
    snprintf(out, 96, "%s%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "",
             o->count ? "..." : "");
    return out;
}

/* One usage line: positional words, required options, others in brackets. */
static void print_usage_line(const Command *c, const Option *options, const char *words, int index)
{
    char name[96], word[128];
    int column = printf("%s capstan %s", index ? "      " : "usage:", c->name) + 1;
    const int indent = column;
    putchar(' ');
    put_words(words, indent, &column);
    for (int optional = 0; optional < 2; optional++)
        for (EACH_OPTION(o, options)) {
            if (o->usage && !(o->usage & IN_USAGE(index))) continue;
            const bool required = o->required & IN_USAGE(index);
            if (required == (optional != 0)) continue;
            snprintf(word, sizeof word, optional ? "[%s]" : "%s", spelled(o, name));
            put_word(word, indent, &column);
        }
    putchar('\n');
}

static void print_usage(const Command *c, const Option *options)
{
    int index = 0;
    for (const Option *o = options; o->name; o++)
        if (o->type == TYPE_USAGE) print_usage_line(c, options, o->name, index++);
    if (!index) print_usage_line(c, options, "", 0);
}

static void print_notes(const Option *options)
{
    for (const Option *o = options; o->name; o++) {
        if (o->type != TYPE_NOTE) continue;
        printf("\n");
        options_put_text(o->name, 0);
    }
}

static void print_help(const Command *c, const Option *options)
{
    print_usage(c, options);
    printf("\n%s\n", c->help);
    if (option_from(options)) printf("\noptions:\n");
    for (EACH_OPTION(o, options)) {
        char head[96];
        int column = printf("  %-*s", HELP_COLUMN - 3, spelled(o, head));
        if (column >= HELP_COLUMN) {
            printf("\n");
            column = 0;
        }
        printf("%*s", HELP_COLUMN - column, "");
        options_put_text(o->help, HELP_COLUMN);
    }
    print_notes(options);
}

/* Whether a usage line has these words. */
static bool usage_has(const Option *options, const char *words)
{
    for (const Option *o = options; o->name; o++)
        if (o->type == TYPE_USAGE && strstr(o->name, words)) return true;
    return false;
}

/* E_ARG if the word, of which `next` follows or is NULL, means a setting. */
static Status check_setting(const Option *options, const char *word, const char *next)
{
    const char *name = word + strspn(word, "-");
    const size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : "";
    if (!usage_has(options, ".key=value")) return OK;
    const Key *meant = config_guess(name, (int)length);
    if (!meant) return OK;
    if (!*value && next && strcmp(next, "=") && *next != '-') value = next;
    return FAIL(E_ARG, "%s: settings are written %s.%s=%s", word, meant->section, meant->name,
                *value ? value : "VALUE");
}

static Status unknown(const Command *c, const Option *options, const char *argument,
                      const char *next)
{
    char word[64];
    const char *best = NULL;
    TRY(check_setting(options, argument, next));
    snprintf(word, sizeof word, "%.*s", (int)strcspn(argument, "="), argument);
    int least = 1 << 20;
    for (EACH_OPTION(o, options)) {
        int d = text_distance(word, o->name);
        if (d < least) best = o->name, least = d;
    }
    if (!best) return FAIL(E_ARG, "capstan %s has no option %s", c->name, word);
    return FAIL(E_ARG, "capstan %s has no option %s; did you mean %s?", c->name, word, best);
}

static Status store(const Option *o, const char *text)
{
    char *end;
    errno = 0;
    const bool plain = !text[strspn(text, "0123456789+-.eE")]; /* no "inf", "0x10" or blanks */
    const double number =
        o->type == TYPE_WHOLE ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    if (!plain || *end || end == text || errno == ERANGE || !isfinite(number))
        return FAIL(E_ARG, "%s %s: expected %s", o->name, text,
                    o->type == TYPE_WHOLE ? "a whole number" : "a number");
    if ((o->min != 0 || o->max != 0) && !(number >= o->min && number <= o->max))
        return FAIL(E_ARG, "%s %s is not in [%.10g, %.10g]", o->name, text, o->min, o->max);
    if (o->type == TYPE_WHOLE)
        *(int64_t *)o->value = strtoll(text, NULL, 10);
    else
        *(double *)o->value = number;
    return OK;
}

/* A file with this name could be neither named nor found by mistake. */
static Status refuse_dash(const char *what)
{
    return FAIL(E_ARG,
                "%s: - is not a standard stream here; name a file (./- for one called \"-\")",
                what);
}

/* "steps=5", "train.steps 5" or "train.steps= 5", if it is one: a word without "=" may be a file,
 * or what "explain SECTION.KEY" asks for. */
static bool is_odd_setting(const Option *options, const char *word, const char *next)
{
    const char *equals = strchr(word, '='), *dot = strchr(word, '.');
    if (!equals) return dot && !usage_has(options, "SECTION.KEY");
    if (!dot || dot > equals) return true;
    return !equals[1] && next && !strchr(next, '=');
}

/* A word that is no option. */
static Status check_positional(const Command *c, const Option *options, int count, int max,
                               const char *word, const char *next)
{
    if (!strcmp(word, "-")) return refuse_dash(c->name);
    if (access(word, F_OK) && is_odd_setting(options, word, next))
        TRY(check_setting(options, word, next));
    if (count < max) return OK;
    return FAIL(E_ARG, "capstan %s does not expect \"%s\"; see capstan %s --help", c->name, word,
                c->name);
}

/* Reads the option at argv[*at] and its value, and moves *at past them. */
static Status read_one(const Command *c, const Option *options, int argc, char *argv[], int *at)
{
    char *word = argv[(*at)++], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const Option *o = options;
    while (o->name && (strlen(o->name) != length || strncmp(o->name, word, length))) o++;
    if (!o->name) return unknown(c, options, word, *at < argc ? argv[*at] : NULL);
    if (o->type == TYPE_FLAG) {
        if (equals) return FAIL(E_ARG, "%s takes no value", o->name);
        *(bool *)o->value = true;
        return OK;
    }
    if (!equals && *at == argc) return FAIL(E_ARG, "%s needs %s", o->name, o->argument);
    const char *value = equals ? equals + 1 : argv[(*at)++];
    if (o->type != TYPE_WORD) return store(o, value);
    if (o->is_path && !strcmp(value, "-")) return refuse_dash(o->name);
    const char **texts = o->value;
    if (!o->count) {
        *texts = value;
        return OK;
    }
    for (;;) {
        if (*o->count == OPTION_VALUES_MAX)
            return FAIL(E_ARG, "%s: more than %d values", o->name, OPTION_VALUES_MAX);
        texts[(*o->count)++] = value;
        if (equals || *at == argc || !strncmp(argv[*at], "--", 2)) break;
        value = argv[(*at)++];
    }
    return OK;
}

Status options_read(const Command *c, const Option *options, int argc, char *argv[],
                    const char *positional[], int positional_max, int *positional_count,
                    bool *helped)
{
    *helped = false;
    *positional_count = 0;
    for (int at = 0; at < argc;) {
        if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")) {
            print_help(c, options);
            *helped = true;
            return OK;
        }
        if (argv[at][0] == '-' && argv[at][1]) {
            TRY(read_one(c, options, argc, argv, &at));
            continue;
        }
        TRY(check_positional(c, options, *positional_count, positional_max, argv[at],
                             at + 1 < argc ? argv[at + 1] : NULL));
        positional[(*positional_count)++] = argv[at++];
    }
    return OK;
}

Status options_find_checkpoint(const char **path, char found[CHECKPOINT_PATH_MAX])
{
    TRY(checkpoints_find(*path, found));
    if (strcmp(*path, found)) {
        fputs("capstan: reading ", stderr);
        text_put(stderr, found, strlen(found));
        fputc('\n', stderr);
    }
    *path = found;
    return OK;
}
