/* Explain: the whole analysis of a bundle, as a page of text or as JSON. */
#ifndef TRAIN_DIAGNOSE_EXPLAIN_H
#define TRAIN_DIAGNOSE_EXPLAIN_H

#include <stdio.h>

#include "train/checkpoint/checkpoint.h"
#include "train/diagnose/cause.h"
#include "train/diagnose/onset.h"
#include "train/support/json.h"

/* Counts of a run's spikes, from its newest checkpoint. */
typedef struct SpikeScore {
    int64_t judged, flagged, skipped, rewound; /* steps since the start of the run */
    int64_t recent, recent_flagged;            /* of the last 10,000 judged */
} SpikeScore;

/* From a checkpoint; all 0 if the monitor was off. E_FORMAT. */
Status spike_score_read(const CheckpointReader *r, SpikeScore *s);

typedef struct Explanation {
    const Bundle *bundle; /* borrowed, as config */
    const Config *config;
    bool has_replay;
    Replay replay;
    char no_replay[512]; /* why replay is missing */
    Evidence evidence;
    Cause cause;
    CauseText text;
    Onset *onset;
    int64_t onsets;
    SpikeScore score;
} Explanation;

/* Explains b, whose arena may grow. with_replay: runs the experiment; if that fails, no_replay says
 * why. score: of the run, or NULL. E_NOMEM. */
Status explain(Bundle *b, const Config *c, bool with_replay, const SpikeScore *score,
               Explanation *e);

/* Prints the page. documents: how many documents, and how many onsets, to show. The caller checks
 * out for errors. */
void explain_print(const Explanation *e, int64_t documents, FILE *out);
void spike_score_print(const SpikeScore *s, FILE *out);
void replay_print(const Replay *r, FILE *out);

/* NULL: out of memory. */
json_t *explain_json(const Explanation *e);
json_t *spike_score_json(const SpikeScore *s);
json_t *replay_json(const Replay *r);

/* The name of a signal ("gradient"), and of its block or parameter ("blocks.0.attn.q.weight"). */
const char *onset_signal(const Onset *o);
const char *onset_part(const Bundle *b, const Onset *o, char out[PARAM_NAME_MAX + 16]);

#endif
