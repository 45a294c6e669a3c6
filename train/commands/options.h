/* The options of a command line: one table per command. It is read to parse the arguments and to
 * print the usage lines and the help. */
#ifndef TRAIN_COMMANDS_OPTIONS_H
#define TRAIN_COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd/base/error.h"
#include "autograd/base/threads.h"
#include "train/checkpoint/checkpoints.h"

typedef enum OptionType {
    TYPE_FLAG,
    TYPE_WORD,
    TYPE_WHOLE,
    TYPE_NUMBER,
    TYPE_USAGE,
    TYPE_NOTE
} OptionType;

enum { OPTION_VALUES_MAX = 4096 };

typedef struct Option {
    /* "--top-k"; of TYPE_USAGE: the words of one usage line; of TYPE_NOTE: a paragraph below the
     * options. NULL ends the table. */
    const char *name;
    OptionType type;
    void *value;          /* bool, const char *, int64_t or double; set if the option is given */
    const char *argument; /* "N"; NULL for a flag */
    double min, max;      /* of a number; both 0: any */
    /* TYPE_WORD only: value is const char *[OPTION_VALUES_MAX] and takes all words up to the next
     * option; *count, 0 before, is how many. NULL: one word. */
    int *count;
    bool is_path; /* of a file or folder; "-" is then an error */
    const char *help;
    /* Bits of usage lines, the first is IN_USAGE(0): which ones show the option (0: all), and
     * which ones show it without brackets. This is for the usage lines only: the command checks
     * its arguments. */
    unsigned usage, required;
} Option;

#define IN_USAGE(i)    (1u << (i))
#define IN_EVERY_USAGE (~0u)

/* The rows of a table. The help may be followed by .usage = and .required = . */
#define OPTION_USAGE(words)               \
    {                                     \
        .name = words, .type = TYPE_USAGE \
    }
#define OPTION_NOTE(text)               \
    {                                   \
        .name = text, .type = TYPE_NOTE \
    }
#define OPTION_FLAG(option, where, ...)                                        \
    {                                                                          \
        .name = option, .type = TYPE_FLAG, .value = where, .help = __VA_ARGS__ \
    }
#define OPTION_TEXT(option, where, word, ...)                                                    \
    {                                                                                            \
        .name = option, .type = TYPE_WORD, .value = where, .argument = word, .help = __VA_ARGS__ \
    }
#define OPTION_PATH(option, where, word, ...)                                                 \
    {                                                                                         \
        .name = option, .type = TYPE_WORD, .value = where, .argument = word, .is_path = true, \
        .help = __VA_ARGS__                                                                   \
    }
#define OPTION_TEXTS(option, where, number, word, ...)                                        \
    {                                                                                         \
        .name = option, .type = TYPE_WORD, .value = where, .count = number, .argument = word, \
        .help = __VA_ARGS__                                                                   \
    }
#define OPTION_INT(option, where, word, least, most, ...)                                   \
    {                                                                                       \
        .name = option, .type = TYPE_WHOLE, .value = where, .argument = word, .min = least, \
        .max = most, .help = __VA_ARGS__                                                    \
    }
#define OPTION_REAL(option, where, word, least, most, ...)                                   \
    {                                                                                        \
        .name = option, .type = TYPE_NUMBER, .value = where, .argument = word, .min = least, \
        .max = most, .help = __VA_ARGS__                                                     \
    }

/* Options that several commands have. */
#define OPTION_WEIGHTS(to)                     \
    OPTION_TEXT("--weights", to, "trained|q8", \
                "q8: weights rounded to 8 bits, in blocks of 32 with a scale (default: trained)")
#define OPTION_THREADS(where)                           \
    OPTION_INT("--threads", where, "N", 0, THREADS_MAX, \
               "CPU threads; 0: OMP_NUM_THREADS, or one per core (default)")
#define OPTION_JSON(where) OPTION_FLAG("--json", where, "print one JSON object")

typedef struct Command Command;
struct Command {
    const char *name, *help; /* "sample"; one line for `capstan help` */
    /* argv[0] is the word after the command's name. */
    Status (*run)(const Command *c, int argc, char *argv[]);
};

/* Parses the arguments and stores the options' values. Other arguments go to positional, at most
 * positional_max; one more is E_ARG, and so is "-": no command reads or writes a standard stream
 * for it. "--help" prints the help and sets *helped: the command then returns OK at once. E_ARG
 * names the faulty option, and the nearest right one; in a command whose usage line has
 * "section.key=value" it says how a setting is written ("--train.steps=5", "train.steps 5"). */
Status options_read(const Command *c, const Option *options, int argc, char *argv[],
                    const char *positional[], int positional_max, int *positional_count,
                    bool *helped);

/* If *path is a run's folder, puts the checkpoint that is meant in its place (checkpoints_find())
 * and names it on standard error. */
Status options_find_checkpoint(const char **path, char found[CHECKPOINT_PATH_MAX]);

/* Prints a text and ends the line, from column `indent` on; further lines are indented to it. */
void options_put_text(const char *text, int indent);

#endif
