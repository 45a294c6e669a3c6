/* Pages: self-contained HTML files for light and dark mode, narrow and wide screens, print, and
 * browsers without JavaScript. */
#ifndef TRAIN_PLOT_HTML_H
#define TRAIN_PLOT_HTML_H

#include <stdio.h>

#include "autograd/base/error.h"

/* Writes s as text or as a double-quoted attribute value, for HTML and XML. Escapes markup;
 * replaces control characters, also those of the direction of text, and invalid UTF-8 by U+FFFD. */
void html_text(const char *s, FILE *out);

/* From "<!doctype html>" to the first heading. */
void html_begin(const char *title, FILE *out);
void html_end(FILE *out); /* names the version of capstan that made the page */

/* printf() that passes each %s through html_text(). Other conversions: d, lld, g, f, e and %%. */
void html_print(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The style and script of a page (style.c, script.c), NULL-terminated lists of strings.
 * html_plot_style is the part that plots need, which standalone SVG files include as well. */
extern const char *const html_plot_style[], *const html_page_style[], *const html_script[];

/* Writes the strings one after the other; NULL ends the list. */
void html_strings(const char *const strings[], FILE *out);

#endif
