/* The faults that a sweep injects (monitor.inject): their effect on each run, and the reaction of
 * the monitor. */
#ifndef TRAIN_REPORT_SWEEP_FAULTS_H
#define TRAIN_REPORT_SWEEP_FAULTS_H

#include "train/report/report_data.h"
#include "train/sweep/store.h"

/* Steps at the end whose mean loss is compared, and before the fault as the baseline of
 * recovery. */
enum { FAULT_STEPS = 50 };

typedef struct FaultRun {
    ReportData reported; /* arena == NULL: the run cannot be read */
    const SweepRun *run;
    const char *fault;    /* "random x 10"; "none" */
    const char *settings; /* the other settings of the cell; "" */
    int64_t reference;    /* index of the run without a fault to compare with; -1: none */

    const Bundle *bundle; /* of the first spike; of the fault `document`: of its batch; NULL */
    const Explanation *explanation; /* of that, with its replay */
    const RunEvent *spike;          /* NULL: no spike */
    bool has_stopped;               /* the monitor ended the run */
    int64_t skipped, rewound;       /* batches; times */

    double after;     /* loss of the first batch after the fault; NAN: unknown */
    double recovery;  /* steps until a loss is at most one standard deviation above the mean of the
                         FAULT_STEPS before the fault; NAN: never */
    double last_loss; /* mean of the last FAULT_STEPS steps */
    double cost;      /* last_loss minus that of the reference; NAN: no reference, or stopped */
    double max_logit; /* attention, at the last step */
    Bundle rerun;     /* its own */
} FaultRun;

/* Whether a cell of the sweep injects a fault. */
bool faults_are_injected(const Sweep *s);

/* Reads all runs; out: [s->count], zero. Runs the replay of each first spike. E_NOMEM, E_ARG. */
Status faults_read(const Sweep *s, FaultRun *out);
void faults_close(FaultRun *runs, int64_t count);

/* monitor.inject; INJECT_none also if the run cannot be read. */
InjectFault fault_injected(const FaultRun *f);

/* The names of the cause that `explain` should find (NULL: unknown) and of the one it found (that
 * of CAUSE_NONE if there was no spike). */
const char *fault_cause(const FaultRun *f);
const char *fault_found(const FaultRun *f);

/* An array with one object per run. NULL: out of memory. */
json_t *faults_json(const FaultRun *runs, int64_t count);

#endif
