/* A profile: the time of a computation, by op, pass and matrix.
 *
 * Time is thread time: a second in which two threads worked counts as two. So the profiles of
 * workers add up, and the rest of threads x elapsed time is time in which threads waited. Costs two
 * clock reads for each row added; a profile belongs to one thread. */
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
    const char *name; /* of an op, or of other work */
    ProfilePass pass;
    OpWork work; /* of all calls */
    int team;    /* threads that share a call */
    int64_t calls;
    double seconds; /* of threads */
} ProfileRow;

typedef struct Profile {
    ProfileRow rows[PROFILE_ROWS_MAX]; /* each name, pass and matrix once */
    int count;
} Profile;

double profile_clock(void); /* seconds, monotonic */

const char *pass_text(ProfilePass pass);

/* Adds to the row of this name, pass and matrix, or makes one; to a row "other" if the table is
 * full. */
void profile_add(Profile *p, const ProfileRow *row);

/* Adds one call that began at `begin`, has just ended, occupied all threads and moved `bytes`. */
void profile_call(Profile *p, const char *name, double begin, double bytes);

/* Likewise one pass of a node. */
void profile_node(Profile *p, const Node *n, ProfilePass pass, double begin);

void profile_merge(Profile *to, const Profile *from);

#endif
