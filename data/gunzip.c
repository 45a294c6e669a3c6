#include "data/gunzip.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool gunzip_begins(const void *bytes, int64_t size)
{
    return size >= 3 && !memcmp(bytes, "\x1F\x8B\x08", 3);
}

Status gunzip_open(Gunzip *g, int fd, const char *name)
{
    enum { GZIP_ONLY = 16 };
    *g = (Gunzip){.name = name, .fd = fd, .in_member = true};
    if (inflateInit2(&g->stream, MAX_WBITS + GZIP_ONLY) != Z_OK)
        return FAIL(E_NOMEM, "%s: no memory to unpack it", name);
    g->is_open = true;
    return OK;
}

static Status refill(Gunzip *g)
{
    ssize_t got;
    do got = pread(g->fd, g->packed, sizeof g->packed, g->place);
    while (got < 0 && errno == EINTR);
    if (got < 0) return FAIL(E_DATA, "%s: %s", g->name, strerror(errno));
    g->place += got;
    g->stream.next_in = g->packed;
    g->stream.avail_in = (uInt)got;
    return OK;
}

/* After a member: another one, or zero bytes up to the end of the file (padding of tapes). */
static Status end_member(Gunzip *g)
{
    for (;;) {
        if (!g->stream.avail_in) TRY(refill(g));
        g->at_end = !g->stream.avail_in;
        if (g->at_end || *g->stream.next_in) break;
        g->stream.next_in++;
        g->stream.avail_in--;
    }
    if (g->at_end) return OK;
    if (*g->stream.next_in != 0x1F)
        return FAIL(E_DATA, "%s: the gzip data end at byte %lld, but the file does not: damaged",
                    g->name, (long long)(g->place - (int64_t)g->stream.avail_in));
    inflateReset(&g->stream);
    g->in_member = true;
    return OK;
}

static Status inflate_some(Gunzip *g)
{
    if (!g->stream.avail_in) TRY(refill(g));
    if (!g->stream.avail_in)
        return FAIL(E_DATA, "%s: cut short: the gzip data end before their checksum", g->name);
    switch (inflate(&g->stream, Z_NO_FLUSH)) {
    case Z_OK: return OK;
    case Z_STREAM_END: g->in_member = false; return OK;
    case Z_MEM_ERROR: return FAIL(E_NOMEM, "%s: no memory to unpack it", g->name);
    default:
        return FAIL(E_DATA, "%s: damaged gzip data before byte %lld: %s", g->name,
                    (long long)(g->place - (int64_t)g->stream.avail_in),
                    g->stream.msg ? g->stream.msg : "not gzip");
    }
}

Status gunzip_read(Gunzip *g, void *out, int64_t room, int64_t *got)
{
    g->stream.next_out = out;
    g->stream.avail_out = (uInt)(room < 1 << 30 ? room : 1 << 30);
    const uInt asked = g->stream.avail_out;
    while (!g->at_end && g->stream.avail_out == asked)
        TRY(g->in_member ? inflate_some(g) : end_member(g));
    *got = (int64_t)(asked - g->stream.avail_out);
    return OK;
}

void gunzip_close(Gunzip *g)
{
    if (g->is_open) inflateEnd(&g->stream);
    g->is_open = false;
}
