/* A plan: what training a config will cost, without training. Writes nothing. The other way round,
 * a config made for a budget: train/scaling/budget.h. */
#ifndef TRAIN_PLAN_PLAN_H
#define TRAIN_PLAN_PLAN_H

#include "train/config/config.h"
#include "train/plan/account.h"

typedef struct Plan {
    const Config *config;
    int64_t vocab_size;
    Params params; /* declared, not allocated: names and shapes of all matrices and vectors */

    Account account;
    int64_t parameters;
    int64_t parameters_non_embedding; /* without embed, positions and head */
    double flops_per_token;           /* FLOPS_PRODUCTS of the account */
    double flops_optimizer;           /* of the optimizer's matrix products, per step: Muon's */
    int64_t tokens_per_step, microbatches, groups;

    /* Bytes. */
    int64_t value_size;
    int64_t gradient_size; /* of all blocks that are alive at once: see train/step/microbatches.h */
    int64_t optimizer_size;  /* m, v and Muon's scratch */
    int64_t activation_size; /* of the tapes of all threads, by their shapes */
    int64_t kept_size;       /* activation_size with train.recompute = off */
    int64_t recomputed_size; /* activation_size with train.recompute = blocks */
    int64_t
        image_size; /* of a checkpoint's structure: its arrays are written from where they are */
    int64_t total_size;

    /* By plan_measure(); 0: not measured. */
    double seconds_per_step, tokens_per_second;
    int64_t
        measured_sequences; /* of a step; fewer than train.batch if a whole step would take long */
} Plan;

/* Fills all but the last three. Borrows c. Close p whatever this returns. */
Status plan_make(Plan *p, const Config *c, int64_t vocab_size);
void plan_close(Plan *p);

/* The account of the config's own dataset: with its documents and masks. E_DATA,
 * E_CONFIG. */
Status plan_data(Plan *p);

/* A few real steps on made-up tokens (train/plan/probe.h); takes some seconds and all the memory of
 * the plan. E_NOMEM if the machine has less. */
Status plan_measure(Plan *p);

int64_t plan_memory(void); /* bytes that the machine has */

#endif
