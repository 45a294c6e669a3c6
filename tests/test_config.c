/* Configs: what is read, what is refused and with which words, and that what is written reads back. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/rng.h"
#include "train/config/config.h"

static char folder[256];
static Config c, d; /* too large for a test's stack */

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/capstan-config-XXXXXX", tmp ? tmp : "/tmp");
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void teardown(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(config, .init = setup, .fini = teardown);

static void save(const char *name, const char *text, size_t size)
{
    FILE *file = fopen(name, "wb");
    cr_assert(file);
    cr_assert_eq(fwrite(text, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

/* Every refusal: a file, or an override if it begins with "!", and what the message must say. */
/* clang-format off */
static const struct {
    const char *text, *says;
} refused[] = {
    {"model:\n  widht: 3\n", "a.yaml:2:3: model.widht: there is no such setting; did you mean model.width?"},
    {"train:\n  lr: 3\n", "a.yaml:2:3: train.lr: there is no such setting; did you mean optim.lr?"},
    {"modle:\n  width: 3\n", "a.yaml:1:1: modle: there is no such section; did you mean model?"},
    {"bse: x.yaml\n", "a.yaml:1:1: bse: there is no such section; did you mean base?"},
    {"width: 3\n", "a.yaml:1:1: width: there is no such section; did you mean model.width?"},
    {"model.width: 3\n", "a.yaml:1:1: model.width: write \"model:\", and below it, indented, \"width: ...\""},
    {"model:\n  width: many\n", "a.yaml:2:10: model.width = many: expected a whole number from 1 to 65536"},
    {"model:\n  width: 1.5\n", "model.width = 1.5: expected a whole number"},
    {"model:\n  width: 0\n", "model.width = 0: expected a whole number from 1 to 65536"},
    {"model:\n  width: 65537\n", "model.width = 65537: expected"},
    {"model:\n  width: 0x10\n", "model.width = 0x10: expected"},
    {"model:\n  width: 1__0\n", "model.width = 1__0: expected"},
    {"model:\n  width: 99999999999999999999\n", "expected a whole number"},
    {"model:\n  width: \"128\"\n", "a.yaml:2:10: model.width is a quoted text: expected a whole number"},
    {"model:\n  bias: yes\n", "a.yaml:2:9: model.bias = yes: expected true or false"},
    {"model:\n  bias: 1\n", "model.bias = 1: expected true or false"},
    {"model:\n  mlp: gel\n", "a.yaml:2:8: model.mlp = gel: expected one of gelu, relu, relu2, silu, swiglu, geglu"},
    {"model:\n  mlp: gelu|relu\n", "model.mlp = gelu|relu: expected one of"},
    {"optim:\n  warmup: 9\n  warmup_share: 0.1\n", "a.yaml:3:17: optim.warmup_share = 0.1 and optim.warmup = 9 both set the warm-up: leave one of them out (optim.warmup: a.yaml:2:11)"},
    {"optim:\n  warmup_share: 1.1\n", "optim.warmup_share = 1.1: expected a number from 0 to 1"},
    {"optim:\n  warmup_ratio: 0.1\n", "did you mean optim.warmup_share?"},
    {"optim:\n  lr: 3e-4x\n", "a.yaml:2:7: optim.lr = 3e-4x: expected a number from 0 to 10"},
    {"optim:\n  lr: .nan\n", "optim.lr = .nan: expected"},
    {"optim:\n  lr: nan\n", "optim.lr = nan: expected"},
    {"optim:\n  eps: inf\n", "optim.eps = inf: expected"},
    {"optim:\n  lr: -1e-9\n", "optim.lr = -1e-9: expected"},
    {"optim:\n  lr: 1e999\n", "optim.lr = 1e999: expected"},
    {"model:\n", "a.yaml:1:7: model is a section: expected \"layers: ...\""},
    {"model: 3\n", "a.yaml:1:8: model is a section"},
    {"model: [1, 2]\n", "a.yaml:1:8: model is a section"},
    {"model:\n  width:\n", "model.width has no value: expected a whole number"},
    {"model:\n  width: null\n", "a.yaml:2:10: model.width has no value"},
    {"data:\n  path: ~\n", "data.path has no value: expected a text of at most 1023 bytes (in quotes"},
    {"model:\n  width: [3]\n", "a.yaml:2:10: model.width: expected one value, not a list"},
    {"model:\n  width: {a: 3}\n", "a.yaml:2:10: model.width: expected one value, not a map"},
    {"model:\n  ? [a]\n  : 3\n", "a.yaml:2:5: model: expected one value, not a list"},
    {"model:\n  width: 64\n  heads: 4\n  width: 64\n", "a.yaml:4:3: duplicate key model.width; it is on line 2 already"},
    {"model:\n  width: 64\ntrain:\n  steps: 1\nmodel:\n  heads: 4\n", "a.yaml:5:1: duplicate key model; it is on line 1 already"},
    {"base: b.yaml\nbase: b.yaml\n", "a.yaml:2:1: duplicate key base"},
    {"base:\n", "base has no value: expected the path of a config"},
    {"base: [a, b]\n", "a.yaml:1:7: base: expected one value, not a list"},
    {"base: nowhere.yaml\n", "a.yaml:1:7: nowhere.yaml: No such file or directory"},
    {"base: a.yaml\n", "a.yaml:1:7: the bases form a circle: a.yaml <- a.yaml"},
    {"model: &m\n  width: 64\n", "a.yaml:1:8: &m: anchors are not allowed"},
    {"model:\n  width: &w 64\n", "a.yaml:2:10: &w: anchors are not allowed"},
    {"model: *m\n", "a.yaml:1:8: *m: aliases are not allowed"},
    {"model:\n  <<: {width: 3}\n", "model.<<: there is no such setting"},
    {"<<: {width: 3}\n", "a.yaml:1:1: <<: merge keys are not allowed; name the other file as base:"},
    {"model:\n  width: !!int 64\n", "a.yaml:2:10: tag:yaml.org,2002:int: tags are not allowed"},
    {"model:\n  width: !<%1b[31m> 64\n", "a.yaml:2:10: \\x1B[31m: tags are not allowed"},
    {"base: \"\\e[31m\"\n", "a.yaml:1:7: \\x1B[31m: No such file or directory"},
    {"- model\n", "a.yaml:1:1: expected sections"},
    {"hello\n", "a.yaml:1:1: expected sections"},
    {"model:\n  width: 64\n---\nmodel:\n  width: 32\n", "a.yaml:3:1: a second document begins"},
    {"model:\n\twidth: 64\n", "a.yaml:2:1: a tab: YAML does not allow tabs for indentation; use spaces"},
    {"model:\n  width: 64\n\theads: 4\n", "a.yaml:3:1: a tab: YAML does not allow tabs"},
    {"data:\n  path: a # b\n\t\n", "a.yaml:3:1: a tab: YAML does not allow tabs"},
    {"data:\n  path: >\n\ta\n", "a.yaml:3:1: a tab: YAML does not allow tabs"},
    {"data:\n  path: \"C:\\data\"\n", "a.yaml:2:12: \\d is not an escape sequence of text in double quotes: write \\\\ for a backslash, or use single quotes"},
    {"data:\n  path: \"\xC3\xA4\\data\"\n", "a.yaml:2:11: \\d is not an escape"},
    {"data:\n  path: \"\\x4\"\n", "a.yaml:2:10: \\x: expected the two hexadecimal digits"},
    {"data:\n  path: \"\\ud800\"\n", "a.yaml:2:10: \\u: expected the four hexadecimal digits"},
    {"model:\n  layers:1\n", "a.yaml:2:10: a space is missing after the colon"},
    {"model:\n  layers:1\n  width: 2\n", "a.yaml:2:10: a space is missing after the colon"},
    {"model:\n  width: 2\n  layers:1\n", "a.yaml:3:10: a space is missing after the colon"},
    {"model:\n  layers = 1\n", "a.yaml:2:3: layers = 1: in a config write \"key: value\""},
    {"model:\n  width: 2\n  layers\n", "a.yaml:3:3: layers: expected a colon and a value after the name"},
    {"model\n  width: 4\n", "a.yaml:1:1: expected sections, as in \"model:\", and settings below them"},
    {"model:\n  width: 1\ntrain\n  steps: 4\n", "a.yaml:3:1: train: expected a colon"},
    {"model:\n  width: 64\n heads: 4\n", "a.yaml:3:2: this line is indented by 1, line 2 by 2: the settings of a section begin at the same column"},
    {"model:\n  width: 64\n    heads: 4\n", "a.yaml:3:5: this line is indented by 4, line 2 by 2: the settings of a section begin at the same column"},
    {"model:\n  width: 64\n\n  # b\n    heads: 4\n", "a.yaml:5:5: this line is indented by 4, line 2 by 2"},
    {"model:\n  width: 64\n  - heads\n", "a.yaml:3:3: a list item among settings: expected \"key: value\""},
    {"model: width: 4\n", "a.yaml:1:8: model is a section: expected"},
    {"data:\n  path: a: b\n", "a.yaml:2:10: a second \": \" on one line: write a text that contains it in quotes"},
    {"data:\n  path: \"a\n", "a.yaml:2:9: the text that begins here has no closing \""},
    {"data:\n  path: 'a\ntrain:\n  steps: 1\n", "a.yaml:2:9: the text that begins here has no closing '"},
    {"data:\n  path: \"a\"b\n", "a.yaml:2:12: text after the closing quote: within quotes write \\\" for a quote"},
    {"data:\n  path: 'it's'\n", "a.yaml:2:13: text after the closing quote: within quotes write '' for a quote"},
    {"model: {width: 64\n", "a.yaml:2:1: expected \",\" or \"}\": the { of line 1, column 8 is not closed"},
    {"model: {width: 64 heads: 4}\n", "a.yaml:1:24: expected \",\" or \"}\""},
    {"data: {path: [1, 2\n", "expected one value, not a list"},
    {"sweep: {vary: [1, 2\n", "a.yaml:2:1: expected \",\" or \"]\": the [ of line 1, column 15 is not closed"},
    {"model: {width: 3}}\n", "a.yaml:1:18: } closes nothing"},
    {"model: {width: 3} x\n", "a.yaml:1:19: this does not belong to the value before it"},
    {"model: }\n", "a.yaml:1:8: expected a value, not }"},
    {"data:\n  path: @x\n", "a.yaml:2:9: a text cannot begin with @; put it in quotes"},
    {"data:\n  path: `x`\n", "a.yaml:2:9: a text cannot begin with `; put it in quotes"},
    {"data:\n  path: %x\n", "a.yaml:2:9: a text cannot begin with %; put it in quotes"},
    {"data:\n  path: *\n", "a.yaml:2:9: a text cannot begin with *; put it in quotes"},
    {"data:\n  path: &\n", "a.yaml:2:9: a text cannot begin with &; put it in quotes"},
    {"data:\n  path: |x\n   a\n", "a.yaml:2:10: after | or > the text begins on the next line"},
    {"%x\nmodel:\n", "a.yaml:1:1: a line cannot begin with %; put the text in quotes"},
    {"- a\nb: c\n", "a.yaml:1:1: expected sections"},
    {"sweep:\n  - width: 4\n  heads: 3\n", "a.yaml:3:3: expected another list item"},
    {"model:\n  width: 64\n...\nx\n", "a.yaml:4:1: text after the end of the document"},
    {"data:\n  path: \"a\\0b\"\n", "a.yaml:2:9: data.path: the text contains a NUL"},
    {"data:\n  path: a\xFF\n", "a.yaml:2:10: invalid leading UTF-8 octet: a config must be UTF-8 text"},
    {"data:\n  path: a\xC3", "a.yaml:2:10: incomplete UTF-8 octet sequence"},
    {"data:\n  path: a\x01\n", "a.yaml:2:10: control characters are not allowed"},
    {"model:\n  heads: 5\n  width: 128\n", "a.yaml:2:10: model.heads = 5 does not divide model.width = 128 (model.width: a.yaml:3:10)"},
    {"model:\n  kv_heads: 3\n", "a.yaml:2:13: model.kv_heads = 3 does not divide model.heads = 4 (model.heads: default)"},
    {"model:\n  windows: 64,,full\n", "a.yaml:2:12: model.windows = 64,,full: \"\" should be full or 1 to 64 keys (model.context)"},
    {"model:\n  windows: 0\n", "model.windows = 0: \"0\" should be full or 1 to 64 keys"},
    {"model:\n  windows: 65, full\n", "model.windows = 65, full: \"65\" should be full or 1 to 64 keys"},
    {"model:\n  windows: 99999999999999999999\n", "should be full or 1 to 64 keys"},
    {"model:\n  windows: -1\n", "\"-1\" should be full or 1 to 64 keys"},
    {"model:\n  windows: half\n", "\"half\" should be full or 1 to 64 keys"},
    {"model:\n  windows: 8/\n", "\"\" should be full or 1 to 64 keys"},
    {"model:\n  windows: 8/16\n  heads: 3\n  width: 96\n", "model.windows = 8/16: the 2 windows of \"8/16\" do not divide the 3 key heads (model.kv_heads)"},
    {"model:\n  windows_theta: 100\n  positions: rope\n", "model.windows_theta = 100 needs a layer with a window (model.windows)"},
    {"model:\n  sinks: 4\n", "a.yaml:2:10: model.sinks = 4 needs a layer with a window (model.windows)"},
    {"model:\n  sinks: 4\n  windows: 8/3\n", "model.sinks = 4 is more than the window of 3 keys in layer 0 (model.windows = 8/3)"},
    {"model:\n  windows_theta: 100\n  windows: 8\n", "model.windows_theta = 100 needs model.positions = rope"},
    {"model:\n  positions: rope\n  width: 12\n", "model.positions = rope needs an even head width"},
    {"model:\n  positions: sinusoidal\n  width: 9\n  heads: 3\n", "model.positions = sinusoidal needs an even model.width"},
    {"optim:\n  lr: 1e-4\n  min_lr: 2e-4\n", "a.yaml:3:11: optim.min_lr = 0.0002 is above optim.lr = 0.0001"},
    {"optim:\n  min_lr: -0.5\n", "optim.min_lr = -0.5: expected a number from 0 to optim.lr = 0.001, or -1"},
    {"train:\n  microbatches: 13\n", "a.yaml:2:17: train.microbatches = 13: expected at most train.batch = 12"},
    {"train:\n  batch: 6\n  groups: 3\n", "a.yaml:3:11: train.groups = 3: expected at most train.microbatches = 2"},
    {"train:\n  microbatches: 4\n  groups: 5\n", "a.yaml:3:11: train.groups = 5: expected at most train.microbatches = 4"},
    {"train:\n  microbatches: many\n", "a.yaml:2:17: train.microbatches = many: expected auto or a whole number from 1"},
    {"train:\n  microbatches: 0\n", "train.microbatches = 0: expected auto or"},
    {"train:\n  groups: -2\n", "train.groups = -2: expected auto or"},
    {"train:\n  groups: 99999999999999999999\n", "expected auto or"},
    {"train:\n  lanes: 4\n", "a.yaml:2:3: train.lanes was renamed in version 0.2: use train.microbatches and train.groups"},
    {"!train.accumulate=2", "command line: train.accumulate was renamed in version 0.2: use train.microbatches and train.groups"},
    {"train:\n  precision: float16\n", "train.precision = float16: expected one of float32, float64"},
    {"monitor:\n  action: stop\n", "a.yaml:2:11: monitor.action = stop: expected one of off, warn, skip, clip, rewind"},
    {"train:\n  steps: 200\nmonitor:\n  window: 300\n", "a.yaml:4:11: monitor.window = 300 is longer than the run, train.steps = 200"},
    {"monitor:\n  window: 3\n", "a.yaml:2:11: monitor.window = 3: too few values for a median: expected at least 8, or 0"},
    {"monitor:\n  loss_z: 0\n", "a.yaml:2:11: monitor.loss_z = 0: expected a number from 1 to"},
    {"monitor:\n  skip_share: 1.5\n", "a.yaml:2:15: monitor.skip_share = 1.5: expected a number from 0.005 to 1"},
    {"monitor:\n  attention_warn: 5000\n", "monitor.attention_severe = 1000 is below monitor.attention_warn = 5000"},
    {"monitor:\n  action: rewind\n  snapshot_every: 0\n", "a.yaml:2:11: monitor.action = rewind needs snapshots to go back to, and monitor.snapshot_every = 0 makes none"},
    {"monitor:\n  action: rewind\n  rewind_steps: 101\n", "a.yaml:3:17: monitor.rewind_steps = 101 is further back than the oldest snapshot"},
    {"monitor:\n  snapshot_every: 3000\n", "a.yaml:2:19: monitor.snapshot_every = 3000 is longer than the run, train.steps = 2000"},
    {"monitor:\n  inject: random\n", "a.yaml:2:11: monitor.inject = random needs monitor.inject_batch"},
    {"monitor:\n  inject: nan\n  inject_batch: 5\n", "monitor.inject = nan needs monitor.inject_where: SCOPE/OP"},
    {"monitor:\n  inject_draw: 5\n", "a.yaml:2:3: monitor.inject_draw was renamed in version 0.2: use monitor.inject_batch"},
    {"!monitor.inject_draw=5", "command line: monitor.inject_draw was renamed in version 0.2: use monitor.inject_batch"},
    {"!model.widht=3", "command line: model.widht: there is no such setting; did you mean model.width?"},
    {"!model.width=x", "command line: model.width = x: expected a whole number from 1 to 65536"},
    {"!model.width", "command line: model.width: expected section.key=value"},
    {"!width=3", "command line: width=3: expected section.key=value; did you mean model.width=3?"},
    {"!steps=5", "command line: steps=5: expected section.key=value; did you mean train.steps=5?"},
    {"!learning_rate=5", "did you mean optim.lr=5?"},
    {"!batch-size=5", "did you mean train.batch=5?"},
    {"!nothing=5", "command line: nothing=5: expected section.key=value, as in train.steps=100"},
    {"!=", "command line: =: expected section.key=value"},
    {"!data.path=a\xFF", "command line: data.path = a\\xFF: expected a text"},
};
/* clang-format on */

ParameterizedTestParameters(config, refuses)
{
    static size_t index[sizeof refused / sizeof *refused];
    for (size_t i = 0; i < sizeof index / sizeof *index; i++) index[i] = i;
    return cr_make_param_array(size_t, index, sizeof index / sizeof *index);
}

ParameterizedTest(size_t *i, config, refuses)
{
    const char *text = refused[*i].text;
    Status status;
    if (*text == '!') {
        status = config_load(&c, NULL, 1, (const char *[]){text + 1});
    } else {
        save("a.yaml", text, strlen(text));
        save("b.yaml", "", 0);
        status = config_load(&c, "a.yaml", 0, NULL);
    }
    cr_assert_eq(status, E_CONFIG, "%s was accepted", text);
    cr_assert(strstr(error_message(), refused[*i].says), "%s: %s", text, error_message());
}

Test(config, accepts_numbers_as_people_write_them)
{
    static const char text[] =
        "\xEF\xBB\xBF# a comment\r\ntrain: {steps: 1e6, batch: 1_000, seed: +7}\r\n"
        "optim:\r\n  lr: 3E-4\r\n  eps: 1.e-8\r\n  clip: 2\r\n";
    save("a.yaml", text, sizeof text - 1);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), OK, "%s", error_message());
    cr_assert_eq(c.train.steps, 1000000);
    cr_assert_eq(c.train.batch, 1000);
    cr_assert_eq(c.train.seed, 7);
    cr_assert_eq(c.optim.lr, 3e-4);
    cr_assert_eq(c.optim.eps, 1e-8);
    cr_assert_eq(c.optim.clip, 2);
}

Test(config, an_empty_file_is_all_defaults)
{
    save("a.yaml", "# nothing\n---\n", 14);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), OK, "%s", error_message());
    cr_assert_eq(config_load(&d, NULL, 0, NULL), OK);
    cr_assert_eq(config_compare(&c, &d, NULL, NULL), 0);
    cr_assert_eq(c.model.kv_heads, 4);
    cr_assert_eq(c.model.mlp_width, 512);
    cr_assert_eq(c.optim.min_lr, 1e-4);
    cr_assert_eq(c.optim.decay_steps, 2000);
    cr_assert_eq(c.train.microbatches, 2);
    cr_assert_eq(c.train.groups, 2);
}

Test(config, keeps_quotes_words)
{
    static const char text[] =
        "data:\n  path: 'null'\ntrain:\n  sample_prompt: \"# a: 'b'\\n\\u00e9\"\n";
    save("a.yaml", text, sizeof text - 1);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), OK, "%s", error_message());
    cr_assert_str_eq(c.data.path, "null");
    cr_assert_str_eq(c.train.sample_prompt, "# a: 'b'\n\xC3\xA9");
}

static const char *origin(const char *section, const char *name)
{
    return c.origin[schema_find(config_keys, config_key_count, section, name) - config_keys];
}

Test(config, inherits_and_says_from_where)
{
    static const char top[] = "model:\n  width: 64\n  heads: 2\nbase: sub/middle.yaml\n";
    static const char middle[] = "base: ../low.yaml\nmodel:\n  heads: 8\n  layers: 3\n";
    static const char low[] = "model:\n  layers: 9\n  bias: false\n  width: 32\n";
    cr_assert_eq(system("mkdir sub"), 0);
    save("top.yaml", top, sizeof top - 1);
    save("sub/middle.yaml", middle, sizeof middle - 1);
    save("low.yaml", low, sizeof low - 1);
    cr_assert_eq(config_load(&c, "top.yaml", 2, (const char *[]){"train.steps=5", "train.steps=6"}),
                 OK, "%s", error_message());
    cr_assert_eq(c.model.width, 64);
    cr_assert_eq(c.model.heads, 2);
    cr_assert_eq(c.model.layers, 3);
    cr_assert_eq(c.model.bias, false);
    cr_assert_eq(c.train.steps, 6);
    cr_assert_str_eq(origin("model", "width"), "top.yaml:2:10");
    cr_assert_str_eq(origin("model", "layers"), "sub/middle.yaml:4:11");
    cr_assert_str_eq(origin("model", "bias"), "sub/../low.yaml:3:9");
    cr_assert_str_eq(origin("train", "steps"), "command line");
    cr_assert_str_eq(origin("optim", "lr"), "default");
}

Test(config, names_the_circle)
{
    save("a.yaml", "base: b.yaml\n", 13);
    save("b.yaml", "train:\n  steps: 1\nbase: ./c.yaml\n", 33);
    save("c.yaml", "base: b.yaml\n", 13);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(),
                     "./c.yaml:1:7: the bases form a circle: ./b.yaml <- ./c.yaml <- b.yaml"),
              "%s", error_message());
}

Test(config, limits_how_deep_bases_go)
{
    for (int i = 0; i < 20; i++) {
        char name[32], text[32];
        snprintf(name, sizeof name, "%d.yaml", i);
        snprintf(text, sizeof text, "base: %d.yaml\n", i + 1);
        save(name, text, strlen(text));
    }
    save("20.yaml", "", 0);
    cr_assert_eq(config_load(&c, "0.yaml", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "more than 16 bases"), "%s", error_message());
    cr_assert_eq(config_load(&c, "10.yaml", 0, NULL), OK, "%s", error_message());
}

Test(config, does_not_expand_laughs, .timeout = 10)
{
    char text[4096] = "a: &a [lol, lol]\n";
    for (char letter = 'b'; letter < 'z'; letter++)
        sprintf(text + strlen(text), "%c: &%c [*%c, *%c, *%c]\n", letter, letter, letter - 1,
                letter - 1, letter - 1);
    save("a.yaml", text, strlen(text));
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "a.yaml:1:1: a: there is no such section"), "%s",
              error_message());
    memmove(text + 9, text, strlen(text) + 1);
    memcpy(text, "model: &m", 9);
    save("a.yaml", text, strlen(text));
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), E_CONFIG);
}

Test(config, a_deep_nest_ends_soon, .timeout = 20)
{
    enum { SIZE = 1000000 };
    char *text = malloc(SIZE);
    memset(text, '[', SIZE);
    save("a.yaml", text, SIZE);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), E_CONFIG);
    memset(text, '#', SIZE);
    memcpy(text, "model: {width: ", 15);
    memset(text + 15, '{', 100000);
    save("a.yaml", text, SIZE);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), E_CONFIG);
    free(text);
}

Test(config, refuses_what_is_no_file_of_its_size)
{
    char *text = malloc((1 << 20) + 1);
    memset(text, '#', (1 << 20) + 1);
    save("a.yaml", text, (1 << 20) + 1);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "a.yaml: longer than 1048576 bytes"), "%s", error_message());
    save("a.yaml", text, 1 << 20);
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), OK, "%s", error_message());
    cr_assert_eq(config_load(&c, "nowhere.yaml", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "nowhere.yaml: No such file"), "%s", error_message());
    cr_assert_eq(config_load(&c, ".", 0, NULL), E_CONFIG);
    free(text);
}

/* The n-th choice of a row; NULL after the last. */
static const char *choice(const Key *k, int n, char out[64])
{
    const char *from = k->choices;
    for (; from && n; n--) from = strchr(from, '|') ? strchr(from, '|') + 1 : NULL;
    if (!from) return NULL;
    snprintf(out, 64, "%.*s", (int)strcspn(from, "|"), from);
    return out;
}

/* For the 16 pairs of columns of a head. */
#define ONES "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"

Test(config, takes_each_choice_and_both_bounds)
{
    char text[64], assignment[256], value[TEXT_MAX];
    for (int i = 0; i < config_key_count; i++) {
        const Key *k = &config_keys[i];
        for (int n = 0; k->choices && choice(k, n, text); n++) {
            snprintf(assignment, sizeof assignment, "%s.%s=%s", k->section, k->name, text);
            /* prompts need whole documents, faults a place */
            const char *const all[] = {"data.packing=optimal",
                                       "data.objective=prefix",
                                       "monitor.inject_batch=1",
                                       "monitor.inject_where=blocks.0.mlp/linear",
                                       "model.positions=rope",
                                       "model.rope_factor=2",
                                       "model.rope_factors_short=" ONES,
                                       "model.rope_factors_long=" ONES,
                                       assignment};
            const int first = strcmp(k->section, "data") || !strcmp(k->name, "packing") ? 2 : 0;
            cr_assert_eq(config_load(&c, NULL, 9 - first, all + first), OK, "%s", error_message());
            cr_assert_str_eq(config_value(&c, k, value, sizeof value), text);
            cr_assert_eq(*(int *)((char *)&c + k->offset), n);
            strcat(assignment, "x");
            cr_assert_eq(config_load(&c, NULL, 1, (const char *[]){assignment}), E_CONFIG);
        }
        if (k->type != TYPE_INT && k->type != TYPE_REAL) continue;
        snprintf(text, sizeof text, "%.17g", k->min);
        cr_assert_eq(schema_set(k, &c, text, ""), OK, "%s", error_message());
        snprintf(text, sizeof text, "%.17g", k->max);
        cr_assert_eq(schema_set(k, &c, text, ""), OK, "%s", error_message());
        snprintf(text, sizeof text, "%.17g", k->max * 1.5 + 1);
        cr_assert_eq(schema_set(k, &c, text, ""), E_CONFIG);
        snprintf(text, sizeof text, "%.17g", k->min - 1);
        cr_assert_eq(schema_set(k, &c, text, ""), E_CONFIG);
    }
}

Test(config, prompts_and_weights_need_documents)
{
    static const char *const wrong[][3] = {
        {"data.objective=prefix"},
        {"data.packing=concat", "data.objective=prefix"},
        {"data.packing=greedy", "data.prefix_split=random"},
        {"data.loss_weights=document"},
        {"data.packing=concat", "data.loss_weights=document"},
    };
    static const char *const right[][3] = {
        {"data.packing=best_fit", "data.objective=prefix", "data.prefix_split=random"},
        {"data.packing=concat", "data.document_mask=true", "data.loss_weights=document"},
        {"data.packing=spfhp", "data.loss_weights=document", "data.objective=prefix"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(config_load(&c, NULL, wrong[i][1] ? 2 : 1, wrong[i]), E_CONFIG, "%zu", i);
        cr_assert(strstr(error_message(), "command line: data."), "%s", error_message());
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        cr_assert_eq(config_load(&c, NULL, 3, right[i]), OK, "%s", error_message());
}

/* Writes c and reads it into d; the written text stays in *text. */
static void round_trip(bool with_origin, char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    cr_assert_eq(config_write(&c, with_origin, out), OK);
    fclose(out);
    cr_assert_eq(config_parse(&d, *text, *size, "written", 0, NULL), OK, "%s\n%s", error_message(),
                 *text);
}

static void report(void *context, const Key *k)
{
    char left[TEXT_MAX], right[TEXT_MAX];
    (void)context;
    cr_assert_fail("%s.%s: [%s] and [%s]", k->section, k->name,
                   config_value(&c, k, left, sizeof left),
                   config_value(&d, k, right, sizeof right));
}

/* Bytes that could trip a reader, and whole characters. */
static void random_text(Rng rng, uint64_t *at, char *out)
{
    static const char *const parts[] = {"\"",
                                        "'",
                                        "\\",
                                        ":",
                                        ": ",
                                        "#",
                                        " #",
                                        " ",
                                        "\n",
                                        "\t",
                                        "\r",
                                        "\x01",
                                        "\x1b",
                                        "\x7f",
                                        "~",
                                        "null",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        "&",
                                        "*",
                                        "!",
                                        "|",
                                        ">",
                                        "%",
                                        "@",
                                        "`",
                                        "-",
                                        "- ",
                                        "? ",
                                        ",",
                                        "a",
                                        "true",
                                        "1e5",
                                        "07",
                                        "\xC2\x85",
                                        "\xC2\xA0",
                                        "\xC3\xA9",
                                        "\xE2\x80\xA8",
                                        "\xE2\x80\xA9",
                                        "\xEF\xBB\xBF",
                                        "\xEF\xBF\xBE",
                                        "\xEF\xBF\xBF",
                                        "\xF0\x9F\x98\x80",
                                        "\xED\x9F\xBF",
                                        "---",
                                        "..."};
    const int count = (int)(rng_below(rng, (*at)++, 0, 12));
    *out = '\0';
    for (int i = 0; i < count; i++)
        strcat(out, parts[rng_below(rng, (*at)++, 0, sizeof parts / sizeof *parts)]);
}

/* Sets the choice that lies at a share, below 1, of its list. */
static void random_choice(const Key *k, double share)
{
    int count = 0;
    char text[64];
    while (choice(k, count, text)) count++;
    choice(k, (int)(share * count), text);
    cr_assert_eq(schema_set(k, &c, text, ""), OK);
}

Test(config, what_is_written_reads_back)
{
    const Rng rng = rng_stream(1, "config");
    uint64_t at = 0;
    for (int round = 0; round < 2000; round++) {
        cr_assert_eq(config_load(&c, NULL, 0, NULL), OK);
        for (int i = 0; i < config_key_count; i++) {
            const Key *k = &config_keys[i];
            char *field = (char *)&c + k->offset;
            const double share = rng_uniform(rng, at++, 0);
            if (k->type == TYPE_REAL && strcmp(k->name, "min_lr") && strcmp(k->name, "lr"))
                *(double *)field = k->min + share * (k->max - k->min);
            if (k->type == TYPE_BOOL) *(bool *)field = share < 0.5;
            if (k->type == TYPE_CHOICE && strcmp(k->section, "data") && strcmp(k->name, "action") &&
                strcmp(k->name, "inject"))
                random_choice(k, share);
            if (k->type == TYPE_INT && strcmp(k->section, "model") && strcmp(k->name, "batch"))
                *(int64_t *)field = (int64_t)(k->min + share * (k->max - k->min));
            if (k->type == TYPE_TEXT) random_text(rng, &at, field);
            random_text(rng, &at, c.origin[i]);
        }
        c.model.qk_norm_weight &= c.model.qk_norm;
        strcpy(c.model.windows, "1,full");
        c.model.sinks = round % 2;
        if (c.model.positions != POSITIONS_rope) c.model.windows_theta = 0;
        if (c.model.norm_place != NORM_PLACE_pre) c.model.block = BLOCK_sequential;
        if (c.model.positions == POSITIONS_rope) c.model.rope_fraction = 0.5;
        c.model.rope_scaling = round % 2 && c.model.positions == POSITIONS_rope
                                   ? ROPE_SCALING_linear
                                   : ROPE_SCALING_none;
        c.model.rope_factor = 2 + rng_uniform(rng, at++, 0);
        if (c.optim.optimizer == OPTIMIZER_lion) c.optim.update_clip = false;
        if (c.optim.decay_steps == 0) c.optim.decay_steps = 1;
        c.optim.warmup_share = 0; /* as in every resolved config */
        c.optim.lr = rng_uniform(rng, at++, 0) * 1e-3;
        c.optim.min_lr = c.optim.lr * rng_uniform(rng, at++, 0);
        c.monitor.window = c.monitor.window + 8 > c.train.steps ? 0 : c.monitor.window + 8;
        c.monitor.snapshot_every = -1;
        if (c.monitor.attention_severe < c.monitor.attention_warn)
            c.monitor.attention_severe = c.monitor.attention_warn;
        char *text;
        size_t size;
        round_trip(round % 2, &text, &size);
        cr_assert_eq(config_compare(&c, &d, report, NULL), 0);
        free(text);
    }
}

/* The share of the run becomes a number of steps, which stays if the run is made longer. */
Test(config, a_share_of_warmup_is_fixed_when_a_run_starts)
{
    static const char text[] = "optim:\n  warmup_share: 0.05\ntrain:\n  steps: 3000\n";
    char *written;
    size_t size;
    save("a.yaml", text, strlen(text));
    cr_assert_eq(config_load(&c, "a.yaml", 0, NULL), OK, "%s", error_message());
    cr_assert(c.optim.warmup == 150 && c.optim.warmup_share == 0);
    cr_assert_eq(config_load(&c, "a.yaml", 1, (const char *[]){"train.steps=500"}), OK);
    cr_assert_eq(c.optim.warmup, 25);
    round_trip(false, &written, &size);
    cr_assert_eq(config_compare(&c, &d, report, NULL), 0);
    cr_assert_eq(config_parse(&d, written, size, "ckpt", 1, (const char *[]){"train.steps=9000"}),
                 OK);
    cr_assert_eq(d.optim.warmup, 25);
    free(written);
    cr_assert_eq(config_load(&c, NULL, 2,
                             (const char *[]){"optim.warmup_share=1", "train.steps=7"}),
                 OK);
    cr_assert_eq(c.optim.warmup, 7);
    cr_assert_eq(config_load(&c, NULL, 1, (const char *[]){"optim.warmup_share=0"}), OK);
    cr_assert_eq(c.optim.warmup, 100);
}

Test(config, compare_finds_what_differs)
{
    cr_assert_eq(config_load(&c, NULL, 0, NULL), OK);
    cr_assert_eq(config_load(&d, NULL, 3,
                             (const char *[]){"model.bias=false", "optim.beta1=0.90000000000000013",
                                              "data.path=x"}),
                 OK);
    cr_assert_eq(config_compare(&c, &d, NULL, NULL), 3);
    cr_assert_eq(config_compare(&c, &c, NULL, NULL), 0);
}

Test(config, a_checkpoint_has_no_base)
{
    cr_assert_eq(config_parse(&c, "base: a.yaml\n", 13, "ckpt", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "ckpt:1:7: base"), "%s", error_message());
    cr_assert_eq(config_parse(&c, "train:\n  steps: 7\n", 18, "ckpt", 1,
                              (const char *[]){"train.keep=9"}),
                 OK);
    cr_assert_eq(c.train.steps, 7);
    cr_assert_eq(c.train.keep, 9);
}

Test(config, auto_microbatches_hold_a_thousand_tokens)
{
    cr_assert_eq(config_auto_microbatches(12, 64), 2);      /* short, but two sequences */
    cr_assert_eq(config_auto_microbatches(1, 4096), 1);     /* one sequence */
    cr_assert_eq(config_auto_microbatches(16, 256), 4);     /* 4096 tokens */
    cr_assert_eq(config_auto_microbatches(15, 256), 3);     /* 3840 tokens */
    cr_assert_eq(config_auto_microbatches(5, 4096), 5);     /* one per sequence at most */
    cr_assert_eq(config_auto_microbatches(512, 1024), 512); /* no power of two, no bound */
}

Test(config, auto_groups_are_as_many_as_microbatches_up_to_16)
{
    static const struct {
        const char *settings[3];
        int64_t microbatches, groups;
    } cases[] = {{{"train.batch=480", "model.context=1024", "train.threads=3"}, 480, 16},
                 {{"train.batch=16", "train.microbatches=16", "train.threads=1"}, 16, 16},
                 {{"train.batch=17", "train.microbatches=17", "train.threads=0"}, 17, 16},
                 {{"train.batch=40", "train.microbatches=9", "train.groups=4"}, 9, 4},
                 {{"train.batch=1", "model.context=64", "train.threads=64"}, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(config_load(&c, NULL, 3, cases[i].settings), OK, "%s", error_message());
        cr_expect_eq(c.train.microbatches, cases[i].microbatches, "%zu", i);
        cr_expect_eq(c.train.groups, cases[i].groups, "%zu", i);
    }
}

Test(config, lanes_and_accumulate_of_a_run_of_0_1_are_microbatches_and_groups)
{
    static const struct {
        const char *text;
        int64_t count;
    } cases[] = {{"train:\n  batch: 48\n  accumulate: 5\n  lanes: 4\n", 20},
                 {"train:\n  lanes: 3\n  accumulate: 1\n", 3},
                 {"train:\n  lanes: 3\n", 3},
                 {"train:\n  accumulate: 2\n", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(config_parse(&c, cases[i].text, strlen(cases[i].text), "ckpt", 0, NULL), OK);
        cr_expect_eq(c.train.microbatches, cases[i].count, "%zu", i);
        cr_expect_eq(c.train.groups, cases[i].count, "%zu", i);
    }
    static const char *const wrong[] = {"train:\n  lanes: auto\n  accumulate: 1\n",
                                        "train:\n  lanes: 2\n  accumulate: 0\n",
                                        "train:\n  lanes: -2\n",
                                        "train:\n  lanes: 3\n  accumulate: 5\n",
                                        "train:\n  lanes: 99999999999999999999\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_eq(config_parse(&c, wrong[i], strlen(wrong[i]), "ckpt", 0, NULL), E_CONFIG, "%zu",
                     i);
}

/* The keys with a flag, as "section.name " each. */
static const char *flagged(unsigned flag, char out[1024])
{
    *out = '\0';
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (k->flags & flag) sprintf(out + strlen(out), "%s.%s ", k->section, k->name);
    return out;
}

Test(config, rows_say_what_may_change_and_what_is_schedule)
{
    char out[1024];
    cr_assert_str_eq(flagged(SETTING_MAY_CHANGE, out),
                     "train.eval_every train.eval_batches train.save_every train.keep "
                     "train.log_every train.sample_every train.sample_tokens train.sample_prompt "
                     "train.threads train.recompute train.precision_fallback monitor.update_z "
                     "monitor.attention_warn monitor.attention_severe monitor.rms_warn "
                     "monitor.log_z_warn monitor.bundles ");
    cr_assert_str_eq(flagged(SETTING_SCHEDULE, out),
                     "optim.schedule optim.warmup optim.warmup_share optim.min_lr "
                     "optim.decay_steps optim.cooldown "
                     "train.steps ");
    cr_assert(config_may_change(schema_find(config_keys, config_key_count, "train", "threads")));
    cr_assert_not(config_may_change(schema_find(config_keys, config_key_count, "train", "steps")));
}

Test(config, what_a_run_of_0_1_wrote_is_translated)
{
    static const char old[] = "monitor:\n  inject: random\n  inject_draw: 5\n",
                      twice[] = "monitor:\n  inject_draw: 5\n  inject_draw: 6\n",
                      wrong[] = "monitor:\n  inject_draw: -5\n";
    cr_assert_eq(config_parse(&c, old, sizeof old - 1, "ckpt", 0, NULL), OK, "%s", error_message());
    cr_assert_eq(c.monitor.inject_batch, 5);
    cr_assert_str_eq(origin("monitor", "inject_batch"), "ckpt:3:16");
    save("config.yaml", old, sizeof old - 1);
    cr_assert_eq(config_load_stored(&c, "config.yaml"), OK, "%s", error_message());
    cr_assert_eq(c.monitor.inject_batch, 5);
    cr_assert_eq(config_load(&c, "config.yaml", 0, NULL), E_CONFIG);
    cr_assert_eq(config_parse(&c, twice, sizeof twice - 1, "ckpt", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "ckpt:3:3: duplicate key monitor.inject_draw"), "%s",
              error_message());
    cr_assert_eq(config_parse(&c, wrong, sizeof wrong - 1, "ckpt", 0, NULL), E_CONFIG);
    cr_assert(strstr(error_message(), "ckpt:2:16: monitor.inject_batch = -5: expected a whole"),
              "%s", error_message());
}

Test(config, auto_is_a_word_or_a_number)
{
    char text[TEXT_MAX];
    const Key *k = schema_find(config_keys, config_key_count, "train", "microbatches");
    cr_assert_eq(config_load(&c, NULL, 0, NULL), OK);
    cr_assert_eq(schema_set(k, &c, "auto", ""), OK);
    cr_assert_eq(c.train.microbatches, SETTING_AUTO);
    cr_assert_str_eq(config_value(&c, k, text, sizeof text), "auto");
    cr_assert_eq(schema_set(k, &c, "07", ""), OK);
    cr_assert_eq(c.train.microbatches, 7);
    cr_assert_str_eq(config_value(&c, k, text, sizeof text), "7");
    cr_assert_eq(schema_set(k, &c, "-1", ""), E_CONFIG);
    cr_assert_eq(schema_set(k, &c, "autos", ""), E_CONFIG);
    cr_assert_eq(c.train.microbatches, 7);
}
