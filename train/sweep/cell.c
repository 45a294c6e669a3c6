#include "train/sweep/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/batch.h"
#include "data/block.h"
#include "train/checkpoint/init_from.h"
#include "train/config/yaml.h"
#include "train/plan/account.h"
#include "train/plan/plan.h"

char *cell_name(const SweepRun *r, char *out, size_t size)
{
    size_t used = 0;
    *out = '\0';
    if (r->budget) used = (size_t)snprintf(out, size, "budget %g", r->budget);
    for (const char *at = r->overrides; *at && used + 1 < size;) {
        const size_t length = strcspn(at, "\n");
        used +=
            (size_t)snprintf(out + used, size - used, "%s%.*s", used ? " " : "", (int)length, at);
        at += length + (at[length] == '\n');
    }
    return out;
}

/* "section.name: value"; if accumulate is set, as version 0.1 wrote it, which split micro-batches
 * into train.accumulate x train.lanes. */
static void print_key(const Config *c, const Key *k, int64_t accumulate, FILE *file)
{
    char value[TEXT_MAX];
    const bool is_train = accumulate && !strcmp(k->section, "train");
    if (is_train && !strcmp(k->name, "groups")) return;
    config_value(c, k, value, sizeof value);
    if (k->flags & SETTING_ADDED && (accumulate || !strcmp(value, k->fallback))) return;
    if (is_train && !strcmp(k->name, "microbatches"))
        fprintf(file, "train.accumulate: %lld\ntrain.lanes: %lld\n", (long long)accumulate,
                (long long)(c->train.microbatches / accumulate));
    else
        fprintf(file, "%s.%s: %s\n", k->section,
                accumulate && !strcmp(k->name, "inject_batch") ? "inject_draw" : k->name, value);
}

/* Digest of the config's "key: value" lines, except those for which `is_left_out` is true. */
static Status digest_as(const Config *c, bool (*is_left_out)(const Key *k), int64_t accumulate,
                        uint64_t *out)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file) return FAIL(E_NOMEM, "the digest of a config");
    for (const Key *k = config_keys; k < config_keys + config_key_count; k++)
        if (!is_left_out(k)) print_key(c, k, accumulate, file);
    const bool whole = text_close(file, &text);
    if (whole) *out = digest_short(text, (int64_t)size);
    free(text);
    return whole ? OK : FAIL(E_NOMEM, "the digest of a config");
}

static Status digest(const Config *c, bool (*is_left_out)(const Key *k), uint64_t *out)
{
    return digest_as(c, is_left_out, 0, out);
}

/* The number of threads does not change results. */
static bool is_threads(const Key *k)
{
    return !strcmp(k->section, "train") && !strcmp(k->name, "threads");
}

/* Settings in which a trunk and its branches may differ. */
static bool is_schedule(const Key *k)
{
    return is_threads(k) || k->flags & SETTING_SCHEDULE;
}

static bool is_no_data(const Key *k)
{
    if (!strcmp(k->section, "train")) return strcmp(k->name, "batch") != 0;
    if (!strcmp(k->section, "model")) return strcmp(k->name, "context") != 0;
    return strcmp(k->section, "data") != 0;
}

static Status open_data(CellMaker *m, const char *path, CellData **out)
{
    Dataset d;
    for (CellData *one = m->data; one; one = one->next)
        if (!strcmp(one->path, path)) {
            *out = one;
            return OK;
        }
    CellData *new = arena_zero(m->arena, (int64_t)sizeof *new);
    if (!new) return FAIL(E_NOMEM, "a dataset");
    Status status = dataset_open(&d, path);
    if (status == OK) {
        snprintf(new->path, sizeof new->path, "%s", path);
        snprintf(new->digest, sizeof new->digest, "%s", d.digest);
        new->vocab_size = d.vocab_size;
        new->tokens = d.train.count;
        new->facts = data_facts(&d);
        new->next = m->data;
        *out = m->data = new;
    }
    dataset_close(&d);
    return status;
}

static Status open_batches(const Config *c, const Dataset *d)
{
    Batches train = {0}, val = {0};
    const uint64_t seed = (uint64_t)c->train.seed;
    Status status =
        batches_open(&train, d, &d->train, &c->data, c->model.context, c->train.batch, seed);
    if (status == OK)
        status = batches_open(&val, d, &d->val, &c->data, c->model.context, c->train.batch, seed);
    batches_close(&train);
    batches_close(&val);
    return status;
}

/* Checks that both splits have at least one batch. */
static Status check_data(CellData *data, const Config *c)
{
    enum { ROOM = sizeof data->checked / sizeof *data->checked };
    uint64_t what = 0;
    Dataset d;
    TRY(digest(c, is_no_data, &what));
    for (int i = 0; i < data->checked_count && i < ROOM; i++)
        if (data->checked[i] == what) return OK;
    Status status = dataset_open(&d, c->data.path);
    if (status == OK) status = open_batches(c, &d);
    dataset_close(&d);
    if (status == OK) data->checked[data->checked_count++ % ROOM] = what;
    return status;
}

/* FLOPS_EXACT with document masks depends on the data: averages over some batches. */
static Status count_exactly(const Config *c, Account *account)
{
    enum { BATCHES = 16 };
    const bool whole = !c->data.document_mask && !packer_of(c->data.packing);
    Dataset d;
    Batches b = {0};
    if (whole) return OK;
    Status status = dataset_open(&d, c->data.path);
    if (status == OK)
        status = batches_open(&b, &d, &d.train, &c->data, c->model.context, c->train.batch,
                              (uint64_t)c->train.seed);
    if (status == OK) status = account_data(&c->model, &b, BATCHES, account);
    batches_close(&b);
    dataset_close(&d);
    return status;
}

static Status apply(Config *c, const Setting *s)
{
    char origin[ORIGIN_MAX];
    const size_t length = strlen(s->where); /* "a.yaml:3:5: " */
    snprintf(origin, sizeof origin, "%.*s", (int)(length > 2 ? length - 2 : 0), s->where);
    return config_set(c, s->section, s->name, s->value, s->where, origin);
}

static Status apply_number(Config *c, const char *section, const char *name, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return apply(c, &(Setting){section, name, text, "sweep: "});
}

static Status apply_all(CellMaker *m, const Cell *cell, Config *c)
{
    *c = *m->base;
    for (int64_t i = 0; i < cell->setting_count; i++) TRY(apply(c, cell->settings[i]));
    return cell->batch ? apply_number(c, "train", "batch", cell->batch) : OK;
}

/* Measures the memory, parameters and FLOPs of the model, which do not depend on train.steps. */
static Status plan_cell(CellMaker *m, Cell *cell, const Config *c, const CellData *data)
{
    Plan p;
    Account account;
    FlopsKind kind = FLOPS_PRODUCTS;
    const bool known = flops_find(m->spec->flops, &kind);
    INVARIANT(known); /* spec_read() takes no others */
    Status status = plan_make(&p, c, data->vocab_size);
    cell->memory = p.total_size;
    cell->vocab_size = p.vocab_size;
    plan_close(&p);
    TRY(status);
    TRY(account_model(&c->model, data->vocab_size, &account));
    if (kind == FLOPS_EXACT) TRY(count_exactly(c, &account));
    cell->run.params = account.params;
    cell->run.params_embedding = account.params_embedding;
    cell->run.flops_per_token = account.flops[kind];
    if (cell->memory <= plan_memory()) return OK;
    return FAIL(E_CONFIG, "it needs %.1f GB, and this machine has %.1f",
                1e-9 * (double)cell->memory, 1e-9 * (double)plan_memory());
}

/* The steps that the budget pays for. */
static Status choose_steps(const Cell *cell, const Config *c, int64_t *steps)
{
    const double step = cell->run.flops_per_token * (double)(c->train.batch * c->model.context);
    const double count = round(cell->run.budget / step);
    if (count >= 1 && count <= 1e12) {
        *steps = (int64_t)count;
        return OK;
    }
    return FAIL(E_CONFIG, "one step of %lld x %lld tokens takes %.3g FLOPs; a budget of %g %s",
                (long long)c->train.batch, (long long)c->model.context, step, cell->run.budget,
                count < 1 ? "is too small: increase it, or decrease train.batch"
                          : "is too large: decrease it");
}

/* resolved: includes the settings that follow from the budget. */
static Status write_overrides(CellMaker *m, Cell *cell, bool resolved)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return FAIL(E_NOMEM, "the settings of a run");
    for (int64_t i = 0; i < cell->setting_count; i++) {
        const Setting *s = cell->settings[i];
        fprintf(out, "%s.%s=%s\n", s->section, s->name, s->value);
    }
    if (cell->batch) fprintf(out, "train.batch=%lld\n", (long long)cell->batch);
    if (cell->run.budget && resolved)
        fprintf(out, "train.steps=%lld\n", (long long)cell->run.steps);
    if (m->spec->warmup_share >= 0 && resolved)
        fprintf(out, "optim.warmup=%lld\n", (long long)cell->config->optim.warmup);
    cell->run.overrides = text_close(out, &text) ? arena_text(m->arena, text) : NULL;
    free(text);
    return cell->run.overrides ? OK : FAIL(E_NOMEM, "the settings of a run");
}

static Status identify(Cell *cell)
{
    uint64_t id = 0;
    const Config *c = cell->config;
    TRY(digest(c, is_threads, &id));
    TRY(digest(c, is_schedule, &cell->start));
    if (c->monitor.action != ACTION_off) /* the monitor keeps a history of this length */
        cell->start ^= (uint64_t)monitor_window(&c->monitor, c->train.steps);
    snprintf(cell->run.id, sizeof cell->run.id, "%016llx", (unsigned long long)id);
    return OK;
}

Status cell_old_id(const Cell *cell, int64_t accumulate, char id[SWEEP_ID + 1])
{
    uint64_t old = 0;
    TRY(digest_as(cell->config, is_threads, accumulate, &old));
    snprintf(id, SWEEP_ID + 1, "%016llx", (unsigned long long)old);
    return OK;
}

Status cell_make(CellMaker *m, Cell *cell)
{
    CellData *data = NULL;
    SweepRun *r = &cell->run;
    Config *c = cell->config = arena_take(m->arena, (int64_t)sizeof *c);
    if (!c) return FAIL(E_NOMEM, "the config of a run");
    r->overrides = r->reason = "";
    cell->trunk = -1;
    TRY(write_overrides(m, cell, false)); /* so that error messages can name the cell */
    TRY(apply_all(m, cell, c));
    TRY(init_from_model(c, NULL));
    TRY(config_resolve(c));
    TRY(open_data(m, c->data.path, &data));
    TRY(plan_cell(m, cell, c, data));

    int64_t steps = c->train.steps;
    if (r->budget) TRY(choose_steps(cell, c, &steps));
    TRY(apply_all(m, cell, c)); /* again: derived defaults must follow from these steps */
    if (r->budget) TRY(apply_number(c, "train", "steps", steps));
    if (m->spec->warmup_share >= 0)
        TRY(apply_number(c, "optim", "warmup", llround(m->spec->warmup_share * (double)steps)));
    TRY(init_from_model(c, NULL));
    TRY(config_resolve(c));
    if (!c->train.steps) return FAIL(E_CONFIG, "train.steps = 0: there is nothing to train");
    if (!c->train.eval_every)
        return FAIL(E_CONFIG, "train.eval_every = 0: a sweep needs the final validation loss");
    TRY(check_data(data, c));
    cell->data = &data->facts;

    r->steps = steps;
    r->tokens = steps * c->train.batch * c->model.context;
    r->unique_tokens = data->tokens;
    r->flops = r->flops_per_token * (double)r->tokens;
    r->seed = (uint64_t)c->train.seed;
    r->loss = NAN;
    TRY(write_overrides(m, cell, true));
    return identify(cell);
}
