/* Files that are written in place are ours or refused; drafts belong to the process that writes them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/files.h"
#include "data/mapping.h"
#include "tests/support.h"
#include "tests/temporary.h"

TestSuite(files, .init = temporary_open, .fini = temporary_close);

static char *name_of(const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", in_temporary(name));
    return out;
}

static void check_refused(const char *name, const char *reason)
{
    int fd = 0;
    cr_expect_eq(file_open_own(in_temporary(name), O_RDWR | O_CREAT | O_TRUNC, &fd), E_IO, "%s",
                 name);
    cr_expect_eq(fd, -1);
    cr_expect(strstr(error_message(), reason), "%s: %s", name, error_message());
    cr_expect(strstr(error_message(), name), "%s", error_message());
}

Test(files, only_our_own_regular_files_are_written_in_place)
{
    char target[PATH_MAX], other[PATH_MAX];
    file_put(name_of("target", target), "precious", 8);
    cr_assert_eq(symlink(target, name_of("link", other)), 0);
    check_refused("link", "symbolic link");
    cr_assert_eq(symlink("nowhere", name_of("dangling", other)), 0);
    check_refused("dangling", "symbolic link");
    cr_assert_eq(mkfifo(name_of("fifo", other), 0600), 0);
    check_refused("fifo", "not a regular file");
    cr_assert_eq(mkdir(name_of("folder", other), 0700), 0);
    check_refused("folder", "folder");
    file_put(name_of("twin", other), "twin", 4);
    cr_assert_eq(link(other, in_temporary("twin2")), 0);
    check_refused("twin", "another name");
    cr_expect_eq(access(in_temporary("nowhere"), F_OK), -1, "a dangling link was followed");

    long size;
    unsigned char *bytes = file_bytes(target, &size);
    cr_expect(size == 8 && !memcmp(bytes, "precious", 8));
    free(bytes);

    int fd;
    MUST(file_open_own(target, O_RDWR | O_TRUNC, &fd));
    close(fd);
    free(file_bytes(target, &size));
    cr_expect_eq(size, 0, "O_TRUNC of our own file empties it");
}

Test(files, a_link_is_no_folder_of_ours)
{
    char folder[PATH_MAX], path[PATH_MAX];
    cr_assert_eq(mkdir(name_of("elsewhere", folder), 0700), 0);
    cr_assert_eq(symlink(folder, name_of("checkpoints", path)), 0);
    cr_expect_eq(file_make_own_folder(path), E_IO);
    MUST(file_make_folder(path));
    MUST(file_make_own_folder(folder));
}

/* A process that has begun a draft of "f" and waits; *tell: closed ends it. */
static pid_t begin_draft(int *tell)
{
    static Draft d;
    int ready[2], end[2];
    char byte;
    cr_assert(!pipe(ready) && !pipe(end));
    const pid_t child = fork();
    if (!child) {
        close(end[1]);
        if (draft_open(&d, in_temporary("f"), 0) || draft_write(&d, "theirs", 6)) _exit(1);
        if (write(ready[1], "x", 1) != 1 || read(end[0], &byte, 1)) _exit(2);
        _exit(draft_finish(&d) == OK ? 0 : 3);
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    *tell = end[1];
    return child;
}

Test(files, a_draft_of_a_living_process_stays)
{
    int tell, ended;
    const pid_t child = begin_draft(&tell);
    files_clean(temporary, "");
    MUST(file_write(in_temporary("f"), "ours", 4));
    cr_expect_eq(temporary_files(0), 2, "the file and the other's draft");
    close(tell);
    cr_assert_eq(waitpid(child, &ended, 0), child);
    cr_expect(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "its own draft was put in place");
    long size;
    unsigned char *bytes = file_bytes(in_temporary("f"), &size);
    cr_expect(size == 6 && !memcmp(bytes, "theirs", 6), "the last writer wins, with whole bytes");
    free(bytes);
    cr_expect_eq(temporary_files(0), 1);
}

Test(files, a_draft_of_a_killed_process_goes_with_the_next)
{
    int tell;
    const pid_t child = begin_draft(&tell);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_expect_eq(temporary_files(0), 1);
    MUST(file_write(in_temporary("g"), "other", 5));
    cr_expect_eq(temporary_files(0), 2, "another file's draft is left alone");
    MUST(file_write(in_temporary("f"), "ours", 4));
    cr_expect_eq(temporary_files(0), 2, "f and g, and no draft");
}

/* Maps a file of two pages, whose second page is cut off before it is read. */
static void read_cut_file(void)
{
    Mapping m;
    mapping_report_bus_errors();
    if (mapping_open(&m, in_temporary("cut.h5"), E_DATA)) _exit(1);
    if (truncate(in_temporary("cut.h5"), 4096)) _exit(1);
    _exit(((volatile const unsigned char *)m.bytes)[5000] ? 1 : 2);
}

Test(files, a_file_that_is_cut_while_it_is_mapped_is_named)
{
    static const char zeros[8192];
    int ended, said[2];
    char text[512] = "";
    file_put(in_temporary("cut.h5"), zeros, sizeof zeros);
    cr_assert(!pipe(said));
    const pid_t child = fork();
    if (!child) {
        dup2(said[1], STDERR_FILENO);
        read_cut_file();
    }
    cr_assert_eq(waitpid(child, &ended, 0), child);
    cr_assert(WIFEXITED(ended), "signal %d", WTERMSIG(ended));
    cr_expect_eq(WEXITSTATUS(ended), 3);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    cr_expect(strstr(text, "cut.h5: the file was cut short"), "%s", text);
}
