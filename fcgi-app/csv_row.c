#include "fcgi-app/csv_row.h"

#include <string.h>

#include "lib/eight.h"

static uint64_t marks_in(uint64_t bytes)
{
    return eight_equal(bytes, ',') | eight_equal(bytes, '"') | eight_equal(bytes, '\n') | eight_equal(bytes, '\r');
}

/* Whether one of the n bytes ends a field, a quoted one, or a line. */
static bool has_mark(const char *s, size_t n)
{
    enum { EIGHT = sizeof(uint64_t) };
    size_t i = 0;
    for (; n - i >= EIGHT; i += EIGHT)
        if (marks_in(eight_at(s + i)))
            return true;
    if (i) /* the last eight, of which some were seen */
        return marks_in(eight_at(s + n - EIGHT));
    while (i < n && s[i] != ',' && s[i] != '"' && s[i] != '\n' && s[i] != '\r')
        i++;
    return i < n;
}

/* Quoted where a reader would otherwise take it for several fields, for a null or for one without its blanks. */
static bool wants_quotes(const char *s, size_t n)
{
    return !n || s[0] == ' ' || s[n - 1] == ' ' || has_mark(s, n);
}

static void put_field(struct buf *b, const char *s, size_t n)
{
    if (!wants_quotes(s, n)) {
        buf_put(b, s, n);
        return;
    }
    buf_putc(b, '"');
    for (const char *quote; (quote = memchr(s, '"', n));) {
        size_t part = (size_t)(quote - s) + 1;
        buf_put(b, s, part);
        buf_putc(b, '"');
        s += part;
        n -= part;
    }
    buf_put(b, s, n);
    buf_putc(b, '"');
}

void csv_row_put(struct buf *b, const PGresult *r, int row, const struct json_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++) {
        int column = columns->first + (int)i, length = PQgetlength(r, row, column);
        if (i)
            buf_putc(b, ',');
        if (length || !PQgetisnull(r, row, column))
            put_field(b, PQgetvalue(r, row, column), (size_t)length);
    }
    buf_put(b, "\r\n", 2);
}

void csv_names_put(struct buf *b, const struct json_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++) {
        if (i)
            buf_putc(b, ',');
        put_field(b, columns->keys[i].name, strlen(columns->keys[i].name));
    }
    buf_put(b, "\r\n", 2);
}
