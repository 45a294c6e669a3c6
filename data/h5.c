/* Builds the structure of a file with HDF5; data/h5_walk.c reads it. */
#include "data/h5.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/h5_internal.h"

_Static_assert(sizeof(hid_t) == sizeof(int64_t), "handles are kept as int64_t");

enum {
    GROWTH = 1 << 16,
    HOLES_MIN = 64,
    ROOT_ROOM = 1 << 14,
    ARRAY_ROOM = 512,
    RESERVE = 2 << 20,
    ARRAY_RESERVE = 16 << 10
};

static const struct {
    const char *name;
    int64_t size;
} numbers[] = {
    [NUMBER_U8] = {"uint8", 1},    [NUMBER_U16] = {"uint16", 2}, [NUMBER_U32] = {"uint32", 4},
    [NUMBER_U64] = {"uint64", 8},  [NUMBER_I64] = {"int64", 8},  [NUMBER_F32] = {"float32", 4},
    [NUMBER_F64] = {"float64", 8},
};

int64_t number_size(NumberType t)
{
    return numbers[t].size;
}

const char *number_name(NumberType t)
{
    return numbers[t].name;
}

/* The type in the file. Not a table, because HDF5's type names are function calls. */
static hid_t stored_type(NumberType t)
{
    switch (t) {
    case NUMBER_U8: return H5T_STD_U8LE;
    case NUMBER_U16: return H5T_STD_U16LE;
    case NUMBER_U32: return H5T_STD_U32LE;
    case NUMBER_U64: return H5T_STD_U64LE;
    case NUMBER_I64: return H5T_STD_I64LE;
    case NUMBER_F32: return H5T_IEEE_F32LE;
    case NUMBER_F64: return H5T_IEEE_F64LE;
    }
    return -1;
}

/* Closes a handle unless it is invalid; returns whether everything succeeded. */
static bool shut(herr_t (*close_handle)(hid_t), hid_t handle)
{
    return handle >= 0 && close_handle(handle) >= 0;
}

/* Callbacks that give the core driver our buffer: zeroed where it grows, so that no garbage gets
 * into the file, and kept when the file is closed. H5Fget_file_image() cannot replace them: in
 * 1.10.8 it clears a flag in the superblock without updating its checksum. */
static void *image_take(size_t size, H5FD_file_image_op_t op, void *context)
{
    (void)op, (void)context;
    return calloc(1, size);
}

static void *image_grow(void *image, size_t size, H5FD_file_image_op_t op, void *context)
{
    H5Writer *w = context;
    (void)op;
    unsigned char *grown = realloc(image, size);
    if (!grown) return NULL;
    if ((int64_t)size > w->image_size)
        memset(grown + w->image_size, 0, size - (size_t)w->image_size);
    w->image_size = (int64_t)size;
    return grown;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                        void *context)
{
    (void)op, (void)context;
    return memcpy(to, from, size);
}

static herr_t image_drop(void *image, H5FD_file_image_op_t op, void *context)
{
    H5Writer *w = context;
    if (op == H5FD_FILE_IMAGE_OP_FILE_CLOSE)
        w->image = image;
    else
        free(image);
    return 0;
}

static void *context_share(void *context)
{
    return context;
}

static herr_t context_drop(void *context)
{
    (void)context;
    return 0;
}

/* HDF5 1.10 crashes when it runs out of memory. So the memory it will need is allocated and
 * freed beforehand, in blocks small enough for malloc() to keep; `pin`, the highest, keeps them
 * from returning to the system. */
static bool reserve(H5Writer *w, int64_t size)
{
    enum { CHUNK = 1 << 16 };
    void *all = NULL;
    bool ok = true;
    for (; ok && size > 0; size -= CHUNK) {
        void **chunk = malloc(CHUNK);
        ok = chunk;
        if (chunk && (uintptr_t)chunk > (uintptr_t)w->pin) {
            void **lower = w->pin;
            w->pin = chunk;
            chunk = lower;
        }
        if (!chunk) continue;
        *chunk = all;
        all = chunk;
    }
    for (void *next; all; all = next) {
        memcpy(&next, all, sizeof next);
        free(all);
    }
    return ok;
}

static hid_t create(H5Writer *w, int64_t structure)
{
    H5FD_file_image_callbacks_t calls = {image_take,    image_copy,   image_grow, image_drop,
                                         context_share, context_drop, w};
    char name[32]; /* unique: HDF5 distinguishes open images by name */
    snprintf(name, sizeof name, "%p", (void *)w);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE), file = -1;
    if (H5Pset_fapl_core(access, GROWTH, 0) >= 0 &&
        H5Pset_file_image_callbacks(access, &calls) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
        H5Pset_alignment(access, 1, (hsize_t)w->kind->alignment) >= 0 &&
        H5Pset_meta_block_size(access, (hsize_t)structure) >= 0 &&
        H5Pset_obj_track_times(creation, 0) >= 0)
        file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    shut(H5Pclose, access);
    shut(H5Pclose, creation);
    return file;
}

void h5_writer_open(H5Writer *w, const BlockKind *kind, int64_t arrays)
{
    char format[64];
    *w = (H5Writer){.kind = kind};
    hid_t file = -1;
    if (reserve(w, RESERVE + arrays * ARRAY_RESERVE)) {
        h5_prepare();
        file = create(w, ROOT_ROOM + arrays * (ARRAY_ROOM + kind->alignment));
    }
    if (file < 0) {
        w->status = FAIL(E_NOMEM, "HDF5 cannot create a %s", kind->noun);
        return;
    }
    w->file = file;
    snprintf(format, sizeof format, "capstan-%s", kind->noun);
    h5_put_text(w, "/", "format", format);
    h5_put_int(w, "/", "version", kind->version);
}

static void check(H5Writer *w, bool ok, const char *path)
{
    if (!ok && !w->status) w->status = FAIL(E_NOMEM, "HDF5 cannot make %s", path);
}

void h5_put_group(H5Writer *w, const char *path)
{
    if (w->status) return;
    hid_t how = H5Pcreate(H5P_GROUP_CREATE), group = -1;
    if (H5Pset_obj_track_times(how, 0) >= 0)
        group = H5Gcreate2(w->file, path, H5P_DEFAULT, how, H5P_DEFAULT);
    bool ok = shut(H5Gclose, group);
    check(w, shut(H5Pclose, how) && ok, path);
}

static void put_attribute(H5Writer *w, const char *object, const char *name, hid_t type,
                          const void *value)
{
    if (w->status) return;
    hid_t owner = H5Oopen(w->file, object, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(owner, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    ok = shut(H5Aclose, attribute) && ok;
    ok = shut(H5Sclose, space) && ok;
    check(w, shut(H5Oclose, owner) && ok, name);
}

void h5_put_int(H5Writer *w, const char *object, const char *name, int64_t value)
{
    put_attribute(w, object, name, H5T_STD_I64LE, &value);
}

/* A string of fixed length: one of variable length would be in the global heap, which has no
 * checksums. */
static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
}

void h5_put_text(H5Writer *w, const char *object, const char *name, const char *value)
{
    hid_t type = text_type(*value ? strlen(value) : 1);
    put_attribute(w, object, name, type, value);
    check(w, shut(H5Tclose, type), name);
}

static void add_hole(H5Writer *w, H5Hole hole)
{
    const int64_t n = w->hole_count;
    if (n < HOLES_MIN ? !n : !(n & (n - 1))) { /* grows at powers of two */
        const int64_t room = n ? 2 * n : HOLES_MIN;
        H5Hole *more = arena_take(&w->arena, room * (int64_t)sizeof *more);
        if (!more) {
            w->status = FAIL(E_NOMEM, "a list of %lld arrays", (long long)room);
            return;
        }
        if (n) memcpy(more, w->holes, (size_t)n * sizeof *more);
        w->holes = more;
    }
    w->holes[w->hole_count++] = hole;
}

static void put(H5Writer *w, const char *path, NumberType type, Shape shape, H5Hole hole)
{
    if (w->status) return;
    hsize_t dim[RANK_MAX];
    for (int i = 0; i < shape.rank; i++) dim[i] = (hsize_t)shape.dim[i];
    hid_t how = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(shape.rank, dim, NULL);
    hid_t array = -1;
    /* Allocated early, so its offset is known now; h5_write() fills it. */
    if (H5Pset_layout(how, H5D_CONTIGUOUS) >= 0 &&
        H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(how, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_obj_track_times(how, 0) >= 0)
        array = H5Dcreate2(w->file, path, stored_type(type), space, H5P_DEFAULT, how, H5P_DEFAULT);
    haddr_t place = array >= 0 ? H5Dget_offset(array) : HADDR_UNDEF;
    hole.size = shape_count(shape) * number_size(type);
    hole.place = (int64_t)place;
    bool ok = shut(H5Dclose, array) && (place != HADDR_UNDEF || !hole.size);
    ok = shut(H5Sclose, space) && ok;
    ok = shut(H5Pclose, how) && ok;
    check(w, ok, path);
    if (!w->status && hole.size) add_hole(w, hole);
}

void h5_put(H5Writer *w, const char *path, NumberType type, Shape shape, const void *data)
{
    put(w, path, type, shape, (H5Hole){.data = data});
}

void h5_put_spool(H5Writer *w, const char *path, NumberType type, int64_t count, const Spool *s,
                  bool apart)
{
    put(w, path, type, SHAPE(count), (H5Hole){.spool = s, .apart = apart});
}

static int by_place(const void *a, const void *b)
{
    const H5Hole *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

Status h5_finish(H5Writer *w)
{
    static const char signature[8] = "\211HDF\r\n\032\n";
    uint64_t end;
    if (w->status) return w->status;
    hid_t file = w->file;
    w->file = 0;
    if (H5Fclose(file) < 0 || !w->image || w->image_size < 48 || memcmp(w->image, signature, 8))
        return FAIL(E_NOMEM, "HDF5 cannot finish a %s", w->kind->noun);
    memcpy(&end, w->image + 28, sizeof end); /* end-of-file address: superblock version 2 and 3 */
    w->payload = (int64_t)end;
    if (w->hole_count) qsort(w->holes, (size_t)w->hole_count, sizeof *w->holes, by_place);

    int64_t place = 0;
    for (int64_t i = 0; i < w->hole_count; i++) {
        INVARIANT(w->holes[i].place >= place);
        place = w->holes[i].place + w->holes[i].size;
    }
    INVARIANT(place <= w->payload);
    return OK;
}

void h5_writer_close(H5Writer *w)
{
    if (w->file) H5Fclose(w->file);
    free(w->image);
    free(w->pin);
    arena_free(&w->arena);
    *w = (H5Writer){0};
}
