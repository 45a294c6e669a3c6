/* Reports: what is on the page, that nothing on it comes from elsewhere, and that plots tell the truth. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support.h"
#include "tests/temporary.h"
#include "train/plot/curve.h"
#include "train/plot/html.h"
#include "train/plot/plot.h"
#include "train/plot/sha256.h"
#include "train/plot/smooth.h"
#include "train/plot/sparkline.h"
#include "train/report/report.h"

enum { UNIT = CANVAS_UNIT };

static char *text; /* what was written to `out` */
static size_t size;
static FILE *out;

static void setup(void)
{
    temporary_open();
    out = open_memstream(&text, &size);
}

static void teardown(void)
{
    if (out) fclose(out);
    free(text);
    temporary_close();
}

TestSuite(report, .init = setup, .fini = teardown);

static const char *written(void)
{
    cr_assert_eq(fflush(out), 0);
    return text;
}

static bool has(const char *what)
{
    return strstr(written(), what) != NULL;
}

Test(report, text_is_escaped)
{
    html_text("<script>alert('a')</script> & \"b\"\x01\xFF\xC2\x85\xEF\xBF\xBE \xC3\xA4\n", out);
    cr_assert_str_eq(written(),
                     "&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt; &amp; &quot;b&quot;"
                     "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xC3\xA4\n");
}

Test(report, the_direction_of_text_stays)
{
    html_text("a\xE2\x80\xAE!\xE2\x81\xA6\xD8\x9C \xD8\xA7", out);
    cr_assert_str_eq(written(), "a\xEF\xBF\xBD!\xEF\xBF\xBD\xEF\xBF\xBD \xD8\xA7");
}

Test(report, sha256)
{
    static const char *const texts[] = {"", "abc",
                                        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"};
    static const char *const digests[] = {"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                                          "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
                                          "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE="};
    for (int i = 0; i < 3; i++) {
        Sha256 hash;
        char digest[SHA256_TEXT];
        sha256_begin(&hash);
        sha256_add(&hash, texts[i], strlen(texts[i]));
        cr_expect_str_eq(sha256_base64(&hash, digest), digests[i]);
    }
}

Test(report, what_is_printed_is_escaped)
{
    html_print(out, "%s|%lld|%.2f|%d|%%|%s", "<&", (long long)-7, 1.5, 3, "");
    cr_assert_str_eq(written(), "&lt;&amp;|-7|1.50|3|%|");
}

/* clang-format off */
static const struct { double x; int digits; const char *shown; } numbers[] = {
    {0, 4, "0"}, {1.11734, 5, "1.1173"}, {0.002, 2, "0.002"}, {2e-4, 2, "2e-4"}, {1000, 2, "1000"}, {9999.4, 4, "9999"},
    {12345, 3, "12.3k"}, {999999, 3, "1000k"}, {3.48e6, 3, "3.48M"}, {1.5e15, 3, "1.5e15"}, {5e10, 3, "5e10"}, {1.2e9, 3, "1.2e9"}, {999.1e6, 3, "999M"}, {-0.5, 2, "-0.5"}, {837000, 3, "837k"},
    {INFINITY, 3, "inf"}, {NAN, 3, "nan"}, {-12e6, 3, "-12M"}, {150, 1, "150"}, {1e-300, 3, "1e-300"}, {124439808, 4, "124.4M"}};
/* clang-format on */

ParameterizedTestParameters(report, numbers_are_short)
{
    static int all[sizeof numbers / sizeof *numbers];
    for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) all[i] = i;
    return cr_make_param_array(int, all, sizeof all / sizeof *all);
}

ParameterizedTest(int *i, report, numbers_are_short)
{
    char shown[TICK_LABEL];
    cr_assert_str_eq(axis_number(numbers[*i].x, numbers[*i].digits, shown), numbers[*i].shown);
}

/* clang-format off */
static const struct { double min, max; bool is_log; } axes[] = {
    {0, 1, false}, {1.1, 5.6, false}, {-3e9, 2e9, false}, {1e-9, 2e-9, false}, {1e6, 1e6 + 1, false}, {0, 1e300, false},
    {5, 5, false}, {0, 0, false}, {1, -1, false}, {1, 1e5, true}, {1e-12, 1e12, true}, {1.18, 1.2, true}, {3, 3, true}, {9e5, 3e8, true},
    {-1, 5, true}, {1e-300, 1e300, true}};
/* clang-format on */

ParameterizedTestParameters(report, ticks_are_on_the_axis_and_ascend)
{
    static int all[sizeof axes / sizeof *axes];
    for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) all[i] = i;
    return cr_make_param_array(int, all, sizeof all / sizeof *all);
}

ParameterizedTest(int *i, report, ticks_are_on_the_axis_and_ascend)
{
    const PlotAxis a = axis_make(axes[*i].min, axes[*i].max, axes[*i].is_log);
    Tick ticks[TICKS_MAX];
    cr_assert(a.min < a.max);
    for (int wanted = 3; wanted < 12; wanted++) {
        const int count = axis_ticks(&a, wanted, ticks);
        int majors = 0;
        for (int k = 0; k < count; k++) {
            const double place = axis_position(&a, ticks[k].value);
            cr_assert(place >= -1e-6 && place <= 1 + 1e-6, "%g on %g to %g", ticks[k].value, a.min,
                      a.max);
            cr_assert(!k || ticks[k].value > ticks[k - 1].value);
            cr_assert_float_eq(axis_position(&a, axis_value(&a, place)), place, 1e-6);
            majors += ticks[k].is_major;
            for (int j = 0; j < k; j++)
                cr_assert(!ticks[k].is_major || !ticks[j].is_major ||
                              strcmp(ticks[j].label, ticks[k].label),
                          "%s twice on %g to %g", ticks[k].label, a.min, a.max);
        }
        cr_assert(majors >= 2 && majors <= 2 * wanted + 4, "%d ticks, %d wanted", majors, wanted);
    }
}

/* A path's points: relative numbers, in hundredths of a pixel. Returns how many; parts: of "m". */
static int read_path(const char *d, long u[], long v[], int most, int *parts)
{
    int count = 0;
    long x = 0, y = 0;
    *parts = 0;
    while (*d) {
        *parts += *d == 'm';
        char *end;
        if (*d == 'm' || *d == 'z' || *d == ' ') d++;
        if (!*d) break;
        const long dx = strtol(d, &end, 10);
        if (end == d) continue;
        d = end;
        const long dy = strtol(d, &end, 10);
        d = end;
        x += dx;
        y += dy;
        cr_assert_lt(count, most);
        u[count] = x;
        v[count++] = y;
    }
    return count;
}

/* A million points are drawn as some thousand, and least and greatest of each column are among them. */
Test(report, long_curves_keep_their_extremes)
{
    enum { POINTS = 1000000, WIDTH = 500, HEIGHT = 200, MOST = 4 * WIDTH + 8 };
    double *x = malloc(POINTS * sizeof *x), *y = malloc(POINTS * sizeof *y);
    static long u[MOST], v[MOST], least[WIDTH + 1], greatest[WIDTH + 1], drawn_least[WIDTH + 1],
        drawn_greatest[WIDTH + 1];
    int parts;
    const Rng r = rng_stream(1, "report");
    const Canvas c = {{0, POINTS, false}, {0, 1, false}, WIDTH, HEIGHT};
    for (int i = 0; i <= WIDTH; i++)
        least[i] = drawn_least[i] = UNIT * HEIGHT, greatest[i] = drawn_greatest[i] = 0;
    for (int64_t i = 0; i < POINTS; i++) {
        x[i] = (double)i;
        y[i] = rng_uniform(r, (uint64_t)i, 0) * (i == 123456 ? 1 : 0.7);
        const long at = lround(UNIT * WIDTH * (x[i] / POINTS)) / UNIT,
                   level = lround(UNIT * HEIGHT * (1 - y[i]));
        if (level < least[at]) least[at] = level;
        if (level > greatest[at]) greatest[at] = level;
    }
    curve_line(&c, x, y, POINTS, out);
    const int count = read_path(written(), u, v, MOST, &parts);
    cr_assert_eq(parts, 1);
    cr_assert_gt(count, 3 * WIDTH);
    for (int i = 0; i < count; i++) {
        cr_assert(!i || u[i] >= u[i - 1]);
        if (v[i] < drawn_least[u[i] / UNIT]) drawn_least[u[i] / UNIT] = v[i];
        if (v[i] > drawn_greatest[u[i] / UNIT]) drawn_greatest[u[i] / UNIT] = v[i];
    }
    for (int i = 0; i < WIDTH; i++) {
        cr_assert_eq(drawn_least[i], least[i], "column %d", i);
        cr_assert_eq(drawn_greatest[i], greatest[i], "column %d", i);
    }
    free(x);
    free(y);
}

Test(report, what_is_no_number_is_a_gap)
{
    const double x[] = {0, 1, 2, 3, 4, 5, 6}, y[] = {1, 2, NAN, INFINITY, 3, 0, 2};
    long u[16], v[16];
    int parts;
    const Canvas linear = {{0, 6, false}, {0, 4, false}, 60, 40},
                 logarithmic = {{0, 6, false}, {0.1, 10, true}, 60, 40};
    curve_line(&linear, x, y, 7, out);
    cr_assert_eq(read_path(written(), u, v, 16, &parts), 5);
    cr_assert_eq(parts, 2);
    cr_assert_eq(u[1], 10 * UNIT);
    cr_assert_eq(v[1], 20 * UNIT);
    rewind(out);
    curve_line(&logarithmic, x, y, 7, out);
    fputc(0, out);
    cr_assert_eq(read_path(written(), u, v, 16, &parts), 6); /* a dot alone is two points */
    cr_assert_eq(parts, 3);
    cr_assert_eq(v[0], 20 * UNIT);
}

Test(report, a_band_goes_there_and_back)
{
    const double x[] = {0, 1, 2}, low[] = {1, 1, 2}, high[] = {3, 4, 3};
    long u[16], v[16];
    int parts;
    const Canvas c = {{0, 2, false}, {0, 4, false}, 20, 4};
    curve_band(&c, x, low, high, 3, out);
    cr_assert_eq(read_path(written(), u, v, 16, &parts), 6);
    cr_assert_eq(parts, 1);
    cr_assert_eq(u[3], u[2]);
    cr_assert_eq(v[3], 2 * UNIT);
    cr_assert_eq(v[1], 0);
}

Test(report, smoothing_knows_what_is_there)
{
    enum { COUNT = 200 };
    double y[COUNT], z[COUNT], sums[2 * (COUNT + 1)];
    for (int i = 0; i < COUNT; i++) y[i] = i == 50 ? NAN : 3 + 2 * i;
    smooth(y, COUNT, 8, sums, z);
    for (int i = 0; i < COUNT - 8; i++)
        if (abs(i - 50) > 8) cr_assert_float_eq(z[i], y[i], 1e-9, "%d: %g", i, z[i]);
    cr_assert(isnan(z[50]));
    cr_assert(isnan(smooth_end(y + 50, 1)));
    cr_assert_float_eq(smooth_end(y, 5), 11, 1e-9);
    const double few[] = {NAN, 3, 1, INFINITY, 2};
    cr_assert_eq(smooth_median(few, 5, sums), 2);
}

Test(report, a_sparkline_goes_from_the_largest_to_the_smallest)
{
    const double y[] = {4, 3, 2, 1, NAN, NAN, 4, 4};
    sparkline_print("> ", y, 8, 4, 1, out);
    cr_assert_str_eq(written(), "> \xE2\xA0\x91\xE2\xA2\x84\xE2\xA0\x80\xE2\xA0\x89 4 to 1\n");
    sparkline_print("", (double[]){NAN}, 1, 4, 1, out);
    sparkline_print("", NULL, 0, 4, 1, out);
    cr_assert_eq(strlen(written()), strlen("> 1234 4 to 1\n") + 8);
}

Test(report, a_plot_says_what_it_shows)
{
    const double x[] = {1, 10, 100}, y[] = {3, 2, 1}, low[] = {2, 1, 0.5}, high[] = {4, 3, 2};
    const char *texts[] = {"first", "<second>", "third"};
    const PlotSeries all[] = {{.name = "a < b", .x = x, .y = y, .count = 3},
                              {.kind = PLOT_BAND, .x = x, .low = low, .high = high, .count = 3},
                              {.kind = PLOT_POINTS,
                               .name = "points",
                               .x = x,
                               .y = y,
                               .low = low,
                               .high = high,
                               .count = 3,
                               .texts = texts,
                               .color = 10}};
    const PlotMark mark = {.x = 10, .text = "it happened", .href = "#there"};
    const Plot p = {.title = "T & U",
                    .x_label = "x",
                    .y_label = "y",
                    .x_log = true,
                    .series = all,
                    .series_count = 3,
                    .marks = &mark,
                    .mark_count = 1};
    plot_figure(&p, out);
    static const char *const parts[] = {"<figcaption>T &amp; U</figcaption>",
                                        "data-name=\"a &lt; b\"",
                                        "class=\"band c2\"",
                                        "class=\"point c2 turn1\"",
                                        "<title>&lt;second&gt;</title>",
                                        "<a href=\"#there\">",
                                        "it happened",
                                        "</figure>",
                                        "class=\"error c2 turn1\""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_assert(has(parts[i]), "no %s in %s", parts[i], written());

    MUST(plot_save(&p, in_temporary("a.svg")));
    long bytes;
    char *file = (char *)file_bytes(in_temporary("a.svg"), &bytes);
    file[bytes] = '\0';
    cr_assert(!strncmp(file, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39));
    cr_assert(strstr(file, "prefers-color-scheme:dark"));
    cr_assert(!strstr(file, "href"));
    free(file);
    cr_assert_eq(plot_save(&p, "/nowhere/a.svg"), E_IO);
}

/* ---- runs */

static char run[PATH_MAX];

static void put(const char *name, const char *content)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", run, name);
    file_put(path, content, strlen(content));
}

static void make_run(const char *name)
{
    snprintf(run, sizeof run, "%s", in_temporary(name));
    cr_assert_eq(mkdir(run, 0777), 0);
}

static void remove_run(void)
{
    static const char *const names[] = {"metrics.jsonl", "events.jsonl", "config.yaml"};
    for (int i = 0; i < 3; i++) {
        char path[PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s", run, names[i]);
        remove(path);
    }
    rmdir(run);
}

static const char metrics[] =
    "{\"step\": 10, \"loss\": 4.5, \"lr\": 0.001, \"grad_norm\": 2.5, \"tokens\": 1000, "
    "\"tokens_per_second\": 500.0, \"seconds\": 2.0}\n"
    "{\"step\": 20, \"loss\": 3.5, \"lr\": 0.001, \"grad_norm\": 1.5, \"tokens\": 2000, "
    "\"tokens_per_second\": 500.0, \"seconds\": 4.0, \"layers\": {\"rms\": [1, 2]}}\n"
    "{\"step\": 20, \"val_loss\": 3.75}\n"
    "this is no JSON\n"
    "{\"step\": 30, \"loss\": null, \"lr\": 0.001, \"grad_norm\": null, \"tokens\": 3000, "
    "\"tokens_per_second\": 500.0, \"seconds\": 6.0, \"nonfinite\": true}\n"
    "{\"step\": 40, \"loss\": 2.5, \"lr\": 0.0005, \"grad_norm\": 1, \"tokens\": 4000, "
    "\"tokens_per_second\": 500.0, \"seconds\": 8.0}\n"
    "{\"step\": 40, \"val_loss\": 2.875}\n"
    "{\"step\": 50, \"loss\": 2.25, \"lr\": 0.0";

static const char events[] =
    "{\"step\": 30, \"batch\": 31, \"event\": \"spike\", \"class\": \"loss\", \"message\": "
    "\"update "
    "30 "
    "(batch 31): the <loss> is bad\", \"loss\": 9.5, \"loss_z\": 20.5, \"grad_norm\": 3, "
    "\"bundle\": \"../../secret\"}\n"
    "{\"step\": 31, \"batch\": 52, \"event\": \"skipped\", \"class\": \"loss\", \"message\": "
    "\"again\"}\n"
    "{\"step\": 40, \"event\": \"signal\", \"message\": \"SIGINT & more\"}\n";

static const char config[] = "model:\n  layers: 2    # \"a # b\".yaml:2:3\n  width: 64  # default\n"
                             "data:\n  path: \"d # <x>.h5\"  # command line\n"
                             "train:\n  steps: 400  # default\n";

static void write_run(const char *name)
{
    make_run(name);
    put("metrics.jsonl", metrics);
    put("events.jsonl", events);
    put("config.yaml", config);
}

Test(report, a_journal_is_read_as_it_is)
{
    Arena a = {0};
    RunMetrics j;
    write_run("r");
    MUST(metrics_read(run, &a, &j));
    cr_assert_eq(j.lines, 4);
    cr_assert_eq(j.vals, 2);
    cr_assert_eq(j.bads, 1);
    cr_assert_eq(j.bad_step[0], 30);
    cr_assert_eq(j.broken, 2);
    cr_assert(isnan(j.column[COLUMN_loss][2]));
    cr_assert(isnan(j.column[COLUMN_rms][1]));
    cr_assert_eq(j.column[COLUMN_grad_norm][1], 1.5);
    cr_assert_eq(j.event_count, 3);
    cr_assert_str_eq(j.events[1].flag, "loss");
    arena_free(&a);
    remove_run();
}

Test(report, later_lines_of_a_step_count)
{
    Arena a = {0};
    RunMetrics j;
    make_run("r");
    put("metrics.jsonl",
        "{\"step\": 1, \"loss\": 1}\n{\"step\": 2, \"loss\": 2}\n{\"step\": 3, \"loss\": "
        "null}\n{\"step\": 2, \"loss\": 5}\n[1]\n{\"loss\": 1}\n{\"step\": 1e999}\n");
    put("events.jsonl", "{\"step\": \"x\"}\n{\"step\": 1e300}\n\n{\"step\": 2}\n");
    MUST(metrics_read(run, &a, &j));
    cr_assert_eq(j.lines, 2);
    cr_assert_eq(j.column[COLUMN_loss][1], 5);
    cr_assert_eq(j.bads, 0);
    cr_assert_eq(j.event_count, 1);
    cr_assert_str_eq(j.events[0].kind, "");
    arena_free(&a);
    remove_run();
}

static ReportData reported;
static const ReportOptions no_samples = {0};

Test(report, a_run_is_summed_up)
{
    write_run("r");
    MUST(report_data_read(&reported, run, &no_samples));
    const ReportSummary s = report_summary(&reported);
    cr_assert_eq(s.step, 40);
    cr_assert_eq(s.steps, 400);
    cr_assert_eq(s.best_val_loss, 2.875);
    cr_assert_eq(s.best_step, 40);
    cr_assert_eq(s.tokens_per_second, 500);
    cr_assert_str_eq(s.state, "interrupted");
    cr_assert_eq(reported.spikes_flagged, 2);
    cr_assert_eq(report_value_at(&reported, COLUMN_tokens, 15), 1500);
    cr_assert_eq(report_value_at(&reported, COLUMN_tokens, 1e9), 4000);
    cr_assert_eq(report_value_at(&reported, COLUMN_tokens, 5), 500);
    const Key *k = schema_find(config_keys, config_key_count, "model", "layers");
    cr_assert_str_eq(reported.config->origin[k - config_keys], "\"a # b\".yaml:2:3");
    k = schema_find(config_keys, config_key_count, "data", "path");
    cr_assert_str_eq(reported.config->origin[k - config_keys], "command line");
    report_data_close(&reported);
    remove_run();
}

static char *page_of(const char *path)
{
    long bytes;
    char *page = (char *)file_bytes(path, &bytes);
    cr_assert(page, "%s is not there", path);
    page[bytes] = '\0';
    return page;
}

/* Nothing of a page comes from elsewhere: links stay on it. */
static void check_alone(const char *page)
{
    static const char *const never[] = {"http:",   "https:", "//cdn",  "src=",   "url(",
                                        "@import", "<link",  "fetch(", "XMLHttp"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        cr_assert(!strstr(page, never[i]), "%s", never[i]);
    for (const char *at = page; (at = strstr(at, "href=\"")); at++)
        cr_assert_eq(at[6], '#', "%.40s", at);
}

Test(report, a_page_stands_alone_and_is_the_same_again)
{
    char first[PATH_MAX], second[PATH_MAX];
    static const char *const parts[] = {"<!doctype html>",
                                        "<h1>r &lt;b&gt;</h1>",
                                        "prefers-color-scheme:dark",
                                        "the &lt;loss&gt; is bad",
                                        "id=\"spike-1-1\"",
                                        "href=\"#spike-1-1\"",
                                        "href=\"#spike-1-2\"",
                                        "d # &lt;x&gt;.h5",
                                        "SIGINT &amp; more",
                                        "&quot;a # b&quot;.yaml:2:3",
                                        "2 lines could not be read",
                                        "<figcaption>Learning rate",
                                        "<figcaption>Speed",
                                        "<figcaption>Gradient norm",
                                        "data-name=\"validation\"",
                                        "the loss is not a number",
                                        "interrupted",
                                        "</html>"};
    write_run("r <b>");
    snprintf(first, sizeof first, "%s", in_temporary("1.html"));
    snprintf(second, sizeof second, "%s", in_temporary("2.html"));
    for (int i = 0; i < 2; i++) {
        MUST(report_data_read(&reported, run, &no_samples));
        MUST(report_write(&reported, 1, i ? second : first, NULL));
        report_data_close(&reported);
    }
    char *page = page_of(first), *again = page_of(second);
    cr_assert_str_eq(page, again);
    check_alone(page);
    cr_assert(!strstr(page, "<b>r"));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_assert(strstr(page, parts[i]), "no %s", parts[i]);
    free(page);
    free(again);
    remove_run();
}

Test(report, several_runs_are_side_by_side)
{
    enum { RUNS = 30 };
    static ReportData runs[RUNS];
    char path[PATH_MAX], svg[PATH_MAX];
    write_run("r");
    for (int i = 0; i < RUNS; i++) {
        if (i == 1) put("config.yaml", "model:\n  layers: 3  # b.yaml:2:3\n");
        if (i == 2) put("config.yaml", "modle:\n");
        if (i == 3) put("metrics.jsonl", "");
        MUST(report_data_read(&runs[i], run, &no_samples));
    }
    snprintf(path, sizeof path, "%s", in_temporary("all.html"));
    snprintf(svg, sizeof svg, "%s", in_temporary("svg"));
    MUST(report_write(runs, RUNS, path, svg));
    for (int i = 0; i < RUNS; i++) report_data_close(&runs[i]);
    char *page = page_of(path);
    check_alone(page);
    cr_assert(strstr(page, "<h1>30 runs</h1>"));
    cr_assert(strstr(page, "<td>model.layers</td><td>2</td><td>3</td><td>?</td>"));
    cr_assert(strstr(page, "did you mean model?"));
    cr_assert(strstr(page, "Validation loss"));
    free(page);
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command, "test -s '%s/validation-tokens.svg' && rm -r '%s'", svg, svg);
    cr_assert_eq(system(command), 0);
    remove_run();
}

Test(report, no_run_is_said)
{
    cr_assert_eq(report_data_read(&reported, in_temporary("nothing"), &no_samples), E_DATA);
    cr_assert(strstr(error_message(), "nothing: not a run"));
    report_data_close(&reported);
}

Test(report, an_empty_run_has_a_page)
{
    make_run("r");
    put("metrics.jsonl", "");
    MUST(report_data_read(&reported, run, &no_samples));
    MUST(report_write(&reported, 1, in_temporary("1.html"), NULL));
    cr_assert_eq(report_write(&reported, 1, "/nowhere/1.html", NULL), E_IO);
    report_data_close(&reported);
    char *page = page_of(in_temporary("1.html"));
    cr_assert(strstr(page, "Nothing has been logged yet"));
    free(page);
    remove_run();
}

/* Each allocation in turn fails: never a page that is not whole, and nothing is lost. */
Test(report, any_allocation_may_fail)
{
    char path[PATH_MAX];
    write_run("r");
    snprintf(path, sizeof path, "%s", in_temporary("1.html"));
    int64_t failures = 0;
    for (int64_t fuse = 0;; fuse++, failures++) {
        arena_fuse = fuse;
        Status status = report_data_read(&reported, run, &no_samples);
        if (status == OK) status = report_write(&reported, 1, path, NULL);
        report_data_close(&reported);
        arena_fuse = -1;
        if (status == OK) break;
        cr_assert_eq(status, E_NOMEM, "%s", error_message());
        cr_assert_neq(access(path, F_OK), 0);
    }
    cr_assert_gt(failures, 20);
    remove_run();
}
