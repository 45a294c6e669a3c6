#include "train/diagnose/bundle_keys.h"

#include <stddef.h>

#define KEY(type, record, name, least)                             \
    {                                                              \
#name, RECORD_##type, offsetof(record, name), least, false \
    }
#define NAMED(type, key, record, name, least)                    \
    {                                                            \
        key, RECORD_##type, offsetof(record, name), least, false \
    }
#define ABSENT(record, name)                                \
    {                                                       \
#name, RECORD_TEXT, offsetof(record, name), 0, true \
    }

const RecordKey bundle_keys[] = {
    KEY(INT, Bundle, step, 1),         NAMED(INT, "batch", Bundle, batch_index, 1),
    KEY(INT, Bundle, before_step, -1), KEY(TEXT, Bundle, run, 0),
    KEY(TEXT, Bundle, split, 0),       KEY(TEXT, Bundle, dataset, 0),
    KEY(TEXT, Bundle, flag, 0),        KEY(TEXT, Bundle, rule, 0),
    KEY(TEXT, Bundle, action, 0),      KEY(TEXT, Bundle, message, 0),
    KEY(REAL, Bundle, usual_loss, 0),  KEY(INT, Bundle, sequences, 1),
    KEY(INT, Bundle, context, 1),      {0},
};

const RecordKey bundle_document_keys[] = {
    KEY(INT, BundleDocument, document, 0),
    KEY(INT, BundleDocument, token_begin, 0),
    KEY(INT, BundleDocument, token_end, 0),
    KEY(INT, BundleDocument, byte_begin, -1),
    KEY(INT, BundleDocument, byte_end, -1),
    KEY(INT, BundleDocument, sequence, 0),
    KEY(INT, BundleDocument, row, 0),
    KEY(INT, BundleDocument, rows, 1),
    KEY(REAL, BundleDocument, loss, 0),
    KEY(REAL, BundleDocument, excess, 0),
    KEY(REAL, BundleDocument, share, 0),
    KEY(TEXT, BundleDocument, text, 0),
    {0},
};

const RecordKey bundle_finding_keys[] = {
    KEY(BOOL, TapeFinding, found, 0),
    KEY(BOOL, TapeFinding, in_backward, 0),
    ABSENT(TapeFinding, op),
    ABSENT(TapeFinding, scope),
    ABSENT(TapeFinding, parameter),
    KEY(INT, TapeFinding, place, 0),
    {0},
};

#define X(name, help) #name,
const char *const bundle_signals[] = {SIGNAL_LIST(X)};
const char *const bundle_layer_signals[] = {LAYER_SIGNAL_LIST(X)};
const char *const bundle_param_signals[] = {PARAM_SIGNAL_LIST(X)};
#undef X
