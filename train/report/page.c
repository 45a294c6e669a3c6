#include "train/report/page.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "data/files.h"
#include "train/plot/axis.h"

double *page_numbers(Page *p, int64_t count)
{
    double *all =
        p->status == OK ? arena_take(&p->arena, (count + 1) * (int64_t)sizeof *all) : NULL;
    if (!all && p->status == OK) p->status = FAIL(E_NOMEM, "a report");
    return all;
}

const char *page_text(Page *p, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *kept = p->status == OK ? arena_text(&p->arena, text) : NULL;
    if (!kept && p->status == OK) p->status = FAIL(E_NOMEM, "a report");
    return kept ? kept : "";
}

void page_plot(Page *p, const char *name, const Plot *plot)
{
    char path[PATH_MAX];
    if (p->status != OK) return;
    plot_figure(plot, p->out);
    if (!p->svg) return;
    if ((size_t)snprintf(path, sizeof path, "%s/%s.svg", p->svg, name) >= sizeof path)
        p->status = FAIL(E_ARG, "%s: the path is too long", p->svg);
    else
        p->status = plot_save(plot, path);
}

void page_tabs_begin(Page *p, const char *const names[], int count)
{
    const int group = ++p->tabs;
    fputs("<div class=\"tabs\">\n", p->out);
    for (int i = 0; i < count; i++)
        html_print(p->out,
                   "<input type=\"radio\" name=\"tab%d\" id=\"tab%d-%d\"%s><label "
                   "for=\"tab%d-%d\">%s</label>\n",
                   group, group, i, i ? "" : " checked", group, i, names[i]);
}

void page_tabs_end(Page *p)
{
    fputs("</div>\n", p->out);
}

void page_number(Page *p, double x, int digits)
{
    char text[TICK_LABEL];
    html_print(p->out, "<td class=\"n\">%s</td>",
               isfinite(x) ? axis_number(x, digits, text) : "\xE2\x80\x93");
}

Status page_make(const char *path, const char *svg, void (*write)(Page *p, const void *context),
                 const void *context)
{
    FileText text;
    if (svg) TRY(file_make_folder(svg));
    TRY(file_text_open(&text, path));
    Page p = {.svg = svg, .out = text.out};
    write(&p, context);
    const Status status = file_text_save(&text, p.status, path);
    arena_free(&p.arena);
    return status;
}
