/* What several tests need: a small token file, and a config on it. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "autograd/base/rng.h"
#include "train/config/config.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { SUPPORT_VOCAB = 29 };

/* A folder of the test's own with train.bin and val.bin, nanoGPT's format: tokens below SUPPORT_VOCAB,
 * drawn, but such that a token has much to do with the one before. */
typedef struct Place {
    char folder[64], train[96];
} Place;

static inline void place_write(const char *path, int64_t count, uint64_t seed)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    Rng rng = rng_stream(seed, "tokens");
    uint16_t token = SUPPORT_VOCAB - 1; /* so that the vocabulary is known */
    for (int64_t i = 0; i < count; i++) {
        fwrite(&token, sizeof token, 1, file);
        token = (uint16_t)((token * 3 + rng_below(rng, (uint64_t)i, 0, 4)) % SUPPORT_VOCAB);
    }
    fclose(file);
}

static inline Place place_make(void)
{
    Place p;
    char path[96];
    snprintf(p.folder, sizeof p.folder, "/tmp/capstan-test-XXXXXX");
    cr_assert(mkdtemp(p.folder) != NULL);
    snprintf(p.train, sizeof p.train, "%s/train.bin", p.folder);
    snprintf(path, sizeof path, "%s/val.bin", p.folder);
    place_write(p.train, 4000, 1);
    place_write(path, 700, 2);
    return p;
}

static inline void place_remove(const Place *p)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    cr_assert_eq(system(command), 0);
}

/* A tiny model on the place's tokens; more settings, ended by NULL, on top. */
static inline void place_config(const Place *p, Config *c, const char *const more[])
{
    char path[128];
    const char *all[64] = {"model.layers=2",   "model.heads=2", "model.width=24",
                           "model.context=16", "train.batch=6", "train.steps=12",
                           "optim.warmup=3",   "optim.lr=0.01", path};
    int count = 9;
    snprintf(path, sizeof path, "data.path=%s", p->train);
    for (int i = 0; more && more[i]; i++) all[count++] = more[i];
    MUST(config_load(c, NULL, count, all));
}

#endif
