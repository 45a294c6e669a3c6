/* What is done at a spike: the bundle, the journal, and what the verdict says. */
#ifndef TRAIN_SPIKE_RESPONSE_H
#define TRAIN_SPIKE_RESPONSE_H

#include "train/session.h"

/* After run_measure(): *taken says whether the update is to be made; else the batch has been left, or the
 * run has gone back. E_NUMERIC, and nothing else, if it cannot go on: a fault of the monitor's own
 * is a warning. */
Status spikes_act(Session *s, bool *taken);

/* After the update: says which levels were crossed. */
void spikes_warn(Session *s);

/* What there was to see in the whole run, as a line for people; "" if nothing. Returns out. */
char *spikes_summary(const Session *s, char *out, size_t size);

#endif
