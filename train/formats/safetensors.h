/* safetensors, Hugging Face's file format for tensors:
 *
 *     u64         size of the header, little-endian
 *     header      JSON: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...,
 *                 "__metadata__": {"KEY": "TEXT"}}, padded with blanks
 *     data        the tensors, row-major, in order, without gaps */
#ifndef TRAIN_FORMATS_SAFETENSORS_H
#define TRAIN_FORMATS_SAFETENSORS_H

#include "train/formats/weights.h"

enum { SAFETENSORS_HEADER_MAX = 16 << 20 };

/* Adds the tensors of a file to w. E_DATA names what is wrong. */
Status safetensors_read(Weights *w, const char *path);

/* Whether a file that begins with these bytes may be one. */
bool safetensors_recognizes(const unsigned char *bytes, int64_t size);

#endif
