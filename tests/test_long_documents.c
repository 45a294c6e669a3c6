/* One garbled document in a packed batch of many is the first that explain names. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "data/corpora.h"
#include "tests/temporary.h"
#include "train/diagnose/bundle.h"
#include "train/monitor/document_span.h"

#define MUST(call) cr_assert_eq((call), OK, "%s", error_message())

enum { TRAINED = 150, TRIALS = 20, LEAST = 64 };

/* Clauses of the King James Bible, a line each. */
static void write_clauses(const char *from, const char *to)
{
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    char *line = NULL;
    size_t room = 0;
    cr_assert(in && out);
    for (int chapters = 0; chapters < 400 && getline(&line, &room, in) > 0; chapters++) {
        json_t *row = json_loads(line, 0, NULL);
        const char *text = json_string_value(json_object_get(row, "text"));
        for (; text && *text; text++) {
            if (*text != '\n') fputc(*text, out);
            if (strchr(".;:?!", *text) && text[1] == ' ') fputc('\n', out), text++;
            if (*text == '\n') fputc('\n', out);
        }
        json_decref(row);
    }
    free(line);
    fclose(in);
    cr_assert_eq(fclose(out), 0);
}

static void make_dataset(void)
{
    static Corpus corpus;
    PrepareSummary summary;
    char text[PATH_MAX], dataset[PATH_MAX];
    MUST(corpus_make(&corpus, "kjv", temporary, "byte", false));
    snprintf(text, sizeof text, "%s", in_temporary("clauses.txt"));
    snprintf(dataset, sizeof dataset, "%s", in_temporary("clauses.h5"));
    write_clauses(corpus.text, text);
    const char *inputs[] = {text};
    MUST(prepare(&(Prepare){.texts.paths = inputs,
                            .texts.path_count = 1,
                            .texts.format = FORMAT_text,
                            .tokenizer = "char",
                            .output = dataset,
                            .val = 0.1,
                            .seed = 1,
                            .texts.split_on = "\n"},
                 &summary));
}

Test(long_documents, a_garbled_one_of_many_is_ranked_first)
{
    static Config c;
    Run r;
    char path[PATH_MAX + 16], inject[64], count[64];
    const char *settings[] = {path,
                              inject,
                              count,
                              "data.packing=best_fit",
                              "data.document_mask=true",
                              "model.width=64",
                              "model.context=64",
                              "train.batch=64",
                              "optim.lr=3e-3",
                              "optim.warmup=40",
                              "train.threads=1",
                              "monitor.inject=document"};
    temporary_open();
    make_dataset();
    snprintf(path, sizeof path, "data.path=%s", in_temporary("clauses.h5"));
    snprintf(inject, sizeof inject, "monitor.inject_batch=%d", TRAINED + 1);
    snprintf(count, sizeof count, "monitor.inject_count=%d", TRIALS);
    MUST(config_load(&c, NULL, sizeof settings / sizeof *settings, settings));
    MUST(run_open(&r, &c));
    for (int i = 0; i < TRAINED; i++) MUST(run_step(&r));

    int first = 0;
    for (int i = 0; i < TRIALS; i++) {
        Bundle b = {0};
        DocumentSpan *pieces;
        int64_t n;
        MUST(run_measure(&r));
        MUST(bundle_take(&b, &r));
        MUST(document_spans(&r.batch, r.train.split, &b.arena, &pieces, &n));
        cr_assert_geq(n, LEAST);
        const int64_t chosen =
            inject_document(&c.monitor, (uint64_t)c.train.seed, b.batch_index, pieces, n);
        int64_t rank = 0;
        while (b.document[rank].row != pieces[chosen].row) rank++;
        const BundleDocument *d = &b.document[rank];
        printf("batch %lld: of %lld documents rank %lld, %lld tokens, loss %.2f, share %.2f, %s\n",
               (long long)b.batch_index, (long long)n, (long long)rank + 1, (long long)d->rows,
               d->loss, d->share, d->text);
        first += !rank;
        bundle_close(&b);
        run_update(&r);
    }
    printf("%d of %d ranked first\n", first, TRIALS);
    cr_expect_eq(first, TRIALS);
    run_close(&r);
    temporary_close();
}
