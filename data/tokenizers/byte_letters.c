#include "data/tokenizers/byte_letters.h"

#include <stdbool.h>
#include <string.h>

enum { FIRST_HIDDEN = 0x100, LETTERS = 0x144 };

static bool is_seen(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

static int code_point(unsigned char byte)
{
    if (is_seen(byte)) return byte;
    int hidden = 0;
    for (int b = 0; b < byte; b++) hidden += !is_seen(b);
    return FIRST_HIDDEN + hidden;
}

int byte_letter(unsigned char byte, char out[3])
{
    const int c = code_point(byte);
    if (c < 0x80) {
        out[0] = (char)c;
        out[1] = '\0';
        return 1;
    }
    out[0] = (char)(0xC0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3F));
    out[2] = '\0';
    return 2;
}

int64_t letters_bytes(const char *letters, unsigned char *out)
{
    int16_t bytes[LETTERS];
    memset(bytes, -1, sizeof bytes);
    for (int b = 0; b < 256; b++) bytes[code_point((unsigned char)b)] = (int16_t)b;
    int64_t used = 0;
    for (const unsigned char *s = (const unsigned char *)letters; *s; s++) {
        int c = *s;
        if (c >= 0x80) {
            if (c < 0xC2 || c > 0xC5 || (s[1] & 0xC0) != 0x80) return -1;
            c = (c & 0x1F) << 6 | (*++s & 0x3F);
        }
        if (c >= LETTERS || bytes[c] < 0) return -1;
        out[used++] = (unsigned char)bytes[c];
    }
    return used;
}
