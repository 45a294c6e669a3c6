/* What reported_read() is made of. Only reported.c needs it. */
#ifndef TRAIN_REPORT_REPORT_DATA_PARTS_H
#define TRAIN_REPORT_REPORT_DATA_PARTS_H

#include "train/report/report_data.h"

/* config.yaml with its origins (or why not), and the defaults. E_NOMEM. */
Status reported_config(Reported *r);

/* The journal's spikes and, where a bundle was kept of one, its explanation. E_NOMEM. */
Status reported_spikes(Reported *r);

/* What the checkpoint writes, or why it does not. E_NOMEM. */
Status reported_samples(Reported *r, const ReportedOptions *o);

#endif
