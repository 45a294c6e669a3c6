/* capstan pack: how well documents fill sequences, and what that costs and saves. */
#include <stdio.h>
#include <string.h>

#include "autograd/base/threads.h"
#include "train/checkpoint/init_from.h"
#include "train/commands/commands.h"
#include "train/plan/leak.h"
#include "train/plan/packing_report.h"
#include "train/support/json.h"
#include "train/support/precision.h"

typedef struct Args {
    const char *histogram, *algorithm;
    int64_t capacity, depth;
    bool leak_test, json;
} Args;

static Status unknown(const char *name)
{
    char all[128] = "";
    for (int i = 0; packer_at(i); i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                 packer_at(i)->name);
    return FAIL(E_ARG, "--algorithm %s: expected one of %s", name, all);
}

static Status of_histogram(const Args *w)
{
    PackingReport r;
    const char *name = w->algorithm ? w->algorithm : "best_fit";
    const Packer *packer = packer_find(name);
    if (w->leak_test) return FAIL(E_ARG, "--leak-test needs a config, not a histogram");
    if (!w->capacity) return FAIL(E_ARG, "--capacity is missing: how many slots has a pack?");
    if (!packer) return unknown(name);
    Status status = packing_report_histogram(&r, w->histogram, packer, w->capacity, w->depth);
    if (status == OK) status = packing_report_print(&r, w->json);
    packing_report_close(&r);
    return status;
}

static Status of_config(const Config *c, bool json)
{
    PackingReport r;
    Status status = packing_report_config(&r, c);
    if (status == OK) status = packing_report_print(&r, json);
    packing_report_close(&r);
    return status;
}

static Status test_leak(const Config *c, bool json)
{
    LeakTest t;
    TRY(leak_test(c, &t));
    const bool passed = t.inside > 0 && t.with_mask == 0 && t.without > 0;
    if (json)
        TRY(json_print(json_pack("{s:b, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:b}", "passed", passed,
                                 "with_mask", t.with_mask, "without_mask", t.without, "inside",
                                 t.inside, "sequence", (json_int_t)t.window, "documents",
                                 (json_int_t)t.documents, "changed_rows", (json_int_t)t.changed,
                                 "other_rows", (json_int_t)t.others, "document_mask",
                                 c->data.document_mask)));
    else {
        printf("sequence %lld holds %lld documents; the first, of %lld rows, was replaced.\n"
               "largest change of a hidden number, %lld rows of the others:\n"
               "  with data.document_mask     %.9g\n"
               "  without                     %.9g\n"
               "in the document itself        %.9g\n",
               (long long)t.window, (long long)t.documents, (long long)t.changed,
               (long long)t.others, t.with_mask, t.without, t.inside);
        if (!c->data.document_mask)
            printf(
                "This config has data.document_mask = false: its documents do see each other.\n");
    }
    return passed ? OK
                  : FAIL(E_FAILED, "%s",
                         t.with_mask != 0 ? "documents leak through the mask"
                                          : "nothing moved even without the mask");
}

static Status read_config(Config *c, const char *const words[], int count, char *argv[])
{
    const char *path = count && !strchr(words[0], '=') ? words[0] : NULL;
    TRY(init_from_config(c, path, count - (path ? 1 : 0), words + (path ? 1 : 0)));
    TRY(precision_switch(precision_number(c->train.precision), argv));
    threads_set((int)c->train.threads);
    return OK;
}

Status command_pack(const Command *self, int argc, char *argv[])
{
    Args w = {0};
    const char *arguments[OPTION_VALUES_MAX];
    bool helped;
    int count;
    const Option options[] = {
        OPTION_USAGE("CONFIG [section.key=value ...]"),
        OPTION_USAGE(""),
        OPTION_PATH("--histogram", &w.histogram, "FILE",
                    "document lengths instead of a config: a CSV with the header length,count",
                    .usage = IN_USAGE(1), .required = IN_USAGE(1)),
        OPTION_INT("--capacity", &w.capacity, "N", 1, PACK_CAPACITY_MAX,
                   "slots of a pack, in tokens", .usage = IN_USAGE(1), .required = IN_USAGE(1)),
        OPTION_INT("--depth", &w.depth, "K", 0, PACK_CAPACITY_MAX,
                   "most documents per pack; 0: no limit (default)", .usage = IN_USAGE(1)),
        OPTION_TEXT("--algorithm", &w.algorithm, "NAME",
                    "greedy, best_fit, spfhp or optimal (default: best_fit)", .usage = IN_USAGE(1)),
        OPTION_FLAG("--leak-test", &w.leak_test,
                    "replace one document and check that no other document's numbers change",
                    .usage = IN_USAGE(0)),
        OPTION_JSON(&w.json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, arguments, OPTION_VALUES_MAX, &count, &helped));
    if (helped) return OK;
    if (w.histogram && count)
        return FAIL(E_ARG, "%s: a config and --histogram exclude each other", arguments[0]);
    if (w.histogram) return of_histogram(&w);
    if (!count) return FAIL(E_ARG, "capstan pack needs a config, or --histogram FILE --capacity N");
    if (w.capacity || w.depth || w.algorithm)
        return FAIL(E_ARG,
                    "--capacity, --depth and --algorithm belong to --histogram; a config says "
                    "model.context, data.pack_depth and data.packing");
    static Config c; /* large; and the only one */
    TRY(read_config(&c, arguments, count, argv));
    return w.leak_test ? test_leak(&c, w.json) : of_config(&c, w.json);
}
