/* Errors: a Status to branch on, a message to show and a trace to debug with.
 *
 * Whoever finds a fault says so once, where it is found:   return FAIL(E_DATA, "%s: empty", path);
 * Whoever merely passes it on writes:                      TRY(dataset_open(&d, path)); Whoever can
 * act on it reads error_message(), which is for the user, and error_trace(), which names the places
 * in the source. The record belongs to the thread; its next FAIL overwrites it. */
#ifndef AUTOGRAD_BASE_ERROR_H
#define AUTOGRAD_BASE_ERROR_H

/* Status, the exit code of a command that ends with it, and its text. */
#define STATUS_LIST(X)                                  \
    X(OK, 0, "ok")                                      \
    X(E_ARG, 2, "invalid argument")                     \
    X(E_CONFIG, 2, "invalid configuration")             \
    X(E_EXISTS, 2, "exists already")                    \
    X(E_DATA, 3, "missing or malformed data")           \
    X(E_FORMAT, 3, "not a checkpoint that can be used") \
    X(E_NUMERIC, 4, "not a finite number")              \
    X(E_SHAPE, 1, "shapes do not fit")                  \
    X(E_IO, 1, "input/output failed")                   \
    X(E_NOMEM, 1, "out of memory")                      \
    X(E_FAILED, 1, "failed")                            \
    X(E_INTERRUPTED, 130, "interrupted")

#define X(name, exit_code, text) name,
typedef enum Status { STATUS_LIST(X) } Status;
#undef X

#define FAIL(code, ...) error_set((code), __FILE__, __LINE__, __func__, __VA_ARGS__)

#define TRY(call)                                                                         \
    do {                                                                                  \
        Status try_status_ = (call);                                                      \
        if (try_status_ != OK) return error_pass(try_status_, __FILE__, __LINE__, #call); \
    } while (0)

/* Aborts unless x is true, which only a bug can make false; never for mistakes of a user. Always
 * on. */
#define INVARIANT(x) ((x) ? (void)0 : error_abort(__FILE__, __LINE__, #x))

Status error_set(Status code, const char *file, int line, const char *func, const char *fmt, ...)
    __attribute__((format(printf, 5, 6), cold));
Status error_pass(Status code, const char *file, int line, const char *call) __attribute__((cold));
_Noreturn void error_abort(const char *file, int line, const char *what) __attribute__((cold));

/* Copies an error from another thread: pass the text that error_message() returned there. */
Status error_adopt(Status code, const char *message) __attribute__((cold));

const char *
error_message(void); /* "invalid configuration: ..."; never NULL; good until the next FAIL */
const char *error_trace(void); /* "  at file:line (function)\n  in file:line: call\n..." */
const char *status_text(Status code);
int status_exit_code(Status code);

#endif
