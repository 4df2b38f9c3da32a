/*
 * oriel new: the first files of a new entity, out of a sample of a client's files. Shows what they were guessed by.
 */
#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

#include "lib/contract.h"
#include "lib/log.h"
#include "lib/text.h"
#include "worker/command.h"
#include "worker/entity_test.h"
#include "worker/new_report.h"
#include "worker/new_sample.h"
#include "worker/new_write.h"

enum { OPTION_CLIENT, OPTION_KEY, OPTION_SAMPLE };
static const struct command_option options[] = {
    [OPTION_CLIENT] = {"client", "CLIENT",
                       "whose records these are (NAME); taken off the entity's name where that begins so", NULL},
    [OPTION_KEY] = {"key", "COLUMNS", "the columns that a record is known by, with commas between", NULL},
    [OPTION_SAMPLE] = {"sample", "N", "look at the first N records (50000)", NULL},
    {NULL, NULL, NULL, NULL},
};

enum { LONGEST_NAME = 40, MOST_IN_KEY = 31 /* an index of Postgres has 32 columns, and the client is one */ };

struct making {
    struct command_context *context;
    struct new_sample sample;
    struct new_entity entity;
    struct guess_field *fields;
    const struct entity *parsed;
    struct new_files files;
    const char *entity_path, *tests_path;
};

/* ---- names ---- */

static int read_name(struct making *m, const char *name)
{
    struct arena *a = &m->context->arena;
    size_t n = strlen(name);
    if (!islower((unsigned char)*name) || n > LONGEST_NAME ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != n) {
        command_usage("new", "\"%s\" cannot be a name: small letters, digits and hyphens, at most %d", name,
                      LONGEST_NAME);
        return -1;
    }
    const char *client = m->context->options[OPTION_CLIENT];
    m->entity.name = name;
    m->entity.client = client ? client : name;
    size_t prefix = client ? strlen(client) : 0;
    bool strip =
        prefix && strncmp(name, client, prefix) == 0 && name[prefix] == '-' && islower((unsigned char)name[prefix + 1]);
    char *entity = arena_strdup(a, strip ? name + prefix + 1 : name);
    for (char *p = entity; *p; p++)
        *p = *p == '-' ? '_' : *p;
    m->entity.entity = guess_name_is_reserved(entity) ? arena_printf(a, "%s_record", entity) : entity;
    m->entity.plural = new_plural(entity, a);
    if (guess_name_is_reserved(m->entity.plural))
        m->entity.plural = new_plural(m->entity.entity, a);
    return 0;
}

/* ".csv", ".csv.gz"; NULL where the file's name has no such end. */
static const char *name_end(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    const char *before = dot && strcmp(dot, ".gz") == 0 ? memrchr(name, '.', (size_t)(dot - name)) : NULL;
    return before ? before : dot;
}

/* "*.csv": what the names of all files end in. */
static const char *find_pattern(struct arena *a, char *const *files, size_t n)
{
    const char *end = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *dot = name_end(files[i]);
        if (!dot || strpbrk(dot, "*?[\\") || (end && strcmp(end, dot) != 0))
            return "*";
        end = dot;
    }
    return arena_printf(a, "*%s", end);
}

/* Nothing of the new entity's names may be another's. */
static int check_names(struct making *m)
{
    struct command_context *c = m->context;
    struct entity_set set = {0};
    struct contract_set lock = {0};
    struct stat st;
    const char *view = arena_printf(&c->arena, "v_%s_v1", m->entity.plural);
    if (stat(c->settings.entities, &st) == 0 && entity_load_all(&set, &c->arena, c->settings.entities) < 0)
        return -1;
    for (size_t i = 0; i < set.n; i++)
        if (strcmp(set.list[i].name, m->entity.entity) == 0 || strcmp(set.list[i].table, m->entity.entity) == 0) {
            log_error(
                "%s feeds the entity \"%s\" already; for another form of the same records copy that file and change "
                "where its fields come from, for other records choose another name",
                set.list[i].path, m->entity.entity);
            return -1;
        }
    if (stat(c->settings.lock, &st) < 0)
        return 0;
    if (contract_lock_load(&lock, &c->arena, c->settings.lock) < 0)
        return -1;
    bool taken = contract_find_view(&lock, view) != NULL;
    for (size_t i = 0; lock.tombstones && lock.tombstones[i]; i++)
        taken = taken || strcmp(lock.tombstones[i], view) == 0;
    if (taken)
        log_error("%s holds a contract %s, or held one that was retired; choose another name", c->settings.lock, view);
    return taken ? -1 : 0;
}

/* 1 more than the highest number of a change. */
static int next_change(const char *folder)
{
    int highest = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return 1;
    for (struct dirent *d; (d = readdir(dir));) {
        int number = 0;
        for (int i = 0; i < 4 && isdigit((unsigned char)d->d_name[i]); i++)
            number = number * 10 + d->d_name[i] - '0';
        highest = number > highest ? number : highest;
    }
    closedir(dir);
    return highest + 1;
}

/* ---- the key ---- */

static struct guess_field *find_field(struct making *m, const char *name)
{
    for (size_t i = 0; i < m->sample.guess.n; i++) {
        struct guess_field *f = &m->fields[i];
        if (strcmp(f->place->from, name) == 0 || strcmp(f->place->label, name) == 0 || strcmp(f->name, name) == 0 ||
            (f->place->from[0] == '/' && strcmp(f->place->from + 1, name) == 0))
            return f;
    }
    return NULL;
}

static int take_key(struct making *m, const char *list)
{
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        const char *name = arena_memdup(&m->context->arena, p, n);
        struct guess_field *f = find_field(m, name);
        if (!f) {
            log_error("there is no column \"%s\" in the sample", name);
            return -1;
        }
        f->is_key = true;
        p += n;
        if (!*p)
            return 0;
    }
}

static size_t count_key(const struct making *m, struct buf *names)
{
    size_t n = 0;
    for (size_t i = 0; i < m->sample.guess.n; i++)
        if (m->fields[i].is_key)
            buf_printf(names, "%s%s", n++ ? ", " : "", m->fields[i].name);
    return n;
}

/* A table's key does not change in place, and one that was made up merges records that are different. */
static void refuse_without_key(struct making *m)
{
    const struct guess *g = &m->sample.guess;
    struct buf names;
    size_t without, again;
    buf_init(&names, 1 << 16);
    if (!count_key(m, &names))
        log_error("there is no key, so nothing was written: every column that could be of one (texts, whole numbers, "
                  "dates) is missing somewhere. Say by which columns a record is known: --key COLUMNS");
    else {
        guess_key_count(g, m->fields, &without, &again);
        log_error("there is no key, so nothing was written: no column tells all records apart, and no two or three "
                  "together. Nearest comes \"%s\": %zu of %zu records are alike in it to another. Ask what a record "
                  "is known by, and say it: --key COLUMNS",
                  buf_str(&names), again, g->records);
    }
    buf_release(&names);
}

/* Chooses the key and says by what. -1 after a message. */
static int choose_key(struct making *m)
{
    static const char *const why[] = {
        [GUESS_KEY_UNIQUE] = "never missing, and no two records are alike in it",
        [GUESS_KEY_NEARLY] = "the first column that nearly every record has for itself",
    };
    const char *given = m->context->options[OPTION_KEY];
    const struct guess *g = &m->sample.guess;
    struct buf names;
    size_t without, again;
    enum guess_key_kind kind = GUESS_KEY_UNIQUE;
    if (given && take_key(m, given) < 0)
        return -1;
    if (!given && (kind = guess_key(g, m->fields)) == GUESS_KEY_NONE) {
        refuse_without_key(m);
        return -1;
    }
    buf_init(&names, 1 << 16);
    size_t n = count_key(m, &names);
    guess_key_count(g, m->fields, &without, &again);
    printf("\nKey: %s: %s.\n", buf_str(&names), given ? "as you said" : why[kind]);
    buf_release(&names);
    if (without)
        printf("     %zu of %zu records lack it: they will be rejected.\n", without, g->records);
    if (again)
        printf("     %zu of %zu records have the key of another: the last of a batch is taken, the others are rejected "
               "as\n"
               "     duplicates if they differ.\n",
               again, g->records);
    if (n > MOST_IN_KEY)
        log_error("the key would have %zu columns; say which are enough: --key COLUMNS", n);
    return n > MOST_IN_KEY ? -1 : 0;
}

/* ---- the files ---- */

static void add_files(struct making *m)
{
    struct arena *a = &m->context->arena;
    const struct settings *s = &m->context->settings;
    char *change_name = arena_strdup(a, m->entity.name);
    for (char *p = change_name; *p; p++)
        *p = *p == '_' ? '-' : *p;
    const char *change = arena_printf(a, "%s/%04d-%s", s->changes, next_change(s->changes), change_name);
    m->entity_path = arena_printf(a, "%s/%s.json", s->entities, m->entity.name);
    m->tests_path = arena_printf(a, "%s/%s.test.json", s->entities, m->entity.name);
    new_put_entity(new_files_add(&m->files, m->entity_path), &m->entity);
    new_put_source(new_files_add(&m->files, arena_printf(a, "%s/%s.json", s->sources, m->entity.name)), &m->entity, a);
    new_put_expand(new_files_add(&m->files, arena_printf(a, "%s/expand.sql", change)), &m->entity);
    new_put_revert(new_files_add(&m->files, arena_printf(a, "%s/revert.sql", change)), &m->entity);
}

/* A record with a key that stands twice cannot be written into a test: it is then left out. */
static void add_tests(struct making *m, const struct new_example *example)
{
    struct arena *a = &m->context->arena;
    struct buf *tests = new_files_add(&m->files, m->tests_path), unsaid;
    new_put_tests(tests, &m->entity, example->cleaned ? example : NULL, m->parsed);
    buf_init(&unsaid, 1 << 16);
    log_capture(&unsaid);
    const struct cfg *c = cfg_parse(a, m->tests_path, buf_str(tests), tests->len);
    bool good = c && !cfg_failed(c);
    log_capture(NULL);
    buf_release(&unsaid);
    if (!good) {
        buf_reset(tests);
        new_put_tests(tests, &m->entity, NULL, m->parsed);
    }
}

/* Writes them, and takes them away again when the tests do not hold. */
static int write_files(struct making *m)
{
    int n;
    if (new_files_write(&m->files) < 0)
        return -1;
    if (entity_test_run(m->parsed, m->tests_path, &m->context->arena, &n) == 0)
        return 0;
    log_error("the tests of the new entity do not hold, so nothing of it was kept");
    new_files_remove(&m->files, m->files.n);
    return -1;
}

/* For a shell: in quotes where it needs them. */
static const char *shell(struct arena *a, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:@%,";
    if (*s && strspn(s, plain) == strlen(s))
        return s;
    const char *out = "'";
    for (size_t n; *s; s += n) {
        n = *s == '\'' ? 1 : strcspn(s, "'");
        out = *s == '\'' ? arena_printf(a, "%s'\\''", out) : arena_printf(a, "%s%.*s", out, (int)n, s);
    }
    return arena_printf(a, "%s'", out);
}

static void print_next(const struct making *m)
{
    struct arena *a = &m->context->arena;
    const char *drop = shell(a, arena_printf(a, "%s/%s", m->context->settings.drop, m->entity.name));
    const char *file = shell(a, m->sample.files[0]);
    printf("\nWritten:\n");
    for (size_t i = 0; i < m->files.n; i++)
        printf("  %s\n", m->files.list[i].path);
    printf("\nLook through them, give columns the names that readers should see, then:\n"
           "  oriel try %s %s\n"
           "  oriel change expand && oriel contract lock && oriel check\n"
           "  mkdir -p %s && cp %s %s/.new && mv %s/.new %s/%s\n"
           "  oriel work     # one that runs takes the new source after HUP; so do the responders the new contract\n"
           "  curl 'http://HOST/v1/%s?limit=3'\n",
           m->entity.name, file, drop, file, drop, drop, drop,
           shell(a, strrchr(m->sample.files[0], '/') ? strrchr(m->sample.files[0], '/') + 1 : m->sample.files[0]),
           m->entity.plural);
}

/* ---- all ---- */

static int guess_entity(struct making *m)
{
    struct arena *a = &m->context->arena;
    if (new_sample_format(&m->sample) < 0 || new_sample_read(&m->sample) < 0)
        return -1;
    for (size_t i = 0; i < m->sample.n_files; i++)
        printf("%s: %s\n", m->sample.files[i], m->sample.evidence[i]);
    printf("%zu records were looked at.\n\n", m->sample.guess.records);
    m->fields = guess_fields(&m->sample.guess);
    new_print_evidence(&m->sample.guess, m->fields, a);
    new_print_doubts(&m->sample.guess, m->fields);
    if (choose_key(m) < 0)
        return -1;
    m->entity.format = &m->sample.format;
    m->entity.fields = m->fields;
    m->entity.n_fields = m->sample.guess.n;
    m->entity.pattern = find_pattern(a, m->sample.files, m->sample.n_files);
    return 0;
}

static int make(struct making *m)
{
    struct new_example example;
    add_files(m);
    const struct buf *text = &m->files.list[0].text;
    m->parsed = entity_parse(&m->context->arena, m->entity_path, buf_str(text), text->len);
    if (!m->parsed)
        return -1;
    printf("\nWhat would be loaded of the sample: ");
    if (new_sample_clean(&m->sample, m->parsed, &example) < 0)
        return -1;
    add_tests(m, &example);
    if (new_files_check(&m->files) < 0 || write_files(m) < 0)
        return -1;
    print_next(m);
    return 0;
}

static int run(struct command_context *context, int argc, char **argv)
{
    struct making m = {
        .context = context,
        .sample = {.arena = &context->arena, .files = argv + 1, .n_files = (size_t)argc - 1, .most = 50000}};
    const char *most = context->options[OPTION_SAMPLE];
    if (most && text_integer(most, 1, 10000000, &m.sample.most) < 0)
        return command_usage("new", "--sample takes a number of records, not \"%s\"", most);
    if (read_name(&m, argv[0]) < 0)
        return EXIT_USAGE;
    bool good = check_names(&m) == 0 && guess_entity(&m) == 0 && make(&m) == 0;
    new_files_release(&m.files);
    return good ? EXIT_OK : EXIT_FAILED;
}

const struct command command_new = {
    .name = "new",
    .arguments = "NAME FILE...",
    .summary = "the first files of a new entity, guessed from a sample of a client's files",
    .options = options,
    .details =
        "Writes an entity file, its tests, a source file, and a change with table and first contract, and shows "
        "what they\n"
        "were guessed by. Overwrites nothing: where one of the files is there already, none is written. Files "
        "are NDJSON,\n"
        "JSON (an array, or a document with one in it), CSV or TSV, each also as gzip; with several, all of one "
        "form.\n"
        "Quotes of a CSV count as letters where they would break records of the sample, nothing is broken without, "
        "and\n"
        "whole cells in quotes are rarer.\n\n"
        "A key has at most three columns, unless --key names more. Where no column tells the records of the sample "
        "apart, and\nno two or three together, nothing is written.\n\n"
        "Types are guessed generously, because no type of a contract changes in place, and what it promises is not "
        "taken back:\n"
        "integers are bigint, numbers numeric, texts have no limit, and only the key is never null.\n",
    .run = run,
};
