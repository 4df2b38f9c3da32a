#include "fcgi-app/json_row.h"

#include <string.h>

/* OIDs of built-in types, which Postgres never changes (its src/include/catalog/pg_type.dat). */
enum {
    TYPE_BOOL = 16,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_OID = 26,
    TYPE_JSON = 114,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_TIMESTAMP = 1114,
    TYPE_TIMESTAMPTZ = 1184,
    TYPE_NUMERIC = 1700,
    TYPE_JSONB = 3802
};

static void put_verbatim(struct buf *b, const char *s, size_t n)
{
    buf_put(b, s, n);
}

static void put_bool(struct buf *b, const char *s, size_t n)
{
    (void)n;
    if (*s == 't')
        buf_put(b, "true", 4);
    else
        buf_put(b, "false", 5);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "NaN", "Infinity" and "-Infinity" are numbers to Postgres alone. */
static void put_number(struct buf *b, const char *s, size_t n)
{
    if (is_digit(s[0]) || (s[0] == '-' && is_digit(s[1])))
        buf_put(b, s, n);
    else
        buf_json_string(b, s, n);
}

/*
 * "2027-03-01 09:30:00+05" becomes "2027-03-01T09:30:00+05:00". Years before the first end in " BC", which stays behind
 * the offset as to_json() has it; "infinity" stays what it is.
 */
static void put_timestamp(struct buf *b, const char *s, size_t n)
{
    const char *space = memchr(s, ' ', n);
    size_t date = space ? (size_t)(space - s) : n;
    buf_putc(b, '"');
    buf_put(b, s, date);
    if (space) {
        size_t time = strcspn(space + 1, " "), sign = strcspn(space + 1, "+- ");
        buf_putc(b, 'T');
        buf_put(b, space + 1, time);
        if (time - sign == 3) /* an offset of whole hours: Postgres leaves its minutes out, ISO 8601 does not */
            buf_put(b, ":00", 3);
        buf_put(b, space + 1 + time, n - date - 1 - time);
    }
    buf_putc(b, '"');
}

static json_put *form_of(Oid type)
{
    static const struct {
        Oid type;
        json_put *put;
    } forms[] = {
        {TYPE_BOOL, put_bool},           {TYPE_INT8, put_verbatim},
        {TYPE_INT2, put_verbatim},       {TYPE_INT4, put_verbatim},
        {TYPE_OID, put_verbatim},        {TYPE_JSON, put_verbatim},
        {TYPE_FLOAT4, put_number},       {TYPE_FLOAT8, put_number},
        {TYPE_TIMESTAMP, put_timestamp}, {TYPE_TIMESTAMPTZ, put_timestamp},
        {TYPE_NUMERIC, put_number},      {TYPE_JSONB, put_verbatim},
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        if (forms[i].type == type)
            return forms[i].put;
    return buf_json_string;
}

void json_forms_find(struct json_forms *forms, const PGresult *r, const struct json_columns *columns)
{
    for (size_t i = 0; i < columns->n && i < MOST_COLUMNS; i++)
        forms->of[i] = columns->keys[i].is_json_text ? put_verbatim : form_of(PQftype(r, columns->first + (int)i));
}

void json_row_put(struct buf *b, const PGresult *r, int row, const struct json_columns *columns,
                  const struct json_forms *forms)
{
    bool first = true;
    for (size_t i = 0; i < columns->n && i < MOST_COLUMNS; i++) {
        int column = columns->first + (int)i;
        int length = PQgetlength(r, row, column);
        bool null = !length && PQgetisnull(r, row, column);
        if (null && columns->strip_nulls)
            continue;
        const struct plan_column *key = &columns->keys[i];
        if (first)
            buf_putc(b, '{');
        buf_put(b, key->key + first, key->key_len - first); /* the first needs no comma */
        first = false;
        if (null)
            buf_put(b, "null", 4);
        else
            forms->of[i](b, PQgetvalue(r, row, column), (size_t)length);
    }
    if (first)
        buf_putc(b, '{');
    buf_putc(b, '}');
}
