#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "train/commands/commands.h"
#include "train/report/report.h"
#include "train/run/folder.h"
#include "train/support/precision.h"
#include "train/support/stream.h"
#include "train/train.h"

/* CONFIG, if it is there, is the argument that is not section.key=value. */
static Status split(const char *const words[], int count, TrainOptions *o, const char *overrides[])
{
    for (int i = 0; i < count; i++) {
        if (strchr(words[i], '=')) {
            overrides[o->override_count++] = words[i];
            continue;
        }
        if (o->config)
            return FAIL(E_ARG, "two configs, %s and %s? A setting is section.key=value", o->config,
                        words[i]);
        o->config = words[i];
    }
    o->overrides = overrides;
    return OK;
}

/* A run that was started by another process, and must not outlive it. */
static Status follow(int64_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM)) return FAIL(E_FAILED, "--parent: %s", strerror(errno));
    if (getppid() == (pid_t)parent) return OK;
    return FAIL(E_INTERRUPTED, "process %lld, which this one was to go with, has ended",
                (long long)parent);
}

/* RUN/report.html, of the run as it is now; `status` is what training ended with, and stays. */
static Status write_report(const TrainOptions *o, Status status)
{
    char said[4096], folder[FOLDER_PATH_MAX];
    snprintf(said, sizeof said, "%s", error_message());
    Status written = folder_path(o->folder, o->config, folder);
    if (written == OK)
        written = report_run(folder, status == OK, stream_is_read(o->out) ? o->out : NULL);
    if (written != OK) fprintf(stderr, "capstan: warning: no report: %s\n", error_message());
    fflush(o->out);
    clearerr(o->out); /* nobody reading it is not a fault */
    return status == OK ? OK : error_adopt(status, said);
}

Status command_train(const Command *c, int argc, char *argv[])
{
    enum { WORDS = 512 };
    const char *words[WORDS], *overrides[WORDS];
    int count;
    int64_t parent = 0;
    bool helped, no_report = false;
    TrainOptions o = {.out = stdout};
    const Option options[] = {
        {.name = "--run",
         .type = OPTION_TEXT,
         .value = &o.folder,
         .argument = "DIR",
         .help = "the run's folder (runs/<config name>)"},
        {.name = "--resume",
         .type = OPTION_FLAG,
         .value = &o.resume,
         .help = "go on from the newest checkpoint; start if there is none"},
        {.name = "--fallback",
         .type = OPTION_FLAG,
         .value = &o.fallback,
         .help = "if the newest checkpoint is damaged: resume from the newest that is whole"},
        {.name = "--overwrite",
         .type = OPTION_FLAG,
         .value = &o.overwrite,
         .help = "throw the run in DIR away first"},
        {.name = "--from",
         .type = OPTION_TEXT,
         .value = &o.from,
         .argument = "F",
         .help =
             "a fresh run that goes on from another run's checkpoint, as if it had made it; its "
             "schedule may differ from there on"},
        {.name = "--stop-after",
         .type = OPTION_INT,
         .value = &o.stop_after,
         .argument = "STEP",
         .help = "save and stop after this update; the schedule stays",
         .min = 1,
         .max = 1e15},
        {.name = "--threads",
         .type = OPTION_INT,
         .value = &o.threads,
         .argument = "N",
         .help = "threads (one a core); changes no result",
         .min = 1,
         .max = 256},
        {.name = "--allow-change",
         .type = OPTION_FLAG,
         .value = &o.allow_change,
         .help = "resume though the config or the data changed"},
        {.name = "--no-report",
         .type = OPTION_FLAG,
         .value = &no_report,
         .help = "leave DIR/report.html unwritten: for scripts of many runs"},
        {.name = "--parent",
         .type = OPTION_INT,
         .value = &parent,
         .argument = "PID",
         .help = "stop, as at SIGTERM, when the process PID, which started this one, ends",
         .min = 1,
         .max = INT32_MAX},
        {0},
    };
    TRY(options_read(c, options, argc, argv, words, WORDS, &count, &helped));
    if (helped) return OK;
    TRY(split(words, count, &o, overrides));
    if (o.fallback && !o.resume) return FAIL(E_ARG, "--fallback says how to --resume");
    if (o.resume && o.overwrite)
        return FAIL(E_ARG, "--resume and --overwrite contradict each other");
    if (parent) TRY(follow(parent));

    Config *config = malloc(sizeof *config);
    if (!config) return FAIL(E_NOMEM, "a config");
    bool began = false;
    Status status = train_config(&o, config);
    if (status == OK) status = precision_switch(precision_number(config->train.precision), argv);
    if (status == OK) status = train(&o, config, &began);
    if (began && !no_report) status = write_report(&o, status);
    free(config);
    return status;
}
