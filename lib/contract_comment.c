/*
 * The @ lines in the comments of a contract's view and columns: what Postgres cannot know of a view.
 */
#include <ctype.h>
#include <string.h>

#include "lib/contract.h"
#include "lib/text.h"

struct reading {
    struct contract *contract;
    struct arena *arena;
    const char *at;   /* what is left of the line */
    const char *line; /* for messages */
};

static int problem(struct reading *r, const char *what)
{
    if (!r->contract->problem)
        r->contract->problem = arena_printf(r->arena, "the comment's line \"%s\": %s", r->line, what);
    return -1;
}

static void skip_space(struct reading *r)
{
    while (*r->at == ' ' || *r->at == '\t')
        r->at++;
}

static bool take(struct reading *r, const char *word)
{
    skip_space(r);
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* An identifier as in SQL: quoted with "" for a quote, or folded to lower case. */
static int identifier(struct reading *r, const char **out)
{
    struct buf b;
    buf_init(&b, 256);
    skip_space(r);
    if (*r->at == '"') {
        for (r->at++; *r->at && (*r->at != '"' || r->at[1] == '"'); r->at++) {
            r->at += *r->at == '"';
            buf_putc(&b, *r->at);
        }
        r->at += *r->at == '"';
    } else
        for (; isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '$' || (*r->at & 0x80); r->at++)
            buf_putc(&b, (char)tolower((unsigned char)*r->at));
    *out = arena_strdup(r->arena, buf_str(&b));
    bool empty = b.len == 0 || b.failed;
    buf_release(&b);
    return empty ? problem(r, "a name was expected") : 0;
}

/* a, b, … up to what cannot be one; NULL-terminated. With known, each must be a column of the contract. */
static int identifiers(struct reading *r, bool known, const char *const **out)
{
    const char **list = arena_array(r->arena, strlen(r->at) + 2, sizeof *list);
    size_t n = 0;
    do {
        if (identifier(r, &list[n]) < 0)
            return -1;
        if (known && !contract_find_column(r->contract, list[n]))
            return problem(r, arena_printf(r->arena, "the view has no column \"%s\"", list[n]));
        n++;
    } while (take(r, ","));
    *out = list;
    return 0;
}

static int at_end(struct reading *r)
{
    skip_space(r);
    return *r->at ? problem(r, arena_printf(r->arena, "\"%s\" was not expected", r->at)) : 0;
}

static int tag_primary_key(struct reading *r)
{
    return identifiers(r, true, &r->contract->key);
}

static int tag_unique(struct reading *r)
{
    struct contract *c = r->contract;
    const char *const **all = arena_array(r->arena, c->n_uniques + 1, sizeof *all);
    if (c->n_uniques)
        memcpy(all, c->uniques, c->n_uniques * sizeof *all);
    c->uniques = all;
    return identifiers(r, true, &all[c->n_uniques++]);
}

static size_t list_length(const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

static int tag_foreign_key(struct reading *r)
{
    struct contract *c = r->contract;
    struct contract_foreign_key fk = {0};
    if (!take(r, "(") || identifiers(r, true, &fk.columns) < 0 || !take(r, ")") || !take(r, "references") ||
        identifier(r, &fk.target) < 0 || !take(r, "(") || identifiers(r, false, &fk.target_columns) < 0 ||
        !take(r, ")"))
        return problem(r, "expected: @foreignKey (column) references v_other_v1 (column)");
    if (list_length(fk.columns) != list_length(fk.target_columns))
        return problem(r, "both sides must have as many columns");
    if (take(r, "|")) {
        if (!take(r, "@name"))
            return problem(r, "behind | only @name and a name may stand");
        if (identifier(r, &fk.name) < 0)
            return -1;
    }
    struct contract_foreign_key *all = arena_array(r->arena, c->n_foreign_keys + 1, sizeof *all);
    if (c->n_foreign_keys)
        memcpy(all, c->foreign_keys, c->n_foreign_keys * sizeof *all);
    all[c->n_foreign_keys++] = fk;
    c->foreign_keys = all;
    return 0;
}

static int tag_deprecated(struct reading *r)
{
    r->contract->deprecated = true;
    return 0;
}

static int tag_no_key(struct reading *r)
{
    r->contract->no_key = true;
    return 0;
}

static bool is_date(const char *s)
{
    static const char form[] = "dddd-dd-dd";
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i])
            return false;
    int month = (s[5] - '0') * 10 + s[6] - '0', day = (s[8] - '0') * 10 + s[9] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static int tag_sunset(struct reading *r)
{
    skip_space(r);
    if (!is_date(r->at))
        return problem(r, "a day such as 2027-03-01 was expected");
    r->contract->sunset = arena_strdup(r->arena, r->at);
    r->at += strlen(r->at);
    return 0;
}

static int tag_successor(struct reading *r)
{
    return identifier(r, &r->contract->successor);
}

static int tag_cache(struct reading *r)
{
    skip_space(r);
    if (text_integer(r->at, 0, 31536000, &r->contract->cache_seconds) < 0)
        return problem(r, "a number of seconds was expected");
    r->at += strlen(r->at);
    return 0;
}

static const struct tag {
    const char *name;
    int (*read)(struct reading *r);
} tags[] = {
    {"@cache", tag_cache},   {"@deprecated", tag_deprecated},  {"@foreignKey", tag_foreign_key},
    {"@noKey", tag_no_key},  {"@primaryKey", tag_primary_key}, {"@successor", tag_successor},
    {"@sunset", tag_sunset}, {"@unique", tag_unique},
};

static void read_tag(struct reading *r)
{
    size_t n = strcspn(r->line, " \t");
    const char *names[ARRAY_SIZE(tags) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
        names[i] = tags[i].name;
        if (strlen(tags[i].name) != n || strncmp(tags[i].name, r->line, n) != 0)
            continue;
        r->at = r->line + n;
        if (tags[i].read(r) == 0)
            at_end(r);
        return;
    }
    const char *near = text_nearest(arena_memdup(r->arena, r->line, n), names);
    problem(r, near ? arena_printf(r->arena, "unknown tag; did you mean %s?", near) : "unknown tag");
}

/* Takes a comment apart: text without the @ lines is returned (NULL when none is left), each @ line goes to read. */
static const char *split(struct reading *r, const char *comment, void (*read)(struct reading *))
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    while (comment && *comment) {
        size_t n = strcspn(comment, "\n");
        size_t end = n;
        while (end && isspace((unsigned char)comment[end - 1]))
            end--;
        if (*comment == '@') {
            r->line = arena_memdup(r->arena, comment, end);
            read(r);
        } else {
            buf_put(&text, comment, end);
            buf_putc(&text, '\n');
        }
        comment += n + (comment[n] == '\n');
    }
    while (text.len && text.data[text.len - 1] == '\n')
        buf_trim_end(&text, 1);
    const char *kept = text.len ? arena_strdup(r->arena, buf_str(&text)) : NULL;
    buf_release(&text);
    return kept;
}

static void read_column_tag(struct reading *r)
{
    if (strcmp(r->line, "@notNull") != 0)
        problem(r, "unknown tag; a column may have @notNull");
}

void contract_comment_read(struct contract *c, struct arena *a, const char *comment)
{
    static const char *const empty[] = {NULL};
    struct reading r = {.contract = c, .arena = a};
    c->cache_seconds = -1;
    c->key = empty;
    c->comment = split(&r, comment, read_tag);
    for (size_t i = 0; i < c->n_columns; i++) {
        struct contract_column *col = &c->columns[i];
        const char *raw = col->comment;
        col->not_null = raw && (strncmp(raw, "@notNull", 8) == 0 || strstr(raw, "\n@notNull"));
        col->comment = split(&r, raw, read_column_tag);
    }
    if (!c->problem && c->no_key && *c->key)
        c->problem = "the comment has both @primaryKey and @noKey";
}
