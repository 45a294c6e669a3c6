/* What the files that make up train/diagnose/bundle.h share: the keys of bundle.json. */
#ifndef TRAIN_DIAGNOSE_BUNDLE_KEYS_H
#define TRAIN_DIAGNOSE_BUNDLE_KEYS_H

#include "train/diagnose/bundle.h"
#include "train/diagnose/record.h"

#define BUNDLE_FORMAT "capstan-spike"

extern const RecordKey bundle_keys[], bundle_document_keys[], bundle_finding_keys[];
extern const char *const bundle_signals[], *const bundle_layer_signals[],
                                               *const bundle_param_signals[];

#endif
