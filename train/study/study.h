/* Studies of width: how small models behave as they grow wider, by short training runs in this
 * process.
 *
 * Each trains the given config at several widths with a fixed number of heads, in both
 * parametrizations (layers/width.h) or with several attention scales, prints a table, and writes it
 * as CSV with SVG plots to a folder. Equal settings give equal files. */
#ifndef TRAIN_STUDY_STUDY_H
#define TRAIN_STUDY_STUDY_H

#include <jansson.h>
#include <stdio.h>

#include "train/run/run.h"

enum {
    STUDY_WIDTHS_MAX = 16,
    STUDY_RATES_MAX = 32,
    STUDY_SETTINGS_MAX = 256,
    STUDY_PATH_MAX = 3072
};

typedef struct Study {
    const char *config; /* path; NULL: the defaults */
    int setting_count;
    const char *settings[STUDY_SETTINGS_MAX]; /* "section.key=value" */
    int width_count, rate_count;
    int64_t widths[STUDY_WIDTHS_MAX]; /* ascending */
    double rates[STUDY_RATES_MAX];    /* learning rates, ascending; lr-width only */
    int64_t steps, seeds;
    const char *folder; /* exists */
    FILE *progress;     /* one line per training run; NULL: none */
    FILE *table;        /* the table as text; NULL: none */
} Study;

/* The parametrizations that are compared. */
enum { STUDY_MUP, STUDY_STANDARD, STUDY_WAYS };
extern const char *const study_ways[STUDY_WAYS];

/* Title and path of a plot of one parametrization ("TITLE, mup", NAME-mup.svg) or of both (way =
 * STUDY_WAYS: "TITLE: filled mup, hollow standard", NAME.svg). */
void study_plot_names(const Study *s, const char *title, const char *name, int way, char full[160],
                      char path[STUDY_PATH_MAX]);

/* Opens a new run of the study's config with more settings on top (NULL-terminated) and train.seed
 * + which. Call run_close() in any case. */
Status study_open(const Study *s, const char *const more[], int64_t width, int64_t which, Run *r,
                  Config *c);

/* Trains to the end of the run's config. *loss: validation loss; infinity if it diverged. E_CONFIG:
 * the validation split is too short. */
Status study_train(Run *r, double *loss);

/* Runs the model forward on a batch that is not trained on, and calls `each` with every node of the
 * tape, with all activations kept. The scope of the output layer is "head", its result the
 * logits. */
Status study_look(Run *r, Status (*each)(void *context, const Node *n), void *context);

/* The slope of log y over log x by least squares; NAN if a y is not positive. */
double study_slope(const int64_t *x, const double *y, int count);

/* The path of a file in the study's folder. Returns out. */
char *study_path(const Study *s, const char *name, char out[STUDY_PATH_MAX]);

/* The coordinate check (Yang et al. 2022, arXiv:2203.03466, section D.1): the size of activations
 * by width after each of `steps` steps; its log-log slope must be below COORDS_FLAT in muP.
 * *result, if OK: {"flat", "widths", "steps", "activations": [{"parametrization", "name", "slope",
 * "slopes"}]}. */
#define COORDS_FLAT 0.05
Status study_coords(const Study *s, json_t **result);

/* Trains `steps` steps with each learning rate at each width and seed; in muP the best one should
 * move by a factor of 2 at most. Results already in lr-width.csv are not trained again; the caller
 * ensures that they have the same settings. *result: {"transfers", "widths", "lrs", "mup",
 * "standard": {"best_lr" of each width, "moved_steps", "spread_steps" (factors of 2), "at_edge",
 * "losses" [width][lr]}}. */
Status study_lr_width(const Study *s, json_t **result);

/* Trains `steps` steps with scores divided by the square root of the head width, by 1, and by the
 * head width. *result: {"steps", "rows": [{"attention_scale", "width", "head_width",
 * "first_variance", "first_entropy", "variance", "entropy", "loss"}]}; variance: of scores, over
 * visible pairs; entropy: relative to that of uniform attention; "first": before training. */
Status study_scores(const Study *s, json_t **result);

#endif
