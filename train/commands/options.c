#include "train/commands/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

static void print_help(const Command *c, const Option *options)
{
    printf("capstan %s %s\n\n%s\n", c->name, c->usage, c->help);
    if (options->name) printf("\noptions:\n");
    for (const Option *o = options; o->name; o++) {
        char head[96];
        snprintf(head, sizeof head, "%s%s%s%s", o->name, o->argument ? " " : "",
                 o->argument ? o->argument : "", o->count ? "..." : "");
        printf("  %-24s %s\n", head, o->help);
    }
}

static Status unknown(const Command *c, const Option *options, const char *argument)
{
    char word[64];
    const char *best = NULL;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(argument, "="), argument);
    int least = 1 << 20;
    for (const Option *o = options; o->name; o++) {
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
        o->type == OPTION_INT ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    if (!plain || *end || end == text || errno == ERANGE || !isfinite(number))
        return FAIL(E_ARG, "%s %s: expected %s", o->name, text,
                    o->type == OPTION_INT ? "a whole number" : "a number");
    if ((o->min != 0 || o->max != 0) && !(number >= o->min && number <= o->max))
        return FAIL(E_ARG, "%s %s is not in [%.10g, %.10g]", o->name, text, o->min, o->max);
    if (o->type == OPTION_INT)
        *(int64_t *)o->value = strtoll(text, NULL, 10);
    else
        *(double *)o->value = number;
    return OK;
}

/* Reads the option at argv[*at] and its value, and moves *at past them. */
static Status read_one(const Command *c, const Option *options, int argc, char *argv[], int *at)
{
    char *word = argv[(*at)++], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const Option *o = options;
    while (o->name && (strlen(o->name) != length || strncmp(o->name, word, length))) o++;
    if (!o->name) return unknown(c, options, word);
    if (o->type == OPTION_FLAG) {
        if (equals) return FAIL(E_ARG, "%s takes no value", o->name);
        *(bool *)o->value = true;
        return OK;
    }
    if (!equals && *at == argc) return FAIL(E_ARG, "%s needs %s", o->name, o->argument);
    const char *value = equals ? equals + 1 : argv[(*at)++];
    if (o->type != OPTION_TEXT) return store(o, value);
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
        if (*positional_count == positional_max)
            return FAIL(E_ARG, "capstan %s does not expect \"%s\"; usage: capstan %s %s", c->name,
                        argv[at], c->name, c->usage);
        positional[(*positional_count)++] = argv[at++];
    }
    return OK;
}
