/* Damaged files and files of another kind: the user block of a checkpoint, a dataset or a
 * sweep's store makes them refused before HDF5 sees a byte, with exit code 3 and the file's
 * name. The tokens of a dataset are checked when they are first used.
 *
 * CAPSTAN_DAMAGE: how many bits are flipped in each file (1000). */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <hdf5.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "autograd/base/rng.h"
#include "autograd/base/text.h"
#include "data/dataset.h"
#include "tests/temporary.h"
#include "train/checkpoint/checkpoint.h"
#include "train/sweep/store.h"

/* Times that HDF5 was asked to open a file, by this process or one that it forked. */
static int *opened;
static hid_t (*open_really)(const char *, unsigned, hid_t);

/* In place of the library's. */
hid_t H5Fopen(const char *name, unsigned flags, hid_t access)
{
    ++*opened;
    return open_really(name, flags, access);
}

static void begin(void)
{
    temporary_open();
    *(void **)&open_really = dlsym(RTLD_NEXT, "H5Fopen");
    opened = mmap(NULL, sizeof *opened, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!open_really || opened == MAP_FAILED) abort();
}

static Status save_checkpoint(const char *path)
{
    Params p = {0};
    params_matrix(&p, "embed", "weight", 20, 8, 1);
    params_vector(&p, "norm", "bias", 8, 0);
    cr_assert_eq(params_alloc(&p, true), OK);
    for (int64_t i = 0; i < p.count; i++) p.value[i] = p.m[i] = p.v[i] = (real)i;
    const Checkpoint c = {.info = {.step = 3, .config = "model: {}\n", .config_size = 10},
                          .params = &p};
    const Status status = checkpoint_save(path, &c);
    params_free(&p);
    return status;
}

static Status open_checkpoint(const char *path)
{
    CheckpointReader r;
    const Status status = checkpoint_open(&r, path);
    checkpoint_close(&r);
    return status;
}

static Status save_dataset(const char *path)
{
    int32_t tokens[100];
    DatasetWriter *w;
    Status status = dataset_writer_open(&w, path, 257);
    for (int i = 0; i < 100; i++) tokens[i] = i;
    for (int i = 0; i < 8 && status == OK; i++)
        status = dataset_writer_add(w, i % 4 == 3, tokens, 93 + i, i, false);
    if (status == OK) status = dataset_writer_finish(w, "{}", 2);
    dataset_writer_close(w);
    return status;
}

static Status open_dataset(const char *path)
{
    Dataset d;
    Status status = dataset_open(&d, path);
    if (status == OK) status = dataset_touch(&d, &d.train, 0, d.train.count);
    if (status == OK) status = dataset_touch(&d, &d.val, 0, d.val.count);
    dataset_close(&d);
    return status;
}

static Status save_sweep(const char *path)
{
    SweepRun run = {.id = "0123456789abcdef", .overrides = "model.width=32\n", .reason = ""};
    Sweep s = {.flops = "exact", .config = "model.layers: 2\n", .runs = &run, .count = 1};
    (void)path; /* sweep.h5, in its folder */
    snprintf(s.folder, sizeof s.folder, "%s", temporary);
    return sweep_store_write(&s);
}

static Status open_sweep(const char *path)
{
    Sweep s;
    const Status status = sweep_store_read(path, &s);
    sweep_close(&s);
    return status;
}

static const struct {
    const char *name;
    long block; /* bytes before HDF5's */
    Status (*save)(const char *path);
    Status (*open)(const char *path);
} kinds[] = {
    {"checkpoint.h5", 512, save_checkpoint, open_checkpoint},
    {"dataset.h5", 4096, save_dataset, open_dataset},
    {"sweep.h5", 512, save_sweep, open_sweep},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* A whole file of a kind, held open: it is damaged in place and mended. */
typedef struct Victim {
    int kind, fd;
    char path[PATH_MAX];
    unsigned char *bytes;
    long size;
} Victim;

static Victim victim_open(int kind)
{
    Victim v = {.kind = kind};
    snprintf(v.path, sizeof v.path, "%s", in_temporary(kinds[kind].name));
    cr_assert_eq(kinds[kind].save(v.path), OK, "%s", error_message());
    cr_assert_eq(kinds[kind].open(v.path), OK, "%s", error_message());
    cr_assert_gt(*opened, 0, "HDF5 was not asked: nothing here means anything");
    v.bytes = file_bytes(v.path, &v.size);
    v.fd = open(v.path, O_RDWR);
    cr_assert(v.fd >= 0 && v.size > kinds[kind].block);
    return v;
}

/* Mended, it is as good as ever. */
static void victim_close(Victim *v)
{
    cr_assert_eq(kinds[v->kind].open(v->path), OK, "%s", error_message());
    close(v->fd);
    free(v->bytes);
}

static void check_refused(int kind, const char *path, const char *how, long place)
{
    char name[PATH_MAX];
    *opened = 0;
    const Status status = kinds[kind].open(path);
    cr_assert_eq(status_exit_code(status), 3, "%s %s %ld: %s", path, how, place,
                 status ? error_message() : "taken");
    cr_assert(strstr(error_message(), text_escape(path, name, sizeof name)), "%s", error_message());
    cr_assert_eq(*opened, 0, "%s %s %ld: HDF5 has seen it", path, how, place);
}

static void put(const Victim *v, const void *bytes, long size, long place)
{
    cr_assert_eq(pwrite(v->fd, bytes, (size_t)size, place), size);
}

static void check_flip(Victim *v, long place, int bit)
{
    const unsigned char flipped = v->bytes[place] ^ (unsigned char)(1 << bit);
    put(v, &flipped, 1, place);
    check_refused(v->kind, v->path, "with a bit flipped at", place);
    put(v, &v->bytes[place], 1, place);
}

/* Whether a byte is of a dataset's tokens: the spans apart of data/block.h. */
static bool is_token(const Victim *v, long place)
{
    uint64_t apart[4];
    memcpy(apart, v->bytes + 24, sizeof apart);
    const uint64_t at = (uint64_t)(place - kinds[v->kind].block);
    return place >= kinds[v->kind].block &&
           ((at >= apart[0] && at < apart[1]) || (at >= apart[2] && at < apart[3]));
}

TestSuite(damage, .init = begin, .fini = temporary_close);

static const int each_kind[KINDS] = {0, 1, 2};

ParameterizedTestParameters(damage, every_bit_of_the_header)
{
    return cr_make_param_array(const int, each_kind, KINDS);
}

ParameterizedTest(const int *kind, damage, every_bit_of_the_header)
{
    Victim v = victim_open(*kind);
    for (long place = 0; place < 512; place++)
        for (int bit = 0; bit < 8; bit++) check_flip(&v, place, bit);
    for (long place = 512; place < kinds[*kind].block; place++)
        check_flip(&v, place, (int)(place % 8));
    victim_close(&v);
}

/* One bit to sixteen of them, anywhere. */
ParameterizedTestParameters(damage, any_bits)
{
    return cr_make_param_array(const int, each_kind, KINDS);
}

ParameterizedTest(const int *kind, damage, any_bits)
{
    const char *wanted = getenv("CAPSTAN_DAMAGE");
    const int64_t count = wanted ? atoll(wanted) : 1000;
    const Rng rng = rng_stream(1, "damage");
    Victim v = victim_open(*kind);
    int64_t in_tokens = 0;
    cr_assert_gt(count, 0);
    for (int64_t i = 0; i < count; i++) {
        const int bits = i % 4 ? 1 : 2 + (int)rng_below(rng, (uint64_t)i, 0, 15);
        unsigned char *bytes = memcpy(malloc((size_t)v.size), v.bytes, (size_t)v.size);
        bool seen = false;
        for (int b = 0; b < bits; b++) {
            const uint64_t at = rng_below(rng, (uint64_t)i, (uint64_t)b + 1, 8 * (uint64_t)v.size);
            bytes[at / 8] ^= (unsigned char)(1 << at % 8);
        }
        for (long k = 0; k < v.size; k++) seen |= bytes[k] != v.bytes[k] && !is_token(&v, k);
        if (!memcmp(bytes, v.bytes, (size_t)v.size)) bytes[v.size - 1] ^= 1, seen = true;
        put(&v, bytes, v.size, 0);
        if (seen) {
            check_refused(*kind, v.path, "in round", (long)i);
        } else {
            cr_assert_eq(kinds[*kind].open(v.path), E_DATA, "round %lld", (long long)i);
            in_tokens++;
        }
        put(&v, v.bytes, v.size, 0);
        free(bytes);
    }
    cr_assert_eq(in_tokens > 0, *kind == 1, "%lld", (long long)in_tokens);
    victim_close(&v);
}

ParameterizedTestParameters(damage, any_length)
{
    return cr_make_param_array(const int, each_kind, KINDS);
}

ParameterizedTest(const int *kind, damage, any_length)
{
    Victim v = victim_open(*kind);
    for (long size = 0; size < v.size; size = size < kinds[*kind].block ? size + 1 : size + 4096) {
        cr_assert_eq(ftruncate(v.fd, size), 0);
        check_refused(*kind, v.path, "of length", size);
        put(&v, v.bytes + size, v.size - size, size);
    }
    for (long more = 1; more < 10000; more = 3 * more + 5) {
        put(&v, v.bytes, more < v.size ? more : v.size, v.size);
        check_refused(*kind, v.path, "with bytes more:", more);
        cr_assert_eq(ftruncate(v.fd, v.size), 0);
        cr_assert_eq(ftruncate(v.fd, v.size + more), 0); /* zeros */
        check_refused(*kind, v.path, "with zeros more:", more);
        cr_assert_eq(ftruncate(v.fd, v.size), 0);
    }
    victim_close(&v);
}

Test(damage, another_kind_of_file)
{
    for (int is = 0; is < KINDS; is++) {
        Victim v = victim_open(is);
        for (int wanted = 0; wanted < KINDS; wanted++) {
            const char *path = in_temporary(kinds[wanted].name);
            if (wanted == is) continue;
            file_put(path, v.bytes, (size_t)v.size);
            check_refused(wanted, path, "is of kind", is);
            cr_expect(strstr(error_message(), "not a capstan "), "%s", error_message());
        }
        victim_close(&v);
    }
}

/* The user block of one, and what follows of another: two of one kind, saved at other times. */
Test(damage, half_of_another_file)
{
    Victim v = victim_open(0);
    Params p = {0};
    params_matrix(&p, "embed", "weight", 20, 8, 1);
    params_vector(&p, "norm", "bias", 8, 0);
    cr_assert_eq(params_alloc(&p, true), OK);
    const Checkpoint c = {.info = {.step = 4, .config = "model: {}\n", .config_size = 10},
                          .params = &p};
    cr_assert_eq(checkpoint_save(in_temporary("other.h5"), &c), OK);
    long size;
    unsigned char *other = file_bytes(in_temporary("other.h5"), &size);
    cr_assert_eq(size, v.size);
    for (long cut = 512; cut < size; cut += 512) {
        if (!memcmp(other + cut, v.bytes + cut, (size_t)(size - cut))) continue;
        put(&v, other + cut, size - cut, cut);
        check_refused(0, v.path, "ends as another one from", cut);
    }
    put(&v, v.bytes, v.size, 0);
    free(other);
    params_free(&p);
    victim_close(&v);
}

Test(damage, what_is_no_file)
{
    const char *fifo = in_temporary("a\033fifo"), *loop = in_temporary("loop");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_assert_eq(symlink("loop", loop), 0);
    file_put(in_temporary("empty.h5"), "", 0);
    file_put(in_temporary("text.h5"), "To be, or not to be", 19);
    for (int kind = 0; kind < KINDS; kind++) {
        const char *const paths[] = {"/dev/zero",
                                     "/dev/null",
                                     fifo,
                                     loop,
                                     "/nowhere/at.h5",
                                     in_temporary("empty.h5"),
                                     in_temporary("text.h5")};
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            check_refused(kind, paths[i], "is no file:", (long)i);
        check_refused(kind, temporary, "is a folder", 0);
    }
}
