/* Studies: how small models behave as they grow wider, by short trainings in this process, one after the other.
 *
 * Each trains the given config at several widths, with the number of heads as it is, in both parametrisations
 * (layers/width.h) or with several divisors of scores; prints a table, and leaves it as CSV, with plots (SVG),
 * in a folder. Equal settings give equal files. */
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
    const char *folder; /* there */
    FILE *progress;     /* a line a training; NULL: none */
    FILE *table;        /* what people read; NULL: not wanted */
} Study;

/* The two that are compared, in this order. */
enum { STUDY_MUP, STUDY_STANDARD, STUDY_WAYS };
extern const char *const study_ways[STUDY_WAYS];

/* What a plot of one of them, or of all (STUDY_WAYS), is called: "TITLE, mup", NAME-mup.svg; "TITLE: filled mup, hollow
 * standard", NAME.svg. */
void study_plot_names(const Study *s, const char *title, const char *name, int way, char full[160],
                      char path[STUDY_PATH_MAX]);

/* A fresh run of the study's config with more settings on top (NULL ends them), seed the which-th. Both are to
 * be closed by run_close(), whatever this returns. */
Status study_open(const Study *s, const char *const more[], int64_t width, int64_t which, Run *r,
                  Config *c);

/* Trains to the end of the run's config. *loss: held out; infinity if it diverged. E_CONFIG if nothing is held
 * out. */
Status study_train(Run *r, double *loss);

/* Runs the model as it is on a batch that it does not learn from, and calls `each` with every node of the tape,
 * whose numbers are all there; the output layer's scope is "head", and its result the logits. */
Status study_look(Run *r, Status (*each)(void *context, const Node *n), void *context);

/* The slope of log y over log x by least squares; NAN if a y is not positive. */
double study_slope(const int64_t *x, const double *y, int count);

/* The path of a file in the study's folder. Returns out. */
char *study_path(const Study *s, const char *name, char out[STUDY_PATH_MAX]);

/* The coordinate check (Yang et al. 2022, arXiv:2203.03466, section D.1): the size of activations after each of
 * `steps` updates over widths; its slope in log-log is to stay below COORDS_FLAT in muP. *result, unless E_...:
 * {"flat", "widths", "steps", "activations": [{"parametrization", "name", "slope", "slopes"}]}. */
#define COORDS_FLAT 0.05
Status study_coords(const Study *s, json_t **result);

/* Trains `steps` updates with each learning rate at each width and seed; the best one is to move by a factor of 2 at
 * most in muP. What lr-width.csv in the folder has already is not trained again; that it was made with the same
 * settings is the caller's to see. *result: {"transfers", "widths", "lrs", "mup", "standard": {"best_lr" of each
 * width, "moved_steps", "spread_steps" (factors of 2), "at_edge", "losses" [width][lr]}}. */
Status study_lr_width(const Study *s, json_t **result);

/* Trains `steps` updates with scores divided by the root of the head width, by nothing, and by the head width.
 * *result: {"steps", "rows": [{"attention_scale", "width", "head_width", "first_variance", "first_entropy", "variance",
 * "entropy", "loss"}]}; the variance is of scores over pairs that attention sees, entropy a share of that of
 * even attention, "first" before training. */
Status study_scores(const Study *s, json_t **result);

#endif
