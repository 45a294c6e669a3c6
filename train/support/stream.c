#include "train/support/stream.h"

#include <poll.h>

bool stream_is_read(FILE *out)
{
    struct pollfd p = {.fd = fileno(out), .events = POLLOUT};
    return p.fd < 0 || (poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
}
