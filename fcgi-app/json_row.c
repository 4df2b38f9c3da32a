#include "fcgi-app/json_row.h"

#include <string.h>

#include "lib/eight.h"

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

enum form { FORM_STRING, FORM_VERBATIM, FORM_BOOL, FORM_NUMBER, FORM_TIMESTAMP };

/* What a value may need beyond the bytes of its text, where none is escaped: quotes, "false" for "f", and the minutes
 * of an offset. */
static const unsigned char most_more[] = {
    [FORM_STRING] = 2, [FORM_VERBATIM] = 0, [FORM_BOOL] = 5, [FORM_NUMBER] = 2, [FORM_TIMESTAMP] = 5};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "NaN", "Infinity" and "-Infinity" are numbers to Postgres alone. */
static bool is_json_number(const char *s)
{
    return is_digit(s[0]) || (s[0] == '-' && is_digit(s[1]));
}

static char *put_bool(char *to, const char *s)
{
    bool is_true = *s == 't';
    memcpy(to, is_true ? "true" : "fals", 4);
    to[4] = 'e';
    return to + (is_true ? 4 : 5);
}

/*
 * "2027-03-01 09:30:00+05" becomes "2027-03-01T09:30:00+05:00". Years before the first end in " BC", which stays behind
 * the offset as to_json() has it; "infinity" stays what it is.
 */
static char *put_timestamp(char *to, const char *s, size_t n)
{
    enum { USUAL_DAY = 10 }; /* "2027-03-01"; "-infinity" is shorter */
    const char *space = n <= USUAL_DAY ? NULL : s[USUAL_DAY] == ' ' ? s + USUAL_DAY : memchr(s, ' ', n);
    size_t end = space && s[n - 1] == 'C' ? n - strlen(" BC") : n;
    *to++ = '"';
    eight_copy(to, s, end);
    if (space) {
        to[space - s] = 'T';
        if (s[end - 3] == '+' ||
            s[end - 3] == '-') { /* whole hours: Postgres leaves the minutes out, ISO 8601 does not */
            memcpy(to + end, ":00", 3);
            to += 3;
        }
    }
    memcpy(to + end, s + end, n - end);
    to[n] = '"';
    return to + n + 1;
}

static enum form form_of(Oid type)
{
    static const struct {
        Oid type;
        enum form form;
    } forms[] = {
        {TYPE_BOOL, FORM_BOOL},           {TYPE_INT8, FORM_VERBATIM},
        {TYPE_INT2, FORM_VERBATIM},       {TYPE_INT4, FORM_VERBATIM},
        {TYPE_OID, FORM_VERBATIM},        {TYPE_JSON, FORM_VERBATIM},
        {TYPE_FLOAT4, FORM_NUMBER},       {TYPE_FLOAT8, FORM_NUMBER},
        {TYPE_TIMESTAMP, FORM_TIMESTAMP}, {TYPE_TIMESTAMPTZ, FORM_TIMESTAMP},
        {TYPE_NUMERIC, FORM_NUMBER},      {TYPE_JSONB, FORM_VERBATIM},
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        if (forms[i].type == type)
            return forms[i].form;
    return FORM_STRING;
}

void json_forms_find(struct json_forms *forms, const PGresult *r, const struct json_columns *columns)
{
    for (size_t i = 0; i < columns->n && i < MOST_COLUMNS; i++)
        forms->of[i] = columns->keys[i].is_json_text ? FORM_VERBATIM : form_of(PQftype(r, columns->first + (int)i));
}

/* What follows appends to a b that has the room. */

static void advance(struct buf *b, const char *to)
{
    b->len = (size_t)(to - b->data);
    b->data[b->len] = 0;
}

static void put(struct buf *b, const char *s, size_t n)
{
    eight_copy(b->data + b->len, s, n);
    advance(b, b->data + b->len + n);
}

static void put_value(struct buf *b, enum form form, const char *s, size_t n)
{
    if (form == FORM_VERBATIM || (form == FORM_NUMBER && is_json_number(s)))
        put(b, s, n);
    else if (form == FORM_BOOL)
        advance(b, put_bool(b->data + b->len, s));
    else if (form == FORM_TIMESTAMP)
        advance(b, put_timestamp(b->data + b->len, s, n));
    else
        buf_json_string(b, s, n); /* sees to its room itself, since escapes take more */
}

void json_row_put(struct buf *b, const PGresult *r, int row, const struct json_columns *columns,
                  const struct json_forms *forms)
{
    bool first = true;
    for (size_t i = 0; i < columns->n && i < MOST_COLUMNS; i++) {
        int column = columns->first + (int)i;
        size_t length = (size_t)PQgetlength(r, row, column);
        bool null = !length && PQgetisnull(r, row, column);
        if (null && columns->strip_nulls)
            continue;
        const struct plan_column *key = &columns->keys[i];
        enum form form = forms->of[i];
        if (!buf_reserve(b, key->key_len + (null ? 4 : length + most_more[form])))
            break;
        put(b, key->key, key->key_len);
        if (first)
            b->data[b->len - key->key_len] = '{'; /* in place of the comma */
        first = false;
        if (null)
            put(b, "null", 4);
        else
            put_value(b, form, PQgetvalue(r, row, column), length);
    }
    if (first)
        buf_putc(b, '{');
    buf_putc(b, '}');
}
