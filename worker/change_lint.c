#include "worker/change_lint.h"

#include <ctype.h>
#include <strings.h>

#include "lib/log.h"
#include "lib/settings.h"

/* A token of SQL, as far as it matters here: a word or quoted name, a character of its own, a literal, or the end. */
struct token {
    enum { TOKEN_END, TOKEN_WORD, TOKEN_LITERAL, TOKEN_CHARACTER } kind;
    const char *start;
    size_t len;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the comment that begins at p; comments nest (PostgreSQL, "Lexical Structure"). */
static const char *skip_comment(const char *p)
{
    int depth = 0;
    do {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (p[0] == '*' && p[1] == '/') {
            depth--;
            p += 2;
        } else
            p++;
    } while (*p && depth);
    return p;
}

static const char *skip_blank(const char *p)
{
    while (*p)
        if (isspace((unsigned char)*p))
            p++;
        else if (p[0] == '-' && p[1] == '-')
            p += strcspn(p, "\n");
        else if (p[0] == '/' && p[1] == '*')
            p = skip_comment(p);
        else
            break;
    return p;
}

/* Behind the text in quotes that begins at p. A doubled quote reads as two texts side by side, which does no harm. */
static const char *skip_quoted(const char *p, bool backslashes)
{
    char quote = *p++;
    while (*p && *p != quote)
        p += backslashes && *p == '\\' && p[1] ? 2 : 1;
    return p + (*p != 0);
}

/* Behind $tag$ … $tag$; NULL when no such text begins at p. */
static const char *skip_dollars(const char *p)
{
    if (*p != '$')
        return NULL;
    size_t n = 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (p[n] != '$' || isdigit((unsigned char)p[1]))
        return NULL;
    for (const char *end = p + ++n; *end; end++)
        if (strncmp(end, p, n) == 0)
            return end + n;
    return p + strlen(p);
}

static struct token next_token(const char *p)
{
    struct token t = {.start = skip_blank(p)};
    const char *end = t.start;
    if (!*end)
        return t;
    if (*end == '\'' || (end = skip_dollars(t.start))) {
        t.kind = TOKEN_LITERAL;
        end = *t.start == '\'' ? skip_quoted(t.start, false) : end;
    } else if (strncasecmp(t.start, "e'", 2) == 0) {
        t.kind = TOKEN_LITERAL;
        end = skip_quoted(t.start + 1, true);
    } else if (*t.start == '"') {
        t.kind = TOKEN_WORD;
        for (end = t.start; *end == '"';) /* a doubled quote goes on */
            end = skip_quoted(end, false);
    } else {
        end = t.start;
        while (is_word(*end))
            end++;
        t.kind = end > t.start ? TOKEN_WORD : TOKEN_CHARACTER;
        end += end == t.start;
    }
    t.len = (size_t)(end - t.start);
    return t;
}

static bool is(const struct token *t, const char *text)
{
    return t->len == strlen(text) && strncasecmp(t->start, text, t->len) == 0;
}

/* Where a statement stands that may be CREATE [OR REPLACE] [RECURSIVE] VIEW api.… */
enum place { BEGINNING, CREATE, NAME, IN_CONTRACT, ELSEWHERE };

static enum place advance(enum place place, const struct token *t)
{
    if (is(t, ";"))
        return BEGINNING;
    switch (place) {
    case BEGINNING:
        return is(t, "create") ? CREATE : ELSEWHERE;
    case CREATE:
        return is(t, "view") ? NAME : is(t, "or") || is(t, "replace") || is(t, "recursive") ? CREATE : ELSEWHERE;
    case NAME:
        return is(t, SCHEMA_API) || is(t, "\"" SCHEMA_API "\"") ? IN_CONTRACT : ELSEWHERE;
    case IN_CONTRACT:
    case ELSEWHERE:
        break;
    }
    return place;
}

/* A `*` is no product and no count(*) when a dot stands before it, or nothing to multiply behind it. */
static bool takes_all(const struct token *before, const struct token *t, const struct token *behind)
{
    if (is(t, "table"))
        return true;
    return is(t, "*") && (is(before, ".") || is(behind, "from") || is(behind, ",") || is(behind, ";") || !behind->kind);
}

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Behind the statement that begins at p: behind its semicolon, or at the end of the text. A semicolon in parentheses
 * (of a rule) or between BEGIN ATOMIC and its END (of a function) does not end it. */
static const char *statement_end(const char *p)
{
    struct token before = {0};
    int parentheses = 0;
    bool atomic = false;
    for (struct token t = next_token(p); t.kind; before = t, t = next_token(p)) {
        p = t.start + t.len;
        parentheses += is(&t, "(") - is(&t, ")");
        if (is(&t, "atomic") && is(&before, "begin"))
            atomic = true;
        else if (is(&t, "end") && (is(&before, ";") || is(&before, "atomic")))
            atomic = false;
        if (is(&t, ";") && parentheses <= 0 && !atomic)
            break;
    }
    return p;
}

/* Where the nth statement begins, from 0; NULL when there are not so many. Empty ones do not count. */
static const char *statement_at(const char *sql, size_t n)
{
    for (const char *p = sql;; p = statement_end(p)) {
        struct token t = next_token(p);
        if (!t.kind)
            return NULL;
        if (!is(&t, ";") && n-- == 0)
            return t.start;
    }
}

int change_line_of_statement(const struct change_file *f, size_t n)
{
    const char *start = statement_at(f->sql, n);
    return start ? line_of(f->sql, start) : 0;
}

int change_lint_transaction(const struct change_file *f)
{
    static const char *const words[] = {"abort", "begin", "commit", "end", "rollback", "start"};
    int result = 0;
    const char *start;
    for (size_t n = 0; (start = statement_at(f->sql, n)); n++) {
        struct token t = next_token(start), behind = next_token(start + t.len);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            if (is(&t, words[i]) && !is(&behind, "to")) {
                log_error("%s:%d: a phase is one transaction, so that it is done as a whole or not at all; take `%.*s` "
                          "out",
                          f->path, line_of(f->sql, start), (int)t.len, t.start);
                result = -1;
            }
    }
    return result;
}

int change_lint(const struct change_file *f)
{
    int result = change_lint_transaction(f);
    enum place place = BEGINNING;
    struct token before = {0}, t = next_token(f->sql);
    while (t.kind) {
        struct token behind = next_token(t.start + t.len);
        place = advance(place, &t);
        if (place == IN_CONTRACT && takes_all(&before, &t, &behind)) {
            log_error("%s:%d: a contract takes all columns (`%.*s`), whichever there are; name each column that leaves",
                      f->path, line_of(f->sql, t.start), (int)t.len, t.start);
            result = -1;
        }
        before = t;
        t = behind;
    }
    return result;
}

/* A quote within quotes is doubled. */
static bool is_name(const struct token *t, const char *name)
{
    if (t->kind != TOKEN_WORD || *t->start != '"')
        return t->kind == TOKEN_WORD && is(t, name);
    const char *p = t->start + 1, *end = t->start + t->len - 1;
    while (p < end && *name && tolower((unsigned char)*p) == tolower((unsigned char)*name)) {
        p += *p == '"' ? 2 : 1;
        name++;
    }
    return p == end && !*name;
}

bool change_mentions(const struct change_file *f, const char *name)
{
    struct token t = next_token(f->sql);
    while (t.kind && !is_name(&t, name))
        t = next_token(t.start + t.len);
    return t.kind;
}
