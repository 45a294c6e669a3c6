/* A cell of a grid: one run with its resolved and checked config, and its cost. */
#ifndef TRAIN_SWEEP_CELL_H
#define TRAIN_SWEEP_CELL_H

#include "train/config/config.h"
#include "train/plan/warnings.h"
#include "train/sweep/spec.h"
#include "train/sweep/store.h"

typedef struct Cell {
    SweepRun run;             /* planned */
    const Setting **settings; /* its settings, without those that follow from its budget */
    int64_t setting_count;
    int64_t batch;  /* train.batch of its budget, by sweep.batch; 0: none */
    Config *config; /* resolved */
    int64_t memory; /* bytes, approximately */
    int64_t vocab_size;
    const DataFacts *data;
    uint64_t start; /* equal in cells that may share their first steps (train/sweep/trunk.h) */
    int64_t trunk;  /* the cell that it branches off; -1: none */
    int64_t branch; /* after this step */
} Cell;

/* Cached facts about a dataset of a grid. */
typedef struct CellData CellData;
struct CellData {
    char path[TEXT_MAX], digest[33];
    int64_t vocab_size, tokens; /* of the training split */
    DataFacts facts;
    uint64_t checked[64]; /* digests of the data settings that were checked with it */
    int checked_count;
    CellData *next;
};

typedef struct CellMaker {
    Arena *arena;
    const Config *base; /* not resolved */
    const Spec *spec;
    CellData *data;
} CellMaker;

/* Completes c, given its settings, batch, and budget, held_out and extra of its run. E_CONFIG, E_DATA: the
 * cell is impossible; the message gives the reason but does not name the cell. */
Status cell_make(CellMaker *m, Cell *c);

/* The id that version 0.1 gave this cell if its train.accumulate was `accumulate`, a divisor of the
 * micro-batches. E_NOMEM. */
Status cell_old_id(const Cell *c, int64_t accumulate, char id[SWEEP_ID + 1]);

/* "budget 1e+11 model.width=32": a readable name of the cell. Returns out. */
char *cell_name(const SweepRun *r, char *out, size_t size);

#endif
