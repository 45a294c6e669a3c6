/* The King James Bible, a document per chapter: its name, an empty line, and a verse per line.
 *
 * The package stores the text in a format of its own, so its program prints it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/process.h"
#include "data/recipes/recipe.h"

typedef struct Chapter {
    char *text;
    size_t size;
    FILE *file;
} Chapter;

static Status end_chapter(Chapter *c, Rows *out)
{
    if (!c->file) return OK;
    const bool whole = text_close(c->file, &c->text);
    c->file = NULL;
    if (!whole) return FAIL(E_NOMEM, "a chapter");
    Status status = rows_add(out, NULL, c->text, c->size);
    free(c->text);
    c->text = NULL;
    return status;
}

/* The program prints chapters as "", "Genesis 1", "", "  1 In the beginning ...", ... */
static Status read_line(Chapter *c, const char *line, Rows *out)
{
    if (line[0] == '\n') return OK;
    if (!strncmp(line, "  ", 2)) {
        if (!c->file) return FAIL(E_DATA, "bible: a verse before the first chapter");
        fputs(line + 2, c->file);
        return OK;
    }
    TRY(end_chapter(c, out));
    c->file = open_memstream(&c->text, &c->size);
    if (!c->file) return FAIL(E_NOMEM, "a chapter");
    fprintf(c->file, "%s\n", line);
    return OK;
}

static Status read_chapters(FILE *f, Rows *out)
{
    Chapter chapter = {0};
    char *line = NULL;
    size_t room = 0;
    Status status = OK;
    while (status == OK && getline(&line, &room, f) > 0) status = read_line(&chapter, line, out);
    if (status == OK) status = end_chapter(&chapter, out);
    if (chapter.file) fclose(chapter.file);
    free(chapter.text);
    free(line);
    return status;
}

static Status extract(const char *root, const char *scratch, Rows *out)
{
    char program[PATH_MAX], data[PATH_MAX], text[PATH_MAX], log[PATH_MAX];
    snprintf(program, sizeof program, "%s/usr/bin/bible", root);
    snprintf(data, sizeof data, "%s/usr/lib", root);
    snprintf(text, sizeof text, "%s/bible.txt", scratch);
    snprintf(log, sizeof log, "%s/bible.log", scratch);
    /* -l: longer than any verse, so that lines are not broken */
    const char *const arguments[] = {program, "-p", data, "-l100000", "gen1:1-rev22:21", NULL};
    Status status = process_run(&(Process){arguments, scratch, text, log});
    FILE *f = status == OK ? fopen(text, "r") : NULL;
    if (status == OK && !f) status = FAIL(E_DATA, "%s: %s", text, strerror(errno));
    if (f) {
        status = read_chapters(f, out);
        fclose(f);
    }
    unlink(text);
    unlink(log);
    return status;
}

const Recipe recipe_kjv = {"kjv",
                           "the King James Bible, a document per chapter",
                           {"bible-kjv", "bible-kjv-text"},
                           "/usr/bin/bible",
                           1189,
                           extract};
