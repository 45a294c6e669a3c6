/* The one file that knows HDF5. */
#include "data/h5.h"

#include <hdf5.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/h5_internal.h"

_Static_assert(sizeof(hid_t) == sizeof(int64_t), "handles are kept as int64_t");

enum {
    GROWTH = 1 << 16,
    HOLES_MIN = 64,
    PIECE = 1 << 20,
    ROOT_ROOM = 1 << 14,
    ARRAY_ROOM = 512,
    ATTRIBUTE_MAX = 4096,
    PARAM_PATH_MAX = 256
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

/* As stored. Not a table: HDF5's names are calls. */
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

/* Closes a handle if it is one, and says whether all was well. */
static bool shut(herr_t (*close_handle)(hid_t), hid_t handle)
{
    return handle >= 0 && close_handle(handle) >= 0;
}

/* The core driver's buffer is ours: cleared where it grows, so that no garbage gets into the file, and
 * taken over when the file is closed. H5Fget_file_image() is no way to get it: in 1.10.8 it clears a
 * flag in the superblock without renewing its checksum. */
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

static hid_t create(H5Writer *w, int64_t structure)
{
    H5FD_file_image_callbacks_t calls = {image_take,    image_copy,   image_grow, image_drop,
                                         context_share, context_drop, w};
    char name[32]; /* unlike that of any other open image: HDF5 tells them apart by it */
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
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* we say it ourselves */
    hid_t file = create(w, ROOT_ROOM + arrays * (ARRAY_ROOM + kind->alignment));
    if (file < 0) {
        w->status = FAIL(E_NOMEM, "HDF5 cannot begin a %s", kind->noun);
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

/* Of fixed length: a variable one would lie in the global heap, beyond checksums. */
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
    /* Its place is fixed now, and nothing is written there: that is h5_write()'s part. */
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
    arena_free(&w->arena);
    *w = (H5Writer){0};
}

/* The mapping itself is HDF5's image: nothing is copied, and nothing written as it is opened to read. */
static void *map_take(size_t size, H5FD_file_image_op_t op, void *context)
{
    const H5Reader *r = context;
    (void)op, (void)size;
    return (void *)(uintptr_t)(r->file.bytes + r->kind->size);
}

static void *map_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                      void *context)
{
    (void)from, (void)size, (void)op, (void)context;
    return to;
}

static void *map_grow(void *image, size_t size, H5FD_file_image_op_t op, void *context)
{
    (void)image, (void)size, (void)op, (void)context;
    return NULL;
}

static herr_t map_drop(void *image, H5FD_file_image_op_t op, void *context)
{
    (void)image, (void)op, (void)context;
    return 0;
}

static hid_t open_mapping(H5Reader *r)
{
    H5FD_file_image_callbacks_t calls = {map_take,      map_copy,     map_grow, map_drop,
                                         context_share, context_drop, r};
    char name[32];
    void *image = (void *)(uintptr_t)(r->file.bytes + r->kind->size);
    snprintf(name, sizeof name, "%p", image);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    if (H5Pset_fapl_core(access, GROWTH, 0) >= 0 &&
        H5Pset_file_image_callbacks(access, &calls) >= 0 &&
        H5Pset_file_image(access, image, (size_t)(r->file.size - r->kind->size)) >= 0)
        file = H5Fopen(name, H5F_ACC_RDONLY, access);
    shut(H5Pclose, access);
    return file;
}

static Status check_format(const H5Reader *r)
{
    char format[64], expected[64];
    int64_t version;
    snprintf(expected, sizeof expected, "capstan-%s", r->kind->noun);
    TRY(h5_get_text(r, "/", "format", format, sizeof format));
    TRY(h5_get_int(r, "/", "version", &version));
    if (strcmp(format, expected) || version != r->kind->version)
        return FAIL(r->kind->code, "%s: its format is not %s, version %u", r->path, expected,
                    r->kind->version);
    return OK;
}

Status h5_reader_open(H5Reader *r, const char *path, const BlockKind *kind)
{
    char name[PATH_MAX];
    *r = (H5Reader){.kind = kind};
    r->path = strdup(text_escape(path, name, sizeof name));
    if (!r->path) return FAIL(E_NOMEM, "a path");
    TRY(mapping_open(&r->file, path, kind->code));
    TRY(block_check(kind, path, r->file.bytes, r->file.size, r->apart));

    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = open_mapping(r);
    if (file < 0) return FAIL(kind->code, "%s: HDF5 cannot open it", r->path);
    r->tree = file;
    return check_format(r);
}

void h5_reader_detach(H5Reader *r)
{
    if (r->tree) H5Fclose(r->tree);
    r->tree = 0;
}

void h5_reader_close(H5Reader *r)
{
    h5_reader_detach(r);
    mapping_close(&r->file);
    free(r->path);
    *r = (H5Reader){0};
}

bool h5_has(const H5Reader *r, const char *path)
{
    char part[PARAM_PATH_MAX];
    if (strlen(path) >= sizeof part) return false;
    for (const char *end = path + 1;; end++) { /* each link on the way: hard ones only */
        if (*end && *end != '/') continue;
        H5L_info_t info;
        memcpy(part, path, (size_t)(end - path));
        part[end - path] = '\0';
        if (H5Lexists(r->tree, part, H5P_DEFAULT) <= 0) return false;
        if (H5Lget_info(r->tree, part, &info, H5P_DEFAULT) < 0) return false;
        if (info.type != H5L_TYPE_HARD) return false;
        if (!*end) return true;
    }
}

/* How the numbers are stored, or -1. */
static int number_of(hid_t type)
{
    for (int t = 0; t < (int)(sizeof numbers / sizeof *numbers); t++)
        if (H5Tequal(type, stored_type((NumberType)t)) > 0) return t;
    return -1;
}

typedef struct Array {
    int type;
    int rank;
    hsize_t dim[RANK_MAX];
    int64_t place, size;
} Array;

/* false: not a plain array. */
static bool look(hid_t array, Array *a)
{
    hid_t how = H5Dget_create_plist(array), type = H5Dget_type(array), space = H5Dget_space(array);
    a->type = number_of(type);
    a->rank = H5Sget_simple_extent_ndims(space);
    bool ok = a->type >= 0 && a->rank >= 0 && a->rank <= RANK_MAX &&
              H5Sget_simple_extent_type(space) != H5S_NULL &&
              H5Sget_simple_extent_dims(space, a->dim, NULL) >= 0 &&
              H5Pget_layout(how) == H5D_CONTIGUOUS && H5Pget_external_count(how) == 0 &&
              H5Pget_nfilters(how) == 0;
    if (ok) {
        a->size = (int64_t)H5Dget_storage_size(array);
        a->place = (int64_t)H5Dget_offset(array);
    }
    ok = shut(H5Sclose, space) && ok;
    ok = shut(H5Tclose, type) && ok;
    return shut(H5Pclose, how) && ok;
}

/* Whether an array of that many numbers lies inside the payload. */
static bool lies_inside(const H5Reader *r, const Array *a, int64_t *bytes)
{
    const int64_t payload = r->file.size - r->kind->size;
    int64_t size = number_size((NumberType)a->type);
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] && size > payload / (int64_t)(a->dim[i] > INT64_MAX ? 1 : a->dim[i]))
            return false;
        if (a->dim[i] > (hsize_t)payload) return false;
        size *= (int64_t)a->dim[i];
    }
    *bytes = size;
    if (!size) return true;
    return a->size == size && a->place >= 0 && a->place <= payload - size &&
           a->place % r->kind->alignment == 0;
}

Status h5_find(const H5Reader *r, const char *path, NumberType *type, Shape *shape,
               const void **data)
{
    char name[2 * PARAM_PATH_MAX];
    Array a = {0};
    int64_t size = 0;
    text_escape(path, name, sizeof name);
    if (!h5_has(r, path)) return FAIL(r->kind->code, "%s: there is no %s in it", r->path, name);
    hid_t array = H5Dopen2(r->tree, path, H5P_DEFAULT);
    bool ok = array >= 0 && look(array, &a);
    shut(H5Dclose, array);
    if (!ok || !lies_inside(r, &a, &size))
        return FAIL(r->kind->code, "%s: %s is not a plain array", r->path, name);
    *type = (NumberType)a.type;
    *shape = (Shape){.rank = a.rank};
    for (int i = 0; i < a.rank; i++) shape->dim[i] = (int64_t)a.dim[i];
    *data = r->file.bytes + r->kind->size + (size ? a.place : 0);
    return OK;
}

Status h5_find_list(const H5Reader *r, const char *path, NumberType type, int64_t *count,
                    const void **data)
{
    NumberType found;
    Shape shape;
    TRY(h5_find(r, path, &found, &shape, data));
    if (found != type || shape.rank != 1)
        return FAIL(r->kind->code, "%s: %s is %s %s and should be a list of %s", r->path, path,
                    number_name(found), shape_text(shape), number_name(type));
    *count = shape.dim[0];
    return OK;
}

static bool get_int(hid_t attribute, hid_t type, int64_t *value)
{
    return H5Tequal(type, H5T_STD_I64LE) > 0 && H5Aread(attribute, H5T_NATIVE_INT64, value) >= 0;
}

static bool get_text(hid_t attribute, hid_t type, char *out, int64_t size)
{
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type)) return false;
    const size_t length = H5Tget_size(type);
    if (!length || length >= (size_t)size || length > ATTRIBUTE_MAX) return false;
    out[length] = '\0';
    return H5Aread(attribute, type, out) >= 0;
}

/* size 0: out is an int64_t. */
static Status get_attribute(const H5Reader *r, const char *object, const char *name, void *out,
                            int64_t size)
{
    hid_t a = -1;
    if ((!object[1] || h5_has(r, object)) &&
        H5Aexists_by_name(r->tree, object, name, H5P_DEFAULT) > 0)
        a = H5Aopen_by_name(r->tree, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0) return FAIL(r->kind->code, "%s: %s has no attribute %s", r->path, object, name);
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    bool ok = H5Sget_simple_extent_type(space) == H5S_SCALAR &&
              (size ? get_text(a, type, out, size) : get_int(a, type, out));
    shut(H5Sclose, space);
    shut(H5Tclose, type);
    shut(H5Aclose, a);
    if (!ok)
        return FAIL(r->kind->code, "%s: attribute %s of %s is not %s", r->path, name, object,
                    size ? "a short text" : "an integer");
    return OK;
}

Status h5_get_int(const H5Reader *r, const char *object, const char *name, int64_t *value)
{
    return get_attribute(r, object, name, value, 0);
}

Status h5_get_text(const H5Reader *r, const char *object, const char *name, char *out, int64_t size)
{
    return get_attribute(r, object, name, out, size);
}

Status h5_count(const H5Reader *r, const char *group, int64_t *count)
{
    H5G_info_t info;
    hid_t g = h5_has(r, group) ? H5Gopen2(r->tree, group, H5P_DEFAULT) : -1;
    bool ok = g >= 0 && H5Gget_info(g, &info) >= 0;
    shut(H5Gclose, g);
    if (!ok) return FAIL(r->kind->code, "%s: there is no group %s in it", r->path, group);
    *count = (int64_t)info.nlinks;
    return OK;
}

Status h5_name(const H5Reader *r, const char *group, int64_t i, char *out, int64_t size)
{
    ssize_t length = H5Lget_name_by_idx(r->tree, group, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, out,
                                        (size_t)size, H5P_DEFAULT);
    if (length < 0) return FAIL(r->kind->code, "%s: %s: HDF5 cannot list it", r->path, group);
    return OK;
}
