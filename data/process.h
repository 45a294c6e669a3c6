/* Processes: other programs that are run and waited for. */
#ifndef DATA_PROCESS_H
#define DATA_PROCESS_H

#include "autograd/base/error.h"

typedef struct Process {
    const char *const *arguments; /* the program (looked for in PATH) first; NULL ends them */
    const char *folder;           /* where it runs */
    const char *output;           /* file that takes what it prints; NULL: nothing does */
    const char *log;              /* file that takes what it complains of */
} Process;

/* Waits for its end. E_DATA if it cannot be started (it is not there) or ends with anything but 0: names
 * the program and the last lines of the log. */
Status process_run(const Process *p);

#endif
