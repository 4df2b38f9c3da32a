/*
 * oriel try: what would happen to the records of a file. Reads configuration and the file, nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
#include "worker/command.h"
#include "worker/entity_load.h"
#include "worker/progress.h"
#include "worker/reader.h"
#include "worker/source.h"
#include "worker/try_report.h"

enum { OPTION_SOURCE, OPTION_LIMIT, OPTION_JSON };
static const struct command_option table[] = {
    [OPTION_SOURCE] = {"source", "SOURCE", "read FILE as that source file says", NULL},
    [OPTION_LIMIT] = {"limit", "N",
                      "show the first N rows and the first N rejected records (20); the summary counts all", NULL},
    [OPTION_JSON] = {"json", NULL, "one JSON object a line; the last is the summary", NULL},
    {NULL, NULL, NULL, NULL},
};

struct options {
    const char *source, *entity, *file;
    long long limit;
    bool json;
};

static int read_options(struct options *o, const struct command_context *context, char **argv)
{
    const char *limit = context->options[OPTION_LIMIT];
    *o = (struct options){.limit = 20,
                          .source = context->options[OPTION_SOURCE],
                          .json = context->options[OPTION_JSON],
                          .entity = argv[0],
                          .file = argv[1]};
    if (!limit || text_integer(limit, 0, INT32_MAX, &o->limit) == 0)
        return 0;
    command_usage("try", "--limit takes a whole number, not \"%s\"", limit);
    return -1;
}

static const struct entity *load_entity(struct command_context *context, const char *name)
{
    struct arena *a = &context->arena;
    size_t n = strlen(name);
    bool is_path = strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".json") == 0);
    const struct cfg *c = cfg_open(a, is_path ? name : arena_printf(a, "%s/%s.json", context->settings.entities, name));
    return c ? entity_load(a, c) : NULL;
}

static int is_source_file(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

static bool lists(const struct cfg *source, const char *entity)
{
    for (const char *const *name = cfg_strings(source, "entities", NULL); *name; name++)
        if (strcmp(*name, entity) == 0)
            return true;
    return false;
}

/* Counts the source files that list the entity; *found gets the last of them. -1 after messages. */
static int find_sources(struct command_context *context, const char *entity, const struct cfg **found)
{
    struct dirent **names;
    int n = scandir(context->settings.sources, &names, is_source_file, NULL), matches = 0;
    if (n < 0)
        return 0; /* without sources the file's name has to do */
    for (int i = 0; i < n; i++) {
        const struct cfg *c = cfg_open(
            &context->arena, arena_printf(&context->arena, "%s/%s", context->settings.sources, names[i]->d_name));
        if (!c)
            matches = -1;
        else if (matches >= 0 && lists(c, entity)) {
            *found = c;
            matches++;
        }
        free(names[i]);
    }
    free(names);
    return matches;
}

/* How a file is read. */
struct form {
    struct format format;
    long long batch_records, batch_bytes;
};

/* How the file is to be read: as a source file says, or as its name does. -1 after messages. */
static int find_form(struct command_context *context, const struct options *o, const struct entity *e, struct form *f)
{
    const struct cfg *source = NULL;
    *f = (struct form){.batch_records = SOURCE_BATCH_RECORDS, .batch_bytes = SOURCE_BATCH_BYTES};
    int matches = 1;
    if (o->source)
        source = cfg_open(&context->arena,
                          arena_printf(&context->arena, "%s/%s.json", context->settings.sources, o->source));
    else
        matches = find_sources(context, e->file, &source);
    if (matches < 0 || (o->source && !source))
        return -1;
    if (matches == 1) {
        format_load(&f->format, source);
        source_batch_size(source, &f->batch_records, &f->batch_bytes);
        return cfg_failed(source) ? -1 : 0;
    }
    if (format_from_name(&f->format, o->file) == 0)
        return 0;
    log_error("%s: its name does not tell how it is to be read, and %s; say --source NAME", o->file,
              matches ? "several source files list this entity" : "no source file lists this entity");
    return -1;
}

static void report(struct try_report *r, const struct entity *e, const struct record *record, struct arena *a)
{
    struct cleaned cleaned = {.rejected = true, .n_reasons = 1};
    if (record->problem) {
        cleaned.reasons = arena_alloc(a, sizeof *cleaned.reasons);
        cleaned.reasons[0] = *record->problem;
    } else
        clean_document(e, &record->document, a, &cleaned);
    try_report_record(r, &cleaned, record->len);
}

static int try_records(struct reader *reader, long long size, const struct entity *e, struct try_report *r)
{
    struct progress progress;
    struct arena a;
    struct record record;
    int got;
    arena_init(&a);
    progress_start(&progress, "try", "records");
    r->progress = &progress;
    while ((got = reader_next(reader, &a, &record)) > 0) {
        report(r, e, &record, &a);
        progress_show(&progress, size > 0 ? (double)record.next_offset / (double)size : 0, r->records);
        arena_reset(&a);
    }
    progress_end(&progress);
    r->progress = NULL;
    arena_release(&a);
    if (got == 0) {
        try_report_file_end(r);
        try_report_summary(r);
    }
    return got;
}

static int try_file(const struct options *o, const struct entity *e, const struct form *f)
{
    struct try_report r;
    struct stat st;
    int result = -1, fd = open(o->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_errno("cannot read %s", o->file);
        return EXIT_FAILED;
    }
    struct reader *reader = reader_open(&f->format, fd, o->file, 0, NULL, 0);
    try_report_init(&r, e, stdout, o->json, o->limit);
    r.merge.batch_records = f->batch_records;
    r.merge.batch_bytes = f->batch_bytes;
    if (reader)
        result = try_records(reader, fstat(fd, &st) == 0 ? (long long)st.st_size : 0, e, &r);
    try_report_release(&r);
    reader_free(reader);
    close(fd);
    return result < 0 ? EXIT_FAILED : EXIT_OK;
}

static int run(struct command_context *context, int argc, char **argv)
{
    (void)argc;
    struct options o;
    struct form f;
    if (read_options(&o, context, argv) < 0)
        return EXIT_USAGE;
    const struct entity *e = load_entity(context, o.entity);
    if (!e || find_form(context, &o, e, &f) < 0)
        return EXIT_USAGE;
    return try_file(&o, e, &f);
}

const struct command command_try = {
    .name = "try",
    .arguments = "ENTITY FILE",
    .summary = "what would happen to the records of a file; needs no database",
    .options = table,
    .details =
        "Cleans every record of FILE with the entity file ENTITY (a name, or a path) and prints what would happen: "
        "rows,\n"
        "rejected records with every reason, and a summary, which also tells what a load into an empty table would "
        "make of\n"
        "records that share a key. Changes nothing. Without --source FILE is read as the one source file says that "
        "lists\n"
        "ENTITY, else by its name (.ndjson .jsonl .json .csv .tsv).\n\n"
        "Exit code: 0 also when records are rejected; 1 when FILE cannot be read; 2 for mistakes in the "
        "configuration.\n",
    .run = run,
};
