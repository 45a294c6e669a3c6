#include "train/sweep/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/support/clock.h"
#include "train/support/json.h"
#include "train/sweep/child.h"

enum { KEYS_MAX = 64, KEY_SIZE = 128 };

/* The varied settings, in the order of first use, without those that have a column anyway. */
typedef struct Keys {
    char names[KEYS_MAX][KEY_SIZE];
    int count;
} Keys;

/* The value of a "key=value" line; NULL: there is none. *length: how long it is. */
static const char *find(const char *overrides, const char *key, size_t *length)
{
    const size_t size = strlen(key);
    for (const char *at = overrides; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!strncmp(at, key, size) && at[size] == '=') {
            *length = strcspn(at + size + 1, "\n");
            return at + size + 1;
        }
    return NULL;
}

static void add_key(Keys *k, const char *name, size_t length)
{
    static const char *const columns[] = {"train.steps", "train.seed"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strlen(columns[i]) == length && !memcmp(columns[i], name, length)) return;
    for (int i = 0; i < k->count; i++)
        if (strlen(k->names[i]) == length && !memcmp(k->names[i], name, length)) return;
    if (k->count == KEYS_MAX || length >= KEY_SIZE) return;
    memcpy(k->names[k->count], name, length);
    k->names[k->count++][length] = '\0';
}

static void find_keys(const Sweep *s, Keys *k)
{
    for (int64_t i = 0; i < s->count; i++)
        for (const char *at = s->runs[i].overrides; *at; at += strcspn(at, "\n"), at += *at == '\n')
            add_key(k, at, strcspn(at, "=\n"));
}

/* A field of a CSV, in quotes if it must be (RFC 4180). */
static void put_text(FILE *out, const char *text, size_t length)
{
    const bool quoted = memchr(text, ',', length) || memchr(text, '"', length);
    fputc(',', out);
    if (quoted) fputc('"', out);
    for (const char *end = text + length; text < end; text++) {
        const char *at = text;
        while (text < end && *text != '"' && *text != '\n') text++;
        text_put(out, at, (size_t)(text - at));
        if (text < end) fputs(*text == '"' ? "\"\"" : " ", out);
    }
    if (quoted) fputc('"', out);
}

static void put_real(FILE *out, double x)
{
    char text[32];
    fprintf(out, ",%s", isfinite(x) ? text_real(x, text) : "");
}

static void put_run(const SweepRun *r, const Keys *k, FILE *out)
{
    fprintf(out, "%s,%s,%lld,%lld", r->id, sweep_state_name(r->state), (long long)r->params,
            (long long)r->tokens);
    put_real(out, r->loss);
    put_real(out, r->flops);
    if (r->budget)
        put_real(out, r->budget);
    else
        fputc(',', out);
    fprintf(out, ",%d,%d,%lld,%lld", r->held_out, r->extra, (long long)r->steps,
            (long long)r->seed);
    fprintf(out, ",%lld", (long long)(r->params - r->params_embedding));
    put_real(out, r->flops_per_token);
    put_real(out, (double)r->tokens / (double)r->unique_tokens);
    for (int i = 0; i < k->count; i++) {
        size_t length = 0;
        const char *value = find(r->overrides, k->names[i], &length);
        put_text(out, value ? value : "", length);
    }
    put_text(out, r->reason, strlen(r->reason));
    fputc('\n', out);
}

Status table_csv(const Sweep *s, FILE *out)
{
    Keys *k = calloc(1, sizeof *k);
    if (!k) return FAIL(E_NOMEM, "a table");
    find_keys(s, k);
    fputs("id,state,params,tokens,loss,flops,budget,held_out,extra,steps,seed,"
          "params_non_embedding,flops_per_token,epochs",
          out);
    for (int i = 0; i < k->count; i++) put_text(out, k->names[i], strlen(k->names[i]));
    fputs(",reason\n", out);
    for (int64_t i = 0; i < s->count; i++) put_run(&s->runs[i], k, out);
    free(k);
    return fflush(out) || ferror(out) ? FAIL(E_IO, "the table: %s", strerror(errno)) : OK;
}

bool table_few_steps(const Sweep *s, int64_t i, char out[TABLE_WARNING])
{
    const SweepRun *r = &s->runs[i];
    if (!(r->budget > 0) || r->held_out || r->state != SWEEP_done || r->steps >= TABLE_STEPS_MIN)
        return false;
    for (int64_t j = 0; j < s->count; j++) {
        const SweepRun *other = &s->runs[j];
        if (other->budget != r->budget || other->state != SWEEP_done) continue;
        if (other->loss < r->loss || (other->loss == r->loss && j < i)) return false;
    }
    snprintf(out, TABLE_WARNING,
             "warning: budget %g: its best run has %lld steps; with fewer than %d the loss is too "
             "high for a scaling law: decrease train.batch there (sweep.batch)",
             r->budget, (long long)r->steps, (int)TABLE_STEPS_MIN);
    return true;
}

void table_status(const Sweep *s, FILE *out)
{
    int64_t counts[SWEEP_STATES] = {0};
    double seconds = 0, flops = 0, done = 0;
    char cell[512], name[4 * sizeof cell], path[SWEEP_PATH_MAX], holder[LOCK_TEXT_MAX];
    for (int64_t i = 0; i < s->count; i++) {
        const SweepRun *r = &s->runs[i];
        counts[r->state]++;
        seconds += r->seconds;
        flops += r->flops;
        if (sweep_state_is_over(r->state)) done += r->flops;
    }
    fprintf(out, "%s: %lld runs", s->folder, (long long)s->count);
    for (int i = 0; i < SWEEP_STATES; i++)
        if (counts[i])
            fprintf(out, ", %lld %s", (long long)counts[i], sweep_state_name((SweepState)i));
    fprintf(out, "; %.0f %% of %.3g FLOPs; %s of training in all\n", flops ? 100 * done / flops : 0,
            flops, duration_text(seconds));
    for (int64_t i = 0; i < s->count; i++) {
        const SweepRun *r = &s->runs[i];
        text_escape(cell_name(r, cell, sizeof cell), name, sizeof name);
        if (r->state == SWEEP_running) {
            lock_holder(sweep_run_path(s, r, "claim", path), holder);
            fprintf(out, "running   %s  (%s)  %s%s\n", r->id, name,
                    *holder ? "process " : "not running: capstan sweep resumes it", holder);
        } else if (*r->reason) {
            fprintf(out, "%-9s %s  (%s)  ", sweep_state_name(r->state), r->id, name);
            text_put(out, r->reason, strlen(r->reason));
            fputc('\n', out);
        }
    }
    for (int64_t i = 0; i < s->count; i++)
        if (table_few_steps(s, i, name)) fprintf(out, "%s\n", name);
}

static json_t *run_json(const SweepRun *r)
{
    json_t *o = json_object(), *settings = json_object();
    json_object_set_new(o, "id", json_string(r->id));
    json_object_set_new(o, "state", json_string(sweep_state_name(r->state)));
    for (const char *at = r->overrides; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        char key[KEY_SIZE];
        const size_t length = strcspn(at, "=\n");
        if (at[length] != '=' || length >= sizeof key) continue;
        memcpy(key, at, length);
        key[length] = '\0';
        json_object_set_new(settings, key,
                            json_stringn(at + length + 1, strcspn(at + length + 1, "\n")));
    }
    json_object_set_new(o, "settings", settings);
    if (*r->reason) json_object_set_new(o, "reason", json_text(r->reason));
    json_object_set_new(o, "budget", r->budget ? json_number(r->budget) : json_null());
    json_object_set_new(o, "held_out", json_boolean(r->held_out));
    json_object_set_new(o, "extra", json_boolean(r->extra));
    json_object_set_new(o, "params", json_integer(r->params));
    json_object_set_new(o, "params_non_embedding", json_integer(r->params - r->params_embedding));
    json_object_set_new(o, "steps", json_integer(r->steps));
    json_object_set_new(o, "tokens", json_integer(r->tokens));
    json_object_set_new(o, "unique_tokens", json_integer(r->unique_tokens));
    json_object_set_new(o, "flops_per_token", json_number(r->flops_per_token));
    json_object_set_new(o, "flops", json_number(r->flops));
    json_object_set_new(o, "loss", json_number(r->loss));
    json_object_set_new(o, "seed", json_integer((json_int_t)r->seed));
    json_object_set_new(o, "seconds", json_number(r->seconds));
    return o;
}

json_t *table_json(const Sweep *s)
{
    int64_t counts[SWEEP_STATES] = {0};
    json_t *root = json_object(), *states = json_object(), *runs = json_array(),
           *few = json_array();
    char text[TABLE_WARNING];
    for (int64_t i = 0; i < s->count; i++) {
        counts[s->runs[i].state]++;
        json_array_append_new(runs, run_json(&s->runs[i]));
        if (table_few_steps(s, i, text)) json_array_append_new(few, json_string(text));
    }
    for (int i = 0; i < SWEEP_STATES; i++)
        json_object_set_new(states, sweep_state_name((SweepState)i), json_integer(counts[i]));
    json_object_set_new(root, "folder", json_text(s->folder));
    json_object_set_new(root, "flops", json_string(s->flops));
    json_object_set_new(root, "states", states);
    json_object_set_new(root, "runs", runs);
    json_object_set_new(root, "warnings", few);
    return root;
}
