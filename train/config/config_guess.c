#include <stdio.h>
#include <string.h>

#include "train/config/config.h"

/* Names that nanoGPT, litgpt and the Trainer of transformers give to settings. */
static const char *const elsewhere[][2] = {
    {"learning_rate", "optim.lr"},
    {"max_lr", "optim.lr"},
    {"batch_size", "train.batch"},
    {"max_iters", "train.steps"},
    {"max_steps", "train.steps"},
    {"num_steps", "train.steps"},
    {"eval_interval", "train.eval_every"},
    {"log_interval", "train.log_every"},
    {"block_size", "model.context"},
    {"seq_len", "model.context"},
    {"n_layer", "model.layers"},
    {"n_head", "model.heads"},
    {"n_embd", "model.width"},
    {"d_model", "model.width"},
    {"warmup_steps", "optim.warmup"},
    {"warmup_iters", "optim.warmup"},
    {"warmup_ratio", "optim.warmup_share"},
    {"grad_clip", "optim.clip"},
    {"dataset", "data.path"},
};

/* Of name [length], with "_" where it has "-". */
static const Key *find(const char *name)
{
    const char *dot = strchr(name, '.');
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (dot ? !strncmp(k->section, name, (size_t)(dot - name)) && !k->section[dot - name] &&
                      !strcmp(k->name, dot + 1)
                : !strcmp(k->name, name))
            return k;
    return NULL;
}

const Key *config_guess(const char *name, int length)
{
    char word[64];
    if (length <= 0 || length >= (int)sizeof word) return NULL;
    for (int i = 0; i < length; i++) word[i] = name[i] == '-' ? '_' : name[i];
    word[length] = '\0';
    const Key *found = find(word);
    for (size_t i = 0; !found && i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (!strcmp(word, elsewhere[i][0])) found = find(elsewhere[i][1]);
    return found;
}
