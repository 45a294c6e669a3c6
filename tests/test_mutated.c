/* Files of an attacker who knows the format: a checkpoint and a dataset, each as capstan writes
 * it and in HDF5's oldest format, whose structure has no checksums. Bytes of the structure or of
 * the small arrays change; then all checksums and the digest are corrected. Whatever happens to
 * the child that reads it, this process continues, with an answer that ends a command with exit
 * code 0 or 3, and in bounded memory.
 *
 * CAPSTAN_MUTATED: how many files (1000). */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <hdf5.h>
#include <sys/resource.h>

#include "autograd/base/rng.h"
#include "autograd/base/text.h"
#include "data/dataset.h"
#include "data/tokenizer.h"
#include "tests/disguise.h"
#include "train/checkpoint/checkpoint.h"
#include "train/commands/inspect_file.h"
#include "train/monitor/state.h"
#include "train/step/model.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { BASES = 4, FILES = 1000, VOCAB = 257, MEMORY = 512 << 20, NEAR = 8, LARGE = 4096 };

/* HDF5's own, of its structures; not in its header. */
uint32_t H5_checksum_metadata(const void *data, size_t size, uint32_t initial);

/* A file without its user block, and where it is to be changed. */
typedef struct Base {
    const BlockKind *kind;
    unsigned char *bytes;
    long size;
    Span apart[BLOCK_APART];
    int64_t *structure, *numbers; /* places: of HDF5's bytes, of small arrays' */
    int64_t structures, number_count;
} Base;

static Status watch(Monitor *m, Arena *a, const Config *c, const Params *p)
{
    const MonitorShape shape = {.steps = 1000, .beta2 = 0.95, .layers = 1, .rows = 4};
    return monitor_open(m, a, &c->monitor, &shape, p);
}

/* Steps as a run makes them, one of them a spike. */
static void judge(Monitor *m, int64_t step, int64_t batch_index, int count)
{
    for (int i = 0; i < count; i++) {
        batch_index = monitor_next_batch(m, batch_index);
        const double loss = i == 150 ? 30 : 3 + 0.01 * (i % 7);
        if (monitor_judge(m, ++step, batch_index, loss, 1 + 0.1 * (i % 5))->verdict == VERDICT_TAKE)
            monitor_updated(m, 1e-3, 1);
        else
            monitor_skipped(m);
    }
}

static void write_checkpoint(const char *path)
{
    static const char text[] = "model: {layers: 1, heads: 2, width: 16, context: 8}\n"
                               "data: {path: d.h5}\noptim: {lr: 0.001, warmup: 3}\n"
                               "monitor: {action: rewind, window: 32}\n";
    CheckpointList lists[MONITOR_LISTS];
    int lists_used;
    static Config c;
    Monitor m;
    Arena a = {0};
    Gpt g;
    Params p = {0};
    MUST(config_parse(&c, text, sizeof text - 1, "text", 0, NULL));
    MUST(model_open(&g, &p, &c, VOCAB, true));
    MUST(watch(&m, &a, &c, &p));
    judge(&m, 0, 0, 160);
    MUST(monitor_save(&m, &a, lists, &lists_used));
    cr_assert(m.drop_count);
    const Checkpoint whole = {.info = {.step = 7,
                                       .batch_index = 7,
                                       .vocab_size = VOCAB,
                                       .config = text,
                                       .config_size = sizeof text - 1,
                                       .tokenizer = "{\"type\":\"byte\"}",
                                       .tokenizer_size = 15},
                              .params = &p,
                              .lists = lists,
                              .list_count = lists_used};
    MUST(checkpoint_save(path, &whole));
    arena_free(&a);
    params_free(&p);
}

static void write_dataset(const char *path)
{
    int32_t tokens[200];
    DatasetWriter *w;
    MUST(dataset_writer_open(&w, path, VOCAB));
    for (int i = 0; i < 200; i++) tokens[i] = i;
    for (int i = 0; i < 30; i++) MUST(dataset_writer_add(w, i % 3 == 2, tokens, 170 + i, i, false));
    MUST(dataset_writer_finish(w, "{\"type\":\"byte\"}", 15));
    dataset_writer_close(w);
}

static hid_t stored(NumberType t)
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

static void copy_attribute(hid_t f, const H5Value *v)
{
    hid_t owner = H5Oopen(f, v->object, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    hid_t type = H5Tcopy(v->text ? H5T_C_S1 : H5T_STD_I64LE);
    if (v->text) H5Tset_size(type, *v->text ? strlen(v->text) : 1);
    hid_t a = H5Acreate2(owner, v->name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, type, v->text ? (const void *)v->text : &v->number);
    H5Aclose(a);
    H5Tclose(type);
    H5Sclose(space);
    H5Oclose(owner);
}

/* What r holds, in the oldest format, as a file of HDF5; fills apart. */
static void write_old(const H5Reader *r, const char *path, Span apart[BLOCK_APART])
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), how = H5Pcreate(H5P_DATASET_CREATE),
          link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_alignment(access, 1, (hsize_t)r->kind->alignment);
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
    H5Pset_create_intermediate_group(link, 1);
    hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    int used = 0;
    for (const char *name = NULL; (name = h5_next_array(r, name));) {
        NumberType type;
        Shape shape;
        const void *data;
        hsize_t dim[RANK_MAX];
        MUST(h5_find(r, name, &type, &shape, &data));
        for (int k = 0; k < shape.rank; k++) dim[k] = (hsize_t)shape.dim[k];
        hid_t space = H5Screate_simple(shape.rank, dim, NULL);
        hid_t array = H5Dcreate2(f, name, stored(type), space, link, how, H5P_DEFAULT);
        H5Dwrite(array, stored(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
        const int64_t place = (int64_t)H5Dget_offset(array);
        if (strstr(name, "/tokens"))
            apart[used++] = (Span){place, place + shape_count(shape) * number_size(type)};
        H5Dclose(array);
        H5Sclose(space);
    }
    H5Value v;
    for (int64_t i = 0; h5_attribute(r, i, &v); i++) copy_attribute(f, &v);
    H5Pclose(link);
    H5Pclose(how);
    H5Pclose(access);
    H5Fclose(f);
    cr_assert(!used || (used == 2 && apart[0].end <= apart[1].begin));
}

/* Bytes that mean something: those of small arrays, and of HDF5 what is not zero, or near to it. */
static void find_places(Base *b, const H5Reader *r)
{
    unsigned char *of = calloc((size_t)b->size, 1); /* 1: of a large array, 2: of a small one */
    b->structure = calloc((size_t)b->size, sizeof *b->structure);
    b->numbers = calloc((size_t)b->size, sizeof *b->numbers);
    for (const char *name = NULL; (name = h5_next_array(r, name));) {
        NumberType type;
        Shape shape;
        const void *data;
        MUST(h5_find(r, name, &type, &shape, &data));
        const int64_t size = shape_count(shape) * number_size(type);
        const int64_t place = (const unsigned char *)data - r->file.bytes - r->kind->size;
        const bool is_small = size < LARGE && type != NUMBER_F32 && type != NUMBER_U16;
        if (size) memset(of + place, is_small ? 2 : 1, (size_t)size);
    }
    for (long i = 0, last = -NEAR - 1; i < b->size; i++) {
        if (of[i] == 2) b->numbers[b->number_count++] = i;
        if (of[i]) continue;
        if (b->bytes[i]) last = i;
        if (i - last <= NEAR) b->structure[b->structures++] = i;
    }
    free(of);
}

static void base_open(Base *b, int which)
{
    const bool is_dataset = which / 2, is_old = which % 2;
    H5Reader r;
    long size;
    *b = (Base){.kind = is_dataset ? &dataset_kind : &checkpoint_kind};
    (is_dataset ? write_dataset : write_checkpoint)(in_temporary("base.h5"));
    MUST(h5_reader_open(&r, in_temporary("base.h5"), b->kind));
    if (is_old) {
        write_old(&r, in_temporary("old.h5"), b->apart);
        b->bytes = file_bytes(in_temporary("old.h5"), &b->size);
        disguise(b->kind, b->bytes, b->size, b->apart, in_temporary("base.h5"));
        h5_reader_close(&r);
        MUST(h5_reader_open(&r, in_temporary("base.h5"), b->kind));
    } else {
        unsigned char *whole = file_bytes(in_temporary("base.h5"), &size);
        memcpy(b->apart, r.apart, sizeof b->apart);
        b->size = size - b->kind->size;
        memmove(whole, whole + b->kind->size, (size_t)b->size);
        b->bytes = whole;
    }
    find_places(b, &r);
    h5_reader_close(&r);
}

static void base_close(Base *b)
{
    free(b->bytes);
    free(b->structure);
    free(b->numbers);
}

/* Makes the sum behind `length` bytes right; what is not all there is left alone. */
static void sum_up(unsigned char *bytes, long size, long place, long length)
{
    if (length < 0 || place + length + 4 > size) return;
    const uint32_t sum = H5_checksum_metadata(bytes + place, (size_t)length, 0);
    memcpy(bytes + place + length, &sum, sizeof sum);
}

/* Object headers, the superblock, and the heads of heaps and trees of the format of 1.10. */
static void repair(unsigned char *bytes, long size)
{
    if (size > 48 && bytes[8] >= 2) sum_up(bytes, size, 0, 44);
    for (long i = 0; i + 64 < size; i++) {
        if (!memcmp(bytes + i, "FRHP", 4)) sum_up(bytes, size, i, 142);
        if (!memcmp(bytes + i, "BTHD", 4)) sum_up(bytes, size, i, 34);
        if (memcmp(bytes + i, "OHDR", 4)) continue;
        const unsigned flags = bytes[i + 5];
        const long at = i + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
        const long width = 1L << (flags & 3);
        long length = 0;
        for (long k = 0; k < (width < 4 ? width : 4); k++) length |= (long)bytes[at + k] << 8 * k;
        sum_up(bytes, size, i, at + width - i + length);
    }
}

static int64_t drawn(Rng r, uint64_t i, uint64_t what, int64_t below)
{
    return (int64_t)rng_below(r, i, what, (uint64_t)below);
}

/* One to four changes: bits, numbers that are too large or places elsewhere, pieces of the
 * structure. */
static void mutate(const Base *b, unsigned char *bytes, Rng r, uint64_t i)
{
    const int64_t changes = 1 + drawn(r, i, 0, 4);
    for (uint64_t k = 1; k <= (uint64_t)changes; k++) {
        const bool is_number = !drawn(r, i, 8 * k, 5);
        const int64_t count = is_number ? b->number_count : b->structures;
        const int64_t *places = is_number ? b->numbers : b->structure;
        const int64_t place = places[drawn(r, i, 8 * k + 1, count)];
        const uint64_t values[] = {0,
                                   UINT64_MAX,
                                   INT64_MAX,
                                   (uint64_t)drawn(r, i, 8 * k + 2, b->size),
                                   (uint64_t)b->structure[drawn(r, i, 8 * k + 3, b->structures)],
                                   (uint64_t)drawn(r, i, 8 * k + 4, 256)};
        const int64_t how = drawn(r, i, 8 * k + 5, 9);
        int64_t size = (int64_t)1 << drawn(r, i, 8 * k + 6, 4);
        if (how == 8) size *= 8;
        if (size > b->size - place) size = 1;
        if (how < 2)
            bytes[place] ^= (unsigned char)(1 << drawn(r, i, 8 * k + 7, 8));
        else if (how < 8)
            memcpy(bytes + place, &values[how - 2], (size_t)size);
        else
            memmove(bytes + place, bytes + values[4],
                    (size_t)(values[4] + (uint64_t)size < (uint64_t)b->size ? size : 1));
    }
    repair(bytes, b->size);
}

/* All that `capstan sample` does before it draws, and what a run that goes on does then. */
static Status use_checkpoint(const char *path)
{
    static Config c;
    CheckpointReader r;
    Gpt g;
    Params p = {0};
    Arena a = {0};
    Tokenizer *t;
    Monitor m;
    Status status = checkpoint_open(&r, path);
    if (!status) status = checkpoint_config(&r, 0, NULL, &c);
    if (!status) status = checkpoint_check_model(&r, &c);
    if (!status && r.info.tokenizer_size)
        status = tokenizer_parse(&a, r.info.tokenizer, r.info.tokenizer_size, path, &t);
    if (!status) status = model_open(&g, &p, &c, r.info.vocab_size, true);
    if (!status) status = checkpoint_load(&r, &p, r.has_optimizer);
    if (!status) status = watch(&m, &a, &c, &p);
    if (!status) status = monitor_check_state(&m, &r);
    if (!status) {
        monitor_restore(&m, &r, false);
        judge(&m, r.info.step, r.info.batch_index, 5);
        monitor_restore(&m, &r, true);
        judge(&m, r.info.step, r.info.batch_index, 5);
    }
    params_free(&p);
    arena_free(&a);
    checkpoint_close(&r);
    return status;
}

static Status use_split(const Dataset *d, const Split *s)
{
    TRY(dataset_touch(d, s, 0, s->count));
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t document = split_document(s, i);
        cr_assert(document >= 0 && document < s->documents);
        cr_assert(split_token(s, i) < d->vocab_size);
    }
    return OK;
}

static Status use_dataset(const char *path)
{
    Dataset d;
    Arena a = {0};
    Tokenizer *t;
    Status status = dataset_open(&d, path);
    if (!status) status = use_split(&d, &d.train);
    if (!status) status = use_split(&d, &d.val);
    if (!status) status = tokenizer_parse(&a, d.tokenizer, d.tokenizer_size, path, &t);
    arena_free(&a);
    dataset_close(&d);
    return status;
}

static void check_answer(Status status, uint64_t i, const char *what)
{
    char safe[4096];
    const int code = status_exit_code(status);
    cr_assert(code == 0 || code == 3, "file %d, %s: exit code %d: %s", (int)i, what, code,
              error_message());
    if (code) cr_assert_str_eq(text_escape(error_message(), safe, sizeof safe), error_message());
}

static int64_t files(void)
{
    const char *asked = getenv("CAPSTAN_MUTATED");
    return asked ? atoll(asked) : FILES;
}

static void bound_memory(void)
{
#if !defined __SANITIZE_ADDRESS__
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    cr_assert(f && fscanf(f, "%ld", &pages) == 1);
    fclose(f);
    const rlim_t most = (rlim_t)(pages * sysconf(_SC_PAGESIZE) + MEMORY);
    setrlimit(RLIMIT_AS, &(struct rlimit){most, RLIM_INFINITY});
#endif
}

/* A sanitizer in a child finds HDF5 to err, which is what there is a child for; anything else
 * that is at fault there is a fault of ours. What goes to stderr is read after each file. */
static int told_by_child[2], screen;

static void hear_children(void)
{
    screen = dup(STDERR_FILENO);
    cr_assert_eq(pipe2(told_by_child, O_NONBLOCK | O_CLOEXEC), 0);
    dup2(told_by_child[1], STDERR_FILENO);
}

/* The first frame "#k 0x... (library+0x...)" that is not the sanitizer's own is in HDF5. */
static bool is_of_hdf5(const char *report)
{
    for (const char *at = report; (at = strstr(at, "    #")); at++) {
        const size_t length = strcspn(at, "\n");
        char line[512];
        snprintf(line, sizeof line, "%.*s", (int)length, at);
        if (!strstr(line, "libasan")) return strstr(line, "libhdf5") != NULL;
    }
    return false;
}

static void check_children(uint64_t i)
{
    static char text[1 << 16];
    const ssize_t length = read(told_by_child[0], text, sizeof text - 1);
    if (length <= 0) return;
    text[length] = '\0';
    if (is_of_hdf5(text) || !(strstr(text, "ERROR:") || strstr(text, "runtime error:"))) return;
    dup2(screen, STDERR_FILENO);
    fputs(text, stderr);
    cr_assert_fail("file %d: a child says what it should not", (int)i);
}

TestSuite(mutated, .init = temporary_open, .fini = temporary_close);

ParameterizedTestParameters(mutated, files_do_no_harm)
{
    static int which[BASES] = {0, 1, 2, 3};
    return cr_make_param_array(int, which, BASES);
}

ParameterizedTest(const int *which, mutated, files_do_no_harm)
{
    Base b;
    int64_t refused = 0, crashed = 0;
    const char *path = in_temporary("mutated.h5");
    base_open(&b, *which);
    unsigned char *bytes = malloc((size_t)b.size);
    const Rng r = rng_stream((uint64_t)*which, "mutated");
    Status (*use)(const char *) = *which / 2 ? use_dataset : use_checkpoint;

    disguise(b.kind, b.bytes, b.size, b.apart, path); /* as it is, it is good */
    MUST(use(path));
    bound_memory();
    hear_children();
    for (uint64_t i = 0; i < (uint64_t)files() / BASES; i++) {
        memcpy(bytes, b.bytes, (size_t)b.size);
        mutate(&b, bytes, r, i);
        disguise(b.kind, bytes, b.size, b.apart, path);
        Status status = use(path);
        check_answer(status, i, "used");
        check_children(i);
        refused += status != OK;
        crashed += status != OK && strstr(error_message(), "guarded child") != NULL;
        if (i % 8) continue;
        json_t *told;
        status = inspect(path, &told);
        check_answer(status, i, "inspected");
        json_decref(told);
        check_children(i);
    }
    dup2(screen, STDERR_FILENO);
    cr_expect_gt(refused, 0);
    if (getenv("CAPSTAN_MUTATED"))
        fprintf(stderr,
                "base %d: of %lld files %lld were refused, %lld of them by the end of a child\n",
                *which, (long long)files() / BASES, (long long)refused, (long long)crashed);
    free(bytes);
    base_close(&b);
}
