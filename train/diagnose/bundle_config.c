#include "train/diagnose/bundle_config.h"

#include <stdio.h>
#include <string.h>

#include "train/support/precision.h"

Status stored_config_of(const CheckpointReader *r, Arena *a, const char *data, char *argv[],
                        Config **out)
{
    char path[TEXT_MAX + 16];
    const char *overrides[] = {path};
    if (data && (size_t)snprintf(path, sizeof path, "data.path=%s", data) >= sizeof path)
        return FAIL(E_ARG, "--data: the path is too long");
    TRY(precision_switch(r->info.precision, argv));
    *out = arena_zero(a, sizeof **out);
    if (!*out) return FAIL(E_NOMEM, "a config");
    TRY(checkpoint_config(r, data != NULL, overrides, *out));
    return checkpoint_check_model(r, *out);
}

Status stored_config(Bundle *b, const char *data, char *argv[], Config **out)
{
    char path[CHECKPOINT_PATH_MAX];
    CheckpointReader reader;
    if (snprintf(path, sizeof path, "%s/at.h5", b->folder) >= (int)sizeof path)
        return FAIL(E_ARG, "%s: the path is too long", b->folder);
    Status status = checkpoint_open(&reader, path);
    if (status == OK) status = stored_config_of(&reader, &b->arena, data, argv, out);
    checkpoint_close(&reader);
    return status;
}
