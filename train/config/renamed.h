/* Settings that had another name in version 0.1.
 *
 * In a user's config or override an old name is an error that names the new one. In a text that a
 * run of version 0.1 wrote (the config in a checkpoint, config.yaml in a run's folder) it is
 * translated. */
#ifndef TRAIN_CONFIG_RENAMED_H
#define TRAIN_CONFIG_RENAMED_H

#include "train/config/config.h"

enum { RENAMED_COUNT = 3 };

/* The values of the old settings in one text; "" : the text lacks it. */
typedef struct OldValues {
    char text[RENAMED_COUNT][TEXT_MAX], origin[RENAMED_COUNT][ORIGIN_MAX];
} OldValues;

/* The index of an old setting; -1: there is none of that name. */
int renamed_find(const char *section, const char *name);

/* E_CONFIG: which setting replaced the old one. */
Status renamed_refuse(int index, const char *where);

/* Stores the old values of one text under their new names. E_CONFIG: a value is not allowed. */
Status renamed_apply(const OldValues *old, Config *c);

#endif
