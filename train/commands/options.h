/* Options of a command line: a table a command, as settings are a table a module. */
#ifndef TRAIN_COMMANDS_OPTIONS_H
#define TRAIN_COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"
#include "autograd/base/threads.h"

typedef enum OptionType { OPTION_FLAG, OPTION_TEXT, OPTION_INT, OPTION_REAL } OptionType;

enum { OPTION_VALUES_MAX = 4096 };

typedef struct Option {
    const char *name; /* "--top-k"; NULL ends the table */
    OptionType type;
    void *value; /* bool, const char *, int64_t or double; filled if the option is given */
    const char *argument, *help; /* "N", "keep the N likeliest tokens" */
    int *count; /* TEXT only: value is const char *[OPTION_VALUES_MAX], filled with all that follow
                         up to the next option; the count, 0 before, grows. NULL: one value */
    double min, max; /* of a number; both 0: any */
} Option;

/* What several commands have; where: &int64_t, &bool. */
#define OPTION_THREADS(where)                                                              \
    {                                                                                      \
        "--threads", OPTION_INT, where, "N", "0: one a core", .min = 0, .max = THREADS_MAX \
    }
#define OPTION_JSON(where)                                            \
    {                                                                 \
        "--json", OPTION_FLAG, where, .help = "print one JSON object" \
    }

typedef struct Command Command;
struct Command {
    const char *name, *usage; /* "sample", "--checkpoint F [--prompt TEXT] ..." */
    const char *help;         /* what it does, one line */
    Status (*run)(const Command *c, int argc,
                  char *argv[]); /* argv[0] is the first after the name */
};

/* Fills what the options say. Arguments that are no options go to positional (at most positional_max;
 * one more is E_ARG). "--help" prints the page and sets *helped: the command then returns OK at once.
 * Everything wrong is E_ARG and names the option, and the nearest right one. */
Status options_read(const Command *c, const Option *options, int argc, char *argv[],
                    const char *positional[], int positional_max, int *positional_count,
                    bool *helped);

#endif
