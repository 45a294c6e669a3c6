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
    clearerr(o->out); /* a closed pipe is not an error */
    return status == OK ? OK : error_adopt(status, said);
}

Status command_train(const Command *c, int argc, char *argv[])
{
    enum { WORDS = 512 };
    const char *words[WORDS], *overrides[WORDS];
    int count;
    int64_t parent = 0;
    bool helped, no_report = false;
    char from[CHECKPOINT_PATH_MAX];
    TrainOptions o = {.out = stdout};
    const Option options[] = {
        OPTION_USAGE("CONFIG [section.key=value ...]"),
        OPTION_USAGE("[CONFIG] [section.key=value ...]"),
        OPTION_PATH("--run", &o.folder, "DIR", "folder of the run (default: runs/<config name>)"),
        OPTION_FLAG("--resume", &o.resume,
                    "resume from the newest checkpoint; start a new run if there is none; without "
                    "CONFIG, --run names it",
                    .usage = IN_USAGE(1), .required = IN_USAGE(1)),
        OPTION_FLAG("--fallback", &o.fallback,
                    "if the newest checkpoint is damaged, resume from the newest intact one",
                    .usage = IN_USAGE(1)),
        OPTION_FLAG("--overwrite", &o.overwrite, "delete the run in DIR first",
                    .usage = IN_USAGE(0)),
        OPTION_PATH("--from", &o.from, "F.h5|RUN",
                    "start a new run from another run's checkpoint, at its step; the schedule may "
                    "differ from there on",
                    .usage = IN_USAGE(0)),
        OPTION_INT("--stop-after", &o.stop_after, "STEP", 1, 1e15,
                   "save and stop after this step, without changing the schedule"),
        OPTION_INT("--threads", &o.threads, "N", 1, 256,
                   "CPU threads (default: train.threads, OMP_NUM_THREADS, or one per core); "
                   "changes no result"),
        OPTION_FLAG("--allow-change", &o.allow_change,
                    "resume although the config or the dataset has changed", .usage = IN_USAGE(1)),
        OPTION_FLAG("--no-report", &no_report,
                    "do not write DIR/report.html, for scripts of many runs"),
        OPTION_INT("--parent", &parent, "PID", 1, INT32_MAX,
                   "stop, as at SIGTERM, when the process PID ends"),
        OPTION_NOTE("Signals: SIGINT (Ctrl-C), SIGTERM, SIGHUP and SIGXCPU save a checkpoint and "
                    "end with exit code 130; SIGUSR1 saves one and training continues."),
        {0},
    };
    TRY(options_read(c, options, argc, argv, words, WORDS, &count, &helped));
    if (helped) return OK;
    TRY(split(words, count, &o, overrides));
    if (o.fallback && !o.resume) return FAIL(E_ARG, "--fallback says how to --resume");
    if (o.resume && o.overwrite)
        return FAIL(E_ARG, "--resume and --overwrite contradict each other");
    if (parent) TRY(follow(parent));
    if (o.from) TRY(options_find_checkpoint(&o.from, from));

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
