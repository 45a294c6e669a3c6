/* Writes loss and gradient of each model of tests/variants.h in the double build: tests/test_bf16.c reads them.
 *
 *     gradients64 DATASET */
#include "tests/variants.h"

int main(int count, char **words)
{
    for (int i = 0; i < VARIANTS; i++) {
        static Config c;
        Run r;
        if (count != 2 ||
            variant_load(&c, i, words[1], "train.precision=float32", "train.recompute=off") != OK ||
            run_open(&r, &c) != OK || run_measure(&r) != OK) {
            fprintf(stderr, "model %d: %s\n", i, error_message());
            return 1;
        }
        fwrite(&r.loss, sizeof r.loss, 1, stdout);
        fwrite(r.params.grad, sizeof *r.params.grad, (size_t)r.params.count, stdout);
        run_close(&r);
    }
    return 0;
}
