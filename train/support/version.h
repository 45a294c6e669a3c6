/* The version of this build. */
#ifndef TRAIN_SUPPORT_VERSION_H
#define TRAIN_SUPPORT_VERSION_H

/* "0.1.0 (commit 0123456789ab)": the commit that was checked out, without regard to local changes;
 * left out in a build outside a git tree. */
const char *version_text(void);

#endif
