#include "autograd/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"

enum { MESSAGE_MAX = 4096, TRACE_MAX = 2048 };

static _Thread_local struct {
    int length;
    char message[MESSAGE_MAX];
    char trace[TRACE_MAX];
} last;

/* Adds to the trace; cuts text that does not fit. */
__attribute__((format(printf, 1, 2))) static void trace(const char *fmt, ...)
{
    va_list args;
    int room = TRACE_MAX - last.length;
    va_start(args, fmt);
    int used = vsnprintf(last.trace + last.length, (size_t)room, fmt, args);
    va_end(args);
    last.length += used < room ? used : room - 1;
}

/* Escapes each line: a message may quote a file, whose control characters must not reach a
 * terminal. */
static void store(Status code, char *text)
{
    int used = snprintf(last.message, sizeof last.message, "%s: ", status_text(code));
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        text_escape(line, last.message + used, sizeof last.message - (size_t)used);
        used += (int)strlen(last.message + used);
        if (end && used + 1 < MESSAGE_MAX) memcpy(last.message + used++, "\n", 2);
    }
}

Status error_set(Status code, const char *file, int line, const char *func, const char *fmt, ...)
{
    char text[MESSAGE_MAX]; /* not the record: an argument may be error_message() */
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    store(code, text);
    last.length = 0;
    trace("  at %s:%d (%s)\n", file, line, func);
    return code;
}

Status error_pass(Status code, const char *file, int line, const char *call)
{
    trace("  in %s:%d: %s\n", file, line, call);
    return code;
}

Status error_adopt(Status code, const char *message)
{
    snprintf(last.message, sizeof last.message, "%s", message);
    last.length = 0;
    trace("  in another thread\n");
    return code;
}

void error_abort(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: a bug in capstan: not true: %s\n", file, line, what);
    abort();
}

const char *error_message(void)
{
    return last.message;
}

const char *error_trace(void)
{
    return last.trace;
}

const char *status_text(Status code)
{
#define X(name, exit_code, text) [name] = text,
    static const char *const texts[] = {STATUS_LIST(X)};
#undef X
    return texts[code];
}

int status_exit_code(Status code)
{
#define X(name, exit_code, text) [name] = exit_code,
    static const int codes[] = {STATUS_LIST(X)};
#undef X
    return codes[code];
}
