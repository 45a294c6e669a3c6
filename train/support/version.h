/* Which Capstan this is. */
#ifndef TRAIN_SUPPORT_VERSION_H
#define TRAIN_SUPPORT_VERSION_H

/* "0.1.0 (commit 0123456789ab)"; without a commit where it was not built from a git tree. The commit is the one that
 * was checked out, with changes or without. */
const char *version_text(void);

#endif
