#include "train/support/precision.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "autograd/tensor.h"
#include "train/support/interrupt.h"

const char *precision_here(void)
{
    return sizeof(real) == sizeof(double) ? "float64" : "float32";
}

const char *precision_number(Precision p)
{
    return precision_text(p == PRECISION_bfloat16 ? PRECISION_float32 : p);
}

Status precision_switch(const char *number, char *argv[])
{
    char path[PATH_MAX + 16];
    if (!strcmp(number, precision_here())) return OK;
    if (strcmp(number, "float32") && strcmp(number, "float64"))
        return FAIL(E_CONFIG, "train.precision = %s: expected float32 or float64", number);

    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length < 0) return FAIL(E_CONFIG, "cannot tell where this program is: %s", strerror(errno));
    path[length] = 0;
    char *name = strrchr(path, '/') + 1;
    strcpy(name, strcmp(number, "float64") ? "capstan" : "capstan64");
    save_requests_hold();
    execv(path, argv - 2);
    return FAIL(E_CONFIG, "train.precision = %s needs the program %s: %s", number, path,
                strerror(errno));
}
