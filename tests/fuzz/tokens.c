/* A token file of nanoGPT or llm.c: the same bytes as train.bin and val.bin. */
#include "data/dataset.h"
#include "tests/fuzz/fuzz.h"

static char folder[] = "/tmp/capstan-fuzz-XXXXXX";
static char train[sizeof folder + 16], val[sizeof folder + 16];

static void remove_links(void)
{
    unlink(train);
    unlink(val);
    rmdir(folder);
}

static void make_links(const char *target)
{
    if (!*train) {
        FUZZ_MUST(mkdtemp(folder));
        sprintf(train, "%s/train.bin", folder);
        sprintf(val, "%s/val.bin", folder);
        atexit(remove_links);
    }
    remove(train);
    remove(val);
    FUZZ_MUST(!symlink(target, train) && !symlink(target, val));
}

static void check_split(const Dataset *d, const Split *s)
{
    FUZZ_MUST(dataset_touch(d, s, 0, s->count) == OK);
    for (int64_t i = 0; i < s->count; i++) {
        FUZZ_MUST(split_token(s, i) >= 0 && split_token(s, i) < d->vocab_size);
        FUZZ_MUST(split_document(s, i) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const FuzzFile file = fuzz_file(bytes, size);
    Dataset d;
    make_links(file.path);
    const Status status = dataset_open(&d, train);
    fuzz_status(status);
    if (status == OK) {
        check_split(&d, &d.train);
        check_split(&d, &d.val);
        FUZZ_MUST(d.train.count == d.val.count && strlen(d.digest) == 32);
    }
    dataset_close(&d);
    close(file.fd);
    return 0;
}
