#include "train/plot/html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/plot/sha256.h"
#include "train/support/version.h"

/* The replacement of a character; NULL: none needed. */
static const char *escape(const unsigned char *s, int length)
{
    static const char unknown[] = "\xEF\xBF\xBD";
    if (length > 1) {
        const bool is_control = s[0] == 0xC2 && s[1] < 0xA0,
                   is_none = s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE;
        return is_control || is_none || text_is_bidi_control(s, length) ? unknown : NULL;
    }
    switch (*s) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\n':
    case '\t': return NULL;
    default: return length < 1 || *s < 0x20 || *s == 0x7F ? unknown : NULL;
    }
}

void html_text(const char *text, FILE *out)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t left = strlen(text); left;) {
        const int length = text_utf8_length(s, left);
        const size_t size = length < 1 ? 1 : (size_t)length;
        const char *instead = escape(s, length);
        if (instead)
            fputs(instead, out);
        else
            fwrite(s, 1, size, out);
        s += size;
        left -= size;
    }
}

/* One conversion, "%.3f", of the next argument. */
static void print_one(FILE *out, const char *spec, va_list *args)
{
    const char kind = spec[strlen(spec) - 1];
    if (kind == 's')
        html_text(va_arg(*args, const char *), out);
    else if (kind == '%')
        fputc('%', out);
    else if (strchr("gfe", kind))
        fprintf(out, spec, va_arg(*args, double));
    else if (strstr(spec, "ll"))
        fprintf(out, spec, va_arg(*args, long long));
    else
        fprintf(out, spec, va_arg(*args, int));
}

void html_print(FILE *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    while (*fmt) {
        char spec[16];
        const size_t plain = strcspn(fmt, "%");
        fwrite(fmt, 1, plain, out);
        fmt += plain;
        if (!*fmt) break;
        const size_t length = 1 + strcspn(fmt + 1, "dsgfe%") + 1;
        INVARIANT(length < sizeof spec);
        memcpy(spec, fmt, length);
        spec[length] = '\0';
        print_one(out, spec, &args);
        fmt += length;
    }
    va_end(args);
}

void html_strings(const char *const strings[], FILE *out)
{
    for (; *strings; strings++) fputs(*strings, out);
}

/* Browsers run no other script, whatever a text that was not escaped might bring into the page. */
static void put_script_digest(FILE *out)
{
    Sha256 hash;
    char text[SHA256_TEXT];
    sha256_begin(&hash);
    for (const char *const *part = html_script; *part; part++)
        sha256_add(&hash, *part, strlen(*part));
    fputs(sha256_base64(&hash, text), out);
}

void html_begin(const char *title, FILE *out)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'; script-src 'sha256-",
          out);
    put_script_digest(out);
    fputs("'\">\n", out);
    html_print(out, "<title>%s</title>\n<style>\n", title);
    html_strings(html_plot_style, out);
    html_strings(html_page_style, out);
    html_print(out, "</style>\n</head>\n<body>\n<h1>%s</h1>\n", title);
}

void html_end(FILE *out)
{
    html_print(out, "<footer class=\"soft\">Made by capstan %s.</footer>\n<script>",
               version_text());
    html_strings(html_script, out);
    fputs("</script>\n</body>\n</html>\n", out);
}
