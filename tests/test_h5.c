#include <criterion/criterion.h>
#include <hdf5.h>
#include <sys/wait.h>

#include "data/h5.h"
#include "tests/faulty.h"
#include "tests/temporary.h"

static const BlockKind kind = {"CAPSTEST", "test", 3, 3, 512, 8, E_DATA};
static const float numbers[] = {1, 2, 3, 4, 5, 6};

static void put_all(H5Writer *w)
{
    h5_writer_open(w, &kind, 4);
    h5_put_group(w, "/a");
    h5_put_group(w, "/a/b");
    h5_put(w, "/a/b/x.y.weight", NUMBER_F32, SHAPE(2, 3), numbers);
    h5_put(w, "/scalar", NUMBER_F32, (Shape){0}, numbers + 3);
    h5_put_int(w, "/a", "step", -5);
    h5_put_text(w, "/", "name", "Grüße");
    h5_put_text(w, "/", "nothing", "");
}

static Status write_all(const char *name)
{
    H5Writer w;
    put_all(&w);
    Status status = h5_write(&w, in_temporary(name));
    h5_writer_close(&w);
    return status;
}

TestSuite(h5, .init = temporary_open, .fini = temporary_close);

Test(h5, reads_what_it_wrote)
{
    H5Reader r;
    NumberType type;
    Shape shape;
    const void *data;
    char text[16];
    int64_t value;
    cr_assert_eq(write_all("x.h5"), OK, "%s", error_message());
    cr_assert_eq(h5_reader_open(&r, in_temporary("x.h5"), &kind), OK, "%s", error_message());
    cr_assert_eq(h5_find(&r, "/a/b/x.y.weight", &type, &shape, &data), OK, "%s", error_message());
    cr_expect_eq(type, NUMBER_F32);
    cr_expect(shape_equal(shape, SHAPE(2, 3)));
    cr_expect(!memcmp(data, numbers, sizeof numbers));
    cr_assert_eq(h5_find(&r, "/scalar", &type, &shape, &data), OK, "%s", error_message());
    cr_expect_eq(shape.rank, 0);
    cr_expect(!memcmp(data, numbers + 3, 4));
    cr_assert_eq(h5_get_int(&r, "/a", "step", &value), OK);
    cr_expect_eq(value, -5);
    cr_assert_eq(h5_get_text(&r, "/", "name", text, sizeof text), OK);
    cr_expect_str_eq(text, "Grüße");
    cr_assert_eq(h5_get_text(&r, "/", "nothing", text, sizeof text), OK);
    cr_expect_str_eq(text, "");
    cr_expect_eq(h5_get_text(&r, "/", "name", text, 7), E_DATA); /* does not fit */
    cr_expect_eq(h5_get_text(&r, "/a", "step", text, sizeof text), E_DATA);
    cr_expect_eq(h5_get_int(&r, "/", "name", &value), E_DATA);
    cr_expect_eq(h5_get_int(&r, "/absent", "name", &value), E_DATA);
    cr_expect_eq(h5_find(&r, "/a/absent", &type, &shape, &data), E_DATA);
    cr_expect_eq(h5_find(&r, "/a/b", &type, &shape, &data), E_DATA); /* a group */
    cr_expect_eq(h5_find_list(&r, "/a/b/x.y.weight", NUMBER_F32, &value, &data), E_DATA);
    cr_expect_eq(h5_count(&r, "/a", &value), OK);
    cr_expect_eq(value, 1);
    const char *name = h5_next_name(&r, "/a", NULL);
    cr_expect_str_eq(name, "b");
    cr_expect_null(h5_next_name(&r, "/a", name));
    cr_expect_str_eq(name = h5_next_array(&r, NULL), "/a/b/x.y.weight");
    for (const char *last = name; (name = h5_next_array(&r, name)); last = name)
        cr_expect_gt(strcmp(name, last), 0);
    h5_reader_close(&r);
    const BlockKind other = {"CAPSTEST", "test", 4, 4, 512, 8, E_FORMAT};
    cr_expect_eq(h5_reader_open(&r, in_temporary("x.h5"), &other), E_FORMAT);
    cr_expect(strstr(error_message(), "version 3"), "%s", error_message());
    h5_reader_close(&r);
}

Test(h5, remembers_its_first_fault)
{
    H5Writer w;
    h5_writer_open(&w, &kind, 1);
    h5_put(&w, "/no/such/group", NUMBER_F32, SHAPE(6), numbers);
    h5_put(&w, "/fine", NUMBER_F32, SHAPE(6), numbers);
    cr_expect_eq(h5_write(&w, in_temporary("x.h5")), E_NOMEM);
    cr_expect(strstr(error_message(), "/no/such/group"), "%s", error_message());
    h5_writer_close(&w);
    cr_expect_eq(temporary_files(0), 0);
}

/* What a command prints, or "" if it cannot be run. */
static const char *output_of(const char *command, const char *name)
{
    static char out[4096];
    char line[PATH_MAX];
    snprintf(line, sizeof line, "%s %s 2>/dev/null", command, in_temporary(name));
    FILE *f = popen(line, "r");
    size_t size = f ? fread(out, 1, sizeof out - 1, f) : 0;
    out[size] = '\0';
    if (f) pclose(f);
    return out;
}

Test(h5, other_programs_read_it)
{
    cr_assert_eq(write_all("x.h5"), OK);
    if (!system("command -v h5dump >/dev/null")) {
        const char *out = output_of("h5dump -d /a/b/x.y.weight", "x.h5");
        cr_expect(strstr(out, "H5T_IEEE_F32LE") && strstr(out, "4, 5, 6"), "%s", out);
    }
    if (!system("/usr/bin/python3 -c 'import h5py' 2>/dev/null")) {
        const char *out = output_of("/usr/bin/python3 -c 'import sys, h5py\n"
                                    "f = h5py.File(sys.argv[1])\n"
                                    "print(f[\"a/b/x.y.weight\"][1, 2], f[\"a\"].attrs[\"step\"], "
                                    "f.attrs[\"format\"], f.userblock_size)'",
                                    "x.h5");
        cr_expect_str_eq(out, "6.0 -5 b'capstan-test' 512\n");
    }
}

Test(h5, handles_are_closed_on_every_path)
{
    H5Reader r;
    H5Writer w;
    cr_expect_eq(write_all("x.h5"), OK);
    cr_assert_eq(h5_reader_open(&r, in_temporary("x.h5"), &kind), OK);
    cr_expect_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0); /* a child has them */
    h5_reader_close(&r);
    put_all(&w);
    h5_put(&w, "/no/such", NUMBER_F32, SHAPE(6), numbers);
    h5_writer_close(&w);
    cr_expect_eq(write_all("y.h5"), OK);
    cr_expect_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

Test(h5, aliases_survive_any_failing_call)
{
    long size;
    int n = 0;
    file_put(in_temporary("new"), "new", 3);
    for (;; n++) {
        file_put(in_temporary("old"), "old", 3);
        faulty_begin(n, EPERM); /* as where there are no hard links */
        const Status status = file_alias(in_temporary("new"), in_temporary("old"));
        faulty_end();
        unsigned char *now = file_bytes(in_temporary("old"), &size);
        cr_assert_eq(temporary_files(0), 2, "call %d", n);
        cr_assert(size == 3 && (!memcmp(now, "new", 3) || (status && !memcmp(now, "old", 3))));
        free(now);
        remove(in_temporary("old"));
        if (!faulty_burnt) break;
    }
    cr_expect_gt(n, 3);
}
