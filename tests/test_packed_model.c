#include "tests/packed_model.h"
