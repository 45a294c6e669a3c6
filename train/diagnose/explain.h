/* Explaining a spike: all that a bundle tells, put together, as a page or as JSON. */
#ifndef TRAIN_DIAGNOSE_EXPLAIN_H
#define TRAIN_DIAGNOSE_EXPLAIN_H

#include <stdio.h>

#include "train/checkpoint/checkpoint.h"
#include "train/diagnose/cause.h"
#include "train/diagnose/onset.h"
#include "train/support/json.h"

/* What a run's newest checkpoint says of all its spikes. */
typedef struct SpikeScore {
    int64_t judged, flagged, skipped, rewound; /* steps; since the beginning */
    int64_t recent, recent_flagged;            /* of the last 10,000 judged */
} SpikeScore;

/* From a checkpoint; all 0 if its monitor was off. E_FORMAT. */
Status spike_score_read(const CheckpointReader *r, SpikeScore *s);

typedef struct Explanation {
    const Bundle *bundle; /* borrowed, as config */
    const Config *config;
    bool has_replay;
    Replay replay;
    char no_replay[512]; /* why there is none */
    Evidence evidence;
    Cause cause;
    CauseText text;
    Onset *onset;
    int64_t onsets;
    SpikeScore score;
} Explanation;

/* Explains b, which may have gained memory then; with_replay: the experiment too, unless it cannot be made
 * (no_replay says why). score: of the run, or NULL. E_NOMEM. */
Status explain(Bundle *b, const Config *c, bool with_replay, const SpikeScore *score,
               Explanation *e);

/* The page. documents: how many to show, as well as of layers. E_IO is the caller's to look for. */
void explain_print(const Explanation *e, int64_t documents, FILE *out);
void spike_score_print(const SpikeScore *s, FILE *out);
void replay_print(const Replay *r, FILE *out);

/* NULL: memory is out. */
json_t *explain_json(const Explanation *e);
json_t *spike_score_json(const SpikeScore *s);
json_t *replay_json(const Replay *r);

/* What a signal of a block or parameter is called: "gradient", and the part: "blocks.0.attn.q.weight". */
const char *onset_signal(const Onset *o);
const char *onset_part(const Bundle *b, const Onset *o, char out[PARAM_NAME_MAX + 16]);

#endif
