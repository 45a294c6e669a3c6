#include "data/tokenizer_file.h"

#include <sys/stat.h>

#include "data/source.h"
#include "data/tokenizer.h"
#include "data/tokenizers/llama2c.h"

Status tokenizer_file_read(Arena *a, const char *path, char **text, int64_t *size)
{
    struct stat info;
    const bool is_pipe = !stat(path, &info) && !S_ISREG(info.st_mode); /* it can be read once */
    if (!is_pipe) {
        TRY(source_read_all(a, path, TOKENIZER_TEXT_MAX, SOURCE_BYTES, text, size));
        if (llama2c_tokenizer_looks_so(*text, *size)) return OK;
    }
    return source_read_all(a, path, TOKENIZER_TEXT_MAX, SOURCE_TEXT, text, size);
}
