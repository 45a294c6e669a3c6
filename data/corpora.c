#include "data/corpora.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "data/recipes/recipe.h"

#define X(name) &recipe_##name,
static const Recipe *const recipes[] = {RECIPE_LIST(X)};
#undef X

enum { RECIPES = sizeof recipes / sizeof *recipes };

const char *corpus_name(int i)
{
    return i < RECIPES ? recipes[i]->name : NULL;
}

const char *corpus_title(int i)
{
    return i < RECIPES ? recipes[i]->title : NULL;
}

Status rows_add(Rows *r, const char *prompt, const char *text, size_t size)
{
    json_t *row = prompt ? json_pack("{s:s, s:s%}", "prompt", prompt, "completion", text, size)
                         : json_pack("{s:s%}", "text", text, size);
    if (!row) return FAIL(E_DATA, "document %lld: not UTF-8", (long long)r->count + 1);
    int failed = json_dumpf(row, r->file, JSON_COMPACT) || putc('\n', r->file) == EOF;
    json_decref(row);
    r->count++;
    return failed ? FAIL(E_IO, "the text cannot be written: %s", strerror(errno)) : OK;
}

static Status find(const char *name, const Recipe **found)
{
    char known[256] = "";
    const char *nearest = recipes[0]->name;
    for (int i = 0; i < RECIPES; i++) {
        strcat(strcat(known, i ? ", " : ""), recipes[i]->name);
        if (text_distance(name, recipes[i]->name) < text_distance(name, nearest))
            nearest = recipes[i]->name;
        *found = recipes[i];
        if (!strcmp(name, recipes[i]->name)) return OK;
    }
    return FAIL(E_ARG, "unknown corpus %s; did you mean %s? Available: %s", name, nearest, known);
}

static Status write_rows(const Recipe *recipe, const char *root, const char *folder,
                         const char *path)
{
    FileText text;
    TRY(file_text_open(&text, path));
    Rows rows = {.file = text.out};
    Status status = recipe->extract(root, folder, &rows);
    if (status == OK && rows.count != recipe->documents)
        status = FAIL(E_DATA, "%s has %lld documents instead of %lld: the package has changed",
                      recipe->name, (long long)rows.count, (long long)recipe->documents);
    return file_text_save(&text, status, path);
}

/* Writes c->text, whole or not at all. */
static Status fetch(const Corpus *c, const Recipe *recipe, const char *folder, bool tell)
{
    Packages packages;
    Status status = packages_open(&packages, recipe->packages, recipe->probe, tell);
    if (status == OK) status = write_rows(recipe, packages.root, folder, c->text);
    packages_close(&packages);
    return status;
}

Status corpus_make(Corpus *c, const char *name, const char *folder, const char *tokenizer,
                   bool tell)
{
    const Recipe *recipe;
    *c = (Corpus){0};
    TRY(find(name, &recipe));
    const int length = snprintf(c->text, sizeof c->text, "%s/%s.jsonl", folder, name);
    if (length < 0 || length >= (int)sizeof c->text) return FAIL(E_ARG, "--output: too long");
    snprintf(c->dataset, sizeof c->dataset, "%s/%s.h5", folder, name);
    TRY(file_make_parents(c->dataset));
    TRY(fetch(c, recipe, folder, tell));
    const char *const inputs[] = {c->text};
    return prepare(&(Prepare){.texts = {.paths = inputs, .path_count = 1, .format = FORMAT_jsonl},
                              .tokenizer = tokenizer,
                              .output = c->dataset,
                              .val = 0.1,
                              .seed = 1,
                              .show_progress = tell && isatty(2)},
                   &c->summary);
}
