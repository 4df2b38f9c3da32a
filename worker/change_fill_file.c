/* What the first line of fill.sql says. */
#include <ctype.h>

#include "lib/log.h"
#include "worker/change_fill.h"

static const char key_mark[] = "-- key: ", replay_mark[] = "-- replay: ";

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool begins_with(const char *text, const char *mark)
{
    return strncmp(text, mark, strlen(mark)) == 0;
}

/* :lo and :hi become $1 and $2. */
static int parse_statement(const struct change_file *f, struct arena *a, const char *p, struct change_fill_file *out)
{
    struct buf b;
    bool lo = false, hi = false;
    buf_init(&b, SIZE_MAX / 2);
    while (*p) {
        bool variable =
            *p == ':' && p[-1] != ':' && (begins_with(p + 1, "lo") || begins_with(p + 1, "hi")) && !is_word(p[3]);
        if (variable) {
            lo = lo || p[1] == 'l';
            hi = hi || p[1] == 'h';
            buf_puts(&b, p[1] == 'l' ? "$1::bigint" : "$2::bigint");
            p += 3;
        } else
            buf_putc(&b, *p++);
    }
    out->sql = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    if (lo && hi)
        return 0;
    log_error("%s: the statement must use :lo and :hi, the range of keys that it is to fill", f->path);
    return -1;
}

static bool is_key(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot && strchr(dot + 1, '.') && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(key);
}

/* Names with commas between. */
static const char *const *split_names(struct arena *a, const char *names)
{
    size_t n = 0;
    const char **list = arena_array(a, strlen(names) + 1, sizeof *list);
    for (const char *p = names + strspn(names, ", \t\r"); *p; p += strspn(p, ", \t\r")) {
        size_t len = strcspn(p, ", \t\r");
        list[n++] = arena_memdup(a, p, len);
        p += len;
    }
    return list;
}

/* Behind the first line there may be comments only: SQL that is never run would be taken for done. */
static int check_rest(const struct change_file *f, const char *rest)
{
    int line = 1;
    for (const char *p = rest; *p; p += strcspn(p, "\n")) {
        p++; /* the line's end before it */
        line++;
        p += strspn(p, " \t\r");
        if (*p && *p != '\n' && !begins_with(p, "--")) {
            log_error("%s:%d: a fill that is a replay has no statement; take it away, or fill by `-- key: "
                      "schema.table.column`",
                      f->path, line);
            return -1;
        }
    }
    return 0;
}

int change_fill_parse(const struct change_file *f, struct arena *a, struct change_fill_file *out)
{
    const char *end = f->sql + strcspn(f->sql, "\n");
    *out = (struct change_fill_file){0};
    if (begins_with(f->sql, replay_mark)) {
        const char *names = f->sql + strlen(replay_mark);
        out->entities = split_names(a, arena_memdup(a, names, (size_t)(end - names)));
        if (*out->entities)
            return check_rest(f, end);
    } else if (begins_with(f->sql, key_mark)) {
        const char *key = f->sql + strlen(key_mark);
        out->key = arena_memdup(a, key, (size_t)(end - key));
        if (is_key(out->key))
            return parse_statement(f, a, end, out);
    }
    log_error(
        "%s:1: the first line must name the key whose ranges the fill runs over, `-- key: schema.table.column`, or "
        "the entities whose records are cleaned anew, `-- replay: product, vendor`",
        f->path);
    return -1;
}
