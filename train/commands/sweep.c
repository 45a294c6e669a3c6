/* capstan sweep CONFIG, capstan sweep status|table SWEEP */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/files.h"
#include "train/commands/commands.h"
#include "train/support/json.h"
#include "train/sweep/runner.h"
#include "train/sweep/table.h"

typedef struct Arguments {
    SweepOptions run;
    const char *output;
    bool json;
} Arguments;

/* A sweep is named by its folder, by its store, or by the config that it was made of. */
static Status open_sweep(const char *name, Sweep *s)
{
    char folder[SWEEP_PATH_MAX];
    struct stat info;
    *s = (Sweep){.count = 0};
    if (!sweep_is_store(name) && !stat(name, &info) && S_ISREG(info.st_mode)) {
        TRY(sweep_folder(name, NULL, folder));
        TRY(sweep_store_read(folder, s));
    } else {
        TRY(sweep_store_read(name, s));
    }
    sweep_seconds(s);
    return OK;
}

static Status tell_status(const Arguments *a, const Sweep *s)
{
    if (a->json) return json_print(table_json(s));
    table_status(s, stdout);
    return OK;
}

static Status tell_table(const Arguments *a, const Sweep *s)
{
    if (a->json) return json_print(table_json(s));
    if (!a->output) return table_csv(s, stdout);
    FileText text;
    TRY(file_text_open(&text, a->output));
    return file_text_save(&text, table_csv(s, text.out), a->output);
}

static Status tell(const Arguments *a, const char *name,
                   Status (*what)(const Arguments *a, const Sweep *s))
{
    Sweep s;
    Status status = open_sweep(name, &s);
    if (status == OK) status = what(a, &s);
    sweep_close(&s);
    return status;
}

/* Progress is for people; with --json stdout is for the object alone. */
static Status make(Arguments *a)
{
    char folder[SWEEP_PATH_MAX];
    Sweep s;
    a->run.folder = a->output;
    a->run.out = a->json ? stderr : stdout;
    Status status = sweep_run(&a->run);
    clearerr(a->run.out); /* a closed pipe of progress lines is not an error */
    if (!a->json || a->run.dry_run || (status != OK && status != E_FAILED)) return status;
    char message[4096];
    snprintf(message, sizeof message, "%s", error_message());
    TRY(sweep_folder(a->run.config, a->run.folder, folder));
    Status told = sweep_store_read(folder, &s);
    if (told == OK) {
        sweep_seconds(&s);
        told = json_print(table_json(&s));
    }
    sweep_close(&s);
    TRY(told);
    return status == OK ? OK : error_adopt(status, message);
}

Status command_sweep(const Command *c, int argc, char *argv[])
{
    enum { WORDS = 512 };
    const char *words[WORDS], *overrides[WORDS], *config = NULL, *name = NULL;
    Arguments a = {.json = false};
    int count;
    bool helped;
    const Option options[] = {
        OPTION_USAGE("CONFIG [section.key=value ...]"),
        OPTION_USAGE("status SWEEP|CONFIG"),
        OPTION_USAGE("table SWEEP|CONFIG"),
        OPTION_PATH("--output", &a.output, "PATH",
                    "folder of the sweep (default: runs/<config name>); of table: the CSV file",
                    .usage = IN_USAGE(0) | IN_USAGE(2)),
        OPTION_INT("--jobs", &a.run.jobs, "N", 1, 256,
                   "runs in parallel (default: as many as there are threads for)",
                   .usage = IN_USAGE(0)),
        OPTION_INT("--threads", &a.run.threads, "N", 0, THREADS_MAX,
                   "CPU threads of each run; 0 (default): train.threads, or a share of "
                   "OMP_NUM_THREADS or of "
                   "the cores",
                   .usage = IN_USAGE(0)),
        OPTION_FLAG("--dry-run", &a.run.dry_run, "check the grid and list its runs, but start none",
                    .usage = IN_USAGE(0)),
        OPTION_FLAG("--extend", &a.run.extend, "resume although the grid has grown",
                    .usage = IN_USAGE(0)),
        OPTION_FLAG("--retry", &a.run.retry, "retry failed runs (but not diverged ones)",
                    .usage = IN_USAGE(0)),
        OPTION_JSON(&a.json),
        OPTION_NOTE("Signals: those of train; the sweep passes them on to its runs."),
        {0},
    };
    TRY(options_read(c, options, argc, argv, words, WORDS, &count, &helped));
    if (helped) return OK;
    const bool status = count > 0 && !strcmp(words[0], "status"),
               table = count > 0 && !strcmp(words[0], "table");
    for (int i = status || table; i < count; i++) {
        if (strchr(words[i], '=') && !status && !table)
            overrides[a.run.override_count++] = words[i];
        else if (config)
            return FAIL(E_ARG, "%s and %s? One at a time", config, words[i]);
        else
            config = words[i];
    }
    name = config ? config : a.output;
    if (!name || (!config && !status))
        return FAIL(E_ARG, "capstan sweep needs a config or a sweep; see capstan sweep --help");
    if (status) return tell(&a, name, tell_status);
    if (table) return tell(&a, name, tell_table);
    a.run.config = config;
    a.run.overrides = overrides;
    return make(&a);
}
