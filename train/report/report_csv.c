/* The series of runs as a CSV, for other tools. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/report/report.h"
#include "train/run/metrics_read.h"

/* A number that reads back as the same one; "nan": it was not finite; "": it was not measured. */
static void put_real(FILE *out, double x, bool was_measured)
{
    char text[32];
    fprintf(out, ",%s", isfinite(x) ? text_real(x, text) : was_measured ? "nan" : "");
}

/* Always in quotes, as RFC 4180 allows: a folder may have any name. */
static void put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_header(FILE *out)
{
    fputs("run,step", out);
#define X(name) \
    if (COLUMN_##name != COLUMN_step) fputs("," #name, out);
    METRICS_COLUMN_LIST(X)
#undef X
    fputs(",val_loss\r\n", out);
}

/* A row of a training line (-1: none), an evaluation (-1: none), or both of one step. */
static void put_row(FILE *out, const char *run, const RunMetrics *j, int64_t line, int64_t val,
                    bool is_bad)
{
    put_text(out, run);
    fprintf(out, ",%.0f", line >= 0 ? j->column[COLUMN_step][line] : j->val_step[val]);
    for (int i = 0; i < METRICS_COLUMNS; i++)
        if (i != COLUMN_step)
            put_real(out, line >= 0 ? j->column[i][line] : NAN, is_bad && i == COLUMN_loss);
    put_real(out, val >= 0 ? j->val_loss[val] : NAN, val >= 0);
    fputs("\r\n", out);
}

static void put_metrics(FILE *out, const char *run, const RunMetrics *j)
{
    int64_t line = 0, val = 0, bad = 0;
    while (line < j->lines || val < j->vals) {
        const double at = line < j->lines ? j->column[COLUMN_step][line] : INFINITY;
        const double of = val < j->vals ? j->val_step[val] : INFINITY;
        while (bad < j->bads && j->bad_step[bad] < at) bad++;
        put_row(out, run, j, at <= of ? line : -1, of <= at ? val : -1,
                bad < j->bads && j->bad_step[bad] == at);
        line += at <= of, val += of <= at;
    }
}

Status report_csv(const char *const runs[], int64_t count, const char *path)
{
    FileText t;
    TRY(file_text_open(&t, path));
    Status status = OK;
    put_header(t.out);
    for (int64_t i = 0; i < count && status == OK; i++) {
        Arena arena = {0};
        RunMetrics j = {0};
        status = metrics_read(runs[i], &arena, &j);
        if (status == OK) put_metrics(t.out, runs[i], &j);
        arena_free(&arena);
    }
    return file_text_save(&t, status, path);
}
