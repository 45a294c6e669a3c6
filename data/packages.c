#include "data/packages.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/process.h"

static Status make_folder(Packages *p)
{
    const char *where = getenv("TMPDIR");
    if (!where || where[0] != '/' || strlen(where) > sizeof p->folder - 64) where = "/tmp";
    snprintf(p->folder, sizeof p->folder, "%s/capstan.XXXXXX", where);
    if (!mkdtemp(p->folder)) {
        p->folder[0] = '\0';
        return FAIL(E_IO, "no temporary folder in %s: %s", where, strerror(errno));
    }
    snprintf(p->root, sizeof p->root, "%s/root", p->folder);
    return OK;
}

static Status unpack(const Packages *p, const char *log)
{
    char pattern[PATH_MAX];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.deb", p->folder);
    if (glob(pattern, 0, NULL, &found)) return FAIL(E_DATA, "apt-get fetched nothing");
    Status status = OK;
    for (size_t i = 0; status == OK && i < found.gl_pathc; i++) {
        const char *const arguments[] = {"dpkg-deb", "-x", found.gl_pathv[i], p->root, NULL};
        status = process_run(&(Process){arguments, p->folder, NULL, log});
    }
    globfree(&found);
    return status;
}

static Status fetch(Packages *p, const char *const names[])
{
    char log[PATH_MAX];
    /* The user _apt may not write there, and apt-get would warn. */
    const char *arguments[4 + PACKAGES_MAX] = {"apt-get", "download", "-oAPT::Sandbox::User=root"};
    for (int i = 0; names[i]; i++) {
        INVARIANT(i < PACKAGES_MAX);
        arguments[3 + i] = names[i];
    }
    snprintf(log, sizeof log, "%s/log", p->folder);
    TRY(process_run(&(Process){arguments, p->folder, NULL, log}));
    return unpack(p, log);
}

Status packages_open(Packages *p, const char *const names[], const char *probe, bool tell)
{
    char list[256] = "";
    *p = (Packages){0};
    if (!access(probe, R_OK)) return OK;
    for (int i = 0; names[i]; i++) strcat(strcat(list, i ? " " : ""), names[i]);
    if (tell) fprintf(stderr, "fetching the Debian packages %s\n", list);
    TRY(make_folder(p));
    if (fetch(p, names) != OK) {
        char why[2000];
        snprintf(why, sizeof why, "%s", error_message());
        const char *colon = strstr(why, ": ");
        return FAIL(
            E_DATA,
            "%s\nThe text is in the Debian packages %s. With a network, run \"apt-get update\" "
            "as root and try again, or install them: \"apt-get install %s\".",
            colon ? colon + 2 : why, list, list);
    }
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", p->root, probe);
    if (access(path, R_OK)) return FAIL(E_DATA, "the packages %s have no %s", list, probe);
    return OK;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

void packages_close(Packages *p)
{
    if (p->folder[0]) nftw(p->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *p = (Packages){0};
}
