/* Documents of a batch, faults that are injected, and bundles: written, read, and refused. */
#include <jansson.h>
#include <math.h>

#include "tests/written.h"
#include "train/diagnose/bundle.h"
#include "train/monitor/document_span.h"
#include "train/monitor/inject.h"

static const Written documents[] = {{9, 2},  {40, 0}, {5, 4}, {3, 1}, {17, 6}, {1, 0},
                                    {12, 0}, {8, 3},  {6, 0}, {2, 0}, {30, 9}, {0, 0}};

/* Ways to read them. */
static const char *const ways[][4] = {
    {"data.packing=none"},
    {"data.packing=concat", "data.document_mask=true"},
    {"data.packing=best_fit"},
    {"data.packing=best_fit", "data.document_mask=true", "data.objective=prefix"},
    {"data.packing=spfhp", "data.objective=prefix", "data.prefix_split=random"},
};
enum { WAYS = sizeof ways / sizeof *ways, SEQUENCES = 5, CONTEXT = 16, ROWS = SEQUENCES * CONTEXT };

static Run run;
static Config config;

static void setup(void)
{
    temporary_open();
    written(documents, "d.h5");
}

static void open_way(int way, const char *more)
{
    char path[PATH_MAX + 16];
    const char *all[16] = {"model.layers=2",
                           "model.heads=2",
                           "model.width=8",
                           "model.context=16",
                           "train.batch=5",
                           "train.steps=9",
                           path};
    int count = 7;
    snprintf(path, sizeof path, "data.path=%s", in_temporary("d.h5"));
    for (int i = 0; i < 4 && ways[way][i]; i++) all[count++] = ways[way][i];
    if (more) all[count++] = more;
    MUST(config_load(&config, NULL, count, all));
    MUST(run_open(&run, &config));
}

static void teardown(void)
{
    run_close(&run);
    temporary_close();
}

TestSuite(bundle, .init = setup, .fini = teardown);

Test(bundle, each_loss_is_in_one_span_of_its_document)
{
    for (int way = 0; way < WAYS; way++) {
        open_way(way, NULL);
        const Split *s = run.train.split;
        for (int64_t batch_index = 1; batch_index < 40; batch_index++) {
            Arena arena = {0};
            DocumentSpan *pieces;
            int64_t count, losses = 0, seen[ROWS] = {0};
            const Batch *b = &run.batch;
            MUST(batches_fill(&run.train, batch_index, &run.batch));
            MUST(document_spans(b, s, &arena, &pieces, &count));
            for (int64_t i = 0; i < count; i++) {
                const DocumentSpan *p = &pieces[i];
                const int64_t begin = (int64_t)s->offsets[p->document],
                              end = (int64_t)s->offsets[p->document + 1];
                cr_assert(p->row / CONTEXT == p->sequence && (p->end - 1) / CONTEXT == p->sequence);
                cr_assert(begin <= p->token_begin && p->token_end <= end);
                cr_assert_eq(p->token_end - p->token_begin, p->end - p->row);
                for (int64_t row = p->row; row < p->end; row++) {
                    const int64_t token = p->token_begin + row - p->row;
                    cr_assert_eq(document_span_token(b, p, row), split_token(s, token));
                    seen[row]++;
                    if (b->origins[row] < 0) continue;
                    cr_assert_eq(b->origins[row], token);
                    losses++;
                }
            }
            for (int64_t row = 0; row < ROWS; row++)
                cr_assert(seen[row] < 2 && (b->origins[row] < 0 || seen[row]));
            cr_assert_eq(losses, b->loss_tokens);
            arena_free(&arena);
        }
        run_close(&run);
    }
    open_way(0, NULL);
}

/* How many numbers of a batch differ. */
static int64_t differences(const int32_t *a, const int32_t *b)
{
    int64_t count = 0;
    for (int64_t i = 0; i < ROWS; i++) count += a[i] != b[i];
    return count;
}

static MonitorConfig fault(InjectFault what)
{
    return (
        MonitorConfig){.inject = what, .inject_batch = 7, .inject_count = 3, .inject_factor = 1000};
}

static void spoil(const MonitorConfig *c, int64_t batch_index, int32_t *inputs, int32_t *targets)
{
    MUST(batches_fill(&run.train, batch_index, &run.batch));
    MUST(inject_tokens(c, &run.train, batch_index, &run.batch));
    memcpy(inputs, run.batch.inputs, ROWS * sizeof *inputs);
    memcpy(targets, run.batch.targets, ROWS * sizeof *targets);
}

Test(bundle, faults_are_functions_of_the_batch_and_last_as_long_as_is_said)
{
    static const InjectFault faults[] = {INJECT_none,     INJECT_random,   INJECT_shuffle,
                                         INJECT_constant, INJECT_document, INJECT_gradient,
                                         INJECT_nan};
    int32_t clean[2][ROWS], one[2][ROWS], again[2][ROWS];
    for (int way = 0; way < WAYS; way++) {
        open_way(way, NULL);
        const MonitorConfig none = fault(INJECT_none);
        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
            const MonitorConfig c = fault(faults[i]);
            const bool spoils = i >= 1 && i <= 4;
            for (int64_t batch_index = 5; batch_index < 12; batch_index++) {
                const bool is_due = i && batch_index >= 7 && batch_index < 10;
                cr_expect_eq(inject_is_due(&c, batch_index), is_due);
                spoil(&none, batch_index, clean[0], clean[1]);
                spoil(&c, batch_index, one[0], one[1]);
                spoil(&c, batch_index, again[0], again[1]);
                cr_assert_eq(memcmp(one, again, sizeof one), 0);
                if (i == 4) /* all documents may be too short */
                    cr_assert(is_due || !differences(clean[1], one[1]));
                else
                    cr_assert_eq(differences(clean[1], one[1]) > 0, is_due && spoils, "%s",
                                 inject_text(faults[i]));
                for (int64_t row = 0; row < ROWS; row++)
                    cr_assert_eq(clean[1][row] < 0, one[1][row] < 0, "%s", inject_text(faults[i]));
            }
        }
        run_close(&run);
    }
    open_way(0, NULL);
}

static int by_value(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

Test(bundle, faults_do_what_they_say)
{
    int32_t clean[2][ROWS], now[2][ROWS];
    open_way(2, NULL);
    MonitorConfig c = fault(INJECT_none);
    spoil(&c, 8, clean[0], clean[1]);

    c = fault(INJECT_shuffle);
    spoil(&c, 8, now[0], now[1]);
    cr_expect_eq(differences(clean[0], now[0]), 0);
    qsort(clean[1], ROWS, sizeof **clean, by_value);
    qsort(now[1], ROWS, sizeof **now, by_value);
    cr_expect_eq(differences(clean[1], now[1]), 0, "targets are still the same ones");

    c = fault(INJECT_constant);
    spoil(&c, 8, now[0], now[1]);
    const int32_t one = now[0][0];
    for (int64_t i = 0; i < ROWS; i++)
        cr_assert(now[0][i] == one && (now[1][i] == one || now[1][i] < 0));
    spoil(&c, 9, now[0], now[1]);
    cr_expect_eq(now[0][3], one, "the same one in all batches");

    c = fault(INJECT_gradient);
    for (int64_t i = 0; i < run.params.count; i++) run.params.grad[i] = 2;
    inject_gradient(&c, 6, &run.params);
    cr_expect_eq(run.params.grad[5], 2);
    inject_gradient(&c, 7, &run.params);
    cr_expect_eq(run.params.grad[5], 2000);
}

Test(bundle, one_document_is_spoilt_and_no_other)
{
    int32_t clean[2][ROWS], now[2][ROWS];
    int64_t different = 0;
    for (int way = 0; way < WAYS; way++) {
        open_way(way, NULL);
        for (int64_t batch_index = 1; batch_index < 50; batch_index++) {
            Arena arena = {0};
            DocumentSpan *pieces;
            int64_t count;
            MonitorConfig c = fault(INJECT_none);
            spoil(&c, batch_index, clean[0], clean[1]);
            c = fault(INJECT_document);
            c.inject_batch = batch_index;
            spoil(&c, batch_index, now[0], now[1]);
            MUST(document_spans(&run.batch, run.train.split, &arena, &pieces, &count));
            const int64_t chosen =
                inject_document(&c, (uint64_t)config.train.seed, batch_index, pieces, count);
            cr_assert(chosen >= 0 && chosen < count);
            const DocumentSpan *p = &pieces[chosen];
            for (int64_t row = 0; row < ROWS; row++) {
                const bool inside = row >= p->row && row < p->end;
                cr_assert(inside || now[1][row] == clean[1][row]);
                cr_assert((inside && row > p->row) || now[0][row] == clean[0][row]);
                if (inside && row + 1 < p->end && now[1][row] >= 0)
                    cr_assert_eq(now[1][row], now[0][row + 1], "targets are the next inputs");
                different += now[1][row] != clean[1][row];
            }
            arena_free(&arena);
        }
        run_close(&run);
    }
    cr_expect_gt(different, 200);
    open_way(0, NULL);
}

Test(bundle, a_fault_location_is_read)
{
    InjectTarget p;
    open_way(0, NULL);
    MUST(inject_target("blocks.1.mlp/linear/backward", &p));
    cr_expect(!strcmp(p.scope, "blocks.1.mlp") && !strcmp(p.op, "linear") && p.in_backward);
    MUST(inject_target("head/cross_entropy", &p));
    cr_expect(!strcmp(p.scope, "head") && !strcmp(p.op, "cross_entropy") && !p.in_backward);
    static const char *const wrong[] = {"",
                                        "/",
                                        "head",
                                        "head/",
                                        "/linear",
                                        "head/linear/",
                                        "head/linear/forward",
                                        "head/linear/backward/more"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(inject_target(wrong[i], &p), E_CONFIG, "%s", wrong[i]);
    cr_expect_eq(inject_target("head/lineer", &p), E_CONFIG);
    cr_expect(strstr(error_message(), "did you mean linear?"), "%s", error_message());
}

/* A bundle of batch 3, written as bundle.json of the temporary folder. */
static void make(Bundle *b)
{
    static real row_loss[ROWS];
    double sum;
    *b = (Bundle){.step = 3,
                  .batch_index = 3,
                  .before_step = -1,
                  .run = "runs/caf\xc3\xa9",
                  .flag = "loss",
                  .rule = "robust",
                  .action = "taken",
                  .message = "a \"spike\"",
                  .baseline_loss = 3.25,
                  .finding = {.found = true, .op = "linear", .scope = "blocks.0.mlp"}};
    snprintf(b->folder, sizeof b->folder, "%s", temporary);
    open_way(3, NULL);
    MUST(batches_fill(&run.train, 3, &run.batch));
    MUST(microbatches_loss(run.microbatches, &run.model, &run.batch, &sum, row_loss));
    MUST(bundle_documents(b, &run, row_loss));
    int64_t named = 0;
    for (const Param *p = run.params.first; p; p = p->next) named++;
    MUST(history_open(&b->history, &b->arena, 4, 2, named));
    for (int i = 0; i < 6; i++) { /* more than it holds */
        double *row = history_add(&b->history);
        row[SIGNAL_step] = row[SIGNAL_batch] = i - 2;
        row[SIGNAL_loss] = i == 4 ? (double)INFINITY : 0.1 * i;
        row[SIGNAL_grad_norm] = -INFINITY;
        row[history_param(&b->history, named - 1, PARAM_rms)] = 1e-300 * i;
    }
    MUST(bundle_params(b, &run.params));
    MUST(bundle_write(b));
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

Test(bundle, reads_back_as_it_was_written)
{
    Bundle a, b;
    make(&a);
    cr_assert_eq(temporary_files(0), 2, "d.h5 and bundle.json, no draft");
    MUST(bundle_read(&b, temporary));
    cr_expect(b.step == a.step && b.batch_index == a.batch_index && b.before_step == a.before_step);
    cr_expect_str_eq(b.run, a.run);
    cr_expect_str_eq(b.dataset, a.dataset);
    cr_expect_str_eq(b.message, a.message);
    cr_expect(b.finding.found && !b.finding.in_backward && !b.finding.parameter);
    cr_expect_str_eq(b.finding.scope, "blocks.0.mlp");
    cr_assert(b.rows == ROWS && b.documents == a.documents && b.documents > 3);
    cr_expect_eq(memcmp(a.inputs, b.inputs, ROWS * sizeof *a.inputs), 0);
    cr_expect_eq(memcmp(a.targets, b.targets, ROWS * sizeof *a.targets), 0);
    cr_expect_eq(memcmp(a.row_loss, b.row_loss, ROWS * sizeof *a.row_loss), 0);
    for (int64_t i = 0; i < a.documents; i++) {
        const BundleDocument *x = &a.document[i], *y = &b.document[i];
        cr_expect(x->document == y->document && x->row == y->row && x->loss == y->loss &&
                  x->share == y->share && x->byte_end == y->byte_end && !strcmp(x->text, y->text));
        if (i)
            cr_expect_geq(x[-1].excess / sqrt((double)x[-1].rows),
                          x->excess / sqrt((double)x->rows));
    }
    cr_assert_eq(history_rows(&b.history), 4);
    for (int64_t i = 0; i < 4; i++)
        for (int64_t j = 0; j < a.history.columns; j++)
            cr_assert(same_number(history_row(&a.history, i)[j], history_row(&b.history, i)[j]));
    MUST(bundle_check_model(&b, &run.params, 2));
    bundle_close(&a);
    bundle_close(&b);
}

Test(bundle, knows_where_a_document_s_text_is)
{
    Bundle b;
    make(&b);
    for (int64_t i = 0; i < b.documents; i++) {
        const BundleDocument *d = &b.document[i];
        const int64_t begin = (int64_t)run.train.split->offsets[d->document];
        /* A token is a byte. */
        cr_expect_eq(d->byte_begin, d->token_begin - begin);
        cr_expect_eq(d->byte_end, d->token_end - begin);
        double sum = 0;
        for (int64_t row = d->row;
             row / CONTEXT == d->sequence && d->row + d->token_end - d->token_begin > row; row++)
            if (b.targets[row] >= 0) sum += b.row_loss[row];
        cr_expect_float_eq(d->excess, sum - 3.25 * (double)d->rows, 1e-9);
    }
    bundle_close(&b);
}

static json_t *load(const char *path)
{
    json_t *root = json_load_file(path, 0, NULL);
    cr_assert(root);
    return root;
}

static void expect_refused(json_t *root, const char *path, const char *names)
{
    Bundle b;
    cr_assert_eq(json_dump_file(root, path, 0), 0);
    cr_expect_eq(bundle_read(&b, temporary), E_FORMAT, "%s", names);
    cr_expect(strstr(error_message(), names) && strstr(error_message(), "bundle.json"),
              "%s is not named: %s", names, error_message());
    bundle_close(&b);
}

/* Takes each key of an object away, makes it another type, and adds one that nobody knows. */
static void spoil_keys(json_t *root, json_t *object, const char *path)
{
    const char *key;
    json_t *value;
    json_t *whole = json_copy(object);
    json_object_foreach(whole, key, value)
    {
        char quoted[80];
        snprintf(quoted, sizeof quoted, "\"%s\"", key);
        json_object_del(object, key);
        expect_refused(root, path, quoted);
        json_object_set_new(object, key, json_pack("{s:s}", "not", "this"));
        expect_refused(root, path, quoted);
        json_object_set(object, key, value);
    }
    json_object_set_new(object, "surprise", json_true());
    expect_refused(root, path, "surprise");
    json_object_del(object, "surprise");
    json_decref(whole);
}

Test(bundle, what_is_malformed_is_refused_and_named)
{
    Bundle a, b;
    make(&a);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", in_temporary("bundle.json"));
    json_t *root = load(path);
    spoil_keys(root, root, path);
    spoil_keys(root, json_object_get(root, "finding"), path);
    spoil_keys(root, json_object_get(root, "history"), path);
    spoil_keys(root, json_array_get(json_object_get(root, "documents"), 1), path);

    static const char *const arrays[] = {"inputs", "targets", "row_loss"};
    for (int i = 0; i < 3; i++) {
        json_t *array = json_object_get(root, arrays[i]),
               *kept = json_incref(json_array_get(array, 2));
        json_array_remove(array, 2);
        expect_refused(root, path, arrays[i]);
        json_array_insert_new(array, 2, json_string("x"));
        expect_refused(root, path, arrays[i]);
        json_array_set_new(array, 2, kept);
    }
    json_t *rows = json_object_get(json_object_get(root, "history"), "rows");
    json_array_append_new(json_array_get(rows, 1), json_real(1));
    expect_refused(root, path, "\"rows\"[1]");
    json_array_remove(json_array_get(rows, 1), (size_t)a.history.columns);
    json_object_set_new(root, "batch", json_integer(4));
    expect_refused(root, path, "newest row");
    json_object_set_new(root, "batch", json_integer(3));
    cr_assert_eq(json_dump_file(root, path, 0), 0);
    MUST(bundle_read(&b, temporary));
    bundle_close(&b);
    json_decref(root);

    file_put(path, "{\"format\": \"capstan-spike\",\n !", 30);
    cr_expect_eq(bundle_read(&b, temporary), E_FORMAT);
    cr_expect(strstr(error_message(), "bundle.json:2:"), "%s", error_message());
    bundle_close(&b);
    remove(path);
    cr_expect_eq(bundle_read(&b, temporary), E_FORMAT);
    bundle_close(&b);
    bundle_close(&a);
}

Test(bundle, of_another_model_is_refused)
{
    Bundle b;
    make(&b);
    run_close(&run);
    open_way(0, "model.norm=rmsnorm");
    cr_expect_eq(bundle_check_model(&b, &run.params, 2), E_FORMAT);
    cr_expect(strstr(error_message(), "another model"), "%s", error_message());
    run_close(&run);
    open_way(0, "model.tied=false");
    cr_expect_eq(bundle_check_model(&b, &run.params, 2), E_FORMAT);
    cr_expect(strstr(error_message(), "head.weight"), "%s", error_message());
    cr_expect_eq(bundle_check_model(&b, &run.params, 3), E_FORMAT);
    bundle_close(&b);
}

Test(bundle, a_write_that_fails_leaves_nothing)
{
    Bundle b;
    make(&b);
    remove(in_temporary("bundle.json"));
    strcat(b.folder, "/nowhere");
    cr_expect_eq(bundle_write(&b), E_IO);
    cr_expect_eq(temporary_files(0), 1);
    bundle_close(&b);
}
