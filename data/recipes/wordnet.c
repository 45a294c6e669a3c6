/* WordNet 3.0, a document per synset: "word (noun): " is the prompt, its gloss the completion.
 *
 * The format is wndb(5WN): a line is "offset file type words word id ... | gloss"; lines of the
 * licence begin with two spaces. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/recipes/recipe.h"

/* The synset's first word, with blanks for underscores and without the position marker of
 * adjectives. */
static bool read_word(const char *line, char *out, size_t size)
{
    for (int field = 0; field < 4; field++) {
        line = strchr(line, ' ');
        if (!line++) return false;
    }
    size_t length = strcspn(line, " (");
    if (!length || length >= size) return false;
    for (size_t i = 0; i < length; i++) out[i] = line[i] == '_' ? ' ' : line[i];
    out[length] = '\0';
    return true;
}

static Status read_lines(FILE *f, const char *path, const char *part, Rows *out)
{
    char *line = NULL, word[128], prompt[160];
    size_t room = 0;
    Status status = OK;
    for (int number = 1; status == OK && getline(&line, &room, f) > 0; number++) {
        if (!strncmp(line, "  ", 2)) continue;
        char *gloss = strstr(line, " | ");
        if (!gloss || !read_word(line, word, sizeof word)) {
            status = FAIL(E_DATA, "%s:%d: not a line of WordNet", path, number);
            continue;
        }
        gloss += 3;
        size_t size = strlen(gloss);
        while (size && (gloss[size - 1] == ' ' || gloss[size - 1] == '\n')) size--;
        snprintf(prompt, sizeof prompt, "%s (%s): ", word, part);
        status = rows_add(out, prompt, gloss, size);
    }
    free(line);
    return status;
}

static Status extract(const char *root, const char *scratch, Rows *out)
{
    static const char *const parts[] = {"noun", "verb", "adj", "adv"};
    (void)scratch;
    for (int i = 0; i < 4; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/usr/share/wordnet/data.%s", root, parts[i]);
        FILE *f = fopen(path, "r");
        if (!f) return FAIL(E_DATA, "%s: %s", path, strerror(errno));
        Status status = read_lines(f, path, parts[i], out);
        fclose(f);
        if (status != OK) return status;
    }
    return OK;
}

const Recipe recipe_wordnet = {"wordnet",        "WordNet 3.0: words and what they mean",
                               {"wordnet-base"}, "/usr/share/wordnet/data.noun",
                               117659,           extract};
