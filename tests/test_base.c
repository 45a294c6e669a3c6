/* autograd/base: arena, errors, random streams, threads, text. */
#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/base/arena.h"
#include "autograd/base/error.h"
#include "autograd/base/rng.h"
#include "autograd/base/text.h"
#include "autograd/base/threads.h"

Test(arena, blocks_are_aligned_and_apart)
{
    Arena a = {0};
    unsigned char *pieces[40];
    for (int i = 0; i < 40; i++) {
        pieces[i] = arena_take(&a, i * 9973);
        cr_assert_eq((uintptr_t)pieces[i] % 64, 0);
        memset(pieces[i], i, (size_t)i * 9973);
    }
    for (int i = 0; i < 40; i++)
        for (int j = 0; j < i * 9973; j++) cr_assert_eq(pieces[i][j], i);
    arena_free(&a);
    cr_expect(a.reserved == 0 && !a.first);
}

Test(arena, used_alike_it_stops_growing)
{
    Arena a = {0};
    int64_t reserved = 0;
    for (int turn = 0; turn < 4; turn++) {
        arena_reset(&a);
        for (int64_t size = 1; size < 1 << 24; size *= 3) cr_assert(arena_take(&a, size));
        if (turn) cr_expect_eq(a.reserved, reserved);
        reserved = a.reserved;
    }
    arena_free(&a);
}

Test(arena, zero_clears_what_was_used)
{
    Arena a = {0};
    memset(arena_take(&a, 5000), 255, 5000);
    arena_reset(&a);
    const unsigned char *piece = arena_zero(&a, 5000);
    for (int i = 0; i < 5000; i++) cr_assert_eq(piece[i], 0);
    cr_expect_str_eq(arena_text(&a, "a text"), "a text");
    arena_free(&a);
}

Test(arena, memory_may_run_out)
{
    Arena a = {0};
    cr_expect_null(arena_take(&a, -1));
    cr_expect_null(arena_take(&a, INT64_MAX));
    cr_expect_null(arena_take(&a, INT64_MAX / 4));
    arena_fuse = 2;
    cr_expect(arena_take(&a, 8) && arena_zero(&a, 8));
    cr_expect(!arena_take(&a, 8) && !arena_zero(&a, 8) && !arena_text(&a, "x"));
    arena_fuse = -1;
    cr_expect(arena_take(&a, 8));
    arena_free(&a);
}

static Status fail(int number)
{
    return FAIL(E_DATA, "number %d", number);
}

static Status pass(int number)
{
    TRY(fail(number));
    return OK;
}

Test(error, message_and_trace)
{
    cr_assert_eq(pass(7), E_DATA);
    cr_expect_str_eq(error_message(), "missing or malformed data: number 7");
    const char *at = strstr(error_trace(), "test_base.c"),
               *in = strstr(error_trace(), "fail(number)");
    cr_expect(at && in && at < in, "%s", error_trace());
    cr_assert_eq(pass(8), E_DATA);
    cr_expect(!strstr(error_message(), "7"));
    cr_assert_eq(FAIL(E_IO, "again: %s", error_message()), E_IO);
    cr_expect(strstr(error_message(), "again: missing or malformed data: number 8"));
    cr_assert_eq(error_adopt(E_SHAPE, "what another thread said"), E_SHAPE);
    cr_expect_str_eq(error_message(), "what another thread said");
}

Test(error, long_messages_are_cut)
{
    char text[10000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    FAIL(E_IO, "%s", text);
    cr_expect_lt(strlen(error_message()), sizeof text);
    for (int i = 0; i < 1000; i++) error_pass(E_IO, "file", i, "call");
    cr_expect_lt(strlen(error_trace()), sizeof text);
}

Test(error, a_terminal_does_not_obey_it)
{
    cr_assert_eq(FAIL(E_DATA, "%s: is no name\nbut \xC3\xA4 is", "\x1B[2J\x9B"), E_DATA);
    cr_expect_str_eq(error_message(),
                     "missing or malformed data: \\x1B[2J\\x9B: is no name\nbut \xC3\xA4 is");
}

Test(error, exit_codes_are_those_of_the_contract)
{
    cr_expect_eq(status_exit_code(OK), 0);
    cr_expect_eq(status_exit_code(E_IO), 1);
    cr_expect_eq(status_exit_code(E_CONFIG), 2);
    cr_expect_eq(status_exit_code(E_EXISTS), 2);
    cr_expect_eq(status_exit_code(E_DATA), 3);
    cr_expect_eq(status_exit_code(E_FORMAT), 3);
    cr_expect_eq(status_exit_code(E_NUMERIC), 4);
    cr_expect_eq(status_exit_code(E_INTERRUPTED), 130);
}

static void expect_block(Rng r, uint64_t low, uint64_t high, Random4 expected)
{
    Random4 found = rng_block(r, low, high);
    for (int i = 0; i < 4; i++) cr_expect_eq(found.word[i], expected.word[i], "word %d", i);
}

/* The known answers that come with Random123 (Salmon et al. 2011). */
Test(rng, philox_known_answers)
{
    expect_block((Rng){{0, 0}}, 0, 0, (Random4){{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
    expect_block((Rng){{UINT32_MAX, UINT32_MAX}}, UINT64_MAX, UINT64_MAX,
                 (Random4){{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
    expect_block((Rng){{0xa4093822, 0x299f31d0}}, 0x85a308d3243f6a88, 0x0370734413198a2e,
                 (Random4){{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

Test(rng, streams_depend_on_seed_and_name)
{
    uint64_t a = rng_u64(rng_stream(1, "a"), 0, 0);
    cr_expect_eq(rng_u64(rng_stream(1, "a"), 0, 0), a);
    cr_expect_neq(rng_u64(rng_stream(1, "b"), 0, 0), a);
    cr_expect_neq(rng_u64(rng_stream(2, "a"), 0, 0), a);
    cr_expect_neq(rng_u64(rng_stream(1ull << 32 | 1, "a"), 0, 0), a);
    cr_expect_neq(rng_u64(rng_stream(1, "a"), 1, 0), a);
    cr_expect_neq(rng_u64(rng_stream(1, "a"), 0, 1), a);
}

Test(rng, numbers_are_distributed_as_they_should)
{
    enum { N = 100000 };
    Rng r = rng_stream(5, "numbers");
    int counts[7] = {0};
    double mean = 0, normal = 0, square = 0;
    for (uint64_t i = 0; i < N; i++) {
        double u = rng_uniform(r, i, 1), z = rng_normal(r, i, 2);
        uint64_t below = rng_below(r, i, 3, 7);
        cr_assert(u >= 0 && u < 1 && below < 7 && isfinite(z));
        counts[below]++;
        mean += u / N;
        normal += z / N;
        square += z * z / N;
    }
    /* Within five standard deviations. */
    cr_expect_float_eq(mean, 0.5, 5 * 0.289 / sqrt(N));
    cr_expect_float_eq(normal, 0, 5 / sqrt(N));
    cr_expect_float_eq(square, 1, 5 * sqrt(2.0 / N));
    for (int i = 0; i < 7; i++) cr_expect_float_eq(counts[i], N / 7.0, 5 * sqrt(N / 7.0));
}

enum { RANGE_MAX = 1000 };

typedef struct Visits {
    int *count; /* [RANGE_MAX] */
    int64_t block;
    int64_t range;
} Visits;

static void visit(const void *context, int64_t begin, int64_t end, int worker)
{
    const Visits *v = context;
    cr_assert(worker >= 0 && worker < threads_count());
    cr_assert(begin % v->block == 0 && begin < end);
    cr_assert(end == begin + v->block || end == v->range);
    for (int64_t i = begin; i < end; i++) v->count[i]++;
}

Test(threads, range_covers_each_number_once)
{
    for (int threads = 1; threads <= 4; threads++) {
        threads_set(threads);
        cr_assert_eq(threads_count(), threads);
        cr_assert_eq(threads_team(), threads);
        for (int64_t range = 0; range < RANGE_MAX; range = range * 2 + 1)
            for (int64_t block = 1; block < 300; block = block * 3 + 1) {
                int count[RANGE_MAX] = {0};
                threads_range(range, block, visit, &(Visits){count, block, range});
                for (int64_t i = 0; i < RANGE_MAX; i++) cr_assert_eq(count[i], i < range);
            }
    }
}

static void note_team(const void *context, int64_t begin, int64_t end, int worker)
{
    int *const *teams = context;
    (void)end;
    (void)worker;
    (*teams)[begin] = threads_team();
}

Test(threads, inside_a_range_there_is_one)
{
    int teams[8] = {0}, *place = teams;
    threads_set(2);
    threads_range(8, 1, note_team, &place);
    for (int i = 0; i < 8; i++) cr_expect_eq(teams[i], 1);
    cr_expect_eq(threads_team(), 2);
}

Test(threads, zero_means_one_a_core)
{
    threads_set(0);
    cr_expect_eq(threads_count(), threads_cores());
    threads_set(1 << 20);
    cr_expect_eq(threads_count(), THREADS_MAX);
}

Test(text, distance)
{
    char long_word[300];
    memset(long_word, 'a', sizeof long_word);
    long_word[sizeof long_word - 1] = '\0';
    cr_expect_eq(text_distance("width", "width"), 0);
    cr_expect_eq(text_distance("widht", "width"), 2);
    cr_expect_eq(text_distance("", "abc"), 3);
    cr_expect_eq(text_distance("abc", ""), 3);
    cr_expect_eq(text_distance("kitten", "sitting"), 3);
    cr_expect_gt(text_distance(long_word, "a"), 1000);
}

Test(text, real_reads_back)
{
    char text[32];
    const double numbers[] = {0, 1, -1, 0.1, 1e-3, 3e-4, 1.0 / 3, 1e300, 5e-324, -123456789.125};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cr_expect_eq(strtod(text_real(numbers[i], text), NULL), numbers[i], "%s", text);
    for (uint64_t i = 0; i < 10000; i++) {
        double x;
        uint64_t bits = rng_u64(rng_stream(1, "bits"), i, 0);
        memcpy(&x, &bits, sizeof x);
        if (isfinite(x)) cr_expect_eq(strtod(text_real(x, text), NULL), x, "%s", text);
    }
    cr_expect_str_eq(text_real(0.1, text), "0.1");
    cr_expect_str_eq(text_real(3e-4, text), "0.0003");
    cr_expect_str_eq(text_real(INFINITY, text), "inf");
    cr_expect_str_eq(text_real(-INFINITY, text), "-inf");
    cr_expect_str_eq(text_real(fabs(NAN), text), "nan");
}

static int utf8(const char *s)
{
    return text_utf8_length((const unsigned char *)s, strlen(s));
}

Test(text, utf8_lengths)
{
    cr_expect_eq(utf8(""), 0);
    cr_expect_eq(utf8("a"), 1);
    cr_expect_eq(utf8("\xC3\xA4x"), 2);
    cr_expect_eq(utf8("\xE2\x82\xAC"), 3);
    cr_expect_eq(utf8("\xF0\x9F\x99\x82"), 4);
    cr_expect_eq(utf8("\xC3"), 0);
    cr_expect_eq(utf8("\xE2\x82"), 0);
    cr_expect_eq(utf8("\xF0\x9F\x99"), 0);
    cr_expect_eq(utf8("\x80"), -1);
    cr_expect_eq(utf8("\xC0\x80"), -1);         /* overlong */
    cr_expect_eq(utf8("\xE0\x9F\x80"), -1);     /* overlong */
    cr_expect_eq(utf8("\xF0\x8F\x80\x80"), -1); /* overlong */
    cr_expect_eq(utf8("\xED\xA0\x80"), -1);     /* surrogate */
    cr_expect_eq(utf8("\xF4\x90\x80\x80"), -1); /* above U+10FFFF */
    cr_expect_eq(utf8("\xC3x"), -1);
    cr_expect_eq(utf8("\xFF"), -1);
}

Test(text, escape_leaves_nothing_for_a_terminal)
{
    char out[64], small[8];
    cr_expect_str_eq(text_escape("plain \xC3\xA4", out, sizeof out), "plain \xC3\xA4");
    cr_expect_str_eq(text_escape("\x1B[2J\n\x7F", out, sizeof out), "\\x1B[2J\\x0A\\x7F");
    cr_expect_str_eq(text_escape("\xC2\x9B", out, sizeof out), "\\xC2\\x9B"); /* a C1 control */
    cr_expect_str_eq(text_escape("a\xC3", out, sizeof out), "a\\xC3");
    cr_expect_str_eq(text_escape("a\xE2\x80\xAE!", out, sizeof out), "a\\xE2\\x80\\xAE!");
    cr_expect_str_eq(text_escape("\xEF\xBB\xBF{", out, sizeof out), "\\xEF\\xBB\\xBF{");
    static const char *const directions[] = {"\xD8\x9C",     "\xE2\x80\x8E", "\xE2\x80\x8F",
                                             "\xE2\x80\xAA", "\xE2\x81\xA6", "\xE2\x81\xA9"};
    for (int i = 0; i < 6; i++) cr_expect_eq(text_escape(directions[i], out, sizeof out)[0], '\\');
    static const char near[] = "\xE2\x80\x93\xE2\x80\xAF\xD8\xA7";
    cr_expect_str_eq(text_escape(near, out, sizeof out), near);
    char *put;
    size_t size;
    FILE *to = open_memstream(&put, &size);
    text_put(to, "a\tb\n\r\x1B[2J\xC2\x9B\xC3", 12);
    text_show(to, "\x1B\xC3", 2); /* no terminal */
    fclose(to);
    cr_expect_str_eq(put, "a\tb\n\\x0D\\x1B[2J\\xC2\\x9B\\xC3\x1B\xC3");
    free(put);
    cr_expect_str_eq(text_escape("abcdefghij", small, sizeof small), "abcdefg");
    cr_expect_str_eq(text_escape("abcdef\n", small, sizeof small), "abcdef");
    cr_expect_str_eq(text_escape("abcdef\xC3\xA4", small, sizeof small), "abcdef");
}
