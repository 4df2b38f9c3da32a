#include "worker/source_kind.h"

const struct source_kind *const source_kinds[] = {&source_kind_file, NULL};
const char *const source_kind_names[] = {"file", NULL};
