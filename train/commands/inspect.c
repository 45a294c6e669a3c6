/* capstan inspect: the contents of a file. */
#include "train/commands/inspect_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/commands/commands.h"
#include "train/diagnose/bundle.h"
#include "train/support/json.h"

enum { CONFIG_LINES = 12, LINE = 1024 };

static void print_plain(const char *key, const char *text)
{
    char shown[LINE];
    printf("  %-13s %s\n", key, text_escape(text, shown, sizeof shown));
}

/* {"kind": "byte", "vocab_size": 257} in one line. */
static void print_flat(const char *key, json_t *object)
{
    const char *name;
    json_t *value;
    char shown[LINE];
    printf("  %-13s", key);
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        if (text)
            printf(" %s %s", name, text_escape(text, shown, sizeof shown));
        else
            printf(" %s %" JSON_INTEGER_FORMAT, name, json_integer_value(value));
    }
    putchar('\n');
}

static void print_array(const json_t *one)
{
    char shape[128] = "";
    size_t i, used = 0;
    json_t *dim;
    json_array_foreach(json_object_get(one, "shape"), i, dim)
    {
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%" JSON_INTEGER_FORMAT,
                                 i ? ", " : "", json_integer_value(dim));
    }
    printf("    %-36s %s [%s], %" JSON_INTEGER_FORMAT " bytes\n",
           json_string_value(json_object_get(one, "name")),
           json_string_value(json_object_get(one, "type")), shape,
           json_integer_value(json_object_get(one, "bytes")));
}

/* AdamW's moments have the shapes of the parameters, so they are summed up in one line. */
static void print_arrays(const json_t *arrays)
{
    json_int_t means = 0, bytes = 0;
    size_t i;
    json_t *one;
    printf("  %-13s %zu\n", "arrays", json_array_size(arrays));
    json_array_foreach(arrays, i, one)
    {
        if (strncmp(json_string_value(json_object_get(one, "name")), "/optim/", 7)) {
            print_array(one);
            continue;
        }
        means++;
        bytes += json_integer_value(json_object_get(one, "bytes"));
    }
    if (means)
        printf("    /optim: %" JSON_INTEGER_FORMAT " more, %" JSON_INTEGER_FORMAT " bytes\n", means,
               bytes);
}

static void print_config(const char *text)
{
    char line[LINE], shown[LINE];
    int count = 0;
    puts("  config");
    for (; *text && count < CONFIG_LINES; count++) {
        const size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(length < LINE ? length : LINE - 1), text);
        printf("    %s\n", text_escape(line, shown, sizeof shown));
        text += length + (text[length] == '\n');
    }
    if (*text) puts("    ...");
}

static void print(const json_t *root)
{
    const char *key;
    json_t *value;
    char shown[LINE];
    const bool sound = json_is_true(json_object_get(root, "sound"));
    printf("%s: a %s, %s\n",
           text_escape(json_string_value(json_object_get(root, "file")), shown, sizeof shown),
           json_string_value(json_object_get(root, "kind")), sound ? "sound" : "DAMAGED");
    json_object_foreach((json_t *)(uintptr_t)root, key, value)
    {
        char number[32];
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        if (!strcmp(key, "file") || !strcmp(key, "kind") || !strcmp(key, "config")) continue;
        if (json_is_integer(value)) print_plain(key, number);
        if (json_is_string(value)) print_plain(key, json_string_value(value));
        if (json_is_object(value) && !json_object_get(value, "file")) print_flat(key, value);
    }
    if ((value = json_object_get(root, "arrays"))) print_arrays(value);
    if (json_is_string(value = json_object_get(root, "config")))
        print_config(json_string_value(value));
    json_object_foreach((json_t *)(uintptr_t)root, key, value)
    {
        if (json_object_get(value, "file")) print(value);
    }
}

Status command_inspect(const Command *c, int argc, char *argv[])
{
    const char *path = NULL;
    char found[CHECKPOINT_PATH_MAX];
    bool json = false, helped;
    int named;
    json_t *root;
    const Option options[] = {
        OPTION_USAGE("FILE"),
        OPTION_USAGE("RUN"),
        OPTION_USAGE("RUN/spikes/batch-N"),
        OPTION_JSON(&json),
        {0},
    };
    TRY(options_read(c, options, argc, argv, &path, 1, &named, &helped));
    if (helped) return OK;
    if (!named)
        return FAIL(E_ARG, "capstan inspect needs a FILE, or the folder of a run or of a bundle");
    if (!bundle_is_there(path)) TRY(options_find_checkpoint(&path, found));
    Status status = inspect(path, &root);
    if (!root) return status;
    if (json) return status == OK ? json_print(root) : (json_print(root), status);
    print(root);
    json_decref(root);
    return status;
}
