/* Lists the contents of an HDF5 file with HDF5, in a guarded child (data/guard.h), and refuses
 * by name everything that capstan never writes. data/h5_read.c checks that arrays lie inside the
 * file. */
#define H5_USE_110_API
#include <hdf5.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/h5_internal.h"

enum { GROWTH = 1 << 16, SHOWN = 4 * H5_PATH };

typedef struct Walk {
    const void *bytes;
    int64_t size;
    H5Contents *c;
    const char *parent; /* path of the group that is listed; "" is the root's */
    int depth;
    H5L_iterate_t visit; /* called for each link; it calls list() for groups */
} Walk;

void h5_prepare(void)
{
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* we report errors ourselves */
    H5PLset_loading_state(0);              /* a filter's name must not load a library */
}

/* Keeps only the first reason. Returns false, for the caller to return. */
__attribute__((format(printf, 2, 3))) static bool refuse(const Walk *w, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (!*w->c->reason) vsnprintf(w->c->reason, sizeof w->c->reason, format, list);
    va_end(list);
    return false;
}

/* Names that capstan uses; other characters could break a message or a path. */
static bool is_plain(const char *name)
{
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '/' || *at == '\\') return false;
    return *name && strcmp(name, ".") && strcmp(name, "..");
}

/* The NumberType of an array, or -1. */
static int number_of(hid_t type)
{
    const hid_t stored[] = {
        [NUMBER_U8] = H5T_STD_U8LE,    [NUMBER_U16] = H5T_STD_U16LE, [NUMBER_U32] = H5T_STD_U32LE,
        [NUMBER_U64] = H5T_STD_U64LE,  [NUMBER_I64] = H5T_STD_I64LE, [NUMBER_F32] = H5T_IEEE_F32LE,
        [NUMBER_F64] = H5T_IEEE_F64LE,
    };
    for (int t = 0; t < (int)(sizeof stored / sizeof *stored); t++)
        if (H5Tequal(type, stored[t]) > 0) return t;
    return -1;
}

static const char *class_of(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER: return "integers of another size, sign or byte order";
    case H5T_FLOAT: return "floating-point numbers of another size or byte order";
    case H5T_STRING: return H5Tis_variable_str(type) > 0 ? "strings of variable length" : "strings";
    case H5T_BITFIELD: return "bit fields";
    case H5T_OPAQUE: return "opaque bytes";
    case H5T_COMPOUND: return "compounds";
    case H5T_REFERENCE: return "references";
    case H5T_ENUM: return "enumerated values";
    case H5T_VLEN: return "lists of variable length";
    case H5T_ARRAY: return "arrays of arrays";
    default: return "elements of an unknown type";
    }
}

/* Checks the layout of an array: contiguous and without filters. */
static bool check_storage(const Walk *w, const char *path, hid_t how)
{
    const int filters = H5Pget_nfilters(how), external = H5Pget_external_count(how);
    const H5D_layout_t layout = H5Pget_layout(how);
    char name[64] = "", shown[4 * sizeof name];
    size_t none = 0;
    unsigned flags;
    if (filters > 0) H5Pget_filter2(how, 0, &flags, &none, NULL, sizeof name - 1, name, NULL);
    if (filters)
        return refuse(w, "%s is stored with a filter: %s", path,
                      text_escape(name, shown, sizeof shown));
    if (external) return refuse(w, "%s stores its numbers in other files", path);
    if (layout == H5D_VIRTUAL) return refuse(w, "%s is a virtual dataset", path);
    if (layout == H5D_CHUNKED) return refuse(w, "%s is stored in chunks", path);
    if (layout == H5D_COMPACT) return refuse(w, "%s is stored in its header", path);
    if (layout != H5D_CONTIGUOUS) return refuse(w, "%s is stored in an unknown way", path);
    return true;
}

static bool note_extent(const Walk *w, hid_t space, H5Object *o)
{
    hsize_t dim[H5S_MAX_RANK];
    const H5S_class_t class = H5Sget_simple_extent_type(space);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (class != H5S_SCALAR && class != H5S_SIMPLE) return refuse(w, "%s has no shape", o->path);
    if (rank < 0 || rank > RANK_MAX) return refuse(w, "%s has %d dimensions", o->path, rank);
    if (H5Sget_simple_extent_dims(space, dim, NULL) != rank)
        return refuse(w, "%s: HDF5 cannot read its shape", o->path);
    o->rank = rank;
    for (int i = 0; i < rank; i++) o->dim[i] = dim[i];
    return true;
}

static bool note_array(const Walk *w, hid_t array, H5Object *o)
{
    hid_t how = H5Dget_create_plist(array);
    bool ok =
        how >= 0 ? check_storage(w, o->path, how) : refuse(w, "%s: HDF5 cannot read it", o->path);
    H5Pclose(how);
    if (!ok) return false;
    hid_t type = H5Dget_type(array);
    o->type = number_of(type);
    if (o->type < 0) ok = refuse(w, "%s holds %s", o->path, class_of(type));
    H5Tclose(type);
    if (!ok) return false;
    hid_t space = H5Dget_space(array); /* last: for a virtual dataset HDF5 would open other files */
    ok = note_extent(w, space, o);
    H5Sclose(space);
    o->is_array = true;
    o->size = H5Dget_storage_size(array);
    o->place = H5Dget_offset(array);
    return ok;
}

static bool note_value(const Walk *w, hid_t attribute, hid_t type, H5Attribute *a)
{
    const char *of = *a->object ? a->object : "/";
    const hsize_t size = H5Aget_storage_size(attribute);
    hid_t space = H5Aget_space(attribute);
    const bool scalar = H5Sget_simple_extent_type(space) == H5S_SCALAR;
    H5Sclose(space);
    a->is_text = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
    if (size >= sizeof a->text)
        return refuse(w, "attribute %s of %s has %llu bytes", a->name, of,
                      (unsigned long long)size);
    if (!scalar) return refuse(w, "attribute %s of %s is not a single value", a->name, of);
    if (!a->is_text && H5Tequal(type, H5T_STD_I64LE) <= 0)
        return refuse(w, "attribute %s of %s holds %s", a->name, of, class_of(type));
    if (a->is_text ? H5Tget_size(type) != size || H5Aread(attribute, type, a->text) < 0
                   : H5Aread(attribute, H5T_NATIVE_INT64, &a->number) < 0)
        return refuse(w, "attribute %s of %s: HDF5 cannot read it", a->name, of);
    return true;
}

static bool note_attributes(const Walk *w, hid_t object, const char *path, hsize_t count)
{
    const char *of = *path ? path : "/";
    for (hsize_t i = 0; i < count; i++) {
        if (w->c->attributes == H5_ATTRIBUTES)
            return refuse(w, "%s: more than %d attributes", of, H5_ATTRIBUTES);
        H5Attribute *a = &w->c->attribute[w->c->attributes];
        hid_t attribute =
            H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_NATIVE, i, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute < 0) return refuse(w, "%s: HDF5 cannot open an attribute of it", of);
        const ssize_t length = H5Aget_name(attribute, sizeof a->name, a->name);
        snprintf(a->object, sizeof a->object, "%s", path);
        hid_t type = H5Aget_type(attribute);
        bool ok = length > 0 && length < (ssize_t)sizeof a->name && is_plain(a->name)
                      ? note_value(w, attribute, type, a)
                      : refuse(w, "%s has an attribute with an invalid name", of);
        H5Tclose(type);
        H5Aclose(attribute);
        if (!ok) return false;
        w->c->attributes++;
    }
    return true;
}

static bool check_link(const Walk *w, const char *path, H5L_type_t type)
{
    if (type == H5L_TYPE_HARD) return true;
    return refuse(w, "%s is %s link", path,
                  type == H5L_TYPE_SOFT       ? "a soft"
                  : type == H5L_TYPE_EXTERNAL ? "an external"
                                              : "a user-defined");
}

static bool list(Walk *w, hid_t group, const char *path)
{
    Walk inner = *w;
    inner.parent = path;
    inner.depth++;
    if (inner.depth > H5_DEPTH)
        return refuse(w, "%s: groups are nested deeper than %d", path, H5_DEPTH);
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, w->visit, &inner) >= 0)
        return !*w->c->reason;
    return refuse(w, "%s: HDF5 cannot list it", *path ? path : "/");
}

static bool note(Walk *w, hid_t object, H5Object *o)
{
    H5O_info_t info;
    if (H5Oget_info2(object, &info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) < 0)
        return refuse(w, "%s: HDF5 cannot inspect it", *o->path ? o->path : "/");
    if (info.rc != 1 && *o->path)
        return refuse(w, "%s has %u names (hard links)", o->path, info.rc);
    if (!note_attributes(w, object, o->path, info.num_attrs)) return false;
    if (info.type == H5O_TYPE_DATASET) return note_array(w, object, o);
    if (info.type == H5O_TYPE_GROUP) return list(w, object, o->path);
    return refuse(w, "%s is neither a group nor an array", o->path);
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    Walk *w = context;
    char shown[SHOWN];
    text_escape(name, shown, sizeof shown);
    if (!is_plain(name))
        return !refuse(w, "%s: \"%s\" in it is not a valid name", *w->parent ? w->parent : "/",
                       shown);
    if (strlen(w->parent) + strlen(name) + 2 > H5_PATH)
        return !refuse(w, "%s/%s: the name is too long", w->parent, shown);
    if (w->c->objects == H5_OBJECTS) return !refuse(w, "more than %d objects", H5_OBJECTS);
    H5Object *o = &w->c->object[w->c->objects++];
    snprintf(o->path, sizeof o->path, "%s/%s", w->parent, name);
    if (!check_link(w, o->path, link->type)) return 1;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    const bool ok =
        object >= 0 ? note(w, object, o) : refuse(w, "%s: HDF5 cannot open it", o->path);
    H5Oclose(object);
    return !ok;
}

/* Callbacks that make HDF5 use the bytes themselves as its image: nothing is copied, and nothing is
 * written to a read-only file. */
static void *bytes_take(size_t size, H5FD_file_image_op_t op, void *context)
{
    const Walk *w = context;
    (void)op, (void)size;
    return (void *)(uintptr_t)w->bytes;
}

static void *bytes_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                        void *context)
{
    (void)from, (void)size, (void)op, (void)context;
    return to;
}

static void *bytes_grow(void *image, size_t size, H5FD_file_image_op_t op, void *context)
{
    (void)image, (void)size, (void)op, (void)context;
    return NULL;
}

static herr_t bytes_drop(void *image, H5FD_file_image_op_t op, void *context)
{
    (void)image, (void)op, (void)context;
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

static hid_t open_bytes(Walk *w)
{
    H5FD_file_image_callbacks_t calls = {bytes_take,    bytes_copy,   bytes_grow, bytes_drop,
                                         context_share, context_drop, w};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    if (H5Pset_fapl_core(access, GROWTH, 0) >= 0 &&
        H5Pset_file_image_callbacks(access, &calls) >= 0 &&
        H5Pset_file_image(access, (void *)(uintptr_t)w->bytes, (size_t)w->size) >= 0)
        file = H5Fopen("bytes", H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

/* Closes nothing at the end: the process exits. */
void h5_walk(const void *bytes, int64_t size, H5Contents *c)
{
    Walk w = {.bytes = bytes, .size = size, .c = c, .parent = "", .visit = visit};
    hid_t file = open_bytes(&w), root = H5Gopen2(file, "/", H5P_DEFAULT);
    H5Object none = {0};
    c->objects = c->attributes = c->done = 0; /* of a child before this one (guard_run()) */
    if (file < 0 || root < 0)
        refuse(&w, "HDF5 cannot open it");
    else
        c->done = note(&w, root, &none);
}
