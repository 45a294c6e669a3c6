/* Reports: a page of one run, or of several over each other. */
#ifndef TRAIN_REPORT_REPORT_H
#define TRAIN_REPORT_REPORT_H

#include "train/report/reported.h"

/* Writes the page of count >= 1 runs to path, whole or not at all; svg: a folder, made if it is not there, that
 * gets each of its plots as a file of its own, or NULL. E_IO, E_NOMEM. */
Status report_write(const Reported *runs, int64_t count, const char *path, const char *svg);

/* Writes RUN/report.html, as `capstan train` leaves it. Its path is in path. */
Status report_run(const char *folder, const ReportedOptions *o, char path[4096]);

/* What the terminal shows of a run: a line or two, and its loss as a curve. */
void report_print(const Reported *r, FILE *out);

#endif
