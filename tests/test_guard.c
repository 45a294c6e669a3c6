#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "data/dataset.h"
#include "data/guard.h"
#include "data/h5.h"
#include "tests/disguise.h"
#include "train/checkpoint/checkpoint.h"

static const BlockKind kind = {"CAPSTEST", "test", 3, 3, 512, 8, E_DATA};
static const float numbers[] = {1, 2, 3, 4, 5, 6};
static const hsize_t six = 6;

TestSuite(guard, .init = temporary_open, .fini = temporary_close);

/* Files that are sound by their digest, and are not of our making. Each has a group /a for a file f. */

static hid_t simple(int rank)
{
    const hsize_t ones[H5S_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    return H5Screate_simple(rank, ones, NULL);
}

static void put_typed(hid_t g, const char *name, hid_t type, hid_t how)
{
    hid_t space = H5Screate_simple(1, &six, NULL);
    H5Dclose(H5Dcreate2(g, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT));
    H5Sclose(space);
}

static void put_array(hid_t g, const char *name, hid_t type, hid_t how)
{
    put_typed(g, name, type, how);
    hid_t x = H5Dopen2(g, name, H5P_DEFAULT);
    H5Dwrite(x, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers);
    H5Dclose(x);
}

static void put_attribute(hid_t g, const char *name, hid_t type, int rank, hsize_t count)
{
    hid_t space = rank ? H5Screate_simple(rank, &count, NULL) : H5Screate(H5S_SCALAR);
    H5Aclose(H5Acreate2(g, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void make_plain(hid_t f, hid_t g)
{
    (void)f;
    put_array(g, "x", H5T_IEEE_F32LE, H5P_DEFAULT);
}

static void make_soft(hid_t f, hid_t g)
{
    put_array(f, "x", H5T_IEEE_F32LE, H5P_DEFAULT);
    H5Lcreate_soft("/x", g, "x", H5P_DEFAULT, H5P_DEFAULT);
}

static void make_external(hid_t f, hid_t g)
{
    (void)f;
    H5Lcreate_external("/tmp/other.h5", "/x", g, "x", H5P_DEFAULT, H5P_DEFAULT);
}

static hid_t follow(const char *name, hid_t group, const void *data, size_t size, hid_t how,
                    hid_t transfer)
{
    (void)name, (void)data, (void)size, (void)how, (void)transfer;
    return H5Gopen2(group, ".", H5P_DEFAULT);
}

static void make_user_defined(hid_t f, hid_t g)
{
    const H5L_class_t class = {
        H5L_LINK_CLASS_T_VERS, (H5L_type_t)187, "own", NULL, NULL, NULL, follow, NULL, NULL};
    (void)f;
    H5Lregister(&class);
    H5Lcreate_ud(g, "x", (H5L_type_t)187, "", 0, H5P_DEFAULT, H5P_DEFAULT);
}

static void make_two_names(hid_t f, hid_t g)
{
    put_array(g, "x", H5T_IEEE_F32LE, H5P_DEFAULT);
    H5Lcreate_hard(g, "x", f, "y", H5P_DEFAULT, H5P_DEFAULT);
}

static void make_cycle(hid_t f, hid_t g)
{
    H5Lcreate_hard(f, "/a", g, "x", H5P_DEFAULT, H5P_DEFAULT);
}

static void make_chunked(hid_t g, void (*filter)(hid_t how))
{
    const hsize_t chunk = 3;
    hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(how, 1, &chunk);
    if (filter) filter(how);
    put_array(g, "x", H5T_IEEE_F32LE, how);
    H5Pclose(how);
}

static void make_chunks(hid_t f, hid_t g)
{
    (void)f;
    make_chunked(g, NULL);
}

static void deflate(hid_t how)
{
    H5Pset_deflate(how, 9);
}

static void make_deflated(hid_t f, hid_t g)
{
    (void)f;
    make_chunked(g, deflate);
}

static void sums(hid_t how)
{
    H5Pset_fletcher32(how);
}

static void make_sums(hid_t f, hid_t g)
{
    (void)f;
    make_chunked(g, sums);
}

/* A filter that nobody knows, and that a plugin would be looked for. */
static void unknown(hid_t how)
{
    H5Pset_filter(how, 32768, H5Z_FLAG_OPTIONAL, 0, NULL);
}

static void make_unknown_filter(hid_t f, hid_t g)
{
    (void)f;
    make_chunked(g, unknown);
}

static void make_external_storage(hid_t f, hid_t g)
{
    hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    (void)f;
    H5Pset_external(how, "/etc/passwd", 0, 24);
    put_typed(g, "x", H5T_IEEE_F32LE, how);
    H5Pclose(how);
}

static void make_virtual(hid_t f, hid_t g)
{
    hid_t how = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &six, NULL);
    (void)f;
    H5Pset_virtual(how, space, "/tmp/other.h5", "/x", space);
    put_typed(g, "x", H5T_IEEE_F32LE, how);
    H5Sclose(space);
    H5Pclose(how);
}

static void make_compact(hid_t f, hid_t g)
{
    hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    (void)f;
    H5Pset_layout(how, H5D_COMPACT);
    put_array(g, "x", H5T_IEEE_F32LE, how);
    H5Pclose(how);
}

/* A few bytes that would be many. */
static void make_deflate_bomb(hid_t f, hid_t g)
{
    const hsize_t count = 1 << 24, chunk = 1 << 22;
    hid_t how = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &count, NULL);
    (void)f;
    H5Pset_chunk(how, 1, &chunk);
    H5Pset_deflate(how, 1);
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
    H5Dclose(H5Dcreate2(g, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, how, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(how);
}

static void make_bomb(hid_t f, hid_t g)
{
    const hsize_t count = (hsize_t)1 << 60;
    hid_t space = H5Screate_simple(1, &count, NULL);
    (void)f;
    H5Dclose(H5Dcreate2(g, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

/* No byte of it is in the file, though there would be room. */
static void make_hollow(hid_t f, hid_t g)
{
    (void)f;
    put_typed(g, "x", H5T_IEEE_F32LE, H5P_DEFAULT);
}

static void make_zero_by_much(hid_t f, hid_t g)
{
    const hsize_t dim[] = {0, (hsize_t)1 << 62};
    hid_t space = H5Screate_simple(2, dim, NULL);
    (void)f;
    H5Dclose(H5Dcreate2(g, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void make_nested(hid_t f, hid_t g)
{
    char path[] = "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z";
    (void)g;
    hid_t how = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(how, 1);
    H5Gclose(H5Gcreate2(f, path, how, H5P_DEFAULT, H5P_DEFAULT));
    H5Pclose(how);
}

static void make_crowd(hid_t f, hid_t g)
{
    char name[16];
    (void)f;
    put_array(g, "x", H5T_IEEE_F32LE, H5P_DEFAULT);
    for (int i = 0; i < 70000;
         i++) { /* links are cheaper than objects; they have to count as well */
        snprintf(name, sizeof name, "%05d", i);
        H5Gclose(H5Gcreate2(g, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

/* The old format has none above 64 KiB. */
static void make_long_attribute(hid_t f, hid_t g)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)f;
    H5Tset_size(type, 16 << 20);
    put_attribute(g, "x", type, 0, 0);
    H5Tset_size(type, 60000);
    if (H5Aexists(g, "x") <= 0) put_attribute(g, "x", type, 0, 0);
    H5Tclose(type);
}

static void make_many_attributes(hid_t f, hid_t g)
{
    char name[16];
    (void)f;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "x%d", i);
        put_attribute(g, name, H5T_STD_I64LE, 0, 0);
    }
}

static void make_list_attribute(hid_t f, hid_t g)
{
    (void)f;
    put_attribute(g, "x", H5T_STD_I64LE, 1, 6);
}

static void make_null_attribute(hid_t f, hid_t g)
{
    hid_t space = H5Screate(H5S_NULL);
    (void)f;
    H5Aclose(H5Acreate2(g, "x", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void make_reference_attribute(hid_t f, hid_t g)
{
    (void)f;
    put_attribute(g, "x", H5T_STD_REF_OBJ, 0, 0);
}

static void make_real_attribute(hid_t f, hid_t g)
{
    (void)f;
    put_attribute(g, "x", H5T_IEEE_F64LE, 0, 0);
}

static void make_long_text(hid_t f, hid_t g)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)f;
    H5Tset_size(type, H5T_VARIABLE);
    put_attribute(g, "x", type, 0, 0);
    H5Tclose(type);
}

static void make_escape_in_text(hid_t f, hid_t g)
{
    const char text[] = "\033[2J";
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    (void)f;
    H5Tset_size(type, sizeof text);
    hid_t a = H5Acreate2(g, "x", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, type, text);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

static void make_big_endian(hid_t f, hid_t g)
{
    (void)f;
    put_array(g, "x", H5T_IEEE_F32BE, H5P_DEFAULT);
}

static void make_lists(hid_t f, hid_t g)
{
    hid_t type = H5Tvlen_create(H5T_IEEE_F32LE);
    (void)f;
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_strings(hid_t f, hid_t g)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)f;
    H5Tset_size(type, H5T_VARIABLE);
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_compounds(hid_t f, hid_t g)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    (void)f;
    H5Tinsert(type, "re", 0, H5T_IEEE_F32LE);
    H5Tinsert(type, "im", 4, H5T_IEEE_F32LE);
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_references(hid_t f, hid_t g)
{
    (void)f;
    put_typed(g, "x", H5T_STD_REF_OBJ, H5P_DEFAULT);
}

static void make_region_references(hid_t f, hid_t g)
{
    (void)f;
    put_typed(g, "x", H5T_STD_REF_DSETREG, H5P_DEFAULT);
}

static void make_opaque(hid_t f, hid_t g)
{
    hid_t type = H5Tcreate(H5T_OPAQUE, 4);
    (void)f;
    H5Tset_tag(type, "float32");
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_bits(hid_t f, hid_t g)
{
    (void)f;
    put_typed(g, "x", H5T_STD_B32LE, H5P_DEFAULT);
}

static void make_arrays(hid_t f, hid_t g)
{
    hid_t type = H5Tarray_create2(H5T_IEEE_F32LE, 1, &six);
    (void)f;
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_halves(hid_t f, hid_t g)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    (void)f;
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_enum(hid_t f, hid_t g)
{
    const int one = 1;
    hid_t type = H5Tcreate(H5T_ENUM, sizeof one);
    (void)f;
    H5Tenum_insert(type, "one", &one);
    put_typed(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_named_type(hid_t f, hid_t g)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    (void)f;
    H5Tcommit2(g, "x", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
}

/* The type of the array is an object of its own, which its header points to. */
static void make_shared_type(hid_t f, hid_t g)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    (void)f;
    H5Tcommit2(g, "t", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_array(g, "x", type, H5P_DEFAULT);
    H5Tclose(type);
}

static void make_five_dimensions(hid_t f, hid_t g)
{
    hid_t space = simple(5);
    (void)f;
    H5Dclose(H5Dcreate2(g, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void make_null_extent(hid_t f, hid_t g)
{
    hid_t space = H5Screate(H5S_NULL);
    (void)f;
    H5Dclose(H5Dcreate2(g, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void make_escape_in_name(hid_t f, hid_t g)
{
    (void)f;
    put_array(g, "\033[2J", H5T_IEEE_F32LE, H5P_DEFAULT);
}

static void make_long_name(hid_t f, hid_t g)
{
    char name[300];
    (void)f;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    put_array(g, name, H5T_IEEE_F32LE, H5P_DEFAULT);
}

/* "y" is an array of its own until shared_bytes() is through with the file. */
static void make_two(hid_t f, hid_t g)
{
    put_array(f, "y", H5T_IEEE_F32LE, H5P_DEFAULT);
    put_array(g, "x", H5T_IEEE_F32LE, H5P_DEFAULT);
}

static const struct Stranger {
    void (*make)(hid_t file, hid_t group);
    const char *says; /* "": is not refused */
} strangers[] = {
    {make_plain, ""},
    {make_two, ""},
    {make_soft, "/a/x is a soft link"},
    {make_external, "/a/x is an external link"},
    {make_user_defined, "/a/x is a user-defined link"},
    {make_two_names, "/a/x has 2 names"},
    {make_cycle, "/a has 2 names"},
    {make_chunks, "/a/x is stored in chunks"},
    {make_deflated, "/a/x is stored with a filter: deflate"},
    {make_deflate_bomb, "/a/x is stored with a filter: deflate"},
    {make_sums, "/a/x is stored with a filter: fletcher32"},
    {make_unknown_filter, "/a/x is stored with a filter"},
    {make_external_storage, "/a/x stores its numbers in other files"},
    {make_virtual, "/a/x is a virtual dataset"},
    {make_compact, "/a/x is stored in its header"},
    {make_bomb, "the shape of /a/x needs more bytes than the file has"},
    {make_hollow, "/a/x has 0 bytes, but its shape needs 24"},
    {make_zero_by_much, "the shape of /a/x needs more bytes than the file has"},
    {make_nested, "/a/b/c/d/e/f: groups are nested deeper than 6"},
    {make_crowd, "more than 65536 objects"},
    {make_long_attribute, "attribute x of /a has "},
    {make_many_attributes, "/a: more than 128 attributes"},
    {make_list_attribute, "attribute x of /a is not a single value"},
    {make_null_attribute, "attribute x of /a is not a single value"},
    {make_reference_attribute, "attribute x of /a holds references"},
    {make_real_attribute, "attribute x of /a holds floating-point numbers"},
    {make_long_text, "attribute x of /a holds strings of variable length"},
    {make_escape_in_text, "attribute x of /a is not a text"},
    {make_big_endian, "/a/x holds floating-point numbers of another size or byte order"},
    {make_lists, "/a/x holds lists of variable length"},
    {make_strings, "/a/x holds strings of variable length"},
    {make_compounds, "/a/x holds compounds"},
    {make_references, "/a/x holds references"},
    {make_region_references, "/a/x holds references"},
    {make_opaque, "/a/x holds opaque bytes"},
    {make_bits, "/a/x holds bit fields"},
    {make_arrays, "/a/x holds arrays of arrays"},
    {make_halves, "/a/x holds floating-point numbers of another size or byte order"},
    {make_enum, "/a/x holds enumerated values"},
    {make_named_type, "/a/x is neither a group nor an array"},
    {make_shared_type, "/a/t has 2 names"},
    {make_five_dimensions, "/a/x has 5 dimensions"},
    {make_null_extent, "/a/x has no shape"},
    {make_escape_in_name, "/a: \"\\x1B[2J\" in it is not a valid name"},
    {make_long_name, "the name is too long"},
};

enum { STRANGERS = sizeof strangers / sizeof *strangers };

static void put_text(hid_t f, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text));
    hid_t a = H5Acreate2(f, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, type, text);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

/* What reads them: the reader alone, and what is built on it. */
static Status open_any(const char *path)
{
    H5Reader r;
    NumberType type;
    Shape shape;
    const void *data;
    Status status = h5_reader_open(&r, path, &kind);
    if (!status) status = h5_find(&r, "/a/x", &type, &shape, &data);
    if (!status) cr_expect(shape.dim[0] == 6 && !memcmp(data, numbers, sizeof numbers));
    h5_reader_close(&r);
    return status;
}

static Status open_checkpoint(const char *path)
{
    CheckpointReader r;
    const Status status = checkpoint_open(&r, path);
    checkpoint_close(&r);
    return status;
}

static Status open_dataset(const char *path)
{
    Dataset d;
    const Status status = dataset_open(&d, path);
    dataset_close(&d);
    return status;
}

static const struct Way {
    const BlockKind *kind;
    Status (*open)(const char *path);
} ways[] = {{&kind, open_any}, {&checkpoint_kind, open_checkpoint}, {&dataset_kind, open_dataset}};

enum { WAYS = sizeof ways / sizeof *ways, ANY = 0 };

/* The HDF5 file, to be freed. recent: in the format of 1.10, with checksums, else in that of 1.0. */
static unsigned char *make(int way, void (*fill)(hid_t file, hid_t group), bool recent, long *size)
{
    const int64_t version = ways[way].kind->version;
    char format[64];
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), space = H5Screate(H5S_SCALAR);
    if (recent) H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_alignment(access, 1, 8);
    hid_t f = H5Fcreate(in_temporary("raw.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    hid_t g = H5Gcreate2(f, "/a", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t a = H5Acreate2(f, "version", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, H5T_NATIVE_INT64, &version);
    H5Aclose(a);
    snprintf(format, sizeof format, "capstan-%s", ways[way].kind->noun);
    put_text(f, "format", format);
    fill(f, g);
    H5Sclose(space);
    H5Pclose(access);
    H5Gclose(g);
    H5Fclose(f);
    return file_bytes(in_temporary("raw.h5"), size);
}

static Status open_disguised(int way, const unsigned char *bytes, long size)
{
    disguise(ways[way].kind, bytes, size, (Span[BLOCK_APART]){{0, 0}}, in_temporary("x.h5"));
    return ways[way].open(in_temporary("x.h5"));
}

ParameterizedTestParameters(guard, refuses_untrusted_files_by_name)
{
    static int which[WAYS * STRANGERS];
    for (int i = 0; i < WAYS * STRANGERS; i++) which[i] = i;
    return cr_make_param_array(int, which, WAYS *STRANGERS);
}

ParameterizedTest(const int *which, guard, refuses_untrusted_files_by_name)
{
    const struct Stranger *s = &strangers[*which / WAYS];
    const int way = *which % WAYS;
    for (int recent = way != ANY; recent < 2; recent++) {
        long size;
        unsigned char *bytes = make(way, s->make, recent, &size);
        const Status status = open_disguised(way, bytes, size);
        if (way == ANY && !*s->says) {
            cr_expect_eq(status, OK, "%s", error_message());
        } else { /* a checkpoint or a dataset has more in it than is here */
            cr_expect_eq(status, ways[way].kind->code, "%s", s->says);
            cr_expect_eq(status_exit_code(status), 3, "%s", s->says);
            cr_expect(strstr(error_message(), s->says), "no \"%s\": %s", s->says, error_message());
            cr_expect(strstr(error_message(), "x.h5"), "%s", error_message());
        }
        free(bytes);
    }
}

/* In the old format a place is eight bytes that nothing sums up: that of /a/x becomes that of /y. */
Test(guard, refuses_arrays_that_share_bytes)
{
    uint64_t place[2] = {0};
    long size;
    int found = 0;
    unsigned char *bytes = make(ANY, make_two, false, &size);
    for (long i = 0; i + (long)sizeof numbers <= size && found < 2; i += 8)
        if (!memcmp(bytes + i, numbers, sizeof numbers)) place[found++] = (uint64_t)i;
    cr_assert_eq(found, 2);
    for (long i = 0; i + 8 <= size; i++)
        if (!memcmp(bytes + i, &place[1], 8)) memcpy(bytes + i, &place[0], 8);
    cr_expect_eq(open_disguised(ANY, bytes, size), E_DATA);
    cr_expect(strstr(error_message(), "share bytes"), "%s", error_message());
    free(bytes);
}

Test(guard, refuses_what_is_not_hdf5)
{
    unsigned char bytes[4096] = "nothing of the kind";
    cr_expect_eq(open_disguised(ANY, bytes, sizeof bytes), E_DATA);
    cr_expect(strstr(error_message(), "HDF5 cannot open it"), "%s", error_message());
}

/* What the child may and may not: each works on a list of results that it shares. */

static void crash(void *shared)
{
    volatile uintptr_t place = 8 * (shared != NULL);
    *(volatile int *)place = 1;
}

static void hang(void *shared)
{
    for (;;) *(volatile int *)shared = 1;
}

static void leave(void *shared)
{
    (void)shared;
    _exit(3);
}

enum { HUGE_PIECE = 1 << 30 };

static void try_all(void *shared)
{
    int *done = shared;
    const int how = MAP_PRIVATE | MAP_ANONYMOUS;
    done[0] = 1;
    done[1] = mmap(NULL, HUGE_PIECE, PROT_READ | PROT_WRITE, how, -1, 0) != MAP_FAILED;
    done[2] = open("/dev/null", O_RDONLY) >= 0;
    done[3] = write(1, "escaped\n", 8) >= 0;
    done[4] = socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
    done[5] = fork() >= 0;
    done[6] = !kill(getppid(), 0);
    done[7] = !unlink("/tmp/there is no such file") || errno == ENOENT;
}

static int inherited; /* a descriptor that the parent has open */

/* What code that took the child over would do with its parent's descriptors and with memory. */
static void try_escape(void *shared)
{
    int *done = shared;
    const int how = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
    char *code = mmap(NULL, 4096, both, how, -1, 0);
    done[0] = code != MAP_FAILED;
    done[1] = mmap(NULL, 4096, both, MAP_SHARED, inherited, 0) != MAP_FAILED;
    done[2] = write(inherited, "escaped", 7) >= 0;
    done[3] = mmap(NULL, 4096, both | PROT_EXEC, how, -1, 0) != MAP_FAILED;
    done[4] = !mprotect(code, 4096, PROT_READ | PROT_EXEC);
    done[5] = fcntl(inherited, F_GETFD) >= 0;
    done[6] = fcntl(1, F_GETFD) >= 0;
    done[7] = !mprotect(code, 4096, PROT_READ);
}

static Status run(void (*work)(void *), int *done, int64_t seconds)
{
    void *shared;
    cr_assert_eq(guard_share(&shared, 4096), OK);
    const Status status = guard_run("x.h5", E_FORMAT, seconds, work, shared);
    memcpy(done, shared, 8 * sizeof *done);
    guard_unshare(shared, 4096);
    return status;
}

Test(guard, outlives_its_child)
{
    int done[8];
    cr_expect_eq(run(crash, done, 2), E_FORMAT);
    cr_expect(strstr(error_message(), "x.h5: reading it crashed a guarded child (signal 11"), "%s",
              error_message());
    cr_expect_eq(run(hang, done, 1), E_FORMAT);
    cr_expect(strstr(error_message(), "more than 1 s"), "%s", error_message());
    cr_expect_eq(done[0], 1);
    cr_expect_eq(run(leave, done, 2), E_FORMAT);
    cr_expect(strstr(error_message(), "exit 3"), "%s", error_message());
}

#if defined __SANITIZE_ADDRESS__
enum { IS_BARRED = 0 };

/* The first child waits for a lock that nobody holds, as after a fork beside a thread that held
 * one. */
static void wait_once(void *shared)
{
    int *done = shared;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (done[0]++) return;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

Test(guard, tries_a_child_again_that_waits)
{
    int done[8];
    cr_expect_eq(run(wait_once, done, 1), OK, "%s", error_message());
    cr_expect_eq(done[0], 2);
}
#else
enum { IS_BARRED = 1 };
#endif

Test(guard, leaves_its_child_little)
{
    int done[8];
    cr_expect_eq(run(try_all, done, 2), OK, "%s", error_message());
    cr_expect_eq(done[0], 1);
    cr_expect_eq(done[1], 0, "memory");
    cr_expect_eq(done[2], 0, "a file");
    for (int i = 3; i < 8; i++) cr_expect(!IS_BARRED || !done[i], "call %d was allowed", i);
}

Test(guard, gives_its_child_no_descriptor_and_no_code)
{
    int done[8];
    char text[8] = "";
    if (!IS_BARRED) return;
    inherited = open(in_temporary("precious"), O_RDWR | O_CREAT, 0600);
    cr_assert(inherited >= 0 && !ftruncate(inherited, 4096));
    cr_expect_eq(run(try_escape, done, 2), OK, "%s", error_message());
    cr_expect(done[0] && done[7], "anonymous memory is the child's");
    for (int i = 1; i < 7; i++) cr_expect(!done[i], "attempt %d was allowed", i);
    cr_expect(pread(inherited, text, 7, 0) == 7 && !*text);
    close(inherited);
}

/* SIGCHLD may be ignored by whoever started the program. */
Test(guard, works_where_children_are_not_waited_for)
{
    long size;
    unsigned char *bytes = make(ANY, make_plain, true, &size);
    signal(SIGCHLD, SIG_IGN);
    cr_expect_eq(open_disguised(ANY, bytes, size), OK, "%s", error_message());
    free(bytes);
}
