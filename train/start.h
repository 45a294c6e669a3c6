/* The start of a training run: restores its state, opens its folder, and prints and logs what the
 * user should know. */
#ifndef TRAIN_START_H
#define TRAIN_START_H

#include "train/session.h"

/* After run_open(); `end`: the step at which this session stops. E_EXISTS, E_INTERRUPTED and
 * others. */
Status start(Session *s, int64_t end);

#endif
