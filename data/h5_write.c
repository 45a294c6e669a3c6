/* Streams a structure and its arrays into a file: the part of writing that does not need HDF5. */
#include "data/files.h"
#include "data/h5_internal.h"

enum { SCRATCH = 1 << 20 };

typedef struct Output {
    H5Writer *w;
    Draft draft;
    Digest digest;
    unsigned char *scratch; /* SCRATCH bytes, for spools */
} Output;

static Status emit(Output *o, const void *bytes, int64_t size, bool apart)
{
    if (!apart) digest_add(&o->digest, bytes, size);
    return draft_write(&o->draft, bytes, size);
}

/* Emits the structure from begin to end; parts that HDF5 never wrote are zeros. */
static Status emit_image(Output *o, int64_t begin, int64_t end)
{
    static const unsigned char zeros[4096];
    const int64_t there = end < o->w->image_size ? end : o->w->image_size;
    if (begin < there) {
        TRY(emit(o, o->w->image + begin, there - begin, false));
        begin = there;
    }
    for (int64_t part; begin < end; begin += part) {
        part = end - begin < (int64_t)sizeof zeros ? end - begin : (int64_t)sizeof zeros;
        TRY(emit(o, zeros, part, false));
    }
    return OK;
}

static Status emit_hole(Output *o, const H5Hole *h)
{
    if (h->data) return emit(o, h->data, h->size, h->apart);
    INVARIANT(h->spool->size == h->size);
    for (int64_t place = 0, part; place < h->size; place += part) {
        part = h->size - place < SCRATCH ? h->size - place : SCRATCH;
        TRY(spool_read(h->spool, o->scratch, place, part));
        TRY(emit(o, o->scratch, part, h->apart));
    }
    return OK;
}

static Status emit_all(Output *o)
{
    H5Writer *w = o->w;
    unsigned char block[BLOCK_LARGEST] = {0};
    Span apart[BLOCK_APART];
    int64_t place = 0;
    int used = 0;

    TRY(draft_write(&o->draft, block, w->kind->size)); /* filled last, when the digest is known */
    for (const H5Hole *h = w->holes, *end = h + w->hole_count; h < end; h++) {
        TRY(emit_image(o, place, h->place));
        TRY(emit_hole(o, h));
        place = h->place + h->size;
        if (h->apart) {
            INVARIANT(used < BLOCK_APART);
            apart[used++] = (Span){h->place, place};
        }
    }
    TRY(emit_image(o, place, w->payload));
    for (; used < BLOCK_APART; used++) apart[used] = (Span){w->payload, w->payload};
    block_fill(block, w->kind, w->payload, apart, &o->digest);
    TRY(draft_patch(&o->draft, block, w->kind->size, 0));
    return draft_finish(&o->draft);
}

static Status write_all(H5Writer *w, const char *path)
{
    Output o = {.w = w, .draft.fd = -1};
    TRY(h5_finish(w));
    o.scratch = arena_take(&w->arena, SCRATCH);
    if (!o.scratch) return FAIL(E_NOMEM, "%d bytes", SCRATCH);
    TRY(digest_open(&o.digest));
    Status status = draft_open(&o.draft, path, w->kind->size + w->payload);
    if (status == OK) status = emit_all(&o);
    draft_close(&o.draft);
    digest_close(&o.digest);
    return status;
}

Status h5_write(H5Writer *w, const char *path)
{
    return file_saved(path, write_all(w, path));
}
