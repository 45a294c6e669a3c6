/* CMakeLists.txt defines CAPSTAN_VERSION and CAPSTAN_COMMIT for this file. */
#include "train/support/version.h"

const char *version_text(void)
{
    return *CAPSTAN_COMMIT ? CAPSTAN_VERSION " (commit " CAPSTAN_COMMIT ")" : CAPSTAN_VERSION;
}
