/* Runs files through a fuzz target: for builds without libFuzzer. Each argument is a file, or a folder of
 * them; what begins with - is an option of libFuzzer. */
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static int run_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &info)) {
        perror(path);
        return -1;
    }
    /* Exactly as large as they are, so that a sanitizer sees what reads behind them. */
    uint8_t *bytes = malloc((size_t)info.st_size + !info.st_size);
    const size_t size = bytes ? fread(bytes, 1, (size_t)info.st_size, file) : 0;
    fclose(file);
    printf("%s\n", path);
    fflush(stdout); /* so that a crash is known by its file */
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

/* How many it ran; negative: one of them cannot be read. */
static int run(const char *path)
{
    char name[PATH_MAX];
    int count = 0;
    DIR *folder = opendir(path);
    if (!folder) return run_file(path);
    for (struct dirent *one; count >= 0 && (one = readdir(folder));) {
        if (*one->d_name == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, one->d_name);
        const int more = run_file(name);
        count = more < 0 ? more : count + more;
    }
    closedir(folder);
    return count;
}

int main(int argc, char *argv[])
{
    int count = 0;
    for (int i = 1; i < argc && count >= 0; i++) {
        const int more = *argv[i] == '-' ? 0 : run(argv[i]);
        count = more < 0 ? more : count + more;
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
