/* logits CHECKPOINT TOKEN...: the logits after each of the tokens, a line each. For tests that compare them with
 * those of other programs. */
#include <stdio.h>
#include <stdlib.h>

#include "train/generate/decoder.h"
#include "train/generate/loaded_model.h"

static Status print_logits(const LoadedModel *m, Decoder *d, int count, char *const words[])
{
    const int32_t stream = 0;
    for (int i = 0; i < count; i++) {
        const int32_t token = (int32_t)strtol(words[i], NULL, 10);
        const real *logits;
        TRY(i ? decoder_step(d, &stream, &token, 1, &logits) : decoder_read(d, &token, 1, &logits));
        for (int64_t v = 0; v < m->model.vocab_size; v++)
            printf("%.9g%c", (double)logits[v], v + 1 < m->model.vocab_size ? ' ' : '\n');
    }
    return OK;
}

int main(int argc, char *argv[])
{
    LoadedModel m;
    Decoder d = {0};
    Status status = argc < 3 ? FAIL(E_ARG, "logits CHECKPOINT TOKEN...") : OK;
    if (status == OK) {
        status = loaded_model_open(&m, argv[1], argv, 0, NULL);
        if (status == OK) status = decoder_open(&d, &m.model, 1);
        d.text_length = argc - 2;
        if (status == OK) status = print_logits(&m, &d, argc - 2, argv + 2);
        decoder_close(&d);
        loaded_model_close(&m);
    }
    if (status != OK) fprintf(stderr, "%s\n", error_message());
    return status_exit_code(status);
}
