/* A grid: the runs that a config with a section `sweep` describes, all checked before any of them
 * starts. */
#ifndef TRAIN_SWEEP_GRID_H
#define TRAIN_SWEEP_GRID_H

#include "train/sweep/cell.h"

typedef struct SweepGrid {
    Arena arena;
    ConfigTree tree;
    Config *base; /* not resolved */
    Spec spec;
    CellMaker maker;
    Cell *cells; /* by budget, then by the axes in the order of the file; held-out budgets last */
    int64_t count, room;
    int64_t left_out;   /* by sweep.tokens_per_parameter and sweep.epochs */
    char *definition;   /* the resolved sweep as "key: value" lines */
    int64_t repeating;  /* number of cells that read the text more than once */
    double most_epochs; /* the most epochs of a cell */
} SweepGrid;

/* Reads the config and checks all cells. E_CONFIG, E_DATA: names the first impossible cell, the
 * reason, and the number of others. grid_close() in any case. */
Status grid_read(SweepGrid *g, const char *path, int count, const char *const overrides[]);
void grid_close(SweepGrid *g);

/* Adds the runs of sweep.best_seeds once the grid has finished: the best runs of each budget with
 * each of the seeds. s holds the runs of the grid. */
Status grid_add_seeds(SweepGrid *g, const Sweep *s);

/* The differences of two definitions, as "\n  key: old in the sweep, new now" lines; empty if
 * equal. Returns out. */
char *grid_compare(const char *old, const char *new, char *out, size_t size);

#endif
