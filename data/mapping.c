#include "data/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/text.h"

static Status map(Mapping *m, int fd, const char *name, Status code)
{
    struct stat info;
    if (fstat(fd, &info)) return FAIL(code, "%s: %s", name, strerror(errno));
    if (!S_ISREG(info.st_mode)) return FAIL(code, "%s: not a regular file", name);
    if (!info.st_size) return FAIL(code, "%s: empty", name);
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) return FAIL(E_NOMEM, "%s: %s", name, strerror(errno));
    *m = (Mapping){bytes, info.st_size};
    return OK;
}

Status mapping_open(Mapping *m, const char *path, Status code)
{
    char name[PATH_MAX];
    *m = (Mapping){0};
    text_escape(path, name, sizeof name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a pipe must not block */
    if (fd < 0) return FAIL(code, "%s: %s", name, strerror(errno));
    Status status = map(m, fd, name, code);
    close(fd);
    return status;
}

void mapping_close(Mapping *m)
{
    if (m->bytes) munmap((void *)(uintptr_t)m->bytes, (size_t)m->size);
    *m = (Mapping){0};
}
