/* capstan study: what width does to a model (train/study/study.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/commands/commands.h"
#include "train/study/study.h"
#include "train/support/json.h"
#include "train/support/precision.h"

typedef struct StudyName {
    const char *name;
    Status (*run)(const Study *s, json_t **result);
    const char *widths, *rates; /* what they are unless options say; NULL: not asked for */
    int64_t steps, seeds;
    bool resumes;          /* reuses the results in its folder */
    const char *criterion; /* the key of the result that is to be true; NULL: none */
    const char *failure;
} StudyName;

static const StudyName studies[] = {
    {"coords", study_coords, "32,64,128,256,512", NULL, 10, 3, false, "flat",
     "activations of mup change with width: see the table"},
    {"lr-width", study_lr_width, "32,64,128,256", "5e-4,1e-3,2e-3,4e-3,8e-3,16e-3,32e-3", 300, 1,
     true, "transfers", "the best learning rate of mup moves with width: see the table"},
    {"scores", study_scores, "32,64,128,256", NULL, 300, 1, false, NULL, NULL},
};
enum { STUDIES = sizeof studies / sizeof *studies };

static Status find(const char *name, const StudyName **found)
{
    for (int i = 0; i < STUDIES; i++)
        if (name && !strcmp(name, studies[i].name)) {
            *found = &studies[i];
            return OK;
        }
    return FAIL(E_ARG, "%s%swhich study? There are coords, lr-width and scores", name ? name : "",
                name ? ": there is no such study; " : "");
}

/* "32,64": numbers that grow. */
static Status read_list(const char *option, const char *text, int most, double numbers[],
                        int *count)
{
    *count = 0;
    for (const char *at = text;;) {
        char *end;
        const double x = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !(x > (*count ? numbers[*count - 1] : 0)) ||
            x > 65536 || *count == most)
            return FAIL(E_ARG, "%s %s: expected at most %d growing numbers above 0, as in %s",
                        option, text, most, most == STUDY_WIDTHS_MAX ? "32,64,128" : "1e-3,2e-3");
        numbers[(*count)++] = x;
        if (!*end) return OK;
        at = end + 1;
    }
}

static Status read_lists(const StudyName *n, const char *widths, const char *rates, Study *s)
{
    double numbers[STUDY_WIDTHS_MAX];
    TRY(read_list("--widths", widths ? widths : n->widths, STUDY_WIDTHS_MAX, numbers,
                  &s->width_count));
    for (int i = 0; i < s->width_count; i++) {
        s->widths[i] = (int64_t)numbers[i];
        if ((double)s->widths[i] != numbers[i])
            return FAIL(E_ARG, "--widths %s: expected whole numbers", widths);
    }
    if (s->width_count < 2) return FAIL(E_ARG, "--widths %s: one width shows nothing", widths);
    if (!n->rates && rates) return FAIL(E_ARG, "--lrs: only study lr-width has learning rates");
    if (n->rates)
        TRY(read_list("--lrs", rates ? rates : n->rates, STUDY_RATES_MAX, s->rates,
                      &s->rate_count));
    return OK;
}

/* The settings that every training of the study has are kept beside its results, so that those of
 * others are not taken for them. */
static Status claim(const Study *s, const StudyName *n, const Config *c)
{
    char path[STUDY_PATH_MAX], name[64], *text = NULL;
    const char *why;
    size_t size = 0;
    snprintf(name, sizeof name, "%s.yaml", n->name);
    FILE *out = open_memstream(&text, &size),
         *old = file_open_regular(study_path(s, name, path), &why);
    if (!out) return FAIL(E_NOMEM, "a study");
    Status status = config_write(c, false, out);
    if (!text_close(out, &text) && status == OK) status = FAIL(E_NOMEM, "a study");
    bool same = old && text;
    for (size_t i = 0; same && i <= size; i++)
        same = fgetc(old) == (i < size ? (unsigned char)text[i] : EOF);
    if (old) fclose(old);
    if (status == OK && n->resumes && old && !same)
        status = FAIL(E_EXISTS, "%s: a study with other settings; give another --output", path);
    if (status == OK && !same) status = file_write(path, text, (int64_t)size);
    free(text);
    return status;
}

static Status make_folder(const char *path)
{
    if (strlen(path) + 64 >= STUDY_PATH_MAX) return FAIL(E_ARG, "--output: the path is too long");
    TRY(file_make_parents(path));
    return file_make_folder(path);
}

static Status run(const StudyName *n, Study *s, const Config *c, bool json)
{
    json_t *result = NULL;
    TRY(make_folder(s->folder));
    TRY(claim(s, n, c));
    TRY(n->run(s, &result));
    const bool good = !n->criterion || json_is_true(json_object_get(result, n->criterion));
    if (s->table) fprintf(s->table, "\ntables and plots are in %s\n", s->folder);
    const Status status = json ? json_print(result) : OK;
    if (!json) json_decref(result);
    TRY(status);
    return good ? OK : FAIL(E_FAILED, "%s", n->failure);
}

Status command_study(const Command *self, int argc, char *argv[])
{
    static Study s; /* large; and the only one */
    static Config c;
    const char *words[STUDY_SETTINGS_MAX], *widths = NULL, *rates = NULL;
    char folder[64], steps[64];
    int64_t threads = 0;
    int count;
    bool json = false, helped;
    const StudyName *n = NULL;
    const Option options[] = {
        OPTION_USAGE("coords|lr-width|scores [CONFIG] [section.key=value ...]"),
        OPTION_TEXT("--widths", &widths, "W,W,...", "model widths, in increasing order"),
        OPTION_TEXT("--lrs", &rates, "X,X,...", "lr-width: learning rates, in increasing order"),
        OPTION_INT("--steps", &s.steps, "N", 1, 1e6, "optimizer steps of each training run"),
        OPTION_INT("--seeds", &s.seeds, "N", 1, 16,
                   "training runs to average, with different seeds"),
        OPTION_PATH("--output", &s.folder, "DIR",
                    "folder for the results (default: runs/study-NAME)"),
        OPTION_THREADS(&threads),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(self, options, argc, argv, words, STUDY_SETTINGS_MAX - 16, &count, &helped));
    if (helped) return OK;
    TRY(find(count ? words[0] : NULL, &n));
    int at = 1;
    if (count > at && !strchr(words[at], '=')) s.config = words[at++];
    for (; at < count; at++) s.settings[s.setting_count++] = words[at];
    TRY(read_lists(n, widths, rates, &s));
    if (!s.steps) s.steps = n->steps;
    if (!s.seeds) s.seeds = n->seeds;
    if (!strcmp(n->name, "coords") && s.steps > 64)
        return FAIL(E_ARG, "--steps %lld: study coords looks at 64 updates at most",
                    (long long)s.steps);
    snprintf(steps, sizeof steps, "train.steps=%lld", (long long)s.steps);
    s.settings[s.setting_count++] = steps;
    TRY(config_load(&c, s.config, s.setting_count, s.settings));
    TRY(precision_switch(precision_number(c.train.precision), argv));
    snprintf(folder, sizeof folder, "runs/study-%s", n->name);
    if (!s.folder) s.folder = folder;
    if (!*s.folder) return FAIL(E_ARG, "--output needs the name of a folder");
    s.progress = stderr;
    s.table = json ? NULL : stdout;
    threads_set((int)(threads ? threads : c.train.threads));
    return run(n, &s, &c, json);
}
