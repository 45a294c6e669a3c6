/* A cell of a grid: one run with its resolved and checked config, and its cost. */
#ifndef TRAIN_SWEEP_CELL_H
#define TRAIN_SWEEP_CELL_H

#include "train/config/config.h"
#include "train/sweep/spec.h"
#include "train/sweep/store.h"

typedef struct Cell {
    SweepRun run;             /* planned */
    const Setting **settings; /* its settings, without those that follow from its budget */
    int64_t setting_count;
    Config *config; /* resolved */
    int64_t memory; /* bytes, about */
    int64_t vocab_size;
    uint64_t
        start;     /* equal: the two begin alike, but for the learning rate (train/sweep/trunk.h) */
    int64_t trunk; /* the cell that it branches off; -1: none */
    int64_t branch; /* after this step */
} Cell;

/* What is known of the datasets of a grid, so that each is looked at once. */
typedef struct CellData CellData;
struct CellData {
    char path[TEXT_MAX], digest[33];
    int64_t vocab_size, tokens; /* of the training split */
    uint64_t checked[64];       /* what of it has been tried: sections data, context, batch */
    int checked_count;
    CellData *next;
};

typedef struct CellMaker {
    Arena *arena;
    const Config *base; /* not resolved */
    const Spec *spec;
    CellData *data;
} CellMaker;

/* Fills c, whose settings, and of whose run budget, held_out and extra, are there. E_CONFIG, E_DATA: the cell
 * is impossible; the message says why, but not which cell it is. */
Status cell_make(CellMaker *m, Cell *c);

/* The id that version 0.1 gave this cell if its train.accumulate was `accumulate`, a divisor of the
 * micro-batches. E_NOMEM. */
Status cell_old_id(const Cell *c, int64_t accumulate, char id[SWEEP_ID + 1]);

/* "budget 1e+11 model.width=32": which cell it is, in words. Returns out. */
char *cell_name(const SweepRun *r, char *out, size_t size);

#endif
