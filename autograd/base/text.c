#include "autograd/base/text.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int text_distance(const char *a, const char *b)
{
    enum { LONGEST = 256 };
    int row[LONGEST];
    const size_t rows = strlen(a), n = strlen(b);
    if (n >= LONGEST || rows >= LONGEST) return INT_MAX / 4;
    for (size_t j = 0; j <= n; j++) row[j] = (int)j;
    for (size_t i = 1; i <= rows; i++) {
        int corner = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int replace = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replace < row[j] ? replace : row[j];
        }
    }
    return row[n];
}

char *text_real(double x, char out[32])
{
    if (isnan(x)) return strcpy(out, "nan"); /* printf() would show its sign */
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, x);
        if (strtod(out, NULL) == x) break;
    }
    return out;
}

int text_utf8_length(const unsigned char *s, size_t available)
{
    if (!available) return 0;
    if (s[0] < 0x80) return 1;
    int length = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                 : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                 : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                : -1;
    if (length < 0) return -1;
    for (int i = 1; i < length; i++) {
        if ((size_t)i == available) return 0;
        unsigned char low = 0x80, high = 0xBF;
        if (i == 1 && s[0] == 0xE0) low = 0xA0;
        if (i == 1 && s[0] == 0xED) high = 0x9F;
        if (i == 1 && s[0] == 0xF0) low = 0x90;
        if (i == 1 && s[0] == 0xF4) high = 0x8F;
        if (s[i] < low || s[i] > high) return -1;
    }
    return length;
}

bool text_is_bidi_control(const unsigned char *s, int length)
{
    if (length == 2) return s[0] == 0xD8 && s[1] == 0x9C;
    if (length != 3 || s[0] != 0xE2) return false;
    return (s[1] == 0x80 && (s[2] == 0x8E || s[2] == 0x8F || (s[2] >= 0xAA && s[2] <= 0xAE))) ||
           (s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9);
}

static bool is_byte_order_mark(const unsigned char *s, int length)
{
    return length == 3 && s[0] == 0xEF && s[1] == 0xBB && s[2] == 0xBF;
}

/* Length of the character at s, with left > 0 bytes to read; 1 if it is not valid UTF-8. *plain: it
 * is valid, not a control character and not U+FEFF. */
static size_t character_length(const unsigned char *s, size_t left, bool *plain)
{
    const int length = text_utf8_length(s, left);
    *plain = length > 1 ? !(s[0] == 0xC2 && s[1] < 0xA0) && !text_is_bidi_control(s, length) &&
                              !is_byte_order_mark(s, length)
                        : length == 1 && s[0] >= 0x20 && s[0] != 0x7F;
    return *plain ? (size_t)length : 1;
}

char *text_escape(const char *s, char *out, size_t size)
{
    const unsigned char *from = (const unsigned char *)s;
    size_t left = strlen(s), used = 0;
    while (left) {
        bool plain;
        const size_t step = character_length(from, left, &plain), need = plain ? step : 4;
        if (used + need + 1 > size) break;
        if (plain)
            memcpy(out + used, from, need);
        else
            snprintf(out + used, 5, "\\x%02X", from[0]);
        used += need;
        from += step;
        left -= step;
    }
    if (size) out[used] = '\0';
    return out;
}

void text_put(FILE *out, const char *s, size_t size)
{
    const unsigned char *from = (const unsigned char *)s;
    while (size) {
        bool plain;
        const size_t step = character_length(from, size, &plain);
        if (plain || *from == '\n' || *from == '\t')
            fwrite(from, 1, step, out);
        else
            fprintf(out, "\\x%02X", *from);
        from += step;
        size -= step;
    }
}

void text_show(FILE *out, const char *s, size_t size)
{
    if (isatty(fileno(out)))
        text_put(out, s, size);
    else
        fwrite(s, 1, size, out);
}

bool text_close(FILE *out, char *const *text)
{
    const bool failed = ferror(out);
    return !fclose(out) && !failed && *text;
}
