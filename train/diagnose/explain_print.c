/* The page that capstan explain prints. */
#include <math.h>
#include <string.h>

#include "autograd/base/text.h"
#include "train/diagnose/explain.h"

enum { SHOWN_TEXT = 64 };

/* A text on one line, cut to about SHOWN_TEXT bytes. */
static void print_text(const char *text, FILE *out)
{
    char line[4 * SHOWN_TEXT + 8], shown[16 * SHOWN_TEXT];
    size_t used = 0;
    const char *c = text;
    for (; *c && used < SHOWN_TEXT; c++) {
        const char *escape = *c == '\n' ? "\\n" : *c == '\t' ? "\\t" : *c == '\r' ? "\\r" : NULL;
        if (escape) line[used++] = *escape++;
        line[used++] = escape ? *escape : *c;
    }
    while ((*c & 0xC0) == 0x80 && used < sizeof line - 1)
        line[used++] = *c++; /* a whole character */
    line[used] = '\0';
    fprintf(out, "%s%s", text_escape(line, shown, sizeof shown), *c ? " ..." : "");
}

static void print_lines(const char *title, int count, const char lines[][CAUSE_LINE], FILE *out)
{
    char shown[4 * CAUSE_LINE];
    fprintf(out, "\n%s\n", title);
    for (int i = 0; i < count; i++)
        fprintf(out, "  - %s\n", text_escape(lines[i], shown, sizeof shown));
}

static void print_documents(const Bundle *b, int64_t most, FILE *out)
{
    fprintf(
        out,
        "\ndocuments of the batch, by excess loss over the baseline of %.4g per token, divided by "
        "the\nroot of the tokens; share: of the total excess\n",
        b->baseline_loss);
    fprintf(out, "  %6s %9s %8s %7s  %-9s %-21s %s\n", "share", "excess", "loss", "tokens",
            "document", "bytes", "text");
    for (int64_t i = 0; i < b->documents && i < most; i++) {
        const BundleDocument *d = &b->document[i];
        char bytes[64], share[16];
        snprintf(bytes, sizeof bytes, "%lld..%lld", (long long)d->byte_begin,
                 (long long)d->byte_end);
        snprintf(share, sizeof share, isfinite(d->share) ? "%.1f%%" : "?", 100 * d->share);
        fprintf(out, "  %6s %9.4g %8.4g %7lld  %-9lld %-21s ", share, d->excess, d->loss,
                (long long)d->rows, (long long)d->document, d->byte_begin < 0 ? "?" : bytes);
        print_text(d->text, out);
        fprintf(out, "\n");
    }
    if (b->documents > most) fprintf(out, "  and %lld more\n", (long long)(b->documents - most));
}

static void print_onsets(const Explanation *e, int64_t most, FILE *out)
{
    char part[PARAM_NAME_MAX + 16], shown[4 * sizeof part];
    fprintf(out, "\nlayers, in the order in which they left their baseline\n");
    if (!e->onsets) {
        fprintf(out, "  none%s\n",
                history_rows(&e->bundle->history) < 2 * ONSET_LEAST
                    ? " (or too few steps for a baseline)"
                    : "");
        return;
    }
    fprintf(out, "  %8s  %-30s %-18s %10s %10s\n", "step", "part", "signal", "baseline",
            "furthest");
    for (int64_t i = 0; i < e->onsets && i < most; i++) {
        const Onset *o = &e->onset[i];
        fprintf(out, "  %8lld  %-30s %-18s %10.4g %10.4g\n", (long long)o->step,
                text_escape(onset_part(e->bundle, o, part), shown, sizeof shown), onset_signal(o),
                o->baseline, o->value);
    }
    if (e->onsets > most) fprintf(out, "  and %lld more\n", (long long)(e->onsets - most));
}

void spike_score_print(const SpikeScore *s, FILE *out)
{
    if (!s->judged) {
        fprintf(out, "SpikeScore: no step was judged\n");
        return;
    }
    fprintf(
        out,
        "SpikeScore: %.3g%% (%lld of the last %lld judged steps), %.3g%% in total (%lld of %lld)",
        s->recent ? 100 * (double)s->recent_flagged / (double)s->recent : 0,
        (long long)s->recent_flagged, (long long)s->recent,
        100 * (double)s->flagged / (double)s->judged, (long long)s->flagged, (long long)s->judged);
    if (s->skipped || s->rewound)
        fprintf(out, "; %lld skipped, %lld rewinds", (long long)s->skipped, (long long)s->rewound);
    fprintf(out, "\n");
}

void replay_print(const Replay *r, FILE *out)
{
    static const char *const states[] = {"before", "at the spike"}, *const batches[] = {"flagged",
                                                                                        "normal"};
    fprintf(out, "  %-24s %-18s %9s %13s %15s %11s\n", "state", "batch", "loss", "gradient norm",
            "attention logit", "loss after");
    for (int state = 0; state < REPLAY_STATES; state++)
        for (int batch = 0; batch < REPLAY_BATCHES && r->step[state] >= 0; batch++) {
            const ReplayCell *c = &r->cell[state][batch];
            char where[64], what[64];
            snprintf(where, sizeof where, "%s (step %lld)", states[state],
                     (long long)r->step[state]);
            snprintf(what, sizeof what, "%s (%lld)", batches[batch],
                     (long long)r->batch_index[batch]);
            fprintf(out, "  %-24s %-18s %9.4g %13.4g %15.4g %11.4g\n", where, what, c->loss,
                    c->grad_norm, c->max_logit, c->after);
        }
    fprintf(out, "  %-24s %-18s %9.4g %13.4g\n", "as recorded", "flagged", r->recorded_loss,
            r->recorded_grad_norm);
    fprintf(out, "  loss after: loss of the normal batch after an update on this one\n");
    if (r->step[STATE_BEFORE] < 0) fprintf(out, "  there is no earlier state\n");
    if (r->too_far) fprintf(out, "  the earlier state is too far back to compare\n");
    fprintf(out, "  verdict, by the %s: %s: %s\n", r->measure, culprit_name(r->culprit),
            culprit_meaning(r->culprit));
}

void explain_print(const Explanation *e, int64_t documents, FILE *out)
{
    const Bundle *b = e->bundle;
    char shown[4 * CAUSE_LINE], rule[64], title[160];
    fprintf(out, "%s\n", text_escape(b->folder, shown, sizeof shown));
    fprintf(out, "step %lld, batch %lld: %s (rule %s)\n", (long long)b->step,
            (long long)b->batch_index,
            !strcmp(e->evidence.flag, "none") ? "not a spike"
                                              : text_escape(e->evidence.flag, shown, sizeof shown),
            text_escape(b->rule, rule, sizeof rule));
    if (*b->message) fprintf(out, "%s\n", text_escape(b->message, shown, sizeof shown));
    fprintf(out, "response: %s\n", text_escape(b->action, shown, sizeof shown));
    spike_score_print(&e->score, out);
    snprintf(title, sizeof title, "cause: %s: %s", cause_name(e->cause), cause_meaning(e->cause));
    print_lines(title, e->text.reasons, e->text.reason, out);
    print_lines("remedies", e->text.remedies, e->text.remedy, out);
    print_documents(b, documents, out);
    print_onsets(e, documents, out);
    if (e->has_replay) {
        fprintf(out, "\nreplay: {flagged, normal batch} x {state at the spike, earlier state}\n");
        replay_print(&e->replay, out);
    } else {
        fprintf(out, "\nno replay: %s\n", text_escape(e->no_replay, shown, sizeof shown));
    }
}
