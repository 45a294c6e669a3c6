#include "train/checkpoint/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/files.h"

enum { HOST_MAX = 256 };

static void get_host(char host[HOST_MAX])
{
    memset(host, 0, HOST_MAX);
    gethostname(host, HOST_MAX - 1);
}

static void read_text(int file, char out[LOCK_TEXT_MAX])
{
    char text[LOCK_TEXT_MAX];
    const ssize_t got = pread(file, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    text_escape(text, out, LOCK_TEXT_MAX);
}

/* If the disk is full, the text is missing; the lock holds without it. */
static void write_text(int file)
{
    char host[HOST_MAX], text[LOCK_TEXT_MAX];
    get_host(host);
    const int length = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), host);
    if (file_calls->ftruncate(file, 0) || file_write_all(file, text, length)) return;
}

Status lock_take(Lock *l, const char *path)
{
    *l = (Lock){.file = -1};
    int file;
    TRY(file_open_own(path, O_RDWR | O_CREAT, &file));
    const bool refused = flock(file, LOCK_EX | LOCK_NB);
    l->missing = refused && errno != EWOULDBLOCK && errno != EINTR;
    read_text(file, l->before);
    if (refused && !l->missing) {
        close(file);
        return OK;
    }
    write_text(file);
    l->file = file;
    return OK;
}

void lock_drop(Lock *l)
{
    if (l->file < 0) return;
    const int failed = file_calls->ftruncate(l->file, 0);
    (void)failed; /* then the file still names this process */
    file_calls->close(l->file);
    l->file = -1;
}

char *lock_holder(const char *path, char out[LOCK_TEXT_MAX])
{
    *out = '\0';
    const int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return out;
    if (flock(file, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK) read_text(file, out);
    close(file);
    return out;
}

bool lock_is_here(const char *who)
{
    char host[HOST_MAX];
    const char *space = strchr(who, ' ');
    get_host(host);
    return space && !strcmp(space + 1, host);
}
