/* The commands of capstan: one file each in train/commands/, one row each here. */
#ifndef TRAIN_COMMANDS_COMMANDS_H
#define TRAIN_COMMANDS_COMMANDS_H

#include "train/commands/options.h"

/* X(name, usage, help): command_<name>() is in train/commands/<name>.c */
#define COMMAND_LIST(X)                                                                           \
    X(prepare,                                                                                    \
      "--input FILE... [--format text|jsonl|tsv] [--tokenizer byte|char|FILE] --output D.h5 "     \
      "[--val 0.1] [--seed 1] [--split-on STRING] [--json]",                                      \
      "make a dataset of text files")                                                             \
    X(tokenizer,                                                                                  \
      "train --input FILE... --vocab-size N --output tokenizer.json [--kind bpe|wordpiece] "      \
      "[--pattern gpt2|cl100k|o200k] [--special TOKEN...] | encode|decode|info|convert "          \
      "--tokenizer F",                                                                            \
      "train a tokenizer, look into one, or use one")                                             \
    X(pack,                                                                                       \
      "CONFIG [section.key=value ...] [--leak-test] | --histogram FILE --capacity N [--depth K] " \
      "[--algorithm greedy|best_fit|spfhp|optimal] [--json]",                                     \
      "say how well documents fill sequences")                                                    \
    X(config, "explain [KEY] | dump [CONFIG] [section.key=value ...] [--json]",                   \
      "say what can be set, or what a config sets and where")                                     \
    X(plan,                                                                                       \
      "[CONFIG] [section.key=value ...] [--vocab N] [--no-measure] [--json] | [CONFIG] ... "      \
      "--budget 30min|1e15 --law FILE [--output F.yaml] [--json]",                                \
      "say how large a model is, what it needs and how long it trains")                           \
    X(train,                                                                                      \
      "[CONFIG] [section.key=value ...] [--run DIR] [--resume] [--overwrite] "                    \
      "[--from F] [--stop-after STEP] [--threads N] [--allow-change] [--no-report]",              \
      "train a model, or go on with it")                                                          \
    X(sweep,                                                                                      \
      "CONFIG [section.key=value ...] [--output DIR] [--jobs N] [--threads N] [--dry-run] "       \
      "[--extend] [--retry] [--json] | status SWEEP [--json] | table SWEEP [--output F.csv] "     \
      "[--json]",                                                                                 \
      "run a grid of configs, or go on with it; say how it stands")                               \
    X(eval,                                                                                       \
      "--checkpoint F [data.key=value ...] [--data D.h5] [--split val|train] [--by-position] "    \
      "[--by-document] [--json]",                                                                 \
      "measure the loss of a checkpoint on all of a split")                                       \
    X(sample,                                                                                     \
      "--checkpoint F [--prompt TEXT] [--tokens N] [--temperature T] [--top-k K] [--top-p P] "    \
      "[--seed S] [--count N] [--interactive] [--json]",                                          \
      "let a checkpoint write")                                                                   \
    X(explain, "RUN [STEP] [--documents N] [--data D.h5] [--no-replay] [--threads N] [--json]",   \
      "say what happened at a spike: cause, documents, layers, what to do")                       \
    X(replay, "RUN/spikes/batch-N [--data D.h5] [--threads N] [--json]",                          \
      "make a spike again: its batch and a usual one, on the states before and at it")            \
    X(report,                                                                                     \
      "RUN... | SWEEP [--output F.html] [--svg DIR] [--samples N] [--tokens N] [--prompt TEXT] "  \
      "[--threads N] [--json]",                                                                   \
      "make a page of runs: curves, spikes, samples, configs, side by side")                      \
    X(inspect, "FILE | RUN/spikes/batch-N [--json]",                                              \
      "say what a checkpoint, a dataset, a sweep's store or a bundle holds")                      \
    X(study,                                                                                      \
      "coords|lr-width|scores [CONFIG] [section.key=value ...] [--widths W,W,...] "               \
      "[--lrs X,X,...] [--steps N] [--seeds N] [--output DIR] [--threads N] [--json]",            \
      "see how activations, the best learning rate or attention change with width")               \
    X(bench,                                                                                      \
      "[c1 ... c5 | CONFIG ...] [SECTION.KEY=VALUE ...] [--all] [--profile] [--steps N] "         \
      "[--repeat N] [--threads N] [--vocab N] [--json]",                                          \
      "measure training against the machine's limits")                                            \
    X(fit,                                                                                        \
      "INPUT... [--law NAME] [--at PARAMS,TOKENS|FLOPS ...] [--level 0.95] [--compare] "          \
      "[--given NAME=VALUE,...] [--json]",                                                        \
      "find a scaling law, with intervals, from a CSV, a sweep, or runs")                         \
    X(corpus, "wordnet|kjv|austen [--output data/corpora] [--tokenizer byte|char|FILE] [--json]", \
      "fetch an English text and make a dataset of it")

#define X(name, usage, help) Status command_##name(const Command *c, int argc, char *argv[]);
COMMAND_LIST(X)
#undef X

#endif
