/* A report on packing: how full the packs are, and what that costs and saves. */
#ifndef TRAIN_PLAN_PACKING_REPORT_H
#define TRAIN_PLAN_PACKING_REPORT_H

#include <stdbool.h>

#include "data/lengths.h"
#include "train/config/config.h"

typedef struct PackingReport {
    Arena arena;
    const char *algorithm;
    bool drawn; /* data.packing = none */
    LengthCounts lengths;
    int64_t depth_limit; /* 0: none */
    int64_t packs;       /* or windows */
    int64_t cuts;        /* of documents */
    int64_t deepest;     /* documents in the fullest pack */
    int64_t *depths;     /* [deepest + 1]: packs by number of documents */
    int64_t bound;       /* no packing has fewer packs: Martello and Toth's L2 */
    PackingNotes notes;
    double seconds; /* of packing */
    /* Of a config: */
    int64_t batch;       /* packs per step; 0: the report is of a histogram */
    bool in_windows;     /* none, concat: documents are cut where a window ends */
    int64_t unused;      /* tokens after the last whole window */
    int64_t loss_tokens; /* of an epoch; -1: prompts are split at random */
    int64_t silent;      /* packs without a loss: they hold only prompts */
} PackingReport;

/* Close r whatever these return. E_DATA, E_ARG, E_NOMEM. */
Status packing_report_histogram(PackingReport *r, const char *path, const Packer *packer,
                                int64_t capacity, int64_t depth);
/* Of the training split of a config's dataset. */
Status packing_report_config(PackingReport *r, const Config *c);
void packing_report_close(PackingReport *r);

/* For a reader, or as one JSON object. */
Status packing_report_print(const PackingReport *r, bool json);

#endif
