/* What the tables of warnings are made of: shared by warnings_run.c and warnings_model.c. */
#ifndef TRAIN_PLAN_WARNINGS_TABLE_H
#define TRAIN_PLAN_WARNINGS_TABLE_H

#include <stdio.h>

#include "train/plan/warnings.h"

#define N(x) ((long long)(x))

/* The body of a rule's function: its condition, and its sentence with printf's arguments. */
#define SAY(condition, ...)                               \
    const bool is_due = condition;                        \
    if (is_due) snprintf(text, WARNING_MAX, __VA_ARGS__); \
    return is_due

#define AS_ROW(name, ...) {#name, name},

#endif
