/* A config as capstan train and capstan sweep read it: YAML, and, behind a zero byte, lines of section.key=value
 * as on the command line. What is taken is written and read back, and is the same. */
#include "tests/fuzz/fuzz.h"
#include "train/config/yaml.h"
#include "train/sweep/spec.h"

enum { OVERRIDES = 16 };

static void differs(void *context, const Key *k)
{
    (void)context;
    fprintf(stderr, "%s.%s\n", k->section, k->name);
}

static void check_round_trip(const Config *c)
{
    static Config again;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    FUZZ_MUST(out && config_write(c, true, out) == OK && !fclose(out));
    FUZZ_MUST(config_parse(&again, text, size, "again", 0, NULL) == OK);
    FUZZ_MUST(config_compare(c, &again, differs, NULL) == 0);
    free(text);
}

/* The lines of text, which is cut up. */
static int split(char *text, const char *lines[OVERRIDES])
{
    int count = 0;
    for (char *at = text; at && count < OVERRIDES;) {
        lines[count++] = at;
        at = strchr(at, '\n');
        if (at) *at++ = '\0';
    }
    return *lines[0] ? count : 0;
}

static void read_sweep(const char *text, size_t size)
{
    static Config config;
    ConfigBase base;
    ConfigTree tree = {.arena = {0}};
    Spec spec;
    const Status status =
        config_yaml_read(&config, &base, &tree, CONFIG_BY_USER, text, size, "fuzz.yaml");
    fuzz_status(status);
    if (status == OK && tree.root) fuzz_status(spec_read(tree.root, &tree.arena, &spec));
    arena_free(&tree.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static Config config;
    const char *lines[OVERRIDES];
    char *text = malloc(size + 1);
    memcpy(text, bytes, size);
    text[size] = '\0';
    const size_t yaml = strlen(text);
    const int count = yaml < size ? split(text + yaml + 1, lines) : 0;
    const Status status = config_parse(&config, text, yaml, "fuzz.yaml", count, lines);
    fuzz_status(status);
    if (status == OK) check_round_trip(&config);
    read_sweep(text, yaml);
    free(text);
    return 0;
}
