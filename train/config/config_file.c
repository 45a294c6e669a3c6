#include "train/config/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "autograd/base/text.h"
#include "data/files.h"

enum { FILE_MAX = 1 << 20, DEPTH_MAX = 16 };

/* A file in the chain from the first one to its last base. */
typedef struct Link Link;
struct Link {
    const char *path;
    const Link *from; /* the file that names it as its base; NULL: the first file */
    struct stat id;
};

/* The whole file, to be freed. */
static Status slurp(const char *path, const char *where, ConfigAuthor by, char **text, size_t *size,
                    struct stat *id)
{
    char *all = malloc(FILE_MAX + 1), shown[1024];
    const char *why;
    if (!all) return FAIL(E_NOMEM, "%s: out of memory", path);
    FILE *file = by == CONFIG_BY_RUN ? file_open_regular(path, &why) : file_open_given(path, &why);
    *size = file ? fread(all, 1, FILE_MAX + 1, file) : 0;
    const bool failed = !file || ferror(file) || fstat(fileno(file), id);
    if (file && failed) why = strerror(errno);
    if (file) fclose(file);
    *text = all;
    if (!failed && *size <= FILE_MAX) return OK;
    free(all);
    text_escape(path, shown, sizeof shown);
    if (failed) return FAIL(E_CONFIG, "%s%s: %s", where, shown, why);
    return FAIL(E_CONFIG, "%s%s: longer than %d bytes, so it cannot be a config", where, shown,
                FILE_MAX);
}

/* The path of a base as seen from the working directory. */
static Status from_here(const char *path, const char *base, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const int folder = *base == '/' || !slash ? 0 : (int)(slash - path) + 1;
    if (snprintf(out, PATH_MAX, "%.*s%s", folder, path, base) < PATH_MAX) return OK;
    return FAIL(E_CONFIG, "%s: the path of its base is too long", path);
}

/* E_CONFIG: the bases form a circle, or the chain is too long. */
static Status check_chain(const Link *at, const char *where)
{
    char chain[1024];
    int depth = 0;
    size_t used = (size_t)snprintf(chain, sizeof chain, "%.200s", at->path);
    for (const Link *link = at->from; link; link = link->from, depth++) {
        if (used < sizeof chain)
            used += (size_t)snprintf(chain + used, sizeof chain - used, " <- %.200s", link->path);
        if (link->id.st_dev == at->id.st_dev && link->id.st_ino == at->id.st_ino)
            return FAIL(E_CONFIG, "%sthe bases form a circle: %s", where, chain);
    }
    if (depth < DEPTH_MAX) return OK;
    return FAIL(E_CONFIG, "%smore than %d bases in a chain: %s", where, DEPTH_MAX, chain);
}

/* Reads the base first, so that the settings of this file win. */
static Status read_link(Config *c, ConfigTree *sweep, ConfigAuthor by, Link *link,
                        const char *where)
{
    char *text = NULL, path[PATH_MAX];
    size_t size = 0;
    ConfigBase base;
    TRY(slurp(link->path, where, by, &text, &size, &link->id));
    Status status = check_chain(link, where);
    if (status == OK) status = config_yaml_read(NULL, &base, sweep, by, text, size, link->path);
    if (status == OK && *base.path) {
        status = from_here(link->path, base.path, path);
        if (status == OK)
            status = read_link(c, sweep, by, &(Link){.path = path, .from = link}, base.where);
    }
    if (status == OK) status = config_yaml_read(c, &base, sweep, by, text, size, link->path);
    free(text);
    return status;
}

Status config_file_read(Config *c, const char *path, ConfigTree *sweep, ConfigAuthor by)
{
    return read_link(c, sweep, by, &(Link){.path = path}, "");
}
