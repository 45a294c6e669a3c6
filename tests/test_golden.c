/* Holds a run against tests/golden/: the same models, in PyTorch (make_golden.py there). */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/temporary.h"
#include "train/run/run.h"

#define FOLDER "tests/golden/"

enum { CASES_MAX = 64, SETTINGS_MAX = 40, LINE = 256 };

/* Relative; of gradients also a hundredth of it of the whole gradient's length, as some are 0. */
static const double tolerance = sizeof(real) == 8 ? 1e-11 : 1e-5;

/* make_golden.py: numbers() */
static double number(const char *name, const char *suffix, int64_t i)
{
    uint64_t z = 0xCBF29CE484222325u;
    for (; *name; name++) z = (z ^ (unsigned char)*name) * 0x100000001B3u;
    for (; *suffix; suffix++) z = (z ^ (unsigned char)*suffix) * 0x100000001B3u;
    z += ((uint64_t)i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (2.0 * (double)(z >> 52) - 4095.0) / 16384.0;
}

static void fill_parameters(Params *p)
{
    for (Param *one = p->first; one; one = one->next) {
        const bool gain = strstr(one->name, "norm") && strstr(one->name, ".weight");
        for (int64_t i = 0; i < shape_count(one->tensor.shape); i++)
            one->tensor.data[i] = (real)(gain + number(one->name, "", i));
    }
}

static const Param *find(const Params *p, const char *name)
{
    for (const Param *one = p->first; one; one = one->next)
        if (!strcmp(one->name, name)) return one;
    return NULL;
}

static void check(double got, double want, double slack, const char *what, const char *name)
{
    cr_expect(fabs(got - want) <= tolerance * fabs(want) + slack,
              "%s %s: %.17g, PyTorch has %.17g (off by %.2g)", what, name, got, want, got - want);
}

/* A line "gradient|last NAME count length projection" against the same of x. */
static void check_two(const char *line, const Params *p, const real *block, double slack)
{
    char what[LINE], name[LINE];
    long long count;
    double length, projection, squares = 0, sum = 0;
    cr_assert_eq(sscanf(line, "%s %s %lld %lf %lf", what, name, &count, &length, &projection), 5);
    const Param *one = find(p, name);
    cr_assert(one, "there is no parameter %s", name);
    cr_assert_eq(shape_count(one->tensor.shape), count, "%s has another size", name);
    const real *x = block + one->tensor.offset;
    for (int64_t i = 0; i < count; i++) {
        squares += (double)x[i] * x[i];
        sum += x[i] * number(name, "#", i);
    }
    check(sqrt(squares), length, slack, what, name);
    /* The direction is sqrt(count / 48) long. */
    check(sum, projection, sqrt((double)count / 48) * (tolerance * length + slack), what, name);
}

/* Every number of the gradient: FOLDER NAME.f64, in the order of the "gradient" lines. */
static void check_whole(FILE *whole, const char *line, const Run *r)
{
    char name[LINE];
    cr_assert_eq(sscanf(line, "gradient %s", name), 1);
    const Param *one = find(&r->params, name);
    for (int64_t i = 0; i < shape_count(one->tensor.shape); i++) {
        double want, got = r->params.grad[one->tensor.offset + i];
        cr_assert_eq(fread(&want, sizeof want, 1, whole), 1u);
        cr_assert(fabs(got - want) <= tolerance * (fabs(want) + 0.01 * r->grad_norm),
                  "gradient of %s, number %lld: %.17g, PyTorch has %.17g", name, (long long)i, got,
                  want);
    }
}

/* After ten steps of Adam, whose step is of size lr whatever the gradient's size, float is off by
 * more; and keys' biases, whose true gradient is 0 as softmax does not see them, wander with noise. */
static void check_last(const char *line, const Run *r)
{
    if (sizeof(real) == 8)
        check_two(line, &r->params, r->params.value, 1e-9);
    else if (!strstr(line, "attn.k.bias"))
        check_two(line, &r->params, r->params.value, 1e-3);
}

/* tokens.bin, cut into the documents that golden.txt tells of. */
static void write_documents(const char *path)
{
    char line[LINE];
    int32_t tokens[1024];
    uint16_t token;
    int64_t count = 0, begin = 0, end;
    DatasetWriter *w;
    FILE *f = fopen(FOLDER "tokens.bin", "rb");
    cr_assert(f);
    while (count < 1024 && fread(&token, sizeof token, 1, f)) tokens[count++] = token;
    fclose(f);
    f = fopen(FOLDER "golden.txt", "r");
    do {
        cr_assert(fgets(line, sizeof line, f));
    } while (strncmp(line, "documents ", 10));
    fclose(f);
    cr_assert_eq(dataset_writer_open(&w, path, 61), OK, "%s", error_message());
    for (char *at = line + 9; (end = strtoll(at, &at, 10)) > 0; begin = end)
        cr_assert_eq(dataset_writer_add(w, false, tokens + begin, end - begin, 0, false), OK);
    cr_assert_eq(begin, count);
    cr_assert_eq(dataset_writer_finish(w, NULL, 0), OK, "%s", error_message());
    dataset_writer_close(w);
}

/* Opens golden.txt behind the line "case NAME" of the index-th case. */
static FILE *open_case(int index, char name[LINE])
{
    char line[LINE];
    FILE *f = fopen(FOLDER "golden.txt", "r");
    cr_assert(f, "no " FOLDER "golden.txt: is this the root of the source?");
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "case %s", name) == 1 && !index--) return f;
    fclose(f);
    return NULL;
}

/* Runs one case with further settings and compares all that golden.txt says of it. */
static void run_case(int index, int extra_count, const char *const extra[])
{
    static char settings[SETTINGS_MAX][LINE];
    const char *overrides[SETTINGS_MAX] = {"data.path=" FOLDER "tokens.bin",
                                           "data.order=sequential", "train.eval_every=0"};
    char line[LINE], name[LINE], path[2 * LINE];
    int count = 3, steps = 0, gradients = 0, params = 0;
    Config config;
    Run r;
    FILE *f = open_case(index, name);
    cr_assert(f);
    for (int i = 0; i < extra_count; i++) overrides[count++] = extra[i];
    while (fgets(line, sizeof line, f) && sscanf(line, "set %s", settings[count]) == 1) {
        overrides[count] = settings[count];
        cr_assert_lt(++count, SETTINGS_MAX);
    }
    cr_assert_eq(config_load(&config, NULL, count, overrides), OK, "%s: %s", name, error_message());
    temporary_open();
    if (config.data.document_mask) {
        snprintf(config.data.path, sizeof config.data.path, "%s", in_temporary("documents.h5"));
        write_documents(config.data.path);
    }
    cr_assert_eq(run_open(&r, &config), OK, "%s: %s", name, error_message());
    fill_parameters(&r.params);
    snprintf(path, sizeof path, FOLDER "%s.f64", name);
    FILE *whole = fopen(path, "rb");

    /* line is the first step's; then come its gradients, further steps, and the last values. */
    do {
        double loss, norm, lr;
        if (sscanf(line, "step %lf %lf %lf", &loss, &norm, &lr) == 3) {
            cr_assert_eq(run_step(&r), OK, "%s: %s", name, error_message());
            /* Differences grow from step to step. */
            const double slack = steps++ ? 5 * tolerance : 0;
            check(r.loss, loss, slack, name, "loss");
            check(r.grad_norm, norm, 4 * slack, name, "norm");
            cr_expect_float_eq(r.lr, lr, 1e-15);
        } else if (!strncmp(line, "gradient", 8)) {
            gradients++;
            check_two(line, &r.params, r.params.grad, 0.01 * tolerance * r.grad_norm);
            if (whole) check_whole(whole, line, &r);
        } else
            check_last(line, &r);
    } while (fgets(line, sizeof line, f) && strncmp(line, "case", 4));
    for (const Param *one = r.params.first; one; one = one->next) params++;
    cr_expect_eq(steps, config.train.steps, "%s: %d steps", name, steps);
    cr_expect_eq(gradients, params, "%s: PyTorch has %d parameters, not %d", name, gradients,
                 params);
    if (whole) {
        cr_expect_eq(getc(whole), EOF);
        fclose(whole);
    }
    fclose(f);
    run_close(&r);
    temporary_close();
}

static int count_cases(void)
{
    char name[LINE];
    int count = 0;
    for (FILE *f; count < CASES_MAX && (f = open_case(count, name)); count++) fclose(f);
    return count;
}

ParameterizedTestParameters(golden, agrees_with_pytorch)
{
    static int cases[CASES_MAX];
    for (int i = 0; i < CASES_MAX; i++) cases[i] = i;
    return cr_make_param_array(int, cases, (size_t)count_cases(), NULL);
}

ParameterizedTest(int *index, golden, agrees_with_pytorch)
{
    run_case(*index, 0, NULL);
}

Test(golden, all_cases_are_there)
{
    cr_assert_geq(count_cases(), 34);
}

/* The two whole cases come first: gpt2, llama. */
Test(golden, microbatches_agree_too)
{
    for (int index = 0; index < 2; index++) {
        run_case(index, 2, (const char *[]){"train.microbatches=4", "train.groups=2"});
        run_case(index, 1, (const char *[]){"train.microbatches=3"});
        run_case(index, 1, (const char *[]){"train.microbatches=1"});
    }
}
