/* Reports: a page of one run, of several runs, or of a sweep. */
#ifndef TRAIN_REPORT_REPORT_H
#define TRAIN_REPORT_REPORT_H

#include "train/report/report_data.h"

/* Writes the page of count >= 1 runs to path, whole or not at all; svg: a folder, made if it is not there, that
 * gets each of its plots as a file of its own, or NULL. E_IO, E_NOMEM. */
Status report_write(const ReportData *runs, int64_t count, const char *path, const char *svg);

/* Writes the page of a sweep: losses by size and budget, the laws fitted to them with intervals and residuals,
 * losses by learning rate, and its runs; of a sweep that injects faults, their curves, effects, causes and
 * explanations instead. path: NULL: SWEEP/report.html. out: the path is printed there; NULL: it is not. faults:
 * gets an array with an object per run if the sweep injects faults; NULL: not wanted. E_DATA: there is no store. */
Status report_sweep(const char *sweep, const char *path, const char *svg, FILE *out,
                    json_t **faults);

/* The report at the end of training: writes RUN/report.html, prints the loss curve as a line of text and the path
 * of the page to out (NULL: prints nothing). with_samples: adds samples, unless the model is large. */
Status report_run(const char *folder, bool with_samples, FILE *out);

/* Prints a run to a terminal: a line or two, and its loss curve. */
void report_print(const ReportData *r, FILE *out);

#endif
