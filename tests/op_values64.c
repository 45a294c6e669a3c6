/* Writes what every case of every op comes to in the double build: tests/test_ops.c reads it. */
#include <stdio.h>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

int main(void)
{
    Arena arena = {0};
    for (int op = 0; op < op_count; op++)
        for (const OpCase *c = op_table[op]->cases; c->label; c++) {
            double *values;
            int64_t count;
            if (gradcheck_values(op_table[op], c, &arena, &values, &count) != OK) {
                fprintf(stderr, "%s (%s): %s\n", op_table[op]->name, c->label, error_message());
                return 1;
            }
            fwrite(values, sizeof *values, (size_t)count, stdout);
        }
    arena_free(&arena);
    return 0;
}
