/* The commands of capstan: one file each in train/commands/, one row each here. */
#ifndef TRAIN_COMMANDS_COMMANDS_H
#define TRAIN_COMMANDS_COMMANDS_H

#include "train/commands/options.h"

/* X(name, help): command_<name>() is in train/commands/<name>.c */
#define COMMAND_LIST(X)                                                                            \
    X(prepare, "make a dataset from text files")                                                   \
    X(tokenizer, "train, inspect, convert or apply a tokenizer")                                   \
    X(pack, "report how well documents fill packed sequences")                                     \
    X(config, "list the settings, or print a resolved config with the origin of each value")       \
    X(plan, "estimate a model's parameters, memory, FLOPs and training time")                      \
    X(train, "train a model, or resume training")                                                  \
    X(sweep, "train a grid of configs, or resume it; show its state or its table")                 \
    X(eval, "compute the loss of a checkpoint over a whole split")                                 \
    X(sample, "generate text from a checkpoint")                                                   \
    X(import, "make a checkpoint of a model of Hugging Face, llama.cpp or llama2.c")               \
    X(export, "write a checkpoint as a model of llama.cpp (GGUF) or Hugging Face")                 \
    X(explain, "diagnose a loss spike: cause, documents, layers, remedies")                        \
    X(replay, "re-run a spike's batch and a normal batch from the states before and at the spike") \
    X(report, "write an HTML page of runs: curves, spikes, samples and configs, side by side")     \
    X(inspect, "show the contents of a checkpoint, dataset, sweep store or spike bundle")          \
    X(study, "measure how activations, the best learning rate or attention scale with width")      \
    X(bench, "measure training speed against the limits of the machine")                           \
    X(fit, "fit a scaling law, with confidence intervals, to a CSV, a sweep or runs")              \
    X(corpus, "download an English text and make a dataset from it")

#define X(name, help) Status command_##name(const Command *c, int argc, char *argv[]);
COMMAND_LIST(X)
#undef X

#endif
