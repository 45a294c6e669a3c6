/* Every case of every op, against finite differences. A new op is tested here by existing. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"

/* An index, not a pointer: each test runs in a process of its own. */
typedef struct Which {
    int op, op_case;
} Which;

ParameterizedTestParameters(gradcheck, every_case)
{
    static Which all[1024];
    size_t count = 0;
    for (int op = 0; op < op_count; op++)
        for (int i = 0; op_table[op]->cases[i].label; i++) all[count++] = (Which){op, i};
    return cr_make_param_array(Which, all, count);
}

ParameterizedTest(Which *w, gradcheck, every_case)
{
    const Op *op = op_table[w->op];
    const OpCase *c = &op->cases[w->op_case];
    double worst;

    cr_assert_eq(gradcheck(op, c, &worst), OK, "%s (%s): %s", op->name, c->label, error_message());
    cr_log_info("%s (%s): %.1e", op->name, c->label, worst);
    cr_assert(worst < 1e-8, "%s (%s): analytic and numeric gradient differ by %.1e", op->name,
              c->label, worst);
}

Test(gradcheck, every_op_has_a_case)
{
    for (int op = 0; op < op_count; op++)
        cr_expect(op_table[op]->cases && op_table[op]->cases[0].label, "%s", op_table[op]->name);
}
