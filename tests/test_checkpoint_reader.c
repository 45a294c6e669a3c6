/* A checkpoint need not be HDF5: a format that lives in memory gives a model its numbers, or is refused by name. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support.h"
#include "train/checkpoint/checkpoint_format.h"

enum { VOCAB = 7, ARRAYS_MAX = 64 };

static const char config_text[] = "model: {layers: 1, heads: 1, width: 4, context: 3}\n";
static const double best[] = {1.5, 3};

/* The file: the arrays of the model, in alphabetical order; number i of array n is n + i / 100. */
static struct {
    const char *name[ARRAYS_MAX];
    Shape shape[ARRAYS_MAX];
    int count;
} memory;

static bool recognizes(const unsigned char *head, int64_t size)
{
    return size >= 4 && !memcmp(head, "MEMO", 4);
}

static Status open_memory(CheckpointReader *r, const char *path)
{
    r->path = path;
    r->info = (CheckpointInfo){.step = 3,
                               .vocab_size = VOCAB,
                               .config = config_text,
                               .config_size = sizeof config_text - 1};
    strcpy(r->info.precision, number_name(NUMBER_REAL));
    return OK;
}

static void close_memory(CheckpointReader *r)
{
    (void)r;
}

static int index_of(const char *name)
{
    int i = 0;
    while (i < memory.count && strcmp(memory.name[i], name)) i++;
    return i;
}

static Status find(const CheckpointReader *r, const char *name, bool *found, CheckpointArray *out)
{
    (void)r;
    if (!strcmp(name, "/state/best")) {
        *found = true;
        *out = (CheckpointArray){NUMBER_F64, SHAPE(2), best};
        return OK;
    }
    const int i = strncmp(name, "/model/", 7) ? memory.count : index_of(name + 7);
    *found = i < memory.count;
    if (*found) *out = (CheckpointArray){.type = NUMBER_REAL, .shape = memory.shape[i]};
    return OK;
}

static const char *next(const CheckpointReader *r, const char *group, const char *last)
{
    (void)r;
    const int i = last ? index_of(last) + 1 : 0;
    return !strcmp(group, "/model") && i < memory.count ? memory.name[i] : NULL;
}

static Status read_numbers(const CheckpointReader *r, const char *name, real *to, int64_t count)
{
    const int n = index_of(name + 7);
    (void)r;
    for (int64_t i = 0; i < count; i++) to[i] = (real)(n + 0.01 * (double)i);
    return OK;
}

static const CheckpointFormat format = {.name = "memory",
                                        .recognizes = recognizes,
                                        .open = open_memory,
                                        .close = close_memory,
                                        .find = find,
                                        .next = next,
                                        .read = read_numbers};

static CheckpointReader reader;
static Config config;
static Gpt model;
static Params params;

static void setup(void)
{
    MUST(checkpoint_open_as(&reader, &format, "in memory"));
    MUST(checkpoint_config(&reader, 0, NULL, &config));
    gpt_init(&model, &params, &config.model, VOCAB, 0);
    MUST(params_alloc(&params, false));
    memory.count = 0;
    for (const Param *p = params.first; p; p = p->next) {
        memory.name[memory.count] = p->name;
        memory.shape[memory.count++] = p->tensor.shape;
    }
}

static void teardown(void)
{
    params_free(&params);
    checkpoint_close(&reader);
}

TestSuite(checkpoint_reader, .init = setup, .fini = teardown);

Test(checkpoint_reader, fills_a_model_from_any_format)
{
    cr_assert_eq(config.model.width, 4);
    MUST(checkpoint_check_model(&reader, &config));
    MUST(checkpoint_load(&reader, &params, false));
    cr_assert_gt(memory.count, 10);
    for (const Param *p = params.first; p; p = p->next)
        for (int64_t i = 0; i < shape_count(p->tensor.shape); i++)
            cr_assert_eq(p->tensor.data[i], (real)(index_of(p->name) + 0.01 * (double)i));
    cr_assert_eq(checkpoint_load(&reader, &params, true), E_FORMAT, "it has no moments");
}

Test(checkpoint_reader, gives_lists_in_place)
{
    int64_t count;
    const void *data;
    MUST(checkpoint_list(&reader, "best", NUMBER_F64, &count, &data));
    cr_assert_eq(count, 2);
    cr_assert_eq(data, best);
    MUST(checkpoint_list(&reader, "none", NUMBER_F64, &count, &data));
    cr_assert_null(data);
    cr_assert_eq(checkpoint_list(&reader, "best", NUMBER_I64, &count, &data), E_FORMAT);
}

static void refused(const char *part)
{
    cr_expect_eq(checkpoint_check_model(&reader, &config), E_FORMAT);
    cr_expect(strstr(error_message(), part), "%s", error_message());
    params.value[0] = 42;
    cr_expect_eq(checkpoint_load(&reader, &params, false), E_FORMAT);
    cr_expect_eq(params.value[0], 42, "nothing is changed");
}

Test(checkpoint_reader, refuses_another_models_arrays_by_name)
{
    const char *first = memory.name[0];
    memory.name[0] = "other.weight";
    char part[128];
    snprintf(part, sizeof part, "in memory: /model/%s", first);
    refused(part);
    memory.name[0] = first;

    memory.name[memory.count] = "more.weight";
    memory.shape[memory.count++] = SHAPE(1);
    refused("/model/more.weight is in the checkpoint and not in the model");
    memory.count--;

    memory.shape[2] = SHAPE(5);
    refused("[5] in the checkpoint");
}
