#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/text.h"
#include "data/files.h"
#include "train/scaling/budget.h"
#include "train/support/clock.h"
#include "train/support/json.h"

static Status config_text(const Config *c, char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    if (!out) return FAIL(E_NOMEM, "the config's text");
    Status status = config_write(c, true, out);
    if (!text_close(out, text) && status == OK) status = FAIL(E_NOMEM, "the config's text");
    return status;
}

static void print_value(const char *name, FitValue v, double level)
{
    printf("# %-14s %.4g", name, v.value);
    if (isfinite(v.low)) printf("   (%.0f %% interval: %.4g to %.4g)", 100 * level, v.low, v.high);
    printf("\n");
}

static void print_text(const BudgetPlan *p, const FitResult *law, const char *why)
{
    printf("# law            %s: %s\n", law_name(law->law), law_text(law->law));
    if (why) printf("# passed over    %s\n", why);
    print_value("best size", p->params, law->level);
    print_value("best tokens", p->tokens, law->level);
    printf("# parameters     %lld: %lld layers of width %lld\n", (long long)p->account.params,
           (long long)p->config.model.layers, (long long)p->config.model.width);
    printf("# tokens         %lld in %lld steps, %.2f epochs, %.1f per parameter\n",
           (long long)p->run_tokens, (long long)p->config.train.steps, p->epochs,
           (double)p->run_tokens / (double)p->account.params);
    printf("# FLOPs          %.4g as the law counts them\n", p->flops);
    print_value("validation loss", p->prediction.run, law->level);
    printf("# time           %s on this machine, evaluations included (%.4g s per step)\n",
           duration_text(p->seconds), p->step_seconds);
    if (p->epochs > 1)
        printf("# warning: the run reads the text %.2f times, but the law assumes new text\n",
               p->epochs);
    if (p->reach > 1)
        printf("# warning: this is %.3g times the largest run that the law was fitted to\n",
               p->reach);
}

static json_t *interval(FitValue v)
{
    if (!isfinite(v.low)) return json_null();
    return json_pack("[o, o]", json_number(v.low), json_number(v.high));
}

static json_t *to_json(const BudgetPlan *p, const FitResult *law, const char *why, const char *text)
{
    return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:f, s:f, "
                     "s:f, s:f, s:s?}",
                     "law", law_name(law->law), "config", text ? json_string(text) : json_null(),
                     "parameters", (json_int_t)p->account.params, "layers",
                     (json_int_t)p->config.model.layers, "width", (json_int_t)p->config.model.width,
                     "steps", (json_int_t)p->config.train.steps, "tokens",
                     (json_int_t)p->run_tokens, "flops", p->flops, "best_parameters",
                     json_number(p->params.value), "best_tokens", json_number(p->tokens.value),
                     "loss", json_number(p->prediction.loss.value), "loss_interval",
                     interval(p->prediction.loss), "run_interval", interval(p->prediction.run),
                     "epochs", p->epochs, "reach", p->reach, "seconds_per_step", p->step_seconds,
                     "seconds", p->seconds, "passed_over", why);
}

Status budget_show(const BudgetPlan *p, const FitResult *law, const char *why, const char *output,
                   bool json)
{
    char *text = NULL;
    size_t size = 0;
    Status status = config_text(&p->config, &text, &size);
    if (status == OK && output) status = file_write(output, text, (int64_t)size);
    if (status == OK && json)
        status = json_print(to_json(p, law, why, output ? NULL : text));
    else if (status == OK) {
        print_text(p, law, why);
        if (output)
            printf("# written to     %s\n", output);
        else
            fputs(text, stdout);
    }
    free(text);
    return status;
}
