/* Recognises the files of a model and opens them. */
#include "train/formats/import.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "autograd/base/text.h"
#include "data/source.h"
#include "train/formats/gguf_tokenizer.h"
#include "train/formats/huggingface.h"
#include "train/formats/llama2c.h"
#include "train/formats/llmc.h"
#include "train/formats/safetensors.h"

static Status find_tokenizer(ModelSource *s, const char *folder)
{
    char path[PATH_MAX];
    const char *own;
    TRY(huggingface_own_tokenizer(folder, &s->arena, &own));
    if (own) return tokenizer_parse(&s->arena, own, (int64_t)strlen(own), s->name, &s->tokenizer);
    TRY(huggingface_path(folder, "tokenizer.json", path));
    if (access(path, F_OK)) return OK;
    s->tokenizer_path = arena_text(&s->arena, path);
    return huggingface_end_of_text(folder, &s->arena, &s->tokenizer_end);
}

static Status refuse_adapter(const ModelSource *s, const char *folder)
{
    char path[PATH_MAX];
    TRY(huggingface_path(folder, "adapter_config.json", path));
    if (access(path, F_OK)) return OK;
    return FAIL(E_DATA,
                "%s: a PEFT adapter, not a model: merge it into its base first (in peft: "
                "merge_and_unload())",
                s->name);
}

static Status open_huggingface(ModelSource *s, const char *path)
{
    if (huggingface_is_folder(path)) TRY(refuse_adapter(s, path));
    TRY(huggingface_config(path, &s->config, &s->kind, &s->vocab_size));
    if (!huggingface_is_folder(path))
        return FAIL(E_ARG, "%s: a model without its weights: give the folder that it is in",
                    s->name);
    TRY(huggingface_weights(&s->weights, path));
    if (s->wants_tokenizer) TRY(find_tokenizer(s, path));
    s->format = MODEL_huggingface;
    s->what = "a Hugging Face folder";
    return OK;
}

/* The vocabulary is that of the embedding. */
static Status read_gguf(ModelSource *s, const Gguf *g)
{
    char known[256], shown[128];
    const KindKeys keys = gguf_keys(g);
    const char *type = gguf_text(g, "general.architecture", &s->arena);
    s->kind = type ? kind_find(MODEL_gguf, type) : NULL;
    if (!s->kind)
        return FAIL(E_DATA, "%s: general.architecture = %s is not supported; expected one of %s",
                    g->name, text_escape(type ? type : "", shown, sizeof shown),
                    kind_names(MODEL_gguf, known, sizeof known));
    TRY(kind_read(s->kind, &keys, &s->config));
    for (int64_t i = 0; i < s->weights.count; i++)
        if (!strcmp(s->weights.list[i].name, "token_embd.weight"))
            s->vocab_size = s->weights.list[i].shape.dim[0];
    if (s->vocab_size < 1 || s->vocab_size > INT32_MAX)
        return FAIL(E_DATA, "%s: the tensor token_embd.weight is missing", g->name);
    return s->wants_tokenizer ? gguf_tokenizer(g, &s->arena, &s->tokenizer) : OK;
}

static Status open_gguf(ModelSource *s, const char *path)
{
    Gguf g;
    s->what = "a GGUF file";
    s->format = MODEL_gguf;
    TRY(gguf_read(&s->weights, path, &g));
    return read_gguf(s, &g);
}

static Status open_llama2c(ModelSource *s, const char *path)
{
    s->what = "a llama2.c file";
    s->format = MODEL_gguf;
    s->kind = &kind_llama;
    return llama2c_read(&s->weights, path, &s->config, &s->vocab_size);
}

static Status open_llmc(ModelSource *s, const char *path)
{
    s->what = "an llm.c file";
    s->format = MODEL_gguf;
    s->kind = &kind_gpt2;
    return llmc_read(&s->weights, path, &s->config, &s->vocab_size);
}

/* A file is opened by the first row that recognizes its first bytes. */
static const struct {
    bool (*recognizes)(const unsigned char *bytes, int64_t size);
    Status (*open)(ModelSource *s, const char *path);
} formats[] = {
    {gguf_recognizes, open_gguf},
    {llmc_recognizes, open_llmc},
    {llama2c_recognizes, open_llama2c},
};

static Status open_file(ModelSource *s, const char *path)
{
    const char *name;
    Mapping m;
    TRY(weights_map(&s->weights, path, &name, &m));
    if (safetensors_recognizes(m.bytes, m.size))
        return FAIL(E_ARG, "%s: weights alone: give the folder that also has its config.json",
                    name);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].recognizes(m.bytes, m.size)) return formats[i].open(s, path);
    return FAIL(E_DATA,
                "%s: not a model that Capstan reads: a Hugging Face folder, GGUF, llama2.c, llm.c",
                name);
}

static Status read_tokenizer(ModelSource *s, const char *path, const char *end)
{
    char *text;
    int64_t size;
    TRY(source_read_all(&s->arena, path, TOKENIZER_TEXT_MAX, SOURCE_BYTES, &text, &size));
    TRY(weights_refuse(path, (const unsigned char *)text, size));
    return tokenizer_parse_with_end(&s->arena, text, size, path, end, &s->tokenizer);
}

static Status choose_tokenizer(ModelSource *s, const char *given, const char *end)
{
    char name[PATH_MAX];
    if (given && !strcmp(given, "none")) {
        s->tokenizer = NULL;
        return OK;
    }
    if (given && !strcmp(given, "byte"))
        TRY(tokenizer_byte(&s->arena, &s->tokenizer));
    else if (given || (s->tokenizer_path && !s->tokenizer))
        TRY(read_tokenizer(s, given ? given : s->tokenizer_path,
                           end || given ? end : s->tokenizer_end));
    else if (end)
        return FAIL(E_ARG, "--end-of-text %s: only with a tokenizer.json", end);
    if (!s->tokenizer || tokenizer_vocab_size(s->tokenizer) <= s->vocab_size) return OK;
    return FAIL(E_DATA, "%s: its tokenizer has %lld tokens, the model only %lld",
                text_escape(given ? given : s->what, name, sizeof name),
                (long long)tokenizer_vocab_size(s->tokenizer), (long long)s->vocab_size);
}

Status model_source_open(ModelSource *s, const char *path, const char *tokenizer,
                         const char *end_of_text)
{
    char name[PATH_MAX];
    *s = (ModelSource){.what = "", .wants_tokenizer = !tokenizer};
    s->name = arena_text(&s->arena, text_escape(path, name, sizeof name));
    if (!s->name) return FAIL(E_NOMEM, "%s", path);
    TRY(huggingface_recognizes(path) ? open_huggingface(s, path) : open_file(s, path));
    TRY(kind_resolve(s->name, &s->config));
    TRY(weights_sort(&s->weights));
    return choose_tokenizer(s, tokenizer, end_of_text);
}

void model_source_close(ModelSource *s)
{
    weights_close(&s->weights);
    arena_free(&s->arena);
}
