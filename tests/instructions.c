/* Small fixed pieces of work for check_long_instructions, which counts the instructions of measured(): a name
 * runs one, no name lists them. On one thread; nothing here depends on the machine but the processor's
 * instruction set, which the check fixes. --compiler: what this was compiled by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/threads.h"
#include "data/packing.h"
#include "data/tokenizer_train.h"
#include "train/generate/decoder.h"
#include "train/plan/probe.h"

enum { VOCAB = 97, DECODED = 48, CAPACITY = 512, TEXT = 60000 };

static Status failure;
static Config config;
static Probe probe;
static Decoder decoder;
static Arena arena;
static Tokenizer *tokenizer;
static const Packer *packer;
static char text[TEXT];
static int32_t tokens[TEXT];
static int64_t counts[CAPACITY + 1];

static void must(Status status)
{
    if (status != OK && failure == OK) fprintf(stderr, "%s\n", error_message());
    if (status != OK) failure = status;
}

static void open_probe(int count, const char *const settings[])
{
    must(config_load(&config, NULL, count, settings));
    must(probe_open(&probe, &config, VOCAB));
}

#define SMALL \
    "model.layers=2", "model.heads=4", "model.width=64", "model.context=64", "train.batch=4"
#define OPEN(...)                                        \
    const char *const settings[] = {SMALL, __VA_ARGS__}; \
    open_probe(sizeof settings / sizeof *settings, settings)

static void step(void)
{
    double seconds;
    must(probe_step(&probe, &seconds));
}

static void open_train(void)
{
    OPEN("model.dropout=0.1", "train.microbatches=2");
    step();
}

static void open_variations(void)
{
    OPEN("model.norm=rmsnorm", "model.norm_place=sandwich", "model.mlp=swiglu",
         "model.qk_norm=true", "model.positions=rope", "model.kv_heads=2", "model.tied=false",
         "train.microbatches=2", "train.recompute=blocks");
    step();
}

static void open_decode(void)
{
    OPEN("model.dropout=0.1");
    const real *logits;
    const int32_t prompt[] = {1, 2, 3, 4};
    must(decoder_open(&decoder, &probe.model, 1));
    must(decoder_read(&decoder, prompt, 4, &logits));
}

static void decode(void)
{
    for (int32_t i = 0; i < DECODED; i++) {
        const real *logits;
        const int32_t token = i % VOCAB;
        must(decoder_read(&decoder, &token, 1, &logits));
    }
}

/* Many short ones, fewer and fewer long ones. */
static void fill_counts(void)
{
    for (int64_t i = 1; i <= CAPACITY; i++) counts[i] = 200000 / (i + 20) + i % 7;
}

static void open_pack(void)
{
    fill_counts();
    packer = packer_find("best_fit");
}

static void open_pack_optimal(void)
{
    fill_counts();
    packer = packer_find("optimal");
}

static void pack(void)
{
    Packing p;
    must(packing_make(&p, packer, &(Lengths){.capacity = CAPACITY, .counts = counts}));
    packing_close(&p);
}

/* Words of made-up syllables, the more often the shorter; numbers, and some letters of two bytes. */
static void write_text(void)
{
    static const char *const syllables[] = {"ka", "to", "ri",  "ne",  "shu",
                                            "or", "än", "the", "ing", "li"};
    const Rng rng = rng_stream(7, "text");
    int64_t at = 0;
    for (uint64_t word = 0; at < TEXT - 64; word++) {
        const uint64_t length = 1 + rng_below(rng, word, 0, 2 + rng_below(rng, word, 1, 4));
        for (uint64_t i = 0; i < length; i++) {
            const char *s = syllables[rng_below(rng, word, 2 + i, 10)];
            memcpy(text + at, s, strlen(s));
            at += (int64_t)strlen(s);
        }
        if (word % 50 == 49) at += sprintf(text + at, " %d", (int)(word * 37 % 1000));
        text[at++] = word % 12 == 11 ? '\n' : ' ';
    }
    memset(text + at, ' ', (size_t)(TEXT - at));
}

static void open_tokenizer(const char *kind)
{
    char path[] = "/tmp/capstan-instructions-XXXXXX", *made = NULL;
    int64_t size = 0;
    TokenizerTrainSummary summary;
    write_text();
    const int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, TEXT) != TEXT) must(FAIL(E_IO, "%s", path));
    const char *const inputs[] = {path};
    must(tokenizer_train(&(TokenizerTrain){.texts.paths = inputs,
                                           .texts.path_count = 1,
                                           .texts.format = FORMAT_text,
                                           .kind = kind,
                                           .vocab_size = 400,
                                           .pattern = "gpt2"},
                         &arena, &made, &size, &summary));
    close(fd);
    unlink(path);
    if (failure == OK) must(tokenizer_parse(&arena, made, size, "made", &tokenizer));
}

static void open_bpe(void)
{
    open_tokenizer("bpe");
}

static void open_wordpiece(void)
{
    open_tokenizer("wordpiece");
}

static void encode(void)
{
    int64_t count;
    must(tokenizer_encode(tokenizer, text, TEXT, tokens, TEXT, &count));
}

typedef struct Case {
    const char *name;
    void (*open)(void), (*work)(void);
} Case;

static const Case cases[] = {
    {"train", open_train, step},
    {"train-variations", open_variations, step},
    {"decode", open_decode, decode},
    {"pack-best-fit", open_pack, pack},
    {"pack-optimal", open_pack_optimal, pack},
    {"encode-bpe", open_bpe, encode},
    {"encode-wordpiece", open_wordpiece, encode},
};

__attribute__((noinline)) void measured(const Case *c);

__attribute__((noinline)) void measured(const Case *c)
{
    c->work();
}

int main(int argc, char *argv[])
{
#if defined(__GNUC__) && !defined(__clang__)
    if (argc == 2 && !strcmp(argv[1], "--compiler")) return printf("gcc %d\n", __GNUC__) < 0;
#endif
    threads_set(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (argc < 2) puts(cases[i].name);
        if (argc < 2 || strcmp(argv[1], cases[i].name)) continue;
        cases[i].open();
        if (failure == OK) measured(&cases[i]);
        return failure == OK ? 0 : 1;
    }
    return argc < 2 ? 0 : 2;
}
