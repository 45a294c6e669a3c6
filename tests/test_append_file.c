/* A file of lines over fsync() calls that fail, and lose what they were to flush, as Linux does: the next fsync()
 * succeeds, but the bytes are gone. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files.h"
#include "tests/support.h"
#include "tests/temporary.h"
#include "train/checkpoint/append_file.h"

static int failing;     /* this many calls of fsync() fail */
static int64_t flushed; /* bytes that are on the disk */

static int losing_fsync(int fd)
{
    static const char zeros[1 << 12];
    struct stat info;
    char path[64], file[PATH_MAX] = "";
    if (fstat(fd, &info)) abort();
    if (!S_ISREG(info.st_mode)) return 0;
    if (!failing) {
        flushed = info.st_size;
        return 0;
    }
    failing--;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, file, sizeof file - 1) < 0) abort();
    const int other = open(file, O_WRONLY); /* fd appends */
    for (int64_t at = flushed; at < info.st_size; at += (int64_t)sizeof zeros) {
        const int64_t rest = info.st_size - at, room = (int64_t)sizeof zeros;
        if (pwrite(other, zeros, (size_t)(rest < room ? rest : room), at) < 0) abort();
    }
    close(other);
    errno = EIO;
    return -1;
}

static FileCalls losing;

static void setup(void)
{
    temporary_open();
    losing = file_calls_system;
    losing.fsync = losing_fsync;
    file_calls = &losing;
    failing = 0;
    flushed = 0;
}

static void teardown(void)
{
    file_calls = &file_calls_system;
    temporary_close();
}

TestSuite(append_file, .init = setup, .fini = teardown);

static void check_text(const char *expected)
{
    long size;
    unsigned char *bytes = file_bytes(in_temporary("lines"), &size);
    cr_expect(bytes && size == (long)strlen(expected) && !memcmp(bytes, expected, (size_t)size),
              "%ld bytes, not \"%s\": \"%.*s\"", size, expected, bytes ? (int)size : 0,
              (char *)bytes);
    free(bytes);
}

static void add(AppendFile *l, const char *line)
{
    MUST(append_file_add(l, line, (int64_t)strlen(line)));
}

Test(append_file, lines_that_a_failed_fsync_lost_are_written_again)
{
    AppendFile l;
    MUST(append_file_open(&l, temporary, "lines"));
    add(&l, "one\n");
    MUST(append_file_sync(&l));
    add(&l, "two\n");
    failing = 1;
    cr_assert_eq(append_file_sync(&l), E_IO);
    cr_expect(strstr(error_message(), "lines: Input/output error"), "%s", error_message());
    MUST(append_file_sync(&l));
    check_text("one\ntwo\n");
    add(&l, "three\n");
    failing = 2;
    cr_assert_eq(append_file_sync(&l), E_IO);
    add(&l, "four\n");
    cr_assert_eq(append_file_sync(&l), E_IO);
    add(&l, "five\n");
    MUST(append_file_sync(&l));
    MUST(append_file_sync(&l));
    check_text("one\ntwo\nthree\nfour\nfive\n");
    append_file_close(&l);
}

Test(append_file, a_cut_after_a_failed_fsync)
{
    AppendFile l;
    MUST(append_file_open(&l, temporary, "lines"));
    add(&l, "one\n");
    MUST(append_file_sync(&l));
    add(&l, "two\n");
    add(&l, "three\n");
    MUST(append_file_cut(&l, 8, 0)); /* what is not flushed is cut, too */
    check_text("one\ntwo\n");
    failing = 1;
    cr_assert_eq(append_file_sync(&l), E_IO);
    add(&l, "four\n");
    MUST(append_file_sync(&l));
    check_text("one\ntwo\nfour\n");
    MUST(append_file_cut(&l, 4, 0)); /* and what is flushed */
    failing = 1;
    flushed = 4;
    cr_assert_eq(append_file_sync(&l), E_IO);
    add(&l, "five\n");
    MUST(append_file_sync(&l));
    check_text("one\nfive\n");
    append_file_close(&l);
}

/* AppendFile that are not flushed take little memory, however long a run is without a save. */
Test(append_file, many_lines_without_a_sync)
{
    static char line[1001];
    AppendFile l;
    MUST(append_file_open(&l, temporary, "lines"));
    memset(line, 'x', 999);
    line[999] = '\n';
    for (int i = 0; i < 5000; i++) add(&l, line);
    cr_expect_lt(l.room, 4 << 20, "%lld bytes", (long long)l.room);
    MUST(append_file_sync(&l));
    cr_expect_eq(l.end, 5000000);
    cr_expect_eq(flushed, 5000000);
    append_file_close(&l);
}

/* A draft is begun anew, in a file of its own. */
Test(append_file, a_draft_whose_fsync_failed_is_not_taken)
{
    const char *path = in_temporary("lines");
    MUST(file_write(path, "old", 3));
    failing = 1;
    flushed = 0;
    cr_assert_eq(file_write(path, "new", 3), E_IO);
    check_text("old");
    MUST(file_write(path, "new", 3));
    check_text("new");
}
