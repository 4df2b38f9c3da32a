#include "worker/new_sample.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "worker/encoding.h"
#include "worker/input.h"
#include "worker/progress.h"
#include "worker/try_report.h"

enum {
    HEAD = 16 << 20,       /* bytes by which the format is guessed */
    DEEPEST = 8,           /* objects in objects */
    LONGEST_EXAMPLE = 4000 /* bytes of a record that is copied into a test */
};

/* ---- format ---- */

/* Puts a file's first bytes, unpacked, into in's window. -1 after a message. */
static int read_head(struct input *in, const char *path)
{
    struct stat st;
    int got = 1;
    if (in->fd < 0 || fstat(in->fd, &st) < 0) {
        log_errno("cannot read %s", path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        log_error("%s is no regular file", path);
        return -1;
    }
    while (in->end < HEAD && (got = input_more(in)) > 0)
        ;
    return got < 0 ? -1 : 0;
}

static bool same_dialect(const struct format *x, const struct format *y)
{
    return x->kind == y->kind && x->delimiter == y->delimiter && x->quote_char == y->quote_char &&
           x->has_header == y->has_header && strcmp(x->records ? x->records : "", y->records ? y->records : "") == 0;
}

/* Joins the format of one more file to that of those before. -1 after a message. */
static int join_format(struct new_sample *s, size_t i, const struct format *f)
{
    if (i && !same_dialect(&s->format, f)) {
        log_error("%s and %s are not of one form (%s; %s); make an entity file and a source for each", s->files[0],
                  s->files[i], s->evidence[0], s->evidence[i]);
        return -1;
    }
    if (!i)
        s->format = *f;
    else if (encoding_is_utf8(s->format.encoding)) /* a Latin text that happens to be ASCII looks like UTF-8 */
        s->format.encoding = f->encoding;
    s->format.comment_char = s->format.comment_char ? s->format.comment_char : f->comment_char;
    return 0;
}

int new_sample_format(struct new_sample *s)
{
    s->evidence = arena_array(s->arena, s->n_files, sizeof *s->evidence);
    for (size_t i = 0; i < s->n_files; i++) {
        struct input in;
        struct guess_format f;
        int fd = open(s->files[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* waits at no FIFO */
        input_init(&in, fd, s->files[i]);
        int result = read_head(&in, s->files[i]);
        if (result == 0) {
            guess_format(&f, s->arena, in.data, in.end, in.at_end);
            s->evidence[i] = in.gunzip && f.evidence ? arena_printf(s->arena, "gzip; %s", f.evidence) : f.evidence;
            if (f.problem) {
                log_error("%s: %s", s->files[i], f.problem);
                result = -1;
            } else
                result = join_format(s, i, &f.format);
        }
        input_release(&in);
        if (fd >= 0)
            close(fd);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- records ---- */

typedef void take_record(void *context, const struct record *record, struct arena *scratch);
typedef void end_file(void *context);

struct reading {
    struct new_sample *sample;
    struct progress progress;
    long long records;
    take_record *take;
    void *context;
};

static int read_records(struct reading *r, struct reader *reader)
{
    struct arena scratch;
    struct record record;
    int got = 0;
    arena_init(&scratch);
    while (r->records < r->sample->most && (got = reader_next(reader, &scratch, &record)) > 0) {
        r->take(r->context, &record, &scratch);
        r->records++;
        progress_show(&r->progress, (double)r->records / (double)r->sample->most, r->records);
        arena_reset(&scratch);
    }
    arena_release(&scratch);
    return got < 0 ? -1 : 0;
}

static int read_file(struct reading *r, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_errno("cannot read %s", path);
        return -1;
    }
    struct reader *reader = reader_open(&r->sample->format, fd, path, 0, NULL, 0);
    int result = reader ? read_records(r, reader) : -1;
    reader_free(reader);
    close(fd);
    return result;
}

static int read_all(struct new_sample *s, const char *what, take_record *take, end_file *end, void *context)
{
    struct reading r = {.sample = s, .take = take, .context = context};
    int result = 0;
    progress_start(&r.progress, what, "records");
    for (size_t i = 0; i < s->n_files && result == 0; i++) {
        result = read_file(&r, s->files[i]);
        if (end)
            end(context);
    }
    progress_end(&r.progress);
    return result;
}

static bool is_malformed(const struct record *record)
{
    return record->problem && record->problem->code == REASON_MALFORMED;
}

static void guess_record(void *context, const struct record *record, struct arena *scratch)
{
    struct new_sample *s = context;
    const struct header *columns = record->document.header;
    bool several = columns && columns->n > 1 && memchr(record->bytes, '\n', record->len);
    s->broken += is_malformed(record) || several;
    if (!record->problem)
        guess_add(&s->guess, &record->document, scratch);
}

static int read_guess(struct new_sample *s)
{
    for (size_t depth = DEEPEST;; depth = 0) {
        s->broken = 0;
        guess_init(&s->guess, s->arena, depth);
        if (read_all(s, "reading", guess_record, NULL, s) < 0)
            return -1;
        if (!s->guess.full || !depth || s->format.kind == FORMAT_CSV)
            return 0; /* else keys that are data: objects are then taken whole */
    }
}

/* What is found when quotes count as letters. */
struct plain {
    size_t columns, malformed, quoted;
    char quote;
};

static bool has_quoted_name(const struct header *h, char quote)
{
    for (size_t i = 0; h->names && i < h->n; i++) {
        const struct value name = {VALUE_STRING, h->names[i], strlen(h->names[i])};
        if (guess_has_quoted(&name, 1, quote))
            return true;
    }
    return false;
}

static void look_at_plain(void *context, const struct record *record, struct arena *scratch)
{
    struct plain *p = context;
    const struct document *d = &record->document;
    (void)scratch;
    if (!d->header) {
        p->malformed += is_malformed(record);
        return;
    }
    p->columns = p->columns ? p->columns : d->header->n;
    p->malformed += d->header->n != p->columns; /* without a header no reader minds */
    p->quoted += guess_has_quoted(d->cells, d->header->n, p->quote) || has_quoted_name(d->header, p->quote);
}

/* The format was guessed by the first lines; here is the whole sample. Quotes are letters where records are broken by
 * them, all are well without, and not as many have whole cells in quotes. */
static int compare_without_quotes(struct new_sample *s)
{
    struct plain plain = {.quote = s->format.quote_char};
    size_t broken = s->broken;
    s->format.quote_char = 0;
    if (read_all(s, "comparing", look_at_plain, NULL, &plain) < 0)
        return -1;
    if (plain.malformed || plain.quoted >= broken) {
        s->format.quote_char = plain.quote;
        return 0;
    }
    for (size_t i = 0; i < s->n_files; i++)
        s->evidence[i] =
            arena_printf(s->arena, "%s; quotes are letters like others (else they break %zu records, and so none)",
                         s->evidence[i], broken);
    return read_guess(s);
}

int new_sample_read(struct new_sample *s)
{
    if (read_guess(s) < 0)
        return -1;
    if (s->broken && s->format.kind == FORMAT_CSV && s->format.quote_char && compare_without_quotes(s) < 0)
        return -1;
    guess_prune(&s->guess);
    if (s->guess.full)
        log_error("%s: more than %d columns, which is more than a contract can promise; name those that are wanted in "
                  "an entity file of your own",
                  s->files[0], GUESS_MOST_PLACES);
    else if (!s->guess.records || !s->guess.n)
        log_error("%s: there is no record that can be read", s->files[0]);
    return s->guess.full || !s->guess.records || !s->guess.n ? -1 : 0;
}

/* ---- with the entity that came out ---- */

struct trial {
    struct new_sample *sample;
    const struct entity *entity;
    struct try_report report;
    struct new_example *example;
    size_t reasons;       /* of the example */
    struct document copy; /* of the example, when it is a row of a CSV */
    struct cleaned cleaned;
};

/* Everything of the example lives in the sample's arena. */
static void keep_example(struct trial *t, const struct record *record)
{
    struct arena *a = t->sample->arena;
    struct record own;
    size_t n;
    const char *bytes = arena_memdup(a, record->bytes, record->len);
    const char *text = encoding_decode(t->sample->format.encoding, a, bytes, record->len, &n);
    reader_parse(&t->sample->format, record->document.header, bytes, record->len, a, &own);
    if (!text || own.problem)
        return;
    t->copy = own.document;
    if (own.document.header && record->document.header) {
        /* the header belongs to the reader, which goes */
        const struct header *h = record->document.header;
        const char **names = arena_array(a, h->n + 1, sizeof *names);
        for (size_t i = 0; i < h->n; i++)
            names[i] = h->names ? arena_strdup(a, h->names[i]) : "";
        t->copy.header = header_make(a, names, h->n);
    }
    clean_document(t->entity, &own.document, a, &t->cleaned);
    t->reasons = t->cleaned.n_reasons;
    *t->example = (struct new_example){.title = arena_printf(a, "record %lld of the sample", t->report.records),
                                       .json = own.document.json ? arena_memdup(a, text, n) : NULL,
                                       .document = &t->copy,
                                       .cleaned = &t->cleaned};
}

static void try_record(void *context, const struct record *record, struct arena *scratch)
{
    struct trial *t = context;
    struct cleaned cleaned = {.rejected = true, .n_reasons = 1};
    if (record->problem) {
        cleaned.reasons = arena_alloc(scratch, sizeof *cleaned.reasons);
        cleaned.reasons[0] = *record->problem;
    } else
        clean_document(t->entity, &record->document, scratch, &cleaned);
    try_report_record(&t->report, &cleaned, record->len);
    bool better = !t->example->cleaned || t->reasons > cleaned.n_reasons;
    if (!cleaned.rejected && better && record->len <= LONGEST_EXAMPLE)
        keep_example(t, record);
}

static void end_delivery(void *context)
{
    struct trial *t = context;
    try_report_file_end(&t->report);
}

int new_sample_clean(struct new_sample *s, const struct entity *e, struct new_example *example)
{
    struct trial *t = arena_alloc(s->arena, sizeof *t);
    *t = (struct trial){.sample = s, .entity = e, .example = example};
    *example = (struct new_example){0};
    try_report_init(&t->report, e, stdout, false, 0);
    int result = read_all(s, "trying", try_record, end_delivery, t);
    if (result == 0)
        try_report_summary(&t->report);
    try_report_release(&t->report);
    return result;
}
