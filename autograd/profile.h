/* A profile: where the time of a computation goes, by op, pass and matrix.
 *
 * Time is that of threads: a second in which two threads worked counts two. So the profiles of
 * workers can be added up, and what is missing from threads x elapsed time is time in which threads
 * waited. Costs two clock reads for each row added; a profile belongs to one thread. */
#ifndef AUTOGRAD_PROFILE_H
#define AUTOGRAD_PROFILE_H

#include "autograd/op.h"

enum { PROFILE_ROWS_MAX = 64 };

#define PASS_LIST(X) \
    X(FORWARD, "forward") X(BACKWARD, "backward") X(RECOMPUTE, "recompute") X(NONE, "")

#define X(name, text) PASS_##name,
typedef enum ProfilePass { PASS_LIST(X) } ProfilePass;
#undef X

typedef struct ProfileRow {
    const char *name; /* of an op, or of what else took time */
    ProfilePass pass;
    OpWork work; /* of all calls */
    int team;    /* threads that share a call */
    int64_t calls;
    double seconds; /* of threads */
} ProfileRow;

typedef struct Profile {
    ProfileRow rows[PROFILE_ROWS_MAX]; /* no two of one name, pass and matrix */
    int count;
} Profile;

double profile_clock(void); /* seconds, monotonic */

const char *pass_text(ProfilePass pass);

/* Adds to the row of this name, pass and matrix, made if need be; to one called "other" when there
 * is no room for one more. */
void profile_add(Profile *p, const ProfileRow *row);

/* One call that began at `begin` and has just ended; bytes: moved. All threads are taken up by
 * it. */
void profile_call(Profile *p, const char *name, double begin, double bytes);

/* The same for a pass of a node. */
void profile_node(Profile *p, const Node *n, ProfilePass pass, double begin);

void profile_merge(Profile *to, const Profile *from);

#endif
