/* What the files that make up train/monitor/bundle.h share: the keys of bundle.json. */
#ifndef TRAIN_MONITOR_BUNDLE_KEYS_H
#define TRAIN_MONITOR_BUNDLE_KEYS_H

#include "train/monitor/bundle.h"
#include "train/monitor/record.h"

#define BUNDLE_FORMAT "capstan-spike"

extern const RecordKey bundle_keys[], bundle_document_keys[], bundle_finding_keys[];
extern const char *const bundle_signals[], *const bundle_layer_signals[],
                                               *const bundle_param_signals[];

#endif
