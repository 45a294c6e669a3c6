/* A page in the making, and its sections. Only report.c and the sections need it. */
#ifndef TRAIN_REPORT_PAGE_H
#define TRAIN_REPORT_PAGE_H

#include "train/plot/html.h"
#include "train/plot/plot.h"
#include "train/report/report_data.h"

typedef struct Page {
    FILE *out;
    const char *svg; /* a folder that each plot goes into as well, NAME.svg; NULL: none */
    Arena arena;     /* what is drawn */
    Status status;   /* the first thing that went wrong; then the rest is not drawn */
    int tabs;        /* groups of tabs so far */
} Page;

/* The file at path, whole or not at all, of what `write` writes; svg: made if it is not there. E_IO, E_NOMEM. */
Status page_make(const char *path, const char *svg, void (*write)(Page *p, const void *what),
                 const void *what);

/* Room for count numbers; NULL, and page->status says so: memory is out. */
double *page_numbers(Page *p, int64_t count);

/* A text made by printf, good as long as the page. */
const char *page_text(Page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The plot, on the page and, if wished, as a file of that name. */
void page_plot(Page *p, const char *name, const Plot *plot);

/* Several plots of which one is shown at a time: tabs, begun with what they are called. */
void page_tabs_begin(Page *p, const char *const names[], int count);
void page_tabs_end(Page *p);

/* A cell with a number, and one with a dash if it is none. */
void page_number(Page *p, double x, int digits);

/* Sections, each with its heading; nothing if there is nothing to tell. */
void page_tiles(Page *p, const ReportData *r);
void page_comparison(Page *p, const ReportData *runs, int64_t count);
void page_loss(Page *p, const ReportData *runs, int64_t count);
void page_curves(Page *p, const ReportData *runs, int64_t count);
void page_spikes(Page *p, const ReportData *runs, int64_t count);
void page_samples(Page *p, const ReportData *runs, int64_t count);
void page_config(Page *p, const ReportData *runs, int64_t count);
void page_provenance(Page *p, const ReportData *runs, int64_t count);

#endif
