#include "fcgi-app/range.h"

#include <string.h>

#include "fcgi-app/plan_error.h"

/* Beyond any table's length, and far enough from the end of the type that sums of two stay in it. */
static const long long FARTHEST = 1LL << 61;

/* Rows from lower to upper, both included; upper FARTHEST means without end. */
struct interval {
    long long lower, upper;
};

/* Reads digits; numbers that are too great become FARTHEST. NULL when there is none, else what stands behind them. */
static const char *read_number(const char *s, long long *n)
{
    if (*s < '0' || *s > '9')
        return NULL;
    for (*n = 0; *s >= '0' && *s <= '9'; s++)
        *n = *n > FARTHEST / 10 ? FARTHEST : *n * 10 + (*s - '0');
    if (*n > FARTHEST)
        *n = FARTHEST;
    return s;
}

/* A whole integer, perhaps negative, perhaps with blanks around it. */
static bool read_integer(const char *s, long long *n)
{
    if (!s)
        return false;
    s += strspn(s, " ");
    bool negative = *s == '-';
    s = read_number(s + negative, n);
    if (!s || s[strspn(s, " ")])
        return false;
    if (negative)
        *n = -*n;
    return true;
}

/* "a-b" or "a-", nothing else. */
static bool read_header(const char *s, struct interval *i)
{
    i->upper = FARTHEST;
    s = read_number(s, &i->lower);
    if (!s || *s++ != '-')
        return false;
    return !*s || ((s = read_number(s, &i->upper)) && !*s);
}

static int fail(struct api_error *e, const char *details)
{
    return plan_fail(e, "PGRST103", "Requested range not satisfiable", details, NULL);
}

static int intersect(struct interval *i, struct interval with, struct api_error *e)
{
    if (with.upper < with.lower)
        return fail(e, "The lower boundary must be lower than or equal to the upper boundary in the Range header.");
    if (with.lower > i->lower)
        i->lower = with.lower;
    if (with.upper < i->upper)
        i->upper = with.upper;
    if (i->upper < i->lower)
        return fail(e, "The limit, the offset and the Range header have no row in common.");
    return 0;
}

int range_make(struct range *r, const char *limit, const char *offset, const char *header, long long max_rows,
               struct api_error *error)
{
    struct interval rows = {0, FARTHEST}, asked;
    long long rows_limit = 0;
    bool has_offset = read_integer(offset, &rows.lower), has_limit = read_integer(limit, &rows_limit);
    bool has_header = read_header(header, &asked);
    *r = (struct range){.limit = -1, .asked = has_offset || has_limit || has_header};
    if (!has_offset)
        rows.lower = 0;
    if (has_limit && rows_limit < 0)
        return fail(error, "Limit should be greater than or equal to zero.");
    if (has_limit && rows_limit == 0) {
        r->offset = rows.lower > 0 ? rows.lower : 0;
        r->limit = 0;
        return 0;
    }
    if (has_limit && rows_limit < FARTHEST)
        rows.upper = rows.lower + rows_limit - 1;
    if (intersect(&rows, (struct interval){0, FARTHEST}, error) < 0 ||
        (has_header && intersect(&rows, asked, error) < 0))
        return -1;
    r->offset = rows.lower;
    if (rows.upper < FARTHEST)
        r->limit = rows.upper - rows.lower + 1;
    if (max_rows > 0 && (r->limit < 0 || r->limit > max_rows))
        r->limit = max_rows;
    return 0;
}
