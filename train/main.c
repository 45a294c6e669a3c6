/* capstan COMMAND [options]: see train/commands/commands.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/mapping.h"
#include "train/commands/commands.h"
#include "train/support/interrupt.h"
#include "train/support/runtime.h"
#include "train/support/version.h"

static const Command commands[] = {
#define X(name, help) {#name, help, command_##name},
    COMMAND_LIST(X)
#undef X
        {0},
};

static void help(FILE *out)
{
    fprintf(out, "capstan trains small GPTs on a CPU.\n\nusage: capstan COMMAND [options]\n\n");
    for (const Command *c = commands; c->name; c++) fprintf(out, "  %-10s %s\n", c->name, c->help);
    fprintf(out,
            "\n\"capstan COMMAND --help\", or \"capstan help COMMAND\", lists the options of a "
            "command; \"capstan --version\" prints the version.\n");
}

static Status unknown(const char *name)
{
    const char *best = NULL;
    int least = 1 << 20;
    for (const Command *c = commands; c->name; c++) {
        int d = text_distance(name, c->name);
        if (d < least) best = c->name, least = d;
    }
    return FAIL(E_ARG, "there is no command %s; did you mean %s? \"capstan help\" lists all", name,
                best ? best : "help");
}

static Status run_command(const char *name, int argc, char *argv[])
{
    const Command *c = commands;
    while (c->name && strcmp(c->name, name)) c++;
    return c->name ? c->run(c, argc, argv) : unknown(name);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word)) words++;
    return *words != NULL;
}

static Status dispatch(int argc, char *argv[])
{
    static const char *const helps[] = {"help", "--help", "-h", NULL};
    static const char *const versions[] = {"version", "--version", "-v", "-V", NULL};
    static char option[] = "--help", *asked[] = {option};
    if (is_one_of(argv[1], versions)) {
        printf("capstan %s\n", version_text());
        return OK;
    }
    if (!is_one_of(argv[1], helps)) return run_command(argv[1], argc - 2, argv + 2);
    if (argc > 2 && !is_one_of(argv[2], helps)) return run_command(argv[2], 1, asked);
    help(stdout);
    return OK;
}

/* If a standard stream is closed, the next file that is opened gets its number, and printed text
 * would go into that file. Occupies the numbers with streams that fail like closed ones. */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd) return;
}

int main(int argc, char *argv[])
{
    runtime_prepare(argv);
    save_requests_watch();
    occupy_standard_streams();
    if (argc < 2) {
        help(stderr);
        return status_exit_code(E_ARG);
    }
    mapping_report_bus_errors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a save beyond the file size limit is an ordinary error */
    Status status = runtime_check_stack();
    if (status == OK) status = dispatch(argc, argv);
    if (status != OK) {
        fprintf(stderr, "capstan: %s\n", error_message());
        if (getenv("CAPSTAN_TRACE")) fputs(error_trace(), stderr);
    }
    if ((fflush(stdout) || ferror(stdout)) && status == OK) {
        status = FAIL(E_IO, "standard output: not everything could be written");
        fprintf(stderr, "capstan: %s\n", error_message());
    }
    return status_exit_code(status);
}
