/* capstan pack: how well documents fill sequences, and what that costs and saves. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/commands.h"
#include "train/json.h"
#include "train/packing.h"

typedef struct Wish {
    const char *histogram, *algorithm;
    int64_t capacity, depth;
    bool leak_test, json;
} Wish;

static Status unknown(const char *name)
{
    char all[128] = "";
    for (int i = 0; packer_at(i); i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                 packer_at(i)->name);
    return FAIL(E_ARG, "--algorithm %s: expected one of %s", name, all);
}

static Status of_histogram(const Wish *w)
{
    PackingReport r;
    const Packer *packer = packer_find(w->algorithm);
    if (!w->capacity) return FAIL(E_ARG, "--capacity is missing: how many slots has a pack?");
    if (!packer) return unknown(w->algorithm);
    Status status = packing_report_histogram(&r, w->histogram, packer, w->capacity, w->depth);
    if (status == OK) status = packing_report_print(&r, w->json);
    packing_report_close(&r);
    return status;
}

Status command_pack(const Command *self, int argc, char *argv[])
{
    Wish w = {.algorithm = "best_fit"};
    const char *arguments[OPTION_VALUES_MAX];
    bool helped;
    int count;
    const Option options[] = {
        {"--histogram", OPTION_TEXT, &w.histogram, "FILE",
         "of lengths: a CSV with the header length,count; instead of a config", NULL, 0, 0},
        {"--capacity", OPTION_INT, &w.capacity, "N", "slots of a pack", NULL, 1, PACK_CAPACITY_MAX},
        {"--depth", OPTION_INT, &w.depth, "K", "most documents in a pack; 0: any number", NULL, 0,
         PACK_CAPACITY_MAX},
        {"--algorithm", OPTION_TEXT, &w.algorithm, "A",
         "greedy, best_fit, spfhp or optimal (default: best_fit)", NULL, 0, 0},
        {"--json", OPTION_FLAG, &w.json, NULL, "print one JSON object", NULL, 0, 0},
        {0},
    };
    TRY(options_read(self, options, argc, argv, arguments, OPTION_VALUES_MAX, &count, &helped));
    if (helped) return OK;
    if (w.histogram && count)
        return FAIL(E_ARG, "%s: a config and --histogram exclude each other", arguments[0]);
    if (w.histogram) return of_histogram(&w);
    return FAIL(E_ARG, "capstan pack needs --histogram FILE --capacity N");
}
