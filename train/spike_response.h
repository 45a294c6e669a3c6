/* The response to a spike: its bundle, its log entry, and the action that the monitor chose. */
#ifndef TRAIN_SPIKE_RESPONSE_H
#define TRAIN_SPIKE_RESPONSE_H

#include "train/session.h"

/* Call after run_measure(). *accepted: the caller applies the update; if not, the batch was skipped
 * or the run was rewound. The only error is E_NUMERIC: the run must stop. Failures to write the
 * bundle are warnings. */
Status spike_response_act(Session *s, bool *accepted);

/* After the update: prints and logs the monitor's warnings. */
void spike_response_warn(Session *s);

/* One line about all spikes of the run; "" if there was none. Returns out. */
char *spike_response_summary(const Session *s, char *out, size_t size);

#endif
