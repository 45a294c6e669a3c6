/* A grid: the runs that a config with a section `sweep` describes, all checked before any of them starts. */
#ifndef TRAIN_SWEEP_GRID_H
#define TRAIN_SWEEP_GRID_H

#include "train/sweep/cell.h"

typedef struct SweepGrid {
    Arena arena;
    ConfigTree tree;
    Config *base; /* not resolved */
    Spec spec;
    CellMaker maker;
    Cell *
        cells; /* budgets outermost, then what varies, in the order of the file; held-out budgets last */
    int64_t count, room;
    int64_t left_out;   /* by sweep.tokens_per_parameter and sweep.epochs */
    char *definition;   /* all that it was made of, as "key: value" lines */
    int64_t repeating;  /* cells that read the text more than once, */
    double most_epochs; /* and at most so often */
} SweepGrid;

/* Reads and checks. E_CONFIG, E_DATA: names the first impossible cell, why it is, and how many more there are.
 * grid_close() in any case. */
Status grid_read(SweepGrid *g, const char *path, int count, const char *const overrides[]);
void grid_close(SweepGrid *g);

/* Adds the runs of sweep.best_seeds, once those of the grid are over: for each budget its best with each
 * of the seeds. s holds the runs of the grid. */
Status grid_add_seeds(SweepGrid *g, const Sweep *s);

/* What differs between two definitions, as "\n  key: old in the sweep, new now" lines. Empty: nothing does.
 * Returns out. */
char *grid_compare(const char *old, const char *new, char *out, size_t size);

#endif
