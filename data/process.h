/* Runs other programs. */
#ifndef DATA_PROCESS_H
#define DATA_PROCESS_H

#include "autograd/base/error.h"

typedef struct Process {
    const char *const *arguments; /* program (in PATH) and arguments, ended by NULL */
    const char *folder;           /* working directory */
    const char *output;           /* file for stdout; NULL: discarded */
    const char *log;              /* file for stderr */
} Process;

/* Waits for its end. E_DATA: it cannot be started or fails; names the program and the last lines
 * of its log. */
Status process_run(const Process *p);

#endif
