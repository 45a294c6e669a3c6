/* Checkpoints and datasets that HDF5 and the guard accept, but with one array or attribute that
 * is missing or has another shape or type than capstan writes: all are refused. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "data/dataset_internal.h"
#include "tests/temporary.h"
#include "train/checkpoint/checkpoint.h"

enum { ABSENT = -1, GROUP = -2, TEXT = -3, NUMBER = -4 };

/* An array of a NumberType, or one of the above: an attribute, then. */
typedef struct Part {
    const char *path, *name; /* name: of an attribute */
    int type;
    Shape shape;
    int64_t number;
} Part;

#define ARRAY(path, type, ...)                     \
    {                                              \
        path, NULL, type, SHAPE_OF(__VA_ARGS__), 0 \
    }
#define INT(path, name, number)                 \
    {                                           \
        path, name, NUMBER, SHAPE_OF(0), number \
    }
#define WORDS(path, name)                \
    {                                    \
        path, name, TEXT, SHAPE_OF(0), 0 \
    }
#define OTHER(path, type)                \
    {                                    \
        path, NULL, type, SHAPE_OF(0), 0 \
    }

static const Part dataset_parts[] = {
    INT("/", "vocab_size", 257),
    INT("/", "chunk_size", CHUNK_SIZE),
    WORDS("/", "digest"),
    OTHER("/train", GROUP),
    ARRAY("/train/tokens", NUMBER_U16, 0),
    ARRAY("/train/documents", NUMBER_U64, 1),
    ARRAY("/train/prefixes", NUMBER_U32, 0),
    ARRAY("/train/chunks", NUMBER_U64, 0),
    OTHER("/val", GROUP),
    ARRAY("/val/tokens", NUMBER_U16, 0),
    ARRAY("/val/documents", NUMBER_U64, 1),
    ARRAY("/val/prefixes", NUMBER_U32, 0),
    ARRAY("/val/chunks", NUMBER_U64, 0),
    ARRAY("/tokenizer", NUMBER_U8, 2),
    {NULL, NULL, 0, SHAPE_OF(0), 0},
};

static const Part checkpoint_parts[] = {
    INT("/", "step", 3),
    INT("/", "tokens", 40),
    ARRAY("/config", NUMBER_U8, 10),
    ARRAY("/tokenizer", NUMBER_U8, 2),
    OTHER("/state", GROUP),
    INT("/state", "batch", 3),
    INT("/state", "vocab_size", 4),
    WORDS("/state", "dataset"),
    WORDS("/state", "precision"),
    WORDS("/state", "core"),
    ARRAY("/state/best", NUMBER_F64, 2),
    OTHER("/model", GROUP),
    ARRAY("/model/embed.weight", NUMBER_REAL, 4, 2),
    ARRAY("/model/norm.bias", NUMBER_REAL, 2),
    {NULL, NULL, 0, SHAPE_OF(0), 0},
};

static Status open_dataset(const char *path)
{
    Dataset d;
    const Status status = dataset_open(&d, path);
    dataset_close(&d);
    return status;
}

static Status open_checkpoint(const char *path)
{
    CheckpointReader r;
    Params p = {0};
    int64_t count;
    const void *data;
    params_matrix(&p, "embed", "weight", 4, 2, 1);
    params_vector(&p, "norm", "bias", 2, 0);
    cr_assert_eq(params_alloc(&p, true), OK);
    Status status = checkpoint_open(&r, path);
    if (!status) status = checkpoint_list(&r, "best", NUMBER_F64, &count, &data);
    if (!status) status = checkpoint_load(&r, &p, false);
    checkpoint_close(&r);
    params_free(&p);
    return status;
}

static const struct Kind {
    const BlockKind *block;
    const Part *parts;
    Status (*open)(const char *path);
} kinds[] = {{&dataset_kind, dataset_parts, open_dataset},
             {&checkpoint_kind, checkpoint_parts, open_checkpoint}};

enum { D, C };

static const struct Case {
    int kind;
    Part part; /* in place of the one of its name */
    const char *says;
} cases[] = {
    {D, OTHER("nothing", GROUP), NULL},
    {D, OTHER("/train", ABSENT), "there is no /train/tokens in it"},
    {D, OTHER("/train/tokens", ABSENT), "there is no /train/tokens in it"},
    {D, OTHER("/train/tokens", GROUP), "/train/tokens is not an array"},
    {D, ARRAY("/train/tokens", NUMBER_U32, 0), "/train/tokens is uint32 [0], not a list"},
    {D, ARRAY("/train/tokens", NUMBER_F32, 0), "not a list of uint16"},
    {D, ARRAY("/train/tokens", NUMBER_U16, 7), "/train/tokens is not where its user block says"},
    {D, ARRAY("/val/tokens", NUMBER_U16, 0, 1), "/val/tokens is uint16 [0, 1]"},
    {D, ARRAY("/val/tokens", NUMBER_U16, 7), "/val/tokens is not where its user block says"},
    {D, ARRAY("/train/documents", NUMBER_I64, 1), "not a list of uint64"},
    {D, ARRAY("/train/documents", NUMBER_U64, 0), "train: -1 documents and 0 prefixes"},
    {D, ARRAY("/train/documents", NUMBER_U64, 2), "train: 1 documents and 0 prefixes"},
    {D, ARRAY("/val/prefixes", NUMBER_U32, 3), "val: 0 documents and 3 prefixes"},
    {D, ARRAY("/val/prefixes", NUMBER_U32, 0, 0, 0, 0), "/val/prefixes is uint32 [0, 0, 0, 0]"},
    {D, ARRAY("/val/chunks", NUMBER_U64, 5), "5 digests for 0 tokens of val"},
    {D, ARRAY("/tokenizer", NUMBER_U8, 1, 2), "/tokenizer is uint8 [1, 2]"},
    {D, INT("/", "vocab_size", 0), "vocab_size 0"},
    {D, INT("/", "vocab_size", INT64_MAX), "vocab_size 9223372036854775807"},
    {D, INT("/", "vocab_size", 65537), "/train/tokens is uint16 [0], not a list of uint32"},
    {D, INT("/", "chunk_size", 1), "chunk_size 1"},
    {D, INT("/", "digest", 1), "attribute digest of / is not a text"},
    {D, {"/", "digest", ABSENT, SHAPE_OF(0), 0}, "/ has no attribute digest"},
    {C, OTHER("nothing", GROUP), NULL},
    {C, ARRAY("/model/embed.weight", NUMBER_REAL, 2, 4), "is [4, 2] in the model and [2, 4] in"},
    {C, ARRAY("/model/embed.weight", NUMBER_REAL, 8), "is [4, 2] in the model and [8] in"},
    {C, ARRAY("/model/embed.weight", NUMBER_REAL, 1, 4, 2), "is [4, 2] in the model and [1, 4, 2]"},
    {C, ARRAY("/model/embed.weight", NUMBER_I64, 4, 2), "/model/embed.weight is float"},
    {C, OTHER("/model/embed.weight", GROUP), "/model/embed.weight is not an array"},
    {C, OTHER("/model/norm.bias", ABSENT), "/model/norm.bias [2] is in the model and not in"},
    {C, ARRAY("/model/more.bias", NUMBER_REAL, 2), "/model/more.bias is in the checkpoint and not"},
    {C, ARRAY("/config", NUMBER_U16, 10), "/config is uint16 [10], not a list of uint8"},
    {C, ARRAY("/config", NUMBER_U8, 2, 5), "/config is uint8 [2, 5]"},
    {C, OTHER("/tokenizer", ABSENT), "there is no /tokenizer in it"},
    {C, ARRAY("/state/best", NUMBER_F32, 2), "/state/best is float32 [2]"},
    {C, INT("/", "step", -1), "step -1"},
    {C, INT("/", "step", INT64_MAX), "step 9223372036854775807"},
    {C, INT("/state", "batch", INT64_MAX), "batch 9223372036854775807"},
    {C, INT("/state", "vocab_size", INT64_MAX), "vocab_size 9223372036854775807"},
    {C, {"/state", "vocab_size", TEXT, SHAPE_OF(0), 0}, "attribute vocab_size of /state is not an"},
    {C, {"/", "step", ABSENT, SHAPE_OF(0), 0}, "/ has no attribute step"},
};

static bool is_same(const Part *a, const Part *b)
{
    return !strcmp(a->path, b->path) &&
           (a->name && b->name ? !strcmp(a->name, b->name) : !a->name && !b->name);
}

static void put(H5Writer *w, const Part *p)
{
    static const unsigned char zeros[64];
    const char *text = p->name && !strcmp(p->name, "precision") ? number_name(NUMBER_REAL) : "none";
    switch (p->type) {
    case ABSENT: return;
    case GROUP: h5_put_group(w, p->path); return;
    case TEXT: h5_put_text(w, p->path, p->name, text); return;
    case NUMBER: h5_put_int(w, p->path, p->name, p->number); return;
    default: h5_put(w, p->path, (NumberType)p->type, p->shape, zeros);
    }
}

TestSuite(shapes, .init = temporary_open, .fini = temporary_close);

ParameterizedTestParameters(shapes, are_exact)
{
    static int which[sizeof cases / sizeof *cases];
    const int count = sizeof which / sizeof *which;
    for (int i = 0; i < count; i++) which[i] = i;
    return cr_make_param_array(int, which, (size_t)count);
}

ParameterizedTest(const int *which, shapes, are_exact)
{
    const struct Case *c = &cases[*which];
    const struct Kind *k = &kinds[c->kind];
    const char *path = in_temporary("x.h5");
    bool is_put = false;
    H5Writer w;
    h5_writer_open(&w, k->block, 16);
    for (const Part *p = k->parts; p->path; p++) {
        const bool inside = !strncmp(p->path, c->part.path, strlen(c->part.path));
        const bool is_other = is_same(p, &c->part);
        if (c->part.type == ABSENT && !c->part.name && inside) continue;
        put(&w, is_other ? &c->part : p);
        is_put |= is_other;
    }
    if (!is_put && c->says) put(&w, &c->part);
    cr_assert_eq(h5_write(&w, path), OK, "%s", error_message());
    h5_writer_close(&w);
    const Status status = k->open(path);
    cr_assert_eq(status_exit_code(status), c->says ? 3 : 0, "%s: %s", c->says ? c->says : "",
                 status ? error_message() : "taken");
    if (c->says) cr_assert(strstr(error_message(), c->says), "%s", error_message());
    if (c->says) cr_assert(strstr(error_message(), "x.h5"), "%s", error_message());
}
