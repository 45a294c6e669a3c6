#include <string.h>

#include "autograd/base/text.h"
#include "train/config/config.h"

enum { COMMENT_COLUMN = 28 };

/* Whether every YAML reader takes this text, without quotes, as the same text. */
static bool is_plain(const char *s)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    if (!*s || !memchr(letters, *s, 52) || s[strspn(s, letters)]) return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(s, words[i])) return false;
    return true;
}

/* The code of a valid UTF-8 character. */
static unsigned decode(const unsigned char *s, int length)
{
    unsigned code = length == 1 ? s[0] : s[0] & (0x7Fu >> length);
    for (int i = 1; i < length; i++) code = code << 6 | (s[i] & 0x3Fu);
    return code;
}

/* Writes a text for double quotes: characters that a reader rejects or folds are escaped. Returns
 * bytes. */
static int write_escaped(const char *text, FILE *out)
{
    const unsigned char *s = (const unsigned char *)text;
    int used = 0;
    for (size_t left = strlen(text); left;) {
        const int length = text_utf8_length(s, left);
        INVARIANT(length > 0); /* schema_set() accepts only UTF-8 */
        const unsigned code = decode(s, length);
        if (code == '"' || code == '\\')
            used += fprintf(out, "\\%c", (char)code);
        else if (code == '\n')
            used += fprintf(out, "\\n");
        else if (code < 0x20 || (code >= 0x7F && code < 0xA0))
            used += fprintf(out, "\\x%02X", code);
        else if (code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE ||
                 code == 0xFFFF)
            used += fprintf(out, "\\u%04X", code);
        else
            used += (int)fwrite(s, 1, (size_t)length, out);
        s += length;
        left -= (size_t)length;
    }
    return used;
}

char *config_value(const Config *c, const Key *k, char *out, size_t size)
{
    return schema_value(k, c, out, size);
}

Status config_write(const Config *c, bool with_origin, FILE *out)
{
    const char *section = "";
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++) {
        char value[TEXT_MAX], origin[ORIGIN_MAX];
        if (strcmp(section, k->section)) fprintf(out, "%s%s:\n", *section ? "\n" : "", k->section);
        section = k->section;
        config_value(c, k, value, sizeof value);
        const bool quoted = k->type == TYPE_TEXT && !is_plain(value);
        int used = fprintf(out, "  %s: ", k->name);
        if (quoted) used += fprintf(out, "\"");
        used += quoted ? write_escaped(value, out) : fprintf(out, "%s", value);
        if (quoted) used += fprintf(out, "\"");
        if (with_origin) {
            fprintf(out, "%*s# ", used < COMMENT_COLUMN ? COMMENT_COLUMN - used : 2, "");
            write_escaped(text_escape(c->origin[k - config_keys], origin, sizeof origin), out);
        }
        fputc('\n', out);
    }
    return ferror(out) ? FAIL(E_IO, "cannot write the config") : OK;
}

int config_compare(const Config *a, const Config *b, void (*differs)(void *context, const Key *k),
                   void *context)
{
    int count = 0;
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (!schema_equal(k, a, b)) {
            count++;
            if (differs) differs(context, k);
        }
    return count;
}
