/* Writes safetensors files (safetensors.h). */
#ifndef TRAIN_FORMATS_SAFETENSORS_WRITE_H
#define TRAIN_FORMATS_SAFETENSORS_WRITE_H

#include "train/formats/export.h"

/* Writes all tensors of an export to path. E_ARG, E_IO, E_NOMEM; adds the size of the file to
 * e->size. */
Status safetensors_write(ModelExport *e, const char *path);

#endif
