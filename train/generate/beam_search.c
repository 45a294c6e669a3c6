#include "train/generate/beam_search.h"

#include <math.h>

#include "train/generate/text_writer.h"

/* A token of a text, after its parent. */
typedef struct BeamToken BeamToken;
struct BeamToken {
    const BeamToken *parent; /* NULL: the first new token */
    TokenLogProb made;
    double sum, score; /* score: of a text that has ended */
    int64_t length;    /* new tokens, this one included */
    bool ended, stopped;
};

typedef struct Beam {
    const BeamToken *last; /* NULL: no new token yet */
    int32_t stream;
    TokenHistory history; /* only if a logit stage is on */
    StopFinder stops;
} Beam;

/* A beam and a token that may extend it. */
typedef struct Extension {
    int64_t parent, row; /* the beam; its row of the logits */
    int32_t token;
    double sum, log_prob;
} Extension;

typedef struct Search {
    Decoder *decoder;
    const Tokenizer *tokenizer;
    const Sampling *how;
    const BeamParams *params;
    Arena arena, *kept; /* kept: where nodes live */
    StopStrings stop_strings;
    StopFinder finder;       /* scratch */
    Beam *beams, *next;      /* [params->beams]: the best first */
    int64_t count;           /* of beams */
    const BeamToken **ended; /* [params->beams]: the best first */
    int64_t ended_count;
    Extension *best; /* [2 params->beams]: the best first */
    int64_t best_count;
    real *changed; /* [vocab_size]: NULL: no stage is on */
    int32_t end_of_text;
} Search;

double length_penalty(const BeamParams *p, int64_t tokens)
{
    const double length = (double)tokens;
    return pow(p->form == LENGTH_GNMT ? (5 + length) / 6 : length, p->length_penalty);
}

static Status open_beam(Search *s, Beam *b, const Prompt *p)
{
    TRY(stop_finder_open(&b->stops, &s->arena, &s->stop_strings));
    if (!s->changed) return OK;
    TRY(token_history_open(&b->history, &s->arena, s->decoder->model->vocab_size, s->end_of_text,
                           p->tokens, p->count));
    b->history.left = s->how->tokens;
    return OK;
}

static Status open_search(Search *s, const Prompt *p)
{
    Arena *a = &s->arena;
    const int64_t beams = s->params->beams, vocab_size = s->decoder->model->vocab_size;
    const bool has_stages = logit_stages_are_on(&s->how->logits);
    if (s->how->stop_count && !s->tokenizer)
        return FAIL(E_ARG, "a stop string needs a model with a tokenizer; this one writes numbers");
    TRY(stop_strings_open(&s->stop_strings, a, s->how->stops, s->how->stop_count));
    s->beams = arena_zero(a, beams * (int64_t)sizeof *s->beams);
    s->next = arena_zero(a, beams * (int64_t)sizeof *s->next);
    s->ended = arena_zero(a, beams * (int64_t)sizeof *s->ended);
    s->best = arena_take(a, 2 * beams * (int64_t)sizeof *s->best);
    if (has_stages) s->changed = arena_take(a, vocab_size * (int64_t)sizeof *s->changed);
    if (!s->beams || !s->next || !s->ended || !s->best || (has_stages && !s->changed))
        return FAIL(E_NOMEM, "%lld beams", (long long)beams);
    TRY(stop_finder_open(&s->finder, a, &s->stop_strings));
    for (int64_t i = 0; i < beams; i++) {
        TRY(open_beam(s, s->beams + i, p));
        TRY(open_beam(s, s->next + i, p));
    }
    s->count = 1;
    return OK;
}

/* Keeps an extension if it is among the best. */
static void offer(Search *s, Extension e)
{
    const int64_t most = 2 * s->params->beams;
    if (s->best_count == most && e.sum <= s->best[most - 1].sum) return;
    int64_t at = s->best_count < most ? s->best_count++ : most - 1;
    for (; at && s->best[at - 1].sum < e.sum; at--) s->best[at] = s->best[at - 1];
    s->best[at] = e;
}

/* Offers each token that may follow a beam. */
static Status extend(Search *s, int64_t parent, const real *logits, int64_t row)
{
    const Beam *b = s->beams + parent;
    const int64_t vocab_size = s->decoder->model->vocab_size;
    const double before = b->last ? b->last->sum : 0;
    const real *x = s->changed ? s->changed : logits;
    if (s->changed) TRY(logit_stages_apply(&s->how->logits, &b->history, logits, s->changed));
    const double log_sum = log_sum_exp(x, vocab_size);
    if (!isfinite(log_sum)) return FAIL(E_NUMERIC, "a logit is not finite");
    for (int64_t i = 0; i < vocab_size; i++) {
        const double log_prob = (double)x[i] - log_sum;
        if (x[i] > LOGIT_FORBIDDEN)
            offer(s, (Extension){parent, row, (int32_t)i, before + log_prob, log_prob});
    }
    return OK;
}

/* The row of the logits that belongs to a beam: rows are in the order of streams. */
static int64_t row_of(const Search *s, int64_t beam)
{
    int64_t row = 0;
    for (int64_t i = 0; i < s->count; i++) row += s->beams[i].stream < s->beams[beam].stream;
    return row;
}

/* A beam that no token may follow is dropped; if none is left, that is the error. */
static Status extend_all(Search *s, const real *logits)
{
    Status first = OK;
    s->best_count = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t row = row_of(s, i);
        const Status status = extend(s, i, logits + row * s->decoder->model->vocab_size, row);
        if (status != OK && status != E_ARG) return status;
        if (status != OK) first = status;
    }
    return s->best_count || s->ended_count ? OK : first;
}

static Status new_node(Search *s, const Extension *e, const real *logits, BeamToken **out)
{
    const int64_t vocab_size = s->decoder->model->vocab_size;
    const BeamToken *parent = s->beams[e->parent].last;
    BeamToken *n = *out = arena_zero(s->kept, sizeof *n);
    if (!n) return FAIL(E_NOMEM, "a beam's token");
    n->parent = parent;
    n->sum = e->sum;
    n->length = parent ? parent->length + 1 : 1;
    n->ended = e->token == s->end_of_text;
    LogProbs one = {.room = 1, .all = &n->made};
    TRY(log_probs_add(&one, s->kept, logits + e->row * vocab_size, vocab_size, s->how->top,
                      e->token, 1));
    n->made.sampling = e->log_prob;
    return OK;
}

/* Reads the token's bytes into the scratch finder; returns whether a stop string is complete. */
static bool finds_stop(Search *s, const Beam *parent, int32_t token)
{
    int64_t size = 0;
    stop_finder_copy(&s->finder, &parent->stops);
    const char *bytes = s->tokenizer ? tokenizer_bytes(s->tokenizer, token, &size) : "";
    for (int64_t i = 0; i < size && !s->finder.found; i++)
        stop_finder_release(&s->finder, stop_finder_add(&s->finder, bytes[i]));
    return s->finder.found;
}

/* Enters a text that has ended, or is cut by the limit, among the best. */
static void end_text(Search *s, BeamToken *n)
{
    const int64_t most = s->params->beams;
    n->score = n->sum / length_penalty(s->params, n->length);
    if (s->ended_count == most && n->score <= s->ended[most - 1]->score) return;
    int64_t at = s->ended_count < most ? s->ended_count++ : most - 1;
    for (; at && s->ended[at - 1]->score < n->score; at--) s->ended[at] = s->ended[at - 1];
    s->ended[at] = n;
}

static Status new_beam(Search *s, Beam *to, const Extension *e, const BeamToken *n)
{
    const Beam *from = s->beams + e->parent;
    to->last = n;
    to->stream = -(from->stream + 1); /* until place_streams() */
    stop_finder_copy(&to->stops, &s->finder);
    if (!s->changed) return OK;
    TRY(token_history_copy(&to->history, &from->history));
    return logit_stages_add(&s->how->logits, &to->history, e->token);
}

/* Ends texts, and makes the new beams. One that ended counts only if it is among the first `beams`,
 * so that it competes as a beam would. */
static Status select_best(Search *s, const real *logits)
{
    int64_t count = 0;
    for (int64_t i = 0; i < s->best_count && count < s->params->beams; i++) {
        const Extension *e = s->best + i;
        const bool stops = finds_stop(s, s->beams + e->parent, e->token),
                   ends = stops || e->token == s->end_of_text;
        BeamToken *n;
        if (ends && i >= s->params->beams) continue;
        TRY(new_node(s, e, logits, &n));
        n->stopped = stops;
        if (ends)
            end_text(s, n);
        else
            TRY(new_beam(s, s->next + count++, e, n));
    }
    Beam *old = s->beams;
    s->beams = s->next;
    s->next = old;
    s->count = count;
    return OK;
}

/* The free stream that shares the most with `from`. */
static int32_t nearest_free(const Search *s, const bool *taken, int32_t from)
{
    int32_t best = -1;
    for (int32_t i = 0; i < s->decoder->cache.streams; i++)
        if (!taken[i] &&
            (best < 0 || decoder_same(s->decoder, from, i) > decoder_same(s->decoder, from, best)))
            best = i;
    return best;
}

/* Gives each beam a stream: its parent's, or, if a better beam has that, a copy of it. */
static void place_streams(Search *s)
{
    bool taken[DECODER_STREAMS_MAX] = {false};
    int32_t parents[DECODER_STREAMS_MAX];
    for (int64_t i = 0; i < s->count; i++) {
        Beam *b = s->beams + i;
        parents[i] = -b->stream - 1;
        if (taken[parents[i]]) continue;
        b->stream = parents[i];
        taken[b->stream] = true;
    }
    for (int64_t i = 0; i < s->count; i++) {
        Beam *b = s->beams + i;
        if (b->stream >= 0) continue;
        b->stream = nearest_free(s, taken, parents[i]);
        taken[b->stream] = true;
        decoder_copy(s->decoder, parents[i], b->stream);
    }
}

static Status step(Search *s, const real **logits)
{
    int32_t streams[DECODER_STREAMS_MAX], tokens[DECODER_STREAMS_MAX];
    for (int64_t i = 0; i < s->count; i++) {
        const int64_t row = row_of(s, i);
        streams[row] = s->beams[i].stream;
        tokens[row] = s->beams[i].last->made.token;
    }
    return decoder_step(s->decoder, streams, tokens, s->count, logits);
}

/* Whether no beam can become better than the worst of the texts that have ended: sums never rise,
 * and a penalty makes the most of them at the shortest or at the longest. */
static bool is_decided(const Search *s)
{
    const BeamParams *p = s->params;
    if (p->beams == 1 && s->ended_count) return true;
    if (s->ended_count < p->beams) return false;
    const BeamToken *best = s->beams->last;
    const int64_t length = p->length_penalty > 0 ? s->how->tokens : best->length + 1;
    return best->sum / length_penalty(p, length) <= s->ended[p->beams - 1]->score;
}

static Status run(Search *s, const real *logits)
{
    for (int64_t i = 0; i < s->how->tokens; i++) {
        TRY(extend_all(s, logits));
        TRY(select_best(s, logits));
        if (!s->count || is_decided(s)) return OK;
        if (s->how->stop && *s->how->stop) return FAIL(E_INTERRUPTED, "sample");
        if (i + 1 == s->how->tokens) break;
        place_streams(s);
        TRY(step(s, &logits));
    }
    for (int64_t i = 0; i < s->count; i++) {
        BeamToken *n = arena_take(s->kept, sizeof *n);
        if (!n) return FAIL(E_NOMEM, "a beam's token");
        *n = *s->beams[i].last;
        end_text(s, n);
    }
    return OK;
}

/* A text's tokens in their order. */
static Status collect(const Search *s, const BeamToken *last, LogProbs *out)
{
    *out = (LogProbs){.count = last->length, .room = last->length};
    out->all = arena_take(s->kept, last->length * (int64_t)sizeof *out->all);
    if (!out->all) return FAIL(E_NOMEM, "a beam's text");
    for (const BeamToken *n = last; n; n = n->parent) out->all[n->length - 1] = n->made;
    return OK;
}

static Status write_text(Search *s, const Prompt *prompt, const BeamToken *last, FILE *out,
                         BeamResult *result)
{
    TextWriter w;
    bool stopped;
    SampleResult *made = &result->sample;
    *result = (BeamResult){.score = last->score,
                           .sample = {.tokens = last->length - last->ended,
                                      .ended = last->ended,
                                      .stopped = last->stopped}};
    TRY(collect(s, last, &made->log_probs));
    TRY(text_writer_open(&w, &s->arena, s->tokenizer, &s->stop_strings, out));
    for (int64_t i = 0; s->how->with_prompt && i < prompt->count; i++)
        text_writer_prompt(&w, prompt->tokens[i]);
    for (int64_t i = 0; i < made->tokens; i++)
        TRY(text_writer_add(&w, made->log_probs.all[i].token, &stopped));
    text_writer_end(&w);
    return text_writer_flush(&w);
}

static Status search(Search *s, const char *text, FILE *const out[], BeamResult results[])
{
    Prompt prompt;
    const real *logits;
    TRY(prompt_open(&prompt, &s->arena, s->tokenizer, s->decoder->model->vocab_size, text));
    TRY(open_search(s, &prompt));
    s->decoder->text_length = prompt.count + s->how->tokens;
    TRY(prompt_read(&prompt, s->decoder, &s->how->form, &logits));
    TRY(run(s, logits));
    for (int64_t i = 0; i < s->ended_count; i++)
        TRY(write_text(s, &prompt, s->ended[i], out[i], results + i));
    return OK;
}

Status beam_search(Decoder *d, const Tokenizer *t, const Sampling *how, const BeamParams *p,
                   const char *prompt, FILE *const out[], BeamResult results[], int64_t *made)
{
    Arena own = {0};
    Search s = {.decoder = d,
                .tokenizer = t,
                .how = how,
                .params = p,
                .kept = how->log_probs ? how->log_probs : &own,
                .end_of_text = t ? tokenizer_end_of_text(t) : -1};
    INVARIANT(p->beams >= 1 && p->beams <= d->cache.streams);
    const Status status = search(&s, prompt, out, results);
    *made = status == OK ? s.ended_count : 0;
    for (int64_t i = 0; !how->log_probs && i < *made; i++)
        results[i].sample.log_probs = (LogProbs){0};
    arena_free(&s.arena);
    arena_free(&own);
    return status;
}
