/* The vector functions against libm in long double: the bounds that vector.h states, special
 * values, and that a sum does not depend on where its numbers lie. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "autograd/kernels/vector.h"

enum { COUNT = 4096, STRIDE = 4099 };

#ifdef CAPSTAN_DOUBLE
enum { DIGITS = DBL_MANT_DIG, LOWEST = DBL_MIN_EXP, IN_FLOAT = 0 };
#else
enum { DIGITS = FLT_MANT_DIG, LOWEST = FLT_MIN_EXP, IN_FLOAT = 1 };
#endif

typedef void Loop(const real *x, real *y);

VECTOR static void exp_loop(const real *x, real *restrict y)
{
    for (int i = 0; i < COUNT; i++) y[i] = vexp(x[i]);
}

VECTOR static void tanh_loop(const real *x, real *restrict y)
{
    for (int i = 0; i < COUNT; i++) y[i] = vtanh(x[i]);
}

VECTOR static void sigmoid_loop(const real *x, real *restrict y)
{
    for (int i = 0; i < COUNT; i++) y[i] = vsigmoid(x[i]);
}

static long double sigmoid(long double x)
{
    return 1 / (1 + expl(-x));
}

/* How far y is from the true value, in units of the last place. */
static double off_by(real y, long double true_value)
{
    int exponent;
    if ((real)true_value == y || (isnan(true_value) && isnan(y))) return 0;
    frexpl(true_value, &exponent);
    if (exponent < LOWEST) exponent = LOWEST;
    double off = (double)(fabsl((long double)y - true_value) / ldexpl(1, exponent - DIGITS));
    return isnan(off) ? INFINITY : off;
}

/* Over numbers of every size and sign, the odd ones included. */
static double sweep(Loop *loop, long double (*libm)(long double), real from, real to)
{
    static real x[COUNT], y[COUNT];
    double worst = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += (uint64_t)COUNT * STRIDE) {
        for (int i = 0; i < COUNT; i++) {
            uint32_t pattern = (uint32_t)(bits + (uint64_t)i * STRIDE);
            float number;
            memcpy(&number, &pattern, sizeof number);
            x[i] = (real)((double)number * (sizeof(real) == sizeof number ? 1 : 1 + 1e-9 * i));
        }
        loop(x, y);
        for (int i = 0; i < COUNT; i++) {
            double off = x[i] < from || x[i] > to ? 0 : off_by(y[i], libm((long double)x[i]));
            if (off > worst) worst = off;
        }
    }
    cr_log_info("worst %.2f units", worst);
    return worst;
}

Test(vector, exp_keeps_its_bound)
{
    cr_assert_leq(sweep(exp_loop, expl, IN_FLOAT ? -87 : -708, IN_FLOAT ? 88 : 709), 1.2);
}

Test(vector, tanh_keeps_its_bound)
{
    cr_assert_leq(sweep(tanh_loop, tanhl, -INFINITY, INFINITY), 2.6);
}

Test(vector, sigmoid_keeps_its_bound)
{
    cr_assert_leq(sweep(sigmoid_loop, sigmoid, IN_FLOAT ? -87 : -708, INFINITY), 2.5);
}

Test(vector, special_values_pass)
{
    volatile real inf = INFINITY, not = NAN, large = 1000;
    cr_expect(isnan(vexp(not )) && isnan(vtanh(not )) && isnan(vsigmoid(not )));
    cr_expect(vexp(-inf) == 0 && vexp(-large) == 0);
    cr_expect(vtanh(inf) == 1 && vtanh(-inf) == -1 && vtanh(0 * large) == 0);
    cr_expect(vsigmoid(inf) == 1 && vsigmoid(-inf) == 0 && vsigmoid(-large) == 0);
    cr_expect(vexp(0 * large) == 1 && vsigmoid(0 * large) == (real)0.5);
}

VECTOR static real sum(const real *x, int64_t count)
{
    return vector_sum(x, count);
}

VECTOR static real dot(const real *x, const real *y, int64_t count)
{
    return vector_dot(x, y, count);
}

VECTOR static real largest(const real *x, int64_t count, real max)
{
    return vector_max(x, count, max);
}

Test(vector, the_largest_is_found_wherever_it_is)
{
    real x[200];
    for (int count = 0; count <= 200; count++)
        for (int at = 0; at < count; at++) {
            for (int i = 0; i < count; i++) x[i] = -1 - (real)i;
            x[at] = (real)0.5;
            cr_assert_eq(largest(x, count, -3), (real)0.5, "%d of %d", at, count);
            cr_assert_eq(largest(x, count, 3), 3, "%d of %d", at, count);
        }
}

Test(vector, sums_do_not_depend_on_the_address)
{
    static real numbers[1000], moved[1064];
    for (int i = 0; i < 1000; i++) numbers[i] = (real)sin(i * 1.7);
    for (int64_t count = 0; count < 1000; count += 37) {
        double exact = 0, squares = 0;
        for (int64_t i = 0; i < count; i++) exact += (double)numbers[i];
        for (int64_t i = 0; i < count; i++) squares += (double)numbers[i] * (double)numbers[i];
        real first = sum(numbers, count), first_dot = dot(numbers, numbers, count);
        cr_assert_float_eq(first, exact, 1e-4);
        cr_assert_float_eq(first_dot, squares, 1e-3);
        for (int shift = 1; shift < 64; shift++) {
            memcpy(moved + shift, numbers, sizeof numbers);
            cr_assert(sum(moved + shift, count) == first);
            cr_assert(dot(moved + shift, moved + shift, count) == first_dot);
        }
    }
}
