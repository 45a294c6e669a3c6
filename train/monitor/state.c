#include "train/monitor/state.h"

#include <math.h>
#include <string.h>

enum { NUMBERS = 7, PAST = sizeof(MonitorPast) / sizeof(int64_t) };
enum { NOW = sizeof(MonitorNow) / sizeof(int64_t), DROP = sizeof(BatchRange) / sizeof(int64_t) };

_Static_assert(PAST * sizeof(int64_t) == sizeof(MonitorPast) &&
                   NOW * sizeof(int64_t) == sizeof(MonitorNow),
               "saved as lists of int64_t");

static MonitorNow now(const Monitor *m)
{
    return (MonitorNow){.in_a_row = m->in_a_row,
                        .history = m->history.count,
                        .high = m->detector.high,
                        .seen = m->detector.judged_values,
                        .clipped = m->zclip.count};
}

/* The lists being made. */
typedef struct Saver {
    Arena *arena;
    CheckpointList *lists;
    int count;
    bool out_of_memory;
} Saver;

static void *save(Saver *k, const char *name, NumberType type, int64_t count)
{
    void *data = arena_zero(k->arena, (count + 1) * number_size(type));
    INVARIANT(k->count < MONITOR_LISTS);
    k->lists[k->count++] = (CheckpointList){name, type, count, data};
    if (!data) k->out_of_memory = true;
    return data;
}

static void save_window(Saver *k, const char *name, const Window *w)
{
    double *data = save(k, name, NUMBER_F64, w->count);
    for (int64_t i = 0; data && i < w->count; i++) data[i] = window_at(w, i);
}

static void save_tally(Saver *k, const char *name, const Tally *t)
{
    unsigned char *data = save(k, name, NUMBER_U8, t->count);
    for (int64_t i = 0; data && i < t->count; i++) data[i] = tally_at(t, i);
}

static void save_copy(Saver *k, const char *name, NumberType type, int64_t count, const void *from)
{
    void *data = save(k, name, type, count);
    if (data && count) memcpy(data, from, (size_t)(count * number_size(type)));
}

static void save_history(Saver *k, const History *h)
{
    const int64_t rows = history_rows(h);
    double *data = save(k, "monitor_history", NUMBER_F64, rows * h->columns);
    for (int64_t i = 0; data && i < rows; i++)
        memcpy(data + i * h->columns, history_row(h, i), (size_t)h->columns * sizeof *data);
}

Status monitor_save(const Monitor *m, Arena *a, CheckpointList lists[MONITOR_LISTS], int *count)
{
    Saver k = {.arena = a, .lists = lists};
    *count = 0;
    if (!m->config) return OK;
    const Detector *d = &m->detector;
    const double numbers[NUMBERS] = {m->rate,          d->all_loss.sum,     d->all_loss.squares,
                                     d->all_norm.sum,  d->all_norm.squares, m->zclip.mean,
                                     m->zclip.variance};
    const MonitorNow counts = now(m);
    save_copy(&k, "monitor_past", NUMBER_I64, PAST, &m->past);
    save_copy(&k, "monitor_now", NUMBER_I64, NOW, &counts);
    save_copy(&k, "monitor_numbers", NUMBER_F64, NUMBERS, numbers);
    save_copy(&k, "monitor_drops", NUMBER_I64, m->drop_count * DROP, m->drops);
    save_copy(&k, "monitor_zclip", NUMBER_F64, ZCLIP_FIRST, m->zclip.first);
    save_window(&k, "monitor_loss", &d->loss);
    save_window(&k, "monitor_log_norm", &d->log_norm);
    save_window(&k, "monitor_old_loss", &d->old_loss);
    save_window(&k, "monitor_old_log_norm", &d->old_log_norm);
    save_copy(&k, "monitor_returned", NUMBER_I64, 1, &d->returned);
    save_window(&k, "monitor_log_update", &m->log_update);
    save_window(&k, "monitor_all_loss", &d->all_loss.window);
    save_window(&k, "monitor_all_norm", &d->all_norm.window);
    save_tally(&k, "monitor_recent", &m->recent);
    save_tally(&k, "monitor_score", &m->score);
    save_history(&k, &m->history);
    *count = k.count;
    return k.out_of_memory ? FAIL(E_NOMEM, "the monitor's state") : OK;
}

/* The lists of a checkpoint. */
typedef struct Loaded {
    const int64_t *past, *now, *drops, *returned;
    const double *numbers, *zclip, *loss, *log_norm, *old_loss, *old_log_norm, *log_update,
        *all_loss, *all_norm, *history;
    const unsigned char *recent, *score;
    int64_t drop_count, loss_count, log_norm_count, old_loss_count, old_log_norm_count,
        log_update_count, all_loss_count, all_norm_count, history_count, recent_count, score_count;
} Loaded;

/* Loads lists and remembers the first error. */
typedef struct Loader {
    const CheckpointReader *reader;
    Status status;
} Loader;

/* A list of `wanted` elements (-1: of any length). NULL: it is absent, or there was an error. */
static const void *load(Loader *k, const char *name, NumberType type, int64_t wanted,
                        int64_t *count)
{
    const void *data = NULL;
    *count = 0;
    if (k->status != OK) return NULL;
    k->status = checkpoint_list(k->reader, name, type, count, &data);
    if (k->status == OK && data && wanted >= 0 && *count != wanted)
        k->status = FAIL(E_FORMAT, "%s: /state/%s has %lld numbers; expected %lld", k->reader->path,
                         name, (long long)*count, (long long)wanted);
    return k->status == OK ? data : NULL;
}

/* Counters and indices: never negative, and small enough not to overflow later. */
static const int64_t *load_counts(Loader *k, const char *name, int64_t wanted, int64_t *count)
{
    const int64_t *x = load(k, name, NUMBER_I64, wanted, count);
    for (int64_t i = 0; k->status == OK && i < *count; i++)
        if (x[i] < 0 || x[i] > CHECKPOINT_COUNT_MAX)
            k->status = FAIL(E_FORMAT, "%s: /state/%s holds %lld, which is not a count",
                             k->reader->path, name, (long long)x[i]);
    return x;
}

static const double *load_window(Loader *k, const char *name, int64_t *count)
{
    const double *x = load(k, name, NUMBER_F64, -1, count);
    for (int64_t i = 0; k->status == OK && i < *count; i++)
        if (!isfinite(x[i]))
            k->status = FAIL(E_FORMAT, "%s: /state/%s holds a number that is not finite",
                             k->reader->path, name);
    return x;
}

static Status load_all(const CheckpointReader *r, Loaded *f)
{
    Loader k = {r, OK};
    int64_t count;
    f->past = load_counts(&k, "monitor_past", PAST, &count);
    f->now = load_counts(&k, "monitor_now", NOW, &count);
    f->numbers = load(&k, "monitor_numbers", NUMBER_F64, NUMBERS, &count);
    f->zclip = load(&k, "monitor_zclip", NUMBER_F64, ZCLIP_FIRST, &count);
    f->drops = load_counts(&k, "monitor_drops", -1, &f->drop_count);
    f->loss = load_window(&k, "monitor_loss", &f->loss_count);
    f->log_norm = load_window(&k, "monitor_log_norm", &f->log_norm_count);
    f->old_loss = load_window(&k, "monitor_old_loss", &f->old_loss_count);
    f->old_log_norm = load_window(&k, "monitor_old_log_norm", &f->old_log_norm_count);
    f->returned = load_counts(&k, "monitor_returned", f->old_loss ? 1 : -1, &count);
    f->log_update = load_window(&k, "monitor_log_update", &f->log_update_count);
    f->all_loss = load_window(&k, "monitor_all_loss", &f->all_loss_count);
    f->all_norm = load_window(&k, "monitor_all_norm", &f->all_norm_count);
    f->recent = load(&k, "monitor_recent", NUMBER_U8, -1, &f->recent_count);
    f->score = load(&k, "monitor_score", NUMBER_U8, -1, &f->score_count);
    f->history = load(&k, "monitor_history", NUMBER_F64, -1, &f->history_count);
    return k.status;
}

static void restore_window(Window *w, const double *data, int64_t count)
{
    window_clear(w);
    for (int64_t i = 0; i < count; i++) window_push(w, data[i]);
}

static void restore_tally(Tally *t, const unsigned char *data, int64_t count)
{
    tally_clear(t);
    for (int64_t i = 0; i < count; i++) tally_add(t, data[i] != 0);
}

/* Stays empty if the checkpoint is of another model or another capacity. */
static void restore_history(History *h, const Loaded *f, int64_t ever)
{
    const int64_t rows = f->history_count / h->columns;
    h->count = 0;
    if (f->history_count % h->columns || rows > h->capacity || rows > ever) return;
    h->count = ever - rows;
    for (int64_t i = 0; i < rows; i++)
        memcpy(history_add(h), f->history + i * h->columns, (size_t)h->columns * sizeof(double));
}

static void restore_past(Monitor *m, const Loaded *f)
{
    const int64_t from =
        f->drop_count / DROP > m->drop_room ? f->drop_count / DROP - m->drop_room : 0;
    memcpy(&m->past, f->past, sizeof m->past);
    m->rate = f->numbers[0];
    m->drop_count = f->drop_count / DROP - from;
    if (m->drop_count)
        memcpy(m->drops, f->drops + from * DROP, (size_t)m->drop_count * sizeof *m->drops);
    restore_tally(&m->score, f->score, f->score_count);
}

static void restore_now(Monitor *m, const Loaded *f)
{
    Detector *d = &m->detector;
    MonitorNow n;
    memcpy(&n, f->now, sizeof n);
    m->in_a_row = n.in_a_row;
    d->high = n.high;
    d->judged_values = n.seen;
    m->zclip = (ZClip){n.clipped, f->numbers[5], f->numbers[6], {0}};
    memcpy(m->zclip.first, f->zclip, sizeof m->zclip.first);
    restore_window(&d->loss, f->loss, f->loss_count);
    restore_window(&d->log_norm, f->log_norm, f->log_norm_count);
    restore_window(&d->old_loss, f->old_loss, f->old_loss_count);
    restore_window(&d->old_log_norm, f->old_log_norm, f->old_log_norm_count);
    d->returned = f->returned ? *f->returned : 0; /* 0.1 has none */
    restore_window(&m->log_update, f->log_update, f->log_update_count);
    restore_window(&d->all_loss.window, f->all_loss, f->all_loss_count);
    restore_window(&d->all_norm.window, f->all_norm, f->all_norm_count);
    d->all_loss.sum = f->numbers[1];
    d->all_loss.squares = f->numbers[2];
    d->all_norm.sum = f->numbers[3];
    d->all_norm.squares = f->numbers[4];
    restore_tally(&m->recent, f->recent, f->recent_count);
    restore_history(&m->history, f, n.history);
}

Status monitor_check_state(const Monitor *m, const CheckpointReader *r)
{
    Loaded f;
    return m->config ? load_all(r, &f) : OK;
}

void monitor_restore(Monitor *m, const CheckpointReader *r, bool rewind)
{
    Loaded f;
    if (!m->config || load_all(r, &f) != OK) return;
    if (!f.past || !f.now || !f.numbers || !f.zclip) return;
    if (!rewind) restore_past(m, &f);
    restore_now(m, &f);
}
