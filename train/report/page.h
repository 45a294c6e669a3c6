/* A page being written, and its sections. Private to report.c, sweep_page.c and the sections. */
#ifndef TRAIN_REPORT_PAGE_H
#define TRAIN_REPORT_PAGE_H

#include "train/plot/html.h"
#include "train/plot/plot.h"
#include "train/report/report_data.h"

typedef struct Page {
    FILE *out;
    const char *svg; /* a folder that each plot goes into as well, NAME.svg; NULL: none */
    Arena arena;     /* data of the plots */
    Status status;   /* the first error; later sections are then skipped */
    int tabs;        /* groups of tabs so far */
} Page;

/* Writes the file at path atomically, its content by write(p, context). svg: the folder is created
 * if missing. E_IO, E_NOMEM. */
Status page_make(const char *path, const char *svg, void (*write)(Page *p, const void *context),
                 const void *context);

/* Allocates an array of count numbers; NULL if memory is out (p->status is then E_NOMEM). */
double *page_numbers(Page *p, int64_t count);

/* A formatted text that lives as long as the page. */
const char *page_text(Page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds the plot to the page and, with svg, writes NAME.svg. */
void page_plot(Page *p, const char *name, const Plot *plot);

/* Tabs: several plots, one shown at a time. names: [count], the labels. */
void page_tabs_begin(Page *p, const char *const names[], int count);
void page_tabs_end(Page *p);

/* A table cell with a number; a dash if x is not finite. */
void page_number(Page *p, double x, int digits);

/* Sections, each with its heading; empty ones are left out. */
void page_tiles(Page *p, const ReportData *r);
void page_comparison(Page *p, const ReportData *runs, int64_t count);
void page_loss(Page *p, const ReportData *runs, int64_t count);
void page_curves(Page *p, const ReportData *runs, int64_t count);
void page_spikes(Page *p, const ReportData *runs, int64_t count);
void page_samples(Page *p, const ReportData *runs, int64_t count);
void page_config(Page *p, const ReportData *runs, int64_t count);
void page_provenance(Page *p, const ReportData *runs, int64_t count);

#endif
