/* Linked with -Wl,--wrap=fsync: the program of check_long_power that forgets to flush: all that it should, or with
 * FORGETS=files or FORGETS=folders those only. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int __real_fsync(int file);
int __wrap_fsync(int file);

int __wrap_fsync(int file)
{
    const char *what = getenv("FORGETS");
    struct stat s;
    if (fstat(file, &s)) return -1;
    if (!what || !strcmp(what, "all") || !strcmp(what, S_ISDIR(s.st_mode) ? "folders" : "files"))
        return 0;
    return __real_fsync(file);
}
