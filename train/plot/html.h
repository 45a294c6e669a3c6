/* Pages: self-contained HTML files for light and dark mode, narrow and wide screens, print, and browsers
 * without JavaScript. */
#ifndef TRAIN_PLOT_HTML_H
#define TRAIN_PLOT_HTML_H

#include <stdio.h>

#include "autograd/base/error.h"

/* s as text or as an attribute's value in double quotes, of HTML and of XML: what could be read as markup is
 * escaped; controls and what is not UTF-8, which no page may hold, are U+FFFD. */
void html_text(const char *s, FILE *out);

/* From "<!doctype html>" to the first heading. */
void html_begin(const char *title, FILE *out);
void html_end(FILE *out); /* names the version of capstan that made the page */

/* printf, each %s of which is escaped by html_text(). No other conversion of texts; numbers as usual. */
void html_print(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What html_begin() and html_end() put into a page (style.c, script.c); the first is what plots need, in a
 * file of their own too. */
extern const char *const html_plot_style[], *const html_page_style[], *const html_script[];

/* Writes the strings one after the other; NULL ends the list. */
void html_strings(const char *const pieces[], FILE *out);

#endif
