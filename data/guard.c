#include "data/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED
#endif

/* WAITING_TIMES: limit of elapsed time, as a multiple of processor time. fork() passes on glibc's
 * locks unlocked, but not a sanitizer's: its child waits forever if another thread, ending just
 * then, held one, and is tried again. */
#ifdef SANITIZED
enum { WAITING_TIMES = 4, TRIES = 5 };
#else
enum { WAITING_TIMES = 20, TRIES = 1 };
#endif

enum { UNGUARDED = 101 /* the exit code of a child that could not lock itself in */ };

Status guard_share(void **shared, int64_t size)
{
    const int how = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    *shared = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, how, -1, 0);
    if (*shared != MAP_FAILED) return OK;
    *shared = NULL;
    return FAIL(E_NOMEM, "%lld bytes: %s", (long long)size, strerror(errno));
}

void guard_unshare(void *shared, int64_t size)
{
    if (shared) munmap(shared, (size_t)size);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now)) return;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
    setrlimit(resource, &(struct rlimit){most, most});
}

/* Bytes of address space of this process. Without stdio, which is unsafe in a child forked from
 * threads. */
static int64_t bytes_now(void)
{
    char text[32] = "";
    int64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++)
        pages = 10 * pages + (text[i] - '0');
    return pages ? pages * sysconf(_SC_PAGESIZE) : -1;
}

static void set_limits(int64_t seconds)
{
    const int64_t bytes = bytes_now();
    if (bytes > 0) limit(RLIMIT_AS, (rlim_t)(bytes + GUARD_MEMORY));
    limit(RLIMIT_CPU, (rlim_t)seconds);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 0);
    limit(RLIMIT_CORE, 0);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm((unsigned)(seconds * WAITING_TIMES));
}

/* Resets handlers, which would run in the child as if it were the parent, and ignores Ctrl-C, which
 * only the parent handles. */
static void set_signals(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGALRM};
    static const int others[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    sigset_t none;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) signal(others[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if defined ARCHITECTURE && !defined SANITIZED /* a sanitizer could not report what it found */
#define LOAD(field)            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(k, yes, no)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)
#define IF_ANY_BIT(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, k, yes, no)
#define RETURN(what)           BPF_STMT(BPF_RET | BPF_K, what)
#define ARGUMENT(i)            LOAD(args[i]) /* its low half: both architectures are little-endian */

/* Makes the kernel refuse all system calls except those for anonymous memory: the child can map no
 * descriptor, and can execute nothing that it maps. Returns whether the kernel did. */
static bool bar_calls(void)
{
    static const unsigned allowed[] = {
        SYS_brk,   SYS_munmap,       SYS_mremap,     SYS_madvise,
        SYS_futex, SYS_rt_sigreturn, SYS_exit_group, SYS_sched_yield,
    };
    enum {
        ALLOWED = sizeof allowed / sizeof *allowed,
        HEAD = 6,
        TAIL = 7,
        LIST_END = HEAD + ALLOWED
    };
    enum { MMAP = LIST_END + 1, MPROTECT = MMAP + 2, ALLOW = MPROTECT + 2, ALL = LIST_END + TAIL };
    struct sock_filter code[ALL] = {
        LOAD(arch), IF_EQUAL(ARCHITECTURE, 1, 0),    RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),   IF_EQUAL(SYS_mmap, MMAP - 5, 0), IF_EQUAL(SYS_mprotect, MPROTECT - 6, 0),
    };
    for (int i = 0; i < ALLOWED; i++)
        code[HEAD + i] =
            (struct sock_filter)IF_EQUAL(allowed[i], (unsigned char)(ALLOW - HEAD - i - 1), 0);
    const struct sock_filter tail[TAIL] = {
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        ARGUMENT(3), /* MMAP: flags */
        IF_ANY_BIT(MAP_ANONYMOUS, 0, 3),
        ARGUMENT(2), /* MPROTECT and MMAP: the protection flags */
        IF_ANY_BIT(PROT_EXEC, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
    };
    memcpy(code + LIST_END, tail, sizeof tail);
    const struct sock_fprog program = {ALL, code};
    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
           !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The child needs none of the parent's files and sockets. */
static bool close_descriptors(void)
{
    struct rlimit most;
    if (!close_range(0, ~0U, 0)) return true;
    if (getrlimit(RLIMIT_NOFILE, &most)) return false; /* a kernel before 5.9 */
    for (rlim_t fd = 0; fd < most.rlim_cur; fd++) close((int)fd);
    return true;
}
#else
static bool bar_calls(void)
{
    return true;
}

static bool close_descriptors(void)
{
    return true;
}
#endif

static Status judge(const char *name, Status code, int64_t seconds, int ended)
{
    const int number = WIFSIGNALED(ended) ? WTERMSIG(ended) : 0;
    if (number == SIGXCPU || number == SIGALRM || number == SIGKILL)
        return FAIL(code, "%s: reading it took a guarded child more than %lld s, or was stopped",
                    name, (long long)seconds);
    if (number)
        return FAIL(code, "%s: reading it crashed a guarded child (signal %d, %s)", name, number,
                    strsignal(number));
    if (WEXITSTATUS(ended) == UNGUARDED)
        return FAIL(E_FAILED,
                    "%s: not read: this kernel refuses the filter of system calls (seccomp) behind "
                    "which files are read; CAPSTAN_UNGUARDED=1 in the environment reads files that "
                    "you trust without it",
                    name);
    if (WEXITSTATUS(ended))
        return FAIL(code, "%s: reading it ended a guarded child (exit %d)", name,
                    WEXITSTATUS(ended));
    return OK;
}

/* The child's side: does not return. */
static _Noreturn void lock_in_and_work(int64_t seconds, void (*work)(void *context), void *context)
{
    const char *trusted = getenv("CAPSTAN_UNGUARDED");
    const bool unguarded = trusted && !strcmp(trusted, "1");
    set_signals();
    const bool closed = close_descriptors(); /* before no more system calls are allowed */
    set_limits(seconds);
    if ((!closed || !bar_calls()) && !unguarded) _exit(UNGUARDED);
    work(context);
    _exit(0);
}

Status guard_run(const char *name, Status code, int64_t seconds, void (*work)(void *context),
                 void *context)
{
    int ended = 0;
    for (int i = 0; i < TRIES; i++) {
        const pid_t child = fork();
        if (child < 0)
            return FAIL(E_NOMEM, "%s: no child process to read it in: %s", name, strerror(errno));
        if (!child) lock_in_and_work(seconds, work, context);
        while (waitpid(child, &ended, 0) < 0)
            if (errno != EINTR) break; /* SIGCHLD is ignored: it has ended, its status is lost */
        if (!WIFSIGNALED(ended) || WTERMSIG(ended) != SIGALRM) break;
    }
    return judge(name, code, seconds, ended);
}
