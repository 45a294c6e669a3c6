#include "train/config/config_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "autograd/base/text.h"
#include "train/config/yaml.h"

enum { FILE_MAX = 1 << 20, DEPTH_MAX = 16 };

/* A file on the way from the first one to its bases. */
typedef struct Link Link;
struct Link {
    const char *path;
    const Link *from; /* who names it as its base; NULL: the user */
    struct stat id;
};

Status config_file_parse(Config *c, const char *text, size_t size, const char *name)
{
    ConfigBase base;
    TRY(config_yaml_read(c, &base, NULL, text, size, name));
    if (!*base.path) return OK;
    return FAIL(E_CONFIG, "%sbase: the config of a checkpoint stands by itself", base.where);
}

/* All of a file, to be freed. */
static Status slurp(const char *path, const char *where, char **text, size_t *size, struct stat *id)
{
    char *all = malloc(FILE_MAX + 1), shown[1024];
    if (!all) return FAIL(E_NOMEM, "%s: out of memory", path);
    FILE *file = fopen(path, "rb");
    *size = file ? fread(all, 1, FILE_MAX + 1, file) : 0;
    const bool failed = !file || ferror(file) || fstat(fileno(file), id);
    const int why = errno;
    if (file) fclose(file);
    *text = all;
    if (!failed && *size <= FILE_MAX) return OK;
    free(all);
    text_escape(path, shown, sizeof shown);
    if (failed) return FAIL(E_CONFIG, "%s%s: %s", where, shown, strerror(why));
    return FAIL(E_CONFIG, "%s%s: longer than %d bytes, so it is not a config", where, shown,
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

/* Refuses a base that is on the way to itself. */
static Status check_chain(const Link *at, const char *where)
{
    char chain[1024];
    int depth = 0;
    size_t used = (size_t)snprintf(chain, sizeof chain, "%.200s", at->path);
    for (const Link *link = at->from; link; link = link->from, depth++) {
        if (used < sizeof chain)
            used += (size_t)snprintf(chain + used, sizeof chain - used, " <- %.200s", link->path);
        if (link->id.st_dev == at->id.st_dev && link->id.st_ino == at->id.st_ino)
            return FAIL(E_CONFIG, "%sbase goes round in a circle: %s", where, chain);
    }
    if (depth < DEPTH_MAX) return OK;
    return FAIL(E_CONFIG, "%smore than %d bases, one above the other: %s", where, DEPTH_MAX, chain);
}

/* Its base first, so that what stands here wins. */
static Status read_link(Config *c, ConfigTree *sweep, Link *link, const char *where)
{
    char *text = NULL, path[PATH_MAX];
    size_t size = 0;
    ConfigBase base;
    TRY(slurp(link->path, where, &text, &size, &link->id));
    Status status = check_chain(link, where);
    if (status == OK) status = config_yaml_read(NULL, &base, sweep, text, size, link->path);
    if (status == OK && *base.path) {
        status = from_here(link->path, base.path, path);
        if (status == OK)
            status = read_link(c, sweep, &(Link){.path = path, .from = link}, base.where);
    }
    if (status == OK) status = config_yaml_read(c, &base, sweep, text, size, link->path);
    free(text);
    return status;
}

Status config_file_read(Config *c, const char *path, ConfigTree *sweep)
{
    return read_link(c, sweep, &(Link){.path = path}, "");
}
