#include "data/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autograd/base/text.h"

/* The mapped files, for the handler of SIGBUS, which only reads this. Files beyond this number are
 * not watched. */
enum { WATCHED_MAX = 256 };

static struct Watched {
    _Atomic(const unsigned char *) bytes; /* NULL: free; set last and cleared first */
    int64_t size;
    char *name;
} watched[WATCHED_MAX];

static void watch(const Mapping *m, const char *name)
{
    static const unsigned char taken;
    for (int i = 0; i < WATCHED_MAX; i++) {
        const unsigned char *none = NULL;
        if (!atomic_compare_exchange_strong(&watched[i].bytes, &none, &taken)) continue;
        watched[i].size = m->size;
        watched[i].name = strdup(name);
        atomic_store(&watched[i].bytes, m->bytes);
        return;
    }
}

static void unwatch(const Mapping *m)
{
    for (int i = 0; m->bytes && i < WATCHED_MAX; i++) {
        if (atomic_load(&watched[i].bytes) != m->bytes) continue;
        free(watched[i].name);
        watched[i].name = NULL;
        atomic_store(&watched[i].bytes, NULL);
        return;
    }
}

static void put(const char *text)
{
    const ssize_t done = write(STDERR_FILENO, text, strlen(text));
    (void)done; /* a signal handler cannot report it */
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    const uintptr_t at = (uintptr_t)info->si_addr;
    (void)context;
    for (int i = 0; i < WATCHED_MAX; i++) {
        const uintptr_t begin = (uintptr_t)atomic_load(&watched[i].bytes);
        if (!watched[i].name || at < begin || at - begin >= (uintptr_t)watched[i].size) continue;
        put("\ncapstan: ");
        put(watched[i].name);
        put(": the file was cut short, or could not be read, while it was in use\n");
        _exit(status_exit_code(E_DATA));
    }
    signal(number, SIG_DFL);
    raise(number);
}

void mapping_report_bus_errors(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

static Status map(Mapping *m, int fd, const char *name, Status code)
{
    struct stat info;
    if (fstat(fd, &info)) return FAIL(code, "%s: %s", name, strerror(errno));
    if (!S_ISREG(info.st_mode)) return FAIL(code, "%s: not a regular file", name);
    if (!info.st_size) return FAIL(code, "%s: empty", name);
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) return FAIL(E_NOMEM, "%s: %s", name, strerror(errno));
    *m = (Mapping){bytes, info.st_size};
    watch(m, name);
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
    unwatch(m);
    if (m->bytes) munmap((void *)(uintptr_t)m->bytes, (size_t)m->size);
    *m = (Mapping){0};
}

void mapping_release(const Mapping *m, const void *bytes, int64_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)bytes,
                    begin = (first + page - 1) / page * page,
                    end = (first + (uintptr_t)size) / page * page;
    INVARIANT(first >= (uintptr_t)m->bytes && size <= m->size);
    if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}
