/* The tensors that a model's file has, and the parameters that each of them holds. */
#ifndef TRAIN_FORMATS_FILE_TENSORS_H
#define TRAIN_FORMATS_FILE_TENSORS_H

#include "autograd/params.h"
#include "train/formats/kinds.h"

enum { FILE_TENSOR_PARTS = 3, FILE_TENSOR_NAME = 96 };

/* A parameter within a tensor. */
typedef struct FilePart {
    const Param *declared; /* as the file has it */
    const Param *param;    /* the model's; NULL: the model has none, and the file has its initial
                              value, such as a bias of 0 */
    int64_t rows, first_row;
} FilePart;

typedef struct FileTensor {
    char name[FILE_TENSOR_NAME];
    Shape shape; /* in the file */
    unsigned layout;
    int64_t head_width; /* of LAYOUT_BY_HEAD and LAYOUT_ROTATED */
    int count;
    FilePart parts[FILE_TENSOR_PARTS];
} FileTensor;

typedef struct FileTensors {
    Arena arena;
    GptConfig config; /* with all that files of this kind have */
    Params declared;
    FileTensor *list; /* in the order of the model */
    int64_t count;
    int64_t largest; /* numbers of the largest one */
} FileTensors;

/* p: the model's own parameters, declared for c; borrowed. Close in any case. E_NOMEM. */
Status file_tensors_open(FileTensors *f, const Kind *k, ModelFormat format, const Config *c,
                         int64_t vocab_size, const Params *p);
void file_tensors_close(FileTensors *f);

/* Copies the parameters' values to numbers, laid out as in the file. */
void file_tensor_gather(const FileTensor *t, real *numbers);

/* The other way. False: the model has no parameter for numbers that are not its initial value; *part
 * is that parameter. */
bool file_tensor_scatter(const FileTensor *t, const real *numbers, const Param **part);

#endif
