#include "autograd/profile.h"

#include <string.h>
#include <time.h>

#include "autograd/base/threads.h"

double profile_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *pass_text(ProfilePass pass)
{
    static const char *const texts[] = {
#define X(name, text) text,
        PASS_LIST(X)
#undef X
    };
    return texts[pass];
}

static bool is_same(const ProfileRow *a, const ProfileRow *b)
{
    return a->pass == b->pass && (a->name == b->name || !strcmp(a->name, b->name)) &&
           shape_equal(a->work.matrix, b->work.matrix);
}

/* The row of p to which `row` adds. */
static ProfileRow *find(Profile *p, const ProfileRow *row)
{
    const ProfileRow other = {.name = "other", .pass = PASS_NONE, .team = 1};
    for (int i = 0; i < p->count; i++)
        if (is_same(&p->rows[i], row)) return &p->rows[i];
    if (p->count == PROFILE_ROWS_MAX) return &p->rows[PROFILE_ROWS_MAX - 1];
    ProfileRow *new = &p->rows[p->count++];
    *new = p->count == PROFILE_ROWS_MAX ? other : *row;
    new->calls = 0;
    new->seconds = new->work.operations = new->work.bytes = 0;
    return new;
}

void profile_add(Profile *p, const ProfileRow *row)
{
    ProfileRow *to = find(p, row);
    to->calls += row->calls;
    to->seconds += row->seconds;
    to->work.operations += row->work.operations;
    to->work.bytes += row->work.bytes;
}

static void add(Profile *p, const char *name, ProfilePass pass, double begin, OpWork work)
{
    const int team = threads_team();
    const double seconds = (profile_clock() - begin) * team;
    profile_add(p, &(ProfileRow){name, pass, work, team, 1, seconds});
}

void profile_call(Profile *p, const char *name, double begin, double bytes)
{
    add(p, name, PASS_NONE, begin, (OpWork){.bytes = bytes});
}

void profile_node(Profile *p, const Node *n, ProfilePass pass, double begin)
{
    add(p, n->op->name, pass, begin, op_work(n, pass == PASS_BACKWARD));
}

void profile_merge(Profile *to, const Profile *from)
{
    for (int i = 0; i < from->count; i++) profile_add(to, &from->rows[i]);
}
