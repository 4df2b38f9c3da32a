#include "worker/source_kind.h"

const struct source_kind *const source_kinds[] = {&source_kind_file, &source_kind_http, &source_kind_postgres, NULL};
const char *const source_kind_names[] = {"file", "http", "postgres", NULL};
