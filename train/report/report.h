/* Reports: a page of one run, of several runs, or of a sweep. */
#ifndef TRAIN_REPORT_REPORT_H
#define TRAIN_REPORT_REPORT_H

#include "train/report/report_data.h"

/* Writes the page of count >= 1 runs to path atomically. svg: also writes each plot as a file into
 * this folder, which is created if missing; or NULL. E_IO, E_NOMEM. */
Status report_write(const ReportData *runs, int64_t count, const char *path, const char *svg);

/* Writes the page of a sweep: losses by size and budget, fitted laws with intervals and residuals,
 * losses by learning rate, and a table of runs. For a sweep that injects faults: their curves,
 * effects, causes and explanations instead. path: NULL means SWEEP/report.html. out: prints the
 * path to it unless NULL. faults: unless NULL, gets an array with one object per run if the sweep
 * injects faults. E_DATA: there is no store. */
Status report_sweep(const char *sweep, const char *path, const char *svg, FILE *out,
                    json_t **faults);

/* Writes the report at the end of training, RUN/report.html, and prints the loss curve as a line of
 * text and the path of the page to out (NULL: prints nothing). with_samples: adds samples, unless
 * the model is large. */
Status report_run(const char *folder, bool with_samples, FILE *out);

/* Writes the journals of `count` folders of runs as one CSV (RFC 4180): a row for each step that was
 * logged, evaluated or both. Columns: run (the folder), those of JOURNAL_COLUMN_LIST, val_loss;
 * an empty field was not measured, "nan" was not finite. E_IO, E_NOMEM. */
Status report_csv(const char *const runs[], int64_t count, const char *path);

/* Prints a summary of a run to a terminal: one or two lines and the loss curve. */
void report_print(const ReportData *r, FILE *out);

#endif
