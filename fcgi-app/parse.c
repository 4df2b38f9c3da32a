#include "fcgi-app/parse.h"

#include <string.h>

#include "fcgi-app/plan_error.h"

enum { MAX_STEPS = 64 }; /* of a JSON path: nobody needs more, and each nests Postgres' expression one deeper */

void parse_begin(struct parse *p, const char *what, const char *text)
{
    p->what = what;
    p->text = p->at = text;
}

static size_t character_length(const char *s)
{
    size_t n = 1;
    while (((unsigned char)s[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* "\"failed to parse filter (xx.1)\" (line 1, column 4)", as PostgREST says it. Columns are counted in characters. */
static const char *position_message(const struct parse *p)
{
    int line = 1, column = 1;
    for (const char *s = p->text; s < p->at; s++) {
        if (*s == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*s & 0xc0) != 0x80) {
            column++;
        }
    }
    return arena_printf(p->a, "\"failed to parse %s (%s)\" (line %d, column %d)", p->what,
                        plan_error_text(p->a, p->text, true), line, column);
}

int parse_refuse(struct parse *p, const char *details, const char *hint)
{
    return plan_fail(p->error, "PGRST100", position_message(p), details, hint);
}

int parse_fail(struct parse *p, const char *expected)
{
    const char *found = "end of input";
    if (*p->at)
        found = arena_printf(p->a, "\"%.*s\"", (int)character_length(p->at), p->at);
    return parse_refuse(p, arena_printf(p->a, "unexpected %s expecting %s", found, expected), NULL);
}

int parse_step_into(struct parse *p, const char *name, struct ast **level)
{
    struct ast_embed *embed = ast_find_embed(*level, name);
    if (!embed)
        return plan_fail_not_embedded(p->error, p->a, name);
    *level = &embed->level;
    return 0;
}

bool parse_take(struct parse *p, const char *token)
{
    size_t n = strlen(token);
    if (strncmp(p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

void parse_blanks(struct parse *p)
{
    p->at += strspn(p->at, " \t");
}

int parse_end(struct parse *p, const char *expected)
{
    return *p->at ? parse_fail(p, expected) : 0;
}

/* Letters are all of Unicode's; what else is not ASCII is taken too, since at worst no column has that name. */
static bool in_identifier(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' ' ||
           c == '$' || ((unsigned char)c & 0x80);
}

static bool in_json_key(char c)
{
    return c && !strchr("(-:.,>)", c);
}

/* Appends to out the run of characters at the cursor, without the blanks around it; false when nothing is left. out has
 * room for the run. */
static bool take_run(struct parse *p, bool (*belongs)(char), char *out, size_t *len)
{
    const char *begin = p->at, *end = begin;
    while (belongs(*end))
        end++;
    p->at = end;
    while (begin < end && *begin == ' ')
        begin++;
    while (begin < end && end[-1] == ' ')
        end--;
    memcpy(out + *len, begin, (size_t)(end - begin));
    *len += (size_t)(end - begin);
    return begin < end;
}

/* Runs joined by dashes; a dash before ">" begins an arrow instead. */
static int parse_dashed(struct parse *p, bool (*belongs)(char), const char *expected, const char **name)
{
    size_t room = 0, len = 0;
    while (belongs(p->at[room]) || p->at[room] == '-')
        room++;
    char *out = arena_alloc(p->a, room + 1);
    for (;;) {
        const char *begin = p->at;
        if (!take_run(p, belongs, out, &len)) {
            p->at = begin;
            return parse_fail(p, expected);
        }
        if (p->at[0] != '-' || p->at[1] == '>')
            break;
        out[len++] = *p->at++;
    }
    *name = out;
    return 0;
}

bool parse_quoted(struct parse *p, const char **text)
{
    if (*p->at != '"')
        return false;
    const char *begin = p->at + 1, *end = begin;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    if (!*end)
        return false;
    char *out = arena_alloc(p->a, (size_t)(end - begin) + 1);
    size_t len = 0;
    for (const char *s = begin; s < end; s++) {
        if (*s == '\\')
            s++;
        out[len++] = *s;
    }
    p->at = end + 1;
    *text = out;
    return true;
}

static int fail_unclosed(struct parse *p)
{
    p->at += strlen(p->at);
    return parse_fail(p, "\"\\\"\"");
}

bool parse_quoted_value(struct parse *p, const char **value)
{
    const char *begin = p->at;
    if (parse_quoted(p, value) && (*p->at == ',' || *p->at == ')'))
        return true;
    p->at = begin;
    return false;
}

int parse_name(struct parse *p, const char **name)
{
    if (*p->at == '"')
        return parse_quoted(p, name) ? 0 : fail_unclosed(p);
    return parse_dashed(p, in_identifier, "field name (* or [a..z0..9_$])", name);
}

int parse_identifier(struct parse *p, const char **name)
{
    const char *begin = p->at;
    size_t room = 0, len = 0;
    while (in_identifier(begin[room]))
        room++;
    char *out = arena_alloc(p->a, room + 1);
    if (!take_run(p, in_identifier, out, &len)) {
        p->at = begin;
        return parse_fail(p, "letter or digit");
    }
    *name = out;
    return 0;
}

/* An index is one only where the path or the field ends behind it; "1a" is a key. */
static bool take_index(struct parse *p, const char **index)
{
    const char *s = p->at + (*p->at == '-');
    size_t digits = strspn(s, "0123456789");
    const char *end = s + digits;
    if (!digits || !(*end == 0 || *end == '.' || *end == ',' || *end == ')' || strncmp(end, "->", 2) == 0 ||
                     strncmp(end, "::", 2) == 0))
        return false;
    *index = arena_memdup(p->a, p->at, (size_t)(end - p->at));
    p->at = end;
    return true;
}

static int parse_step(struct parse *p, struct ast_step *step)
{
    step->is_index = take_index(p, &step->operand);
    if (step->is_index)
        return 0;
    if (*p->at == '"')
        return parse_quoted(p, &step->operand) ? 0 : fail_unclosed(p);
    return parse_dashed(p, in_json_key, "digit or any non reserved character different from: .,>()", &step->operand);
}

int parse_json_path(struct parse *p, struct ast_field *f)
{
    struct ast_step steps[MAX_STEPS];
    size_t n = 0;
    while (strncmp(p->at, "->", 2) == 0) {
        if (n == MAX_STEPS)
            return parse_refuse(p, arena_printf(p->a, "A JSON path has at most %d steps.", MAX_STEPS), NULL);
        p->at += 2;
        steps[n] = (struct ast_step){.as_text = parse_take(p, ">")};
        if (parse_step(p, &steps[n++]) < 0)
            return -1;
    }
    if (!n)
        return 0;
    struct ast_step *kept = arena_array(p->a, n, sizeof *kept);
    memcpy(kept, steps, n * sizeof *kept);
    f->steps = kept;
    f->n_steps = n;
    return 0;
}
